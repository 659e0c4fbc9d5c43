//! Packs a home into one file, beside its name first and under it when it is whole.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, read_dir};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use yizhan_store::{CopyError, copy_database, copy_store};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{ABOUT, About, FORMAT, Progress, not_written};
use crate::exit::{Exit, Failure};
use crate::heads;
use crate::home::{Home, SOCKET};
use crate::said;

const ACCESS: &str = "access.db";
/// What SQLite and we keep beside a store while it is in use.
const BESIDE: [&str; 5] = ["-wal", "-shm", "-journal", ".lock", ".ballast"];
/// A file of more bytes needs longer fields.
const LARGE: u64 = 1 << 31;

pub(crate) struct Asked<'a> {
    pub(crate) file: &'a Path,
    /// The store's path below the data folder.
    pub(crate) store: &'a Path,
    pub(crate) secrets: bool,
}

/// Packs everything; says what is in it.
pub(crate) fn pack(home: &Home, asked: &Asked<'_>, tell: &mut dyn FnMut(Progress)) -> Result<About, Failure> {
    let file = std::path::absolute(asked.file)?;
    outside(home, &file)?;
    let making = Making::begin(&file)?;
    let mut packing = Packing {
        zip: ZipWriter::new(BufWriter::with_capacity(1 << 16, &making.part)),
        data: home.data.clone(),
        skipped: skipped(home, asked.store),
        about: About {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made: jiff::Timestamp::UNIX_EPOCH,
            schema: 0,
            files: 0,
            bytes: 0,
            secrets_left_out: vec![],
            left_out: vec![],
        },
        tell,
    };
    packing.home(home, asked, &making.copy).map_err(|why| match why {
        PackError::Damaged(findings) => damaged(findings),
        why @ (PackError::Zip(_) | PackError::File(_) | PackError::Copy(_)) => {
            not_written(&file, why.whole())
        }
    })?;
    let about = packing.finish().map_err(|why| not_written(&file, why.whole()))?;
    making.done(&file).map_err(|why| not_written(&file, why))?;
    Ok(about)
}

/// A backup in what is backed up would grow with each one.
fn outside(home: &Home, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let folder = folder.canonicalize().map_err(|why| not_written(file, why))?;
    for packed in [home.data.clone(), home.work.join("inbox")].into_iter().chain(roots(home)) {
        if packed.canonicalize().is_ok_and(|packed| folder.starts_with(packed)) {
            return Err(not_written(file, "it would lie in what it is made of"));
        }
    }
    Ok(())
}

fn roots(home: &Home) -> impl Iterator<Item = PathBuf> {
    ["config", "workflows", "plugins", "secrets"].into_iter().map(|name| home.root.join(name))
}

fn damaged(findings: Vec<String>) -> Failure {
    let said = "the store is damaged, so no backup was made of it";
    let mut failure = Failure::new(Exit::Faults, "YZ0543", said).help(
        "keep the last good backup, and a copy of the data folder as it is; then look at the disk's own log",
    );
    failure.details = findings;
    failure
}

/// What is packed in another way or not at all.
fn skipped(home: &Home, store: &Path) -> BTreeSet<PathBuf> {
    let mut skipped = BTreeSet::from([heads::file(home), home.address(), home.data.join(SOCKET)]);
    // What attempts said is commentary of some days: a home that is restored begins without it.
    for database in [home.data.join(store), home.data.join(ACCESS), said::file(home)] {
        skipped.extend(BESIDE.iter().map(|end| with(&database, end)));
        skipped.insert(database);
    }
    skipped
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

/// The file in the making, and the copy of the store that goes into it. Dropped, both go away.
struct Making {
    part: File,
    name: PathBuf,
    copy: PathBuf,
}

impl Making {
    fn begin(file: &Path) -> Result<Self, Failure> {
        let (name, copy) = (with(file, ".part"), with(file, ".part.db"));
        let part = locked(&name).map_err(|why| not_written(file, why))?;
        // What a backup left that was killed.
        for left in std::iter::once(copy.clone()).chain(BESIDE.iter().map(|end| with(&copy, end))) {
            match std::fs::remove_file(left) {
                Err(why) if why.kind() != ErrorKind::NotFound => return Err(not_written(file, why)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(Self { part, name, copy })
    }

    /// Under its name once it is on disk: there is never half a backup.
    fn done(&self, file: &Path) -> io::Result<()> {
        self.part.sync_all()?;
        std::fs::rename(&self.name, file)?;
        File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // Under its own name by now, or of no use.
        drop(std::fs::remove_file(&self.name));
        drop(std::fs::remove_file(&self.copy));
    }
}

/// The lock says that nobody else is at it, and that what is left there is of somebody who was killed.
fn locked(name: &Path) -> io::Result<File> {
    let part = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
    flock(&part, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| io::Error::other("another backup is being written there"))?;
    // Whoever was first may have given the file its last name a moment ago.
    if std::fs::metadata(name)?.ino() != part.metadata()?.ino() {
        return Err(io::Error::other("another backup was written there just now"));
    }
    part.set_len(0)?;
    Ok(part)
}

#[derive(Debug, thiserror::Error)]
enum PackError {
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("the store is damaged")]
    Damaged(Vec<String>),
}

impl PackError {
    /// With what caused it.
    fn whole(&self) -> String {
        let mut said = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(inner) = source {
            said = format!("{said}: {inner}");
            source = inner.source();
        }
        said
    }
}

struct Packing<'a> {
    zip: ZipWriter<BufWriter<&'a File>>,
    data: PathBuf,
    skipped: BTreeSet<PathBuf>,
    about: About,
    tell: &'a mut dyn FnMut(Progress),
}

impl Packing<'_> {
    /// The order is what makes the parts fit: see above.
    fn home(&mut self, home: &Home, asked: &Asked<'_>, copy: &Path) -> Result<(), PackError> {
        let heads = match std::fs::read(heads::file(home)) {
            Err(why) if why.kind() == ErrorKind::NotFound => None,
            read => Some(read?),
        };
        self.folder(&home.work.join("inbox"), "inbox")?;
        self.store(home, asked.store, copy)?;
        self.folder(&home.data, "data")?;
        if let Some(heads) = heads {
            self.bytes("data/registers.heads", &heads)?;
        }
        for root in roots(home) {
            let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name != "secrets" || asked.secrets {
                self.folder(&root, &name)?;
            } else {
                let names = read_dir(&root).into_iter().flatten().flatten().map(|entry| entry.file_name());
                self.about.secrets_left_out = names.map(|name| name.to_string_lossy().into_owned()).collect();
                self.about.secrets_left_out.sort();
            }
        }
        Ok(())
    }

    fn store(&mut self, home: &Home, store: &Path, copy: &Path) -> Result<(), PackError> {
        self.about.made = jiff::Timestamp::now();
        let path = home.data.join(store);
        if path.exists() {
            let tell = &mut *self.tell;
            let copied = copy_store(&path, copy, |done, all| tell(Progress::Store { done, all }))?;
            if !copied.findings.is_empty() {
                return Err(PackError::Damaged(copied.findings));
            }
            self.about.schema = copied.schema;
            self.file(copy, &format!("data/{}", store.display()))?;
            std::fs::remove_file(copy)?;
        }
        let accounts = home.data.join(ACCESS);
        if accounts.exists() {
            copy_database(&accounts, copy, |_, _| {})?;
            self.file(copy, &format!("data/{ACCESS}"))?;
            std::fs::remove_file(copy)?;
        }
        Ok(())
    }

    /// All files below, of what is there: one that goes away meanwhile was taken by somebody.
    fn folder(&mut self, from: &Path, name: &str) -> Result<(), PackError> {
        let entries = match read_dir(from) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        self.zip.add_directory(name, options(0o700, 0))?;
        let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let own = entry.file_name();
            let own = own.to_str().filter(|_| kind.is_dir() || kind.is_file());
            if self.skipped.contains(&path) || is_in_the_making(&path, &self.data) {
                continue;
            }
            match own {
                None => self.about.left_out.push(path.display().to_string()),
                Some(own) if kind.is_dir() => self.folder(&path, &format!("{name}/{own}"))?,
                Some(own) => self.file(&path, &format!("{name}/{own}"))?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> Result<(), PackError> {
        let mut file = match File::open(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let metadata = file.metadata()?;
        self.zip.start_file(name, options(metadata.permissions().mode(), metadata.len()))?;
        let bytes = io::copy(&mut file, &mut self.zip)?;
        self.packed(bytes);
        Ok(())
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), PackError> {
        self.zip.start_file(name, options(0o600, bytes.len() as u64))?;
        self.zip.write_all(bytes)?;
        self.packed(bytes.len() as u64);
        Ok(())
    }

    fn packed(&mut self, bytes: u64) {
        self.about.files += 1;
        self.about.bytes += bytes;
        (self.tell)(Progress::Files { files: self.about.files, bytes: self.about.bytes });
    }

    fn finish(mut self) -> Result<About, PackError> {
        let about = serde_json::to_vec_pretty(&self.about).map_err(io::Error::from)?;
        self.zip.start_file(ABOUT, options(0o600, about.len() as u64))?;
        self.zip.write_all(&about)?;
        self.zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(self.about)
    }
}

/// The quickest packing: texts of journals are a fifth by it, and more takes longer than the disk.
fn options(mode: u32, bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(1))
        .unix_permissions(mode & 0o777)
        .large_file(bytes >= LARGE)
}

/// What the daemon writes beside its name first.
fn is_in_the_making(path: &Path, data: &Path) -> bool {
    path.starts_with(data) && path.extension().is_some_and(|end| end == "new")
}
