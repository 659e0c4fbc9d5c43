//! From a file to code: read once, seal, check, hash, and only then let the dynamic linker see those very bytes.

#![expect(unsafe_code, reason = "loads foreign code")]

use std::ffi::c_void;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::ptr;

use rustix::fs::{MemfdFlags, SealFlags};
use sha2::{Digest as _, Sha256};
use yizhan_plugin_api::abi::{
    Misfit, YZ_ABI_MAJOR, YZ_DOCUMENT_MAX, YZ_ENTRY_V1, YZ_UNSUPPORTED, YzBuf, YzBytes, YzEntryV1, YzHeader,
    YzHost, YzPlugin, adopt,
};

use crate::note::{self, Note};
use crate::refusal::Fault;

/// A plugin that links everything statically has some 10 MiB; debug builds some 100.
const FILE_MAX: u64 = 512 << 20;

/// A plugin's file as it was when it was read: its note, its hash, and its bytes where nobody can change them.
pub(crate) struct Sealed {
    pub(crate) path: PathBuf,
    pub(crate) note: Note,
    pub(crate) sha256: String,
    bytes: OwnedFd,
}

impl Sealed {
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let unreadable = |error: std::io::Error| Fault::Unreadable(error.to_string());
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // The kernel takes names of some 250 bytes.
        let name = &name[..name.floor_char_boundary(200)];
        let (bytes, length) = seal(name, File::open(path).map_err(unreadable)?).map_err(unreadable)?;
        if length > FILE_MAX {
            return Err(Fault::Unreadable(format!("it is larger than {FILE_MAX} bytes")));
        }
        let bytes = File::from(bytes);
        let note = note::read(&Mapped::of(&bytes, length).map_err(unreadable)?)?;
        let sha256 = sha256(&bytes, length).map_err(unreadable)?;
        Ok(Self { path: path.to_owned(), note, sha256, bytes: bytes.into() })
    }

    pub(crate) fn bytes(&self) -> BorrowedFd<'_> {
        self.bytes.as_fd()
    }
}

/// How much of a file is in our memory at once: plugins are large, and what a daemon once took it keeps.
const PIECE: usize = 64 << 10;

/// A file in memory that can no longer be written, grown or shrunk: what is checked is what gets mapped. One byte more
/// than `FILE_MAX` says that there was more.
fn seal(name: &str, file: File) -> std::io::Result<(OwnedFd, u64)> {
    let fd = rustix::fs::memfd_create(format!("yz-{name}"), MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut sealed = File::from(fd);
    let length = std::io::copy(&mut file.take(FILE_MAX + 1), &mut sealed)?;
    let fd = OwnedFd::from(sealed);
    rustix::fs::fcntl_add_seals(
        &fd,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    Ok((fd, length))
}

fn sha256(bytes: &File, length: u64) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < length {
        let read = bytes.read_at(&mut piece, at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&piece[..read]);
        at += read as u64;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Sealed bytes to look things up in: only the pages that are looked at come into our memory, and they leave it again.
struct Mapped {
    at: *mut c_void,
    length: usize,
}

impl Mapped {
    fn of(bytes: &File, length: u64) -> std::io::Result<Self> {
        let length = usize::try_from(length).map_err(std::io::Error::other)?;
        if length == 0 {
            return Ok(Self { at: ptr::null_mut(), length }); // Nothing cannot be mapped.
        }
        let (protection, flags) = (libc::PROT_READ, libc::MAP_PRIVATE);
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let at = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, bytes.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(Self { at, length }) }
    }
}

impl std::ops::Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: mapped for as long as `self` lives; the seals keep the bytes and the length as they are.
        unsafe { std::slice::from_raw_parts(self.at.cast(), self.length) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: our own mapping, which nobody borrows any more.
            unsafe { libc::munmap(self.at, self.length) };
        }
    }
}

/// Loads sealed bytes and takes the plugin's table. The library is never closed: a thread may be inside it for ever.
pub(crate) fn load(bytes: BorrowedFd<'_>) -> Result<YzPlugin, Fault> {
    // The linker compares names: a second library under the number of a closed descriptor would be answered with
    // the first one. So each load has a descriptor of its own, and it stays open.
    let kept = bytes.try_clone_to_owned().map_err(|error| Fault::LoadFailed(error.to_string()))?;
    let name = format!("/proc/self/fd/{}", kept.as_raw_fd());
    std::mem::forget(kept);
    // SAFETY: the constructors of a library may do anything; that is what the child process is for.
    let library =
        unsafe { libloading::os::unix::Library::open(Some(&name), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    let library = library.map_err(|error| explain(&error))?;
    // SAFETY: the symbol has this type in every library with our note; another one can only be a lie.
    let entry = unsafe { library.get::<YzEntryV1>(YZ_ENTRY_V1.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|_| Fault::MissingSymbol(YZ_ENTRY_V1.to_owned()))?;
    std::mem::forget(library);
    let header = YzHeader::of::<YzHost>();
    let mut why = YzBuf::EMPTY;
    // SAFETY: both pointers outlast the call, and what comes back is null or a table with a true header.
    let table = unsafe { adopt(entry(&raw const header, &raw mut why)) };
    // SAFETY: the buffer was written by the plugin for us, or is empty.
    let why = unsafe { why.take(YZ_DOCUMENT_MAX) }.unwrap_or_default();
    table.map_err(|misfit| misfit_fault(misfit, &why))
}

fn misfit_fault(misfit: Misfit, why: &[u8]) -> Fault {
    Fault::BadDescribe(match misfit {
        Misfit::Null if why.is_empty() => "its entry gives no table and no reason".to_owned(),
        Misfit::Null => String::from_utf8_lossy(why).into_owned(),
        Misfit::Major { theirs } => format!("its table is of ABI {theirs}, this yizhan has {YZ_ABI_MAJOR}"),
        Misfit::Size { theirs } => format!("its table says that it has {theirs} bytes"),
        Misfit::Missing { function } => format!("its table lacks `{function}`"),
    })
}

/// The linker's own words, sorted by what the reader can do.
fn explain(error: &libloading::Error) -> Fault {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    if words.contains("static TLS") {
        Fault::StaticTls(words)
    } else if words.contains("cannot open shared object file") {
        Fault::MissingLibrary(words)
    } else {
        Fault::LoadFailed(words)
    }
}

/// What `describe` says; the table must offer it.
pub(crate) fn describe(table: &YzPlugin) -> Result<Vec<u8>, Fault> {
    let describe =
        table.describe.ok_or_else(|| Fault::BadDescribe("its table lacks `describe`".to_owned()))?;
    let mut out = YzBuf::EMPTY;
    // SAFETY: the buffer outlasts the call.
    let status = unsafe { describe(&raw mut out) };
    // SAFETY: the buffer was written by the plugin for us, or is empty.
    let document = unsafe { out.take(YZ_DOCUMENT_MAX) };
    match (status, document) {
        (0, Some(document)) => Ok(document),
        (status, document) => Err(Fault::BadDescribe(format!(
            "describe ended with {status}: {}",
            String::from_utf8_lossy(&document.unwrap_or_default())
        ))),
    }
}

/// A plugin between `create` and `destroy`.
pub(crate) struct Created {
    table: YzPlugin,
    instance: *mut c_void,
}

// SAFETY: the ABI promises that `start` and `cancel` may be called from any thread, at the same time.
unsafe impl Send for Created {}
// SAFETY: as above.
unsafe impl Sync for Created {}

impl Created {
    /// A refusal comes back as the plugin's error document.
    ///
    /// # Safety
    /// `host` must stay valid for as long as the plugin may call it, which is for ever.
    pub(crate) unsafe fn new(table: YzPlugin, host: *const YzHost, config: &[u8]) -> Result<Self, Vec<u8>> {
        let mut instance = ptr::null_mut();
        let mut error = YzBuf::EMPTY;
        let Some(create) = table.create else { return Err(Vec::new()) };
        // SAFETY: the pointers outlast the call, and `host` is promised by the caller.
        let status = unsafe { create(host, YzBytes::of(config), &raw mut instance, &raw mut error) };
        if status == 0 {
            return Ok(Self { table, instance });
        }
        // SAFETY: the buffer was written by the plugin for us, or is empty.
        Err(unsafe { error.take(YZ_DOCUMENT_MAX) }.unwrap_or_default())
    }

    pub(crate) fn start(&self, call: u64, action: &[u8], ctx: &[u8], input: &[u8]) -> i32 {
        let Some(start) = self.table.start else { return YZ_UNSUPPORTED };
        // SAFETY: the instance is live, and the bytes outlast the call.
        unsafe { start(self.instance, call, YzBytes::of(action), YzBytes::of(ctx), YzBytes::of(input)) }
    }

    pub(crate) fn cancel(&self, call: u64, reason: u32) {
        if let Some(cancel) = self.table.cancel {
            // SAFETY: the instance is live.
            unsafe { cancel(self.instance, call, reason) }
        }
    }

    /// Whether the plugin knows how.
    pub(crate) fn quiesce(&self, call: u64) -> bool {
        let Some(quiesce) = self.table.quiesce else { return false };
        // SAFETY: the instance is live.
        unsafe { quiesce(self.instance, call) };
        true
    }

    pub(crate) fn destroy(self) {
        if let Some(destroy) = self.table.destroy {
            // SAFETY: the instance is live, and by taking `self` nothing is called on it afterwards.
            unsafe { destroy(self.instance) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_sealed_hashed_and_looked_at_is_the_file_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.so");
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            let (bytes, sealed) = seal("any", File::open(&path).unwrap()).unwrap();
            let bytes = File::from(bytes);
            let expected: String =
                Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(sealed, length as u64);
            assert_eq!(sha256(&bytes, sealed).unwrap(), expected, "{length}");
            assert_eq!(&*Mapped::of(&bytes, sealed).unwrap(), content, "{length}");
        }
    }

    #[test]
    fn sealed_bytes_can_be_neither_written_nor_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.so");
        std::fs::write(&path, b"as it was").unwrap();
        let (bytes, length) = seal("any", File::open(&path).unwrap()).unwrap();
        let mut bytes = File::from(bytes);
        assert!(
            bytes.write_all(b"other").is_err() && bytes.set_len(1).is_err() && bytes.set_len(100).is_err()
        );
        std::fs::write(&path, b"changed!!").unwrap();
        assert_eq!(&*Mapped::of(&bytes, length).unwrap(), b"as it was");
    }

    #[test]
    fn a_library_whose_name_is_as_long_as_a_name_may_be_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{}.so", "站".repeat(84)));
        std::fs::write(&path, b"no library").unwrap();
        assert!(matches!(Sealed::read(&path), Err(Fault::NotAPlugin)));
    }
}
