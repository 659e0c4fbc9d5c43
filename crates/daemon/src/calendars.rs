//! `config/calendars`: the files, and what they are together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::problem::{Problem, render};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::language::Language;

/// The files with their texts, by their names without `.toml`.
pub(crate) type Texts = BTreeMap<String, String>;

/// The files that are calendars, by their names.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let all = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = all.filter(|path| path.extension().is_some_and(|ending| ending == "toml") && path.is_file());
    named.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path))).collect()
}

pub(crate) fn texts(home: &Home) -> Result<Texts, std::io::Error> {
    files(&home.calendars())
        .into_iter()
        .map(|(name, path)| Ok((name, std::fs::read_to_string(path)?)))
        .collect()
}

/// A fault as it is shown.
pub(crate) fn shown(name: &str, text: &str, problem: &Problem, language: Language) -> String {
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    render(std::slice::from_ref(problem), &path_of(name), &texts, language.lang(), false)
}

pub(crate) fn path_of(name: &str) -> String {
    format!("config/calendars/{name}.toml")
}

/// The house's own among all that are there.
pub(crate) fn with_house(calendars: Calendars, config: &Config) -> Result<Calendars, Failure> {
    calendars.with_house(&config.calendar).map_err(|unknown| {
        let failure = Failure::new(
            Exit::Failed,
            "YZ0522",
            format!("calendar: no calendar is called `{}`", unknown.name),
        );
        match unknown.nearest {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help(format!("it would be `{}`", path_of(&unknown.name))),
        }
    })
}

/// Those that hold for a command that works without a daemon, and perhaps without a home; faults are for `yizhan check`.
pub(crate) fn in_force(home: Option<&Home>, config: &Config) -> Result<Arc<Calendars>, Failure> {
    let zone = config.zone().map_err(|error| Failure::of(Exit::Failed, error.code(), &error))?;
    let texts = home.map_or_else(|| Ok(Texts::new()), texts)?;
    let (calendars, faults) = Calendars::read(&texts, &zone);
    if let Some(name) = faults.keys().next() {
        let failure = Failure::new(Exit::Faults, "YZ0519", format!("{} has faults", path_of(name)));
        return Err(failure.help("`yizhan check` says which"));
    }
    with_house(calendars, config).map(Arc::new)
}
