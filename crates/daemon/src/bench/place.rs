//! A home that is made for one workload and gone with it.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Problem;
use crate::commands::init;
use crate::home::Home;

/// Nobody is told of anything: a mail for each of a million tasks is another workload.
const SETTINGS: &str = "language = \"en\"\ntimezone = \"Asia/Shanghai\"\n[log]\nlevel = \"warn\"\n[tell]\nuse = \"\"\ntasks = false\n";

/// With this secret the webhooks of a bench are signed.
pub(crate) const SECRET: (&str, &str) = ("bench", "whsec_eWl6aGFuLWJlbmNoLXNlY3JldA==");

/// Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Place {
    _folder: tempfile::TempDir,
    pub(crate) home: Home,
}

impl Place {
    /// With these settings beside those that every bench has.
    pub(crate) fn make(dir: &Path, settings: &str) -> Result<Self, Problem> {
        let folder =
            tempfile::Builder::new().prefix(".yizhan-bench").tempdir_in(std::path::absolute(dir)?)?;
        let root = folder.path().join("home");
        init::make(&root)?;
        std::fs::remove_file(root.join("workflows/hello.toml"))?;
        std::fs::write(root.join("config/yizhan.toml"), format!("{SETTINGS}{settings}"))?;
        let secret = root.join("secrets").join(SECRET.0);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(secret)?;
        file.write_all(SECRET.1.as_bytes())?;
        Ok(Self { _folder: folder, home: Home::in_folder(&root) })
    }

    pub(crate) fn workflow(&self, name: &str, text: &str) -> std::io::Result<()> {
        std::fs::write(self.home.workflows().join(format!("{name}.toml")), text)
    }

    pub(crate) fn people(&self, text: &str) -> std::io::Result<()> {
        std::fs::write(self.home.root.join("config/people.toml"), text)
    }

    /// How much the store has on the disk, in MiB.
    pub(crate) fn stored(&self) -> f64 {
        let files = std::fs::read_dir(&self.home.data).into_iter().flatten().flatten();
        let store = files.filter(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("yizhan.db") && !name.ends_with(".ballast")
        });
        store.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum::<u64>() as f64
            / f64::from(1 << 20)
    }
}
