//! `yizhan check`: says everything that is wrong with workflow files. Needs no daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{House, Neighbours};
use yizhan_workflow::people::People;
use yizhan_workflow::plan::Starts;
use yizhan_workflow::problem::{Place, Problem, nearest, render, sarif, to_json};
use yizhan_workflow::register::Registers;
use yizhan_workflow::testing::ENDING;

use super::Context;
use crate::calendars;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::plugins;
use crate::workflows::{Below, FileRead, find, misnamed, neighbours, read_file};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan check\n  yizhan check workflows/shop/returns.toml\n  yizhan check --json | jq '.[] | .message'\n  yizhan check --format sarif > yizhan.sarif"
)]
pub(crate) struct Args {
    /// Files or folders; else `workflows/` of the home
    paths: Vec<PathBuf>,
    /// Warnings are faults too
    #[arg(long)]
    strict: bool,
    /// How the faults are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// With the line and a caret
    #[default]
    Text,
    /// A list for scripts, as `--json`
    Json,
    /// SARIF 2.1.0, for editors and CI
    Sarif,
}

/// What is wrong with one file.
struct Found {
    shown: String,
    texts: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let files = read_all(&args.paths, home.as_ref())?;
    let (catalogue, refused) = plugins::offline_catalogue(home.as_ref())?;
    let neighbours = neighbours_of(&files, home.as_ref(), &catalogue);
    let (calendars, mut found) = read_calendars(home.as_ref())?;
    let (people, faulty) = read_people(home.as_ref(), calendars.as_ref())?;
    found.extend(faulty);
    let (registers, faulty) = read_registers(home.as_ref())?;
    found.extend(faulty);
    let house = House {
        catalogue: &catalogue,
        people: people.as_ref(),
        calendars: calendars.as_ref(),
        workflows: &neighbours,
        registers: registers.as_ref(),
        today: Some(jiff::Zoned::now().date()),
    };
    let mailboxes = Mailboxes::of(home.as_ref());
    for file in &files {
        let checked = file.check(house);
        let warnings = checked.warnings.into_iter().chain(mailboxes.missing(file));
        let problems = checked.errors.into_iter().chain(warnings).collect();
        found.push(Found { shown: file.shown.clone(), texts: file.texts().clone(), problems });
    }
    found.extend(misnamed_in(&args.paths, home.as_ref()));
    let errors = found.iter().flat_map(|file| &file.problems).filter(|problem| problem.is_error()).count();
    let warnings = found.iter().map(|file| file.problems.len()).sum::<usize>() - errors;
    match args.format {
        Format::Sarif => context.say_json(&sarif_of(&found, context)),
        Format::Json => context.say_json(&json_of(&found, context)),
        Format::Text => context.answer(&json_of(&found, context), |_| {
            let mut texts: Vec<String> =
                refused.iter().map(|refusal| plugins::said(refusal, context.language)).collect();
            texts.extend(rendered(&found, context));
            texts.push(summary((files.len(), errors, warnings), context));
            texts.join("\n")
        }),
    }
    Ok(if errors > 0 || args.strict && warnings > 0 { Exit::Faults } else { Exit::Ok })
}

/// What lies in the folder, and nobody reads.
fn misnamed_in(paths: &[PathBuf], home: Option<&Home>) -> Vec<Found> {
    let Some(home) = home.filter(|_| paths.is_empty()) else { return Vec::new() };
    let found = misnamed(&home.workflows()).into_iter().map(|(path, stem)| Found {
        shown: path.strip_prefix(&home.root).unwrap_or(&path).display().to_string(),
        texts: BTreeMap::from([(String::new(), String::new())]),
        problems: vec![Problem::warning("YZ0226", Place::at(0..0)).name("name", stem)],
    });
    found.collect()
}

/// Those of the settings. Where there are none to read, nothing is said of them.
struct Mailboxes(Option<BTreeSet<String>>);

impl Mailboxes {
    fn of(home: Option<&Home>) -> Self {
        let config = home.and_then(|home| home.config(None).ok());
        Self(config.map(|config| config.mail.into_keys().collect()))
    }

    /// The triggers of a file that would wait for mails of a mailbox that nobody knows.
    fn missing(&self, file: &FileRead) -> Vec<Problem> {
        let (Some(known), Ok(read)) = (&self.0, &file.outcome) else { return Vec::new() };
        let missing = read.workflow.triggers.iter().filter_map(|trigger| {
            let Starts::Mail(rule) = &trigger.starts else { return None };
            let place = read.spans.value(&format!("trigger.{}.mail.account", trigger.name));
            let problem = Problem::warning("YZ0225", Place::at(place)).name("account", &*rule.account);
            (!known.contains(&rule.account)).then(|| problem.near(nearest(&rule.account, known)))
        });
        missing.collect()
    }
}

fn rendered(found: &[Found], context: &Context) -> Vec<String> {
    let colour = std::io::stdout().is_terminal();
    let one = |file: &Found, problem: &Problem| {
        render(std::slice::from_ref(problem), &file.shown, &file.texts, context.language.lang(), colour)
    };
    found.iter().flat_map(|file| file.problems.iter().map(|problem| one(file, problem))).collect()
}

fn json_of(found: &[Found], context: &Context) -> Value {
    let lists =
        found.iter().map(|file| to_json(&file.problems, &file.shown, &file.texts, context.language.lang()));
    lists.filter_map(|list| if let Value::Array(list) = list { Some(list) } else { None }).flatten().collect()
}

fn sarif_of(found: &[Found], context: &Context) -> Value {
    let language = context.language.lang();
    let results = found
        .iter()
        .flat_map(|file| sarif::results(&file.problems, &file.shown, &file.texts, language))
        .collect();
    sarif::log(results, env!("CARGO_PKG_VERSION"), language)
}

/// `1 file`, `2 files`.
pub(super) fn of(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

fn summary((files, errors, warnings): (usize, usize, usize), context: &Context) -> String {
    context.language.pick(
        format!("{files} 个文件,{errors} 处错误,{warnings} 处提醒"),
        format!("{}, {}, {}", of(files, "file"), of(errors, "error"), of(warnings, "warning")),
    )
}

pub(crate) fn read_all(paths: &[PathBuf], home: Option<&Home>) -> Result<Vec<FileRead>, Failure> {
    let here = std::env::current_dir()?;
    let own = home.map(Home::workflows);
    let paths: Vec<PathBuf> = match (paths, &own) {
        ([], Some(own)) => vec![own.clone()],
        ([], None) => vec![here.clone()],
        (paths, _) => paths.to_vec(),
    };
    let mut files = Vec::new();
    for path in &paths {
        let full = std::fs::canonicalize(located(path, home)?).map_err(|error| {
            Failure::of(Exit::Faults, "YZ0519", &error)
                .help(format!("`{}` is what was named", path.display()))
        })?;
        let found = if full.is_dir() {
            find(&full)
        } else {
            Below { files: [full.clone()].into(), ..Below::default() }
        };
        if let Some((folder, error)) = found.closed.first_key_value() {
            let why = format!("`{}` cannot be read: {error}", folder.display());
            return Err(Failure::new(Exit::Failed, "YZ0519", why));
        }
        for file in found.files {
            files.push(read_file(&file, &here, &root_of(&file, own.as_deref())));
        }
    }
    if files.is_empty() && home.is_none() {
        let why = "there is no home here, and no workflow in this folder";
        return Err(Failure::new(Exit::Faults, "YZ0519", why)
            .help("go into a home, name one with `--home DIR`, or make one with `yizhan init DIR`"));
    }
    Ok(files)
}

/// The file of that path, or of that name in the home.
fn located(asked: &Path, home: Option<&Home>) -> Result<PathBuf, Failure> {
    let name = asked.to_string_lossy();
    if let Some(tests_of) = name.strip_suffix(ENDING) {
        let why = format!("`{name}` is a file of tests, and no workflow");
        let workflow = Path::new(tests_of).file_name().unwrap_or_default().to_string_lossy();
        return Err(Failure::new(Exit::Usage, "YZ0519", why)
            .help(format!("its workflow is `{workflow}`; `yizhan test {name}` plays it")));
    }
    if asked.exists() {
        return Ok(asked.to_owned());
    }
    let known = home.map(|home| find(&home.workflows()).files).unwrap_or_default();
    let stem = |known: &PathBuf| Some(known.file_stem()?.to_string_lossy().into_owned());
    if let Some(found) = known.iter().find(|known| stem(known).is_some_and(|stem| stem == name)) {
        return Ok(found.clone());
    }
    let why = format!("there is no workflow `{name}` and no such file");
    let failure = Failure::new(Exit::Faults, "YZ0519", why);
    Err(match nearest(&name, known.iter().filter_map(stem)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("name a file, or a workflow of this home"),
    })
}

/// The folder that the files a workflow names may lie in: that of all workflows, where it is one of them.
pub(super) fn root_of(file: &Path, own: Option<&Path>) -> PathBuf {
    let own = own.and_then(|own| std::fs::canonicalize(own).ok()).filter(|own| file.starts_with(own));
    let folder = file.parent().unwrap_or(file);
    own.unwrap_or_else(|| {
        let named = folder.ancestors().find(|folder| folder.ends_with("workflows"));
        named.unwrap_or(folder).to_owned()
    })
}

/// Those of the files, and those of the home beside them: a child may be named that is not checked now.
fn neighbours_of(files: &[FileRead], home: Option<&Home>, catalogue: &Catalogue) -> Neighbours {
    let root = home.map(Home::workflows).and_then(|root| std::fs::canonicalize(root).ok());
    let mut others = Vec::new();
    for (path, home, root) in home
        .iter()
        .zip(&root)
        .flat_map(|(home, root)| find(root).files.into_iter().map(move |path| (path, &home.root, root)))
    {
        if files.iter().all(|file| file.path != path) {
            others.push(read_file(&path, home, root));
        }
    }
    neighbours(files.iter().chain(&others), catalogue)
}

/// Those of the home, or those that come along. None where a file has faults: which there are is not known then.
fn read_calendars(home: Option<&Home>) -> Result<(Option<Calendars>, Vec<Found>), Failure> {
    let Some(home) = home else { return Ok((Some(Calendars::default()), Vec::new())) };
    let (mut texts, config) = (calendars::texts(home)?, home.config(None));
    let zone = config.as_ref().ok().and_then(|config| config.zone().ok()).unwrap_or(jiff::tz::TimeZone::UTC);
    let (all, faults) = Calendars::read(&texts, &zone);
    if faults.is_empty() {
        let all = match config {
            Ok(config) => calendars::with_house(all, &config)?,
            Err(_) => all,
        };
        return Ok((Some(all), Vec::new()));
    }
    let found = faults.into_iter().map(|(name, problems)| {
        let texts = [(String::new(), texts.remove(&name).unwrap_or_default())].into();
        Found { shown: home.root.join(calendars::path_of(&name)).display().to_string(), texts, problems }
    });
    Ok((None, found.collect()))
}

/// Nobody is given back where the file has faults: who is in it is not known then.
fn read_people(
    home: Option<&Home>,
    calendars: Option<&Calendars>,
) -> Result<(Option<People>, Vec<Found>), Failure> {
    let Some(path) = home.map(Home::people).filter(|path| path.exists()) else {
        return Ok((Some(People::default()), Vec::new()));
    };
    let text = std::fs::read_to_string(&path)?;
    let (people, problems) = People::check(&text, jiff::Zoned::now().date(), calendars);
    let found = Found { shown: path.display().to_string(), texts: [(String::new(), text)].into(), problems };
    Ok((people, vec![found]))
}

/// The same of the registers.
fn read_registers(home: Option<&Home>) -> Result<(Option<Registers>, Option<Found>), Failure> {
    let Some(path) = home.map(Home::registers).filter(|path| path.exists()) else {
        return Ok((Some(Registers::default()), None));
    };
    let text = std::fs::read_to_string(&path)?;
    let (registers, problems) = match Registers::read(&text) {
        Ok(registers) => (Some(registers), Vec::new()),
        Err(problems) => (None, problems),
    };
    let found = Found { shown: path.display().to_string(), texts: [(String::new(), text)].into(), problems };
    Ok((registers, Some(found)))
}
