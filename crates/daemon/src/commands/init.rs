//! `yizhan init DIR`: makes a home of the same shape as the repository, from files compiled in.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use crate::config::DEFAULTS;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  yizhan init /srv/yizhan && cd /srv/yizhan && yizhan serve")]
pub(crate) struct Args {
    /// Made where it is not there; what lies in it stays as it is
    dir: PathBuf,
}

const PEOPLE: &str = include_str!("init/people.toml");
const HELLO: &str = include_str!("init/hello.toml");
/// What a version control of the home must not take in.
const IGNORE: &str = "/data\n/secrets\n/inbox\n";

/// Folders with their modes: what is nobody else's business is the owner's alone.
const FOLDERS: &[(&str, u32)] = &[
    ("config/calendars", 0o755),
    ("workflows", 0o755),
    ("plugins", 0o755),
    ("inbox", 0o700),
    ("secrets", 0o700),
    ("data", 0o700),
    ("data/artifacts", 0o700),
    ("data/files", 0o700),
    ("data/mail", 0o700),
];

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let made = make(&args.dir)?;
    let dir = args.dir.display().to_string();
    context.answer(&json!({ "home": dir, "made": made }), |_| {
        let files = made.join("\n  ");
        context.language.pick(
            format!("{dir} 已建好:\n  {files}\n接下来:\n  cd {dir}\n  yizhan serve          # 守护进程,Ctrl-C 结束\n  yizhan run hello --set name=李娜 --wait   # 在另一个终端"),
            format!("{dir} is a home:\n  {files}\nnext:\n  cd {dir}\n  yizhan serve          # the daemon; Ctrl-C ends it\n  yizhan run hello --set name=Li --wait   # in another terminal"),
        )
    });
    Ok(Exit::Ok)
}

/// Makes the home; says which files it wrote. Nothing that is there is touched.
pub(crate) fn make(dir: &Path) -> Result<Vec<String>, Failure> {
    if dir.join("config/yizhan.toml").exists() {
        let failure = Failure::new(Exit::Failed, "YZ0513", format!("`{}` is a home already", dir.display()));
        return Err(failure.help("its settings are in config/yizhan.toml; `yizhan serve` starts its daemon"));
    }
    for (folder, mode) in FOLDERS {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(*mode).create(dir.join(folder))?;
    }
    let settings = commented(DEFAULTS);
    let files = [
        ("config/people.toml", PEOPLE),
        ("workflows/hello.toml", HELLO),
        (".gitignore", IGNORE),
        // Last: it makes the folder a home, so a home is whole.
        ("config/yizhan.toml", &settings),
    ];
    let mut made = Vec::new();
    for (name, text) in files {
        match write_new(&dir.join(name), text) {
            Ok(()) => made.push(name.to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(made)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The defaults with every setting behind a `#`: what a home leaves alone follows later versions of the program.
fn commented(defaults: &str) -> String {
    let mut text = String::from(
        "# The settings of this home. What stands behind a `#` holds by default; take the mark away to change it.\n",
    );
    let own = defaults.split_once("\n\n").map_or(defaults, |(_, rest)| rest);
    for line in own.lines() {
        let setting = !line.starts_with('#') && !line.starts_with('[') && line.contains(" = ");
        if setting {
            text.push('#');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_new_home_has_settings_that_hold_and_folders_that_are_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("new/home");
        let made = make(&home).unwrap();
        assert_eq!(made.len(), 4, "{made:?}");
        Config::parse(&std::fs::read_to_string(home.join("config/yizhan.toml")).unwrap()).unwrap();
        for private in ["secrets", "data", "inbox"] {
            let mode = std::fs::metadata(home.join(private)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{private}");
        }
    }

    #[test]
    fn a_home_is_made_once_and_files_that_are_there_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("workflows")).unwrap();
        std::fs::write(folder.path().join("workflows/hello.toml"), "mine").unwrap();
        assert!(!make(folder.path()).unwrap().contains(&"workflows/hello.toml".to_owned()));
        assert_eq!(std::fs::read_to_string(folder.path().join("workflows/hello.toml")).unwrap(), "mine");
        let again = make(folder.path()).unwrap_err();
        assert_eq!(again.code.as_deref(), Some("YZ0513"));
    }

    #[test]
    fn a_setting_is_changed_by_taking_one_mark_away() {
        let text = commented(DEFAULTS);
        assert!(text.contains("\n#timezone = \"Asia/Shanghai\"\n"), "{text}");
        let config = Config::parse(&text.replace("#drain = \"10s\"", "drain = \"3s\"")).unwrap();
        assert_eq!(config.drain.ms, 3_000);
    }

    #[test]
    fn the_sample_that_is_written_has_no_faults() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        let root = folder.path().join("workflows");
        let read = crate::workflows::read_file(&root.join("hello.toml"), folder.path(), &root);
        assert!(read.outcome.is_ok(), "{:?}", read.outcome);
    }
}
