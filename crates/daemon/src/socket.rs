//! The daemon's Unix socket: opened and called relative to its folder, as a socket's path ends at 107 bytes.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The folder, held open, and the socket's path by way of it.
fn short(folder: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let held = File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd())).join(name);
    Ok((held, path))
}

pub(crate) fn connect(folder: &Path, name: &str) -> io::Result<UnixStream> {
    let (_held, path) = short(folder, name)?;
    UnixStream::connect(path)
}

/// Listens there, for this user alone. One that is left over from an earlier daemon is taken away: whoever comes here
/// holds the store's lock, so nobody listens on it.
pub(crate) fn listen(folder: &Path, name: &str) -> io::Result<UnixListener> {
    let (_held, path) = short(folder, name)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Made under another name and renamed when its mode is right: nobody comes in between.
    let making = path.with_extension("new");
    drop(std::fs::remove_file(&making));
    let listener = UnixListener::bind(&making)?;
    std::fs::set_permissions(&making, PermissionsExt::from_mode(0o600))?;
    std::fs::rename(&making, &path)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_far_below_the_length_of_a_sockets_path_can_be_listened_in() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("驿站".repeat(20)).join("x".repeat(200));
        std::fs::create_dir_all(&deep).unwrap();
        let listener = listen(&deep, "yizhan.sock").unwrap();
        let mode = std::fs::metadata(deep.join("yizhan.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        connect(&deep, "yizhan.sock").unwrap();
        listener.accept().unwrap();
        // A second daemon in its place finds the old socket and takes over.
        drop(listener);
        assert!(connect(&deep, "yizhan.sock").is_err());
        let _second = listen(&deep, "yizhan.sock").unwrap();
        connect(&deep, "yizhan.sock").unwrap();
    }
}
