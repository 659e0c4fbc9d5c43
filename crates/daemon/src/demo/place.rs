//! The demo's home: made of files compiled in, with secrets of its own and the receiver as its only way out.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use include_dir::{Dir, include_dir};

use super::case::{Case, WORKFLOWS};
use super::receiver::Receiver;
use crate::commands::init;
use crate::exit::Failure;

const PEOPLE: &str = include_str!("../../../../config/people.toml");
const REGISTERS: &str = include_str!("../../../../config/registers.toml");
static CALENDARS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../config/calendars");
/// Somebody sees all of it: the sample's people have no rights but those of their tasks.
const HEAD: &str = "\n[right.demo]\nwho = \"person:zhou.jian\"\nmay = \"admin\"\n";
/// What the workflows sign and authenticate with.
const SECRETS: [&str; 4] = ["crm", "warehouse", "shop", "hotline"];

/// A home in a temporary folder. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn make(receiver: &Receiver) -> Result<Self, Failure> {
        let place = Self { folder: tempfile::Builder::new().prefix("yizhan-demo-").tempdir()? };
        let home = place.home();
        init::make(&home)?;
        std::fs::write(home.join("config/people.toml"), format!("{PEOPLE}{HEAD}"))?;
        std::fs::write(home.join("config/registers.toml"), REGISTERS)?;
        unpack(&CALENDARS, &home.join("config/calendars"))?;
        unpack(&WORKFLOWS, &home.join("workflows"))?;
        let systems =
            format!("system,url\ncrm,http://{0}/crm\nwarehouse,http://{0}/warehouse\n", receiver.address);
        std::fs::write(home.join("workflows/tables/systems.csv"), systems)?;
        let settings = format!(
            "# The demo's settings: everything else is as it ships.\ntimezone = \"Asia/Shanghai\"\n\n[egress]\n# The demo's own receiver stands for the customer system and the warehouse.\nallow = [\"{}\"]\n",
            receiver.address
        );
        std::fs::write(home.join("config/yizhan.toml"), settings)?;
        for name in SECRETS {
            secret(&home.join("secrets").join(name))?;
        }
        Ok(place)
    }

    pub(crate) fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    /// Puts the files that a case is about where the files plugin finds them.
    pub(crate) fn set_up(&self, case: &Case) -> std::io::Result<()> {
        for wanted in &case.setup.files {
            let path = self.home().join("data/files").join(&wanted.path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, &wanted.text)?;
            let since = u64::try_from(wanted.modified.as_second()).unwrap_or(0);
            let file = std::fs::OpenOptions::new().write(true).open(&path)?;
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(since))?;
        }
        Ok(())
    }
}

/// The workflows with their mails and tables; the scripts of the demo stay in the program.
fn unpack(folder: &Dir<'_>, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for file in folder.files() {
        if let Some(name) = file.path().file_name() {
            std::fs::write(to.join(name), file.contents())?;
        }
    }
    for inner in folder.dirs() {
        match inner.path().file_name() {
            Some(name) if name != "demo" => unpack(inner, &to.join(name))?,
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// A secret that nobody else has: random bytes of the kernel.
fn secret(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0_u8; 24];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
