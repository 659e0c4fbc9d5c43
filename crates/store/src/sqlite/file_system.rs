//! Which file systems cannot hold a store: a write-ahead log needs memory that all its readers share, and locks that hold.

use std::io;
use std::path::Path;

/// Names from `linux/magic.h` and the file systems' own headers.
const NETWORK: [(u64, &str); 11] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x5346_414f, "afs"),
    (0x7375_7245, "coda"),
    (0x564c, "ncp"),
    (0x0bd0_0bd0, "lustre"),
    (0x0116_1970, "gfs2"),
];

const FUSE: u64 = 0x6573_5546;

/// Behind FUSE anything may stand; these are known to be far away.
const NETWORK_BEHIND_FUSE: [&str; 12] = [
    "sshfs",
    "s3fs",
    "rclone",
    "glusterfs",
    "gcsfuse",
    "davfs",
    "davfs2",
    "curlftpfs",
    "juicefs",
    "ceph",
    "mount-s3",
    "blobfuse2",
];

/// The name of the network file system that holds `folder`, if one does.
pub(super) fn network(folder: &Path) -> io::Result<Option<String>> {
    let magic = rustix::fs::statfs(folder)?.f_type as u64 & 0xffff_ffff;
    if magic != FUSE {
        return Ok(named(magic).map(str::to_owned));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let kind = mounted_as(&mounts, &folder.canonicalize()?);
    Ok(kind.filter(|kind| is_far_behind_fuse(kind)))
}

fn named(magic: u64) -> Option<&'static str> {
    NETWORK.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

fn is_far_behind_fuse(kind: &str) -> bool {
    let kind = kind.strip_prefix("fuse.").unwrap_or(kind);
    NETWORK_BEHIND_FUSE.contains(&kind)
}

/// The kind of the innermost mount that holds `folder`, from the text of `mountinfo`.
fn mounted_as(mounts: &str, folder: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        // The kernel writes spaces and the like as octal numbers; only the space is common enough to be worth reading.
        let place = before.split(' ').nth(4)?.replace("\\040", " ");
        let kind = after.split(' ').next()?.to_owned();
        folder.starts_with(&place).then_some((place.len(), kind))
    };
    // Of mounts on the same place the last one is seen.
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_by_their_numbers() {
        assert_eq!(named(0x6969), Some("nfs"));
        assert_eq!(named(0xff53_4d42), Some("cifs"));
        assert_eq!(named(0xef53), None, "ext4 is at home");
    }

    #[test]
    fn the_innermost_mount_says_what_stands_behind_fuse() {
        let mounts = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:40 / /srv rw shared:9 - fuse.sshfs files@far: rw
41 40 0:41 / /srv/near\\040by rw shared:9 - fuse.ntfs-3g /dev/vdb rw
";
        let far = |folder: &str| mounted_as(mounts, Path::new(folder)).map(|kind| is_far_behind_fuse(&kind));
        assert_eq!(far("/srv/yizhan"), Some(true));
        assert_eq!(far("/srv/near by/yizhan"), Some(false));
        assert_eq!(far("/var/lib"), Some(false));
    }

    #[test]
    fn a_folder_of_this_machine_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network(folder.path()).unwrap(), None);
    }
}
