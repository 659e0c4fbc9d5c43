//! From the settings to the plugin host: where plugins lie, what they are told, what they may reach.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use yizhan_engine::carrier::{Completion, Completions};
use yizhan_plugin_host::{
    ChildCommand, HttpSettings, Isolation, Limits, NoLines, PluginHost, PluginSettings, Refusal, Settings,
};
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::moment::Span;
use yizhan_workflow::problem::cause;

use crate::artifacts::Artifacts;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::language::Language;
use crate::secrets::Secrets;

/// Where a package puts plugins.
const SYSTEM: &str = "/usr/lib/yizhan/plugins";

pub(crate) fn settings(home: &Home, config: &Config) -> Result<Settings, Failure> {
    let limits = Limits {
        timeout: span(config.plugins.timeout),
        grace: span(config.plugins.grace),
        ..Limits::default()
    };
    Ok(Settings {
        folders: folders(Some(home), &config.plugins.folders),
        files: Vec::new(),
        plugins: told(home, config)?,
        isolation: config.plugins.isolation,
        child: child(),
        http: HttpSettings {
            allow: config.egress.allow.clone(),
            ca_files: config.egress.ca_files.iter().map(|file| home.root.join(file)).collect(),
            timeout: span(config.egress.timeout),
            max_bytes: config.egress.body_max,
        },
        limits,
        secrets: Arc::new(Secrets::of(home.secrets())),
        artifacts: Arc::new(Artifacts::new(home.artifacts())),
        lines: Arc::new(NoLines),
    })
}

/// This very program, also when its file was replaced by a newer one meanwhile.
fn child() -> ChildCommand {
    ChildCommand { program: PathBuf::from("/proc/self/exe"), arguments: vec!["plugin-host".into()] }
}

pub(crate) fn span(span: Span) -> Duration {
    Duration::from_millis(span.ms.unsigned_abs())
}

/// The settings' own, the home's, beside the program, the system's.
pub(crate) fn folders(home: Option<&Home>, own: &[PathBuf]) -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let own = own.iter().map(|folder| home.map_or_else(|| folder.clone(), |home| home.root.join(folder)));
    own.chain(home.map(Home::plugins)).chain(beside).chain([PathBuf::from(SYSTEM)]).collect()
}

/// What each plugin is told: its table of the settings, with the home's own places where that names none.
fn told(home: &Home, config: &Config) -> Result<BTreeMap<String, PluginSettings>, Failure> {
    let wrong = |id: &str, why: &str| Failure::new(Exit::Failed, "YZ0522", format!("[plugin.{id}]: {why}"));
    let mut told: BTreeMap<String, PluginSettings> = BTreeMap::new();
    for (id, table) in &config.plugin {
        let table = serde_json::to_value(table).map_err(|error| wrong(id, &error.to_string()))?;
        let Value::Object(mut own) = table else { return Err(wrong(id, "it is a table")) };
        let isolation = match own.remove("isolation") {
            None => None,
            Some(word) => Some(serde_json::from_value(word).map_err(|error| wrong(id, &error.to_string()))?),
        };
        told.insert(id.clone(), PluginSettings { isolation, config: Value::Object(own) });
    }
    let files = home.data.join("files").display().to_string();
    let roots = json!({ "files": files });
    let mut fill = |id: &str, key: &str, value: Value| {
        let settings = told
            .entry(id.to_owned())
            .or_insert_with(|| PluginSettings { isolation: None, config: json!({}) });
        if let Value::Object(own) = &mut settings.config {
            own.entry(key).or_insert(value);
        }
    };
    fill("file", "roots", roots.clone());
    fill("file", "timezone", json!(config.timezone));
    fill("report", "timezone", json!(config.timezone));
    fill("webhook", "roots", roots.clone());
    fill("email", "roots", roots);
    fill("email", "folder", json!(home.data.join("mail").display().to_string()));
    if config.plugin.get("email").is_none_or(|own| own.get("host").is_none()) {
        fill("email", "from", json!("驿站 <yizhan@localhost>"));
    }
    Ok(told)
}

/// Nobody waits for what comes back: nothing is called.
struct Nobody;

impl Completions for Nobody {
    fn completed(&self, _: Vec<Completion>) {}
    fn progressed(&self, _: u64, _: f64, _: &str) {}
}

/// What plugins offer, for a command that needs no daemon: each is asked in a child that then ends.
pub(crate) fn offline(
    home: Option<&Home>,
    files: Vec<PathBuf>,
) -> Result<(PluginHost, Vec<Refusal>), Failure> {
    let settings = match home {
        Some(home) => Settings { files, ..settings(home, &home.config(None)?)? },
        None => Settings {
            folders: folders(None, &[]),
            files,
            plugins: BTreeMap::new(),
            isolation: Isolation::Process,
            child: child(),
            http: HttpSettings::default(),
            limits: Limits::default(),
            secrets: Arc::new(Secrets::of(PathBuf::from("secrets"))),
            artifacts: Arc::new(Artifacts::new(std::env::temp_dir())),
            lines: Arc::new(NoLines),
        },
    };
    open(settings, Arc::new(Nobody))
}

pub(crate) fn open(
    settings: Settings,
    completions: Arc<dyn Completions>,
) -> Result<(PluginHost, Vec<Refusal>), Failure> {
    PluginHost::open(settings, completions).map_err(|error| {
        Failure::new(Exit::Failed, "YZ0523", format!("plugins cannot be loaded: {error}"))
            .help("look at [egress] and [plugins] of the settings")
    })
}

pub(crate) fn offline_catalogue(home: Option<&Home>) -> Result<(Catalogue, Vec<Refusal>), Failure> {
    let (host, refused) = offline(home, Vec::new())?;
    let catalogue = host.catalogue();
    host.close();
    Ok((catalogue, refused))
}

/// A refusal as a person reads it, with its code and the next step.
pub(crate) fn said(refusal: &Refusal, language: Language) -> String {
    let (lang, path) = (language.lang(), refusal.path.display());
    let why = cause(&refusal.fault.to_string(), lang);
    let help = refusal.help().map(|help| cause(help, lang));
    let help = help.map(|help| language.pick(format!("\n  怎么办: {help}"), format!("\n  help: {help}")));
    let head = language.pick("注意", "warning");
    format!("{head}[{}]: {path}: {why}{}", refusal.code(), help.unwrap_or_default())
}
