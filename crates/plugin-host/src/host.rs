//! All plugins of a daemon: found, checked, described, running, and replaced when their files change.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions};
use yizhan_workflow::catalogue::{Action as Offer, Catalogue};
use yizhan_workflow::plan::{ActionName, Effect};
use yizhan_workflow::run::event::Happened;

use crate::cost::{Cost, CostInfo};
use crate::described::Described;
use crate::house::House;
use crate::instance::fail;
use crate::library::Sealed;
use crate::process;
use crate::refusal::{Fault, Refusal};
use crate::runner::{Plugin, Runner};
use crate::scrub::Scrub;
use crate::services::Services;
use crate::services::http::Http;
use crate::settings::{Isolation, PluginSettings, Settings};

/// What the old build of a plugin gets to end its calls after a new one took over.
const RETIRE_WITHIN: Duration = Duration::from_secs(60);

/// Loads plugins and carries calls out. One for each daemon.
pub struct PluginHost {
    house: Arc<House>,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    isolation: Isolation,
    settings: Mutex<BTreeMap<String, PluginSettings>>,
    running: RwLock<HashMap<Arc<str>, Arc<Runner>>>,
    /// Builds that were replaced and still have calls.
    retired: Mutex<Vec<Arc<Runner>>>,
    /// By sha256, so that a file is described once.
    described: Mutex<HashMap<String, Arc<Described>>>,
}

/// A plugin as the console and the command line show it.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    pub id: String,
    pub version: String,
    pub path: PathBuf,
    pub sha256: String,
    pub isolation: Isolation,
    pub state: PluginState,
    pub capabilities: Vec<String>,
    pub config: Value,
    pub actions: Vec<ActionInfo>,
    /// Of its child, when it has one.
    pub pid: Option<u32>,
    pub calls: u64,
    pub calls_open: usize,
    pub crashes: u64,
    pub cost: CostInfo,
}

/// `ready`, `starting`, `restarting`, `quarantined`, `refused` or `leaving`, with the reason where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginState {
    pub name: &'static str,
    pub reason: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ActionInfo {
    pub name: String,
    pub summary: String,
    pub effect: Effect,
    pub blocking: bool,
    pub timeout: Option<Duration>,
    pub outcome: Option<String>,
    pub examples: Vec<Value>,
    pub input: Value,
    pub output: Value,
}

impl PluginHost {
    /// Loads what the settings name and waits until each plugin runs or is refused. Refusals stop nobody else.
    /// An error means that there can be no host at all: a wrong `[http]` section, no threads.
    pub fn open(
        settings: Settings,
        completions: Arc<dyn Completions>,
    ) -> Result<(Self, Vec<Refusal>), Box<dyn std::error::Error + Send + Sync>> {
        let http = Http::new(settings.http)?;
        let services = Services::new(http, settings.secrets, settings.artifacts)?;
        let house =
            Arc::new(House::new(settings.limits, settings.child, services, settings.lines, completions));
        house.supervisor.run()?;
        let host = Self {
            house,
            folders: settings.folders,
            files: settings.files,
            isolation: settings.isolation,
            settings: Mutex::new(settings.plugins),
            running: RwLock::default(),
            retired: Mutex::default(),
            described: Mutex::default(),
        };
        let refusals = host.reload();
        Ok((host, refusals))
    }

    /// Looks at the folders and files again. New and changed builds take over once they run; a build that is refused
    /// leaves the old one in place. Blocks until all are settled.
    pub fn reload(&self) -> Vec<Refusal> {
        let (found, mut refusals) = self.find();
        let mut fresh = Vec::new();
        for sealed in found {
            if self.runs_already(&sealed) {
                continue;
            }
            let (path, id) = (sealed.path.clone(), sealed.note.id.clone());
            match self.prepare(sealed) {
                Ok(runner) => fresh.push(runner),
                Err(fault) => refusals.push(Refusal { path, plugin: Some(id), fault }),
            }
        }
        for runner in &fresh {
            self.house.supervisor.watch_over(runner);
        }
        for runner in fresh {
            let sealed = &runner.plugin.sealed;
            match runner.wait_settled() {
                Ok(()) => self.take_over(&runner),
                Err(fault) => {
                    runner.retire(Duration::ZERO);
                    let (path, plugin) = (sealed.path.clone(), Some(sealed.note.id.clone()));
                    refusals.push(Refusal { path, plugin, fault });
                }
            }
        }
        self.forget_retired();
        refusals
    }

    /// The settings of the plugins as they are now; `reload` applies those that changed.
    pub fn set_plugins(&self, plugins: BTreeMap<String, PluginSettings>) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = plugins;
    }

    fn find(&self) -> (Vec<Sealed>, Vec<Refusal>) {
        let mut found: Vec<Sealed> = Vec::new();
        let mut refusals = Vec::new();
        for path in &self.files {
            match Sealed::read(path) {
                Ok(sealed) => match found.iter().find(|other| other.note.id == sealed.note.id) {
                    Some(other) => refusals.push(twice(other, &sealed)),
                    None => found.push(sealed),
                },
                Err(fault) => refusals.push(Refusal { path: path.clone(), plugin: None, fault }),
            }
        }
        for folder in &self.folders {
            for path in libraries(folder) {
                match Sealed::read(&path) {
                    Ok(sealed) => match found.iter().find(|other| other.note.id == sealed.note.id) {
                        None => found.push(sealed),
                        Some(other) => refusals.extend(doubled(other, &sealed)),
                    },
                    // Ordinary libraries lie in every build folder.
                    Err(Fault::NotAPlugin) if !folder.ends_with("plugins") => {}
                    Err(fault) => refusals.push(Refusal { path, plugin: None, fault }),
                }
            }
        }
        (found, refusals)
    }

    fn settings_of(&self, id: &str) -> PluginSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned().unwrap_or_default()
    }

    fn runs_already(&self, sealed: &Sealed) -> bool {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.get(sealed.note.id.as_str()).is_some_and(|runner| {
            let settings = self.settings_of(&sealed.note.id);
            runner.plugin.sealed.sha256 == sealed.sha256
                && runner.plugin.config == config_text(&settings)
                && runner.configured() == settings.isolation.unwrap_or(self.isolation)
        })
    }

    fn prepare(&self, sealed: Sealed) -> Result<Arc<Runner>, Fault> {
        let described = self.describe(&sealed)?;
        let settings = self.settings_of(&sealed.note.id);
        let config = config_text(&settings);
        let findings = described.config.check(&config).map_err(|mismatch| {
            Fault::ConfigInvalid(format!(
                "config{}: expected {}, got {}",
                mismatch.pointer, mismatch.expected, mismatch.got
            ))
        })?;
        let declared =
            sealed.note.capabilities.iter().filter_map(|capability| capability.strip_prefix("secret:"));
        let secrets = declared.map(str::to_owned).chain(findings.secrets).collect();
        let plugin = Plugin {
            id: sealed.note.id.as_str().into(),
            sealed,
            described,
            config,
            secrets,
            scrub: Scrub::default(),
            house: Arc::clone(&self.house),
            violation_told: Mutex::default(),
            pace: Mutex::default(),
            cost: Cost::default(),
        };
        Ok(Runner::new(Arc::new(plugin), settings.isolation.unwrap_or(self.isolation)))
    }

    fn describe(&self, sealed: &Sealed) -> Result<Arc<Described>, Fault> {
        let known =
            self.described.lock().unwrap_or_else(PoisonError::into_inner).get(&sealed.sha256).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let document = process::describe(&self.house.child, sealed, self.house.limits.describe)?;
        let described = Arc::new(Described::read(&document, &sealed.note)?);
        let mut cache = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(sealed.sha256.clone(), Arc::clone(&described));
        Ok(described)
    }

    fn take_over(&self, runner: &Arc<Runner>) {
        let plugin = &runner.plugin;
        let (id, version, build) =
            (&*plugin.id, plugin.sealed.note.version.as_str(), &plugin.sealed.sha256[..12]);
        tracing::info!(plugin = id, version, build, "the plugin is ready");
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let old = running.insert(Arc::clone(&plugin.id), Arc::clone(runner));
        drop(running);
        if let Some(old) = old {
            let waiting = old.retire(RETIRE_WITHIN);
            self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(old);
            runner.start(waiting, Instant::now());
        }
    }

    fn forget_retired(&self) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|runner| runner.has_instances());
    }

    fn runners(&self) -> Vec<Arc<Runner>> {
        let mut runners: Vec<_> =
            self.running.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        runners.extend(self.retired.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        runners
    }

    /// Sorted by id.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let mut plugins: Vec<_> = running.values().map(|runner| info(runner)).collect();
        plugins.sort_by(|a, b| a.id.cmp(&b.id));
        plugins
    }

    /// What the plugins offer and what there is without any, for the check of workflows.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let offers = running.values().flat_map(|runner| {
            runner.plugin.described.actions.iter().map(|(name, action)| {
                let name = ActionName { plugin: Arc::clone(&runner.plugin.id), action: (&**name).into() };
                let offer = Offer {
                    name,
                    summary: action.summary.clone(),
                    effect: action.effect,
                    timeout_ms: action.timeout.and_then(|timeout| i64::try_from(timeout.as_millis()).ok()),
                    outcome: action.outcome.clone(),
                    input: action.input_schema.clone(),
                    output: action.output_schema.clone(),
                };
                (offer.name.to_string(), Arc::new(offer))
            })
        });
        let mut catalogue = Catalogue { actions: offers.collect() };
        catalogue.actions.extend(Catalogue::built_in().actions);
        catalogue
    }

    /// Lets a plugin that was put aside after too many crashes try again.
    pub fn release(&self, id: &str) -> bool {
        let runner = self.running.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        runner.is_some_and(|runner| runner.release())
    }

    #[must_use]
    pub fn calls_open(&self) -> usize {
        self.runners().iter().map(|runner| runner.calls_open()).sum()
    }

    /// Ends everything: what still runs is killed, and nobody is told, because it is handed out again.
    pub fn close(&self) {
        self.house.close();
        for runner in self.runners() {
            runner.close();
        }
        self.house.supervisor.close();
    }
}

impl Carriers for PluginHost {
    fn start(&self, calls: Vec<Call>) {
        let now = Instant::now();
        // Mostly all are for one plugin, and go on as they came.
        if let [first, more @ ..] = calls.as_slice()
            && more.iter().all(|call| call.plugin == first.plugin)
        {
            let running =
                self.running.read().unwrap_or_else(PoisonError::into_inner).get(&*first.plugin).cloned();
            if let Some(runner) = running {
                return runner.start(calls, now);
            }
        }
        let mut groups: Vec<(Arc<Runner>, Vec<Call>)> = Vec::new();
        let mut unknown = Vec::new();
        {
            let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
            for call in calls {
                // A turn calls few plugins, so a short list beats a map.
                if let Some((_, group)) =
                    groups.iter_mut().find(|(runner, _)| *runner.plugin.id == *call.plugin)
                {
                    group.push(call);
                } else if let Some(runner) = running.get(&*call.plugin) {
                    groups.push((Arc::clone(runner), vec![call]));
                } else {
                    let words = format!("there is no plugin `{}`", call.plugin);
                    let outcome = fail("plugin.unknown", &words, Happened::No);
                    unknown.push(Completion { id: call.id, outcome, took: Duration::ZERO });
                }
            }
        }
        for (runner, group) in groups {
            runner.start(group, now);
        }
        self.house.completed(unknown);
    }

    fn cancel(&self, ids: &[u64], why: CancelReason) {
        let now = Instant::now();
        let mut left = ids.to_vec();
        for runner in self.runners() {
            if left.is_empty() {
                return;
            }
            let found = runner.cancel(&left, why, now);
            left.retain(|id| !found.contains(id));
        }
    }
}

impl Drop for PluginHost {
    fn drop(&mut self) {
        self.close();
    }
}

/// The plugin's own part of its settings; none at all are empty ones.
fn config_text(settings: &PluginSettings) -> String {
    if settings.config.is_null() { "{}".to_owned() } else { settings.config.to_string() }
}

fn twice(first: &Sealed, second: &Sealed) -> Refusal {
    let id = second.note.id.clone();
    let fault = Fault::Twice { id: id.clone(), other: first.path.clone() };
    Refusal { path: second.path.clone(), plugin: Some(id), fault }
}

/// A plugin of an earlier folder goes before one of a later folder. Of two that differ in one folder nobody knows which is meant.
fn doubled(first: &Sealed, second: &Sealed) -> Option<Refusal> {
    let beside = first.path.parent() == second.path.parent();
    (beside && first.sha256 != second.sha256).then(|| twice(first, second))
}

fn libraries(folder: &Path) -> Vec<PathBuf> {
    // A folder that is not there holds no plugins.
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "so") && path.is_file()).collect();
    paths.sort();
    paths
}

fn info(runner: &Runner) -> PluginInfo {
    let plugin = &runner.plugin;
    let standing = runner.standing();
    let mut actions: Vec<_> = plugin
        .described
        .actions
        .iter()
        .map(|(name, action)| ActionInfo {
            name: name.to_string(),
            summary: action.summary.clone(),
            effect: action.effect,
            blocking: action.blocking,
            timeout: action.timeout,
            outcome: action.outcome.clone(),
            examples: action.examples.clone(),
            input: action.input_schema.clone(),
            output: action.output_schema.clone(),
        })
        .collect();
    actions.sort_by(|a, b| a.name.cmp(&b.name));
    PluginInfo {
        id: plugin.id.to_string(),
        version: plugin.sealed.note.version.clone(),
        path: plugin.sealed.path.clone(),
        sha256: plugin.sealed.sha256.clone(),
        isolation: standing.isolation,
        state: PluginState { name: standing.state, reason: standing.words },
        capabilities: plugin.sealed.note.capabilities.clone(),
        config: plugin.described.config_schema.clone(),
        actions,
        pid: standing.pid,
        calls: runner.calls.load(Ordering::Relaxed),
        calls_open: standing.open,
        crashes: standing.crashes,
        cost: plugin.cost.info(standing.pid),
    }
}
