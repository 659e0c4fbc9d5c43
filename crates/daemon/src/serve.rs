//! The daemon: opens the store, puts the workflows in force, recovers, listens, and stops when it is told to.

mod house;
mod links;
mod listen;
mod stop;
mod supervisor;
pub(crate) mod world;

use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use yizhan_access::{Access, UploadsMost};
use yizhan_console::{App, HttpSettings, Token};
use yizhan_engine::registers::Signet;
use yizhan_engine::{Clock, Engine, EngineConfig, Opened, doorbell, event_triggers};
use yizhan_plugin_host::{PluginHost, Settings as PluginHostSettings};
use yizhan_store::{OpenError, Sqlite};
use yizhan_workflow::id::Millis;
use yizhan_workflow::problem::Lang;

use crate::artifacts::{Artifacts, write_whole};
use crate::bench::Disk;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::heads;
use crate::home::Home;
use crate::intake::folder::Folders;
use crate::intake::mail::Mails;
use crate::intake::mail::outage::Outages;
use crate::intake::reload::Reading;
use crate::keys;
use crate::plugins::{self, span};
use crate::said::Words;
use crate::secrets::Secrets;
use house::Rooms;
use stop::Ended;

/// How long recovery may take before we say that it is slow; it is waited for all the same.
const SLOW: Duration = Duration::from_secs(10);
/// How long the end of a killed process may take.
const GONE: Duration = Duration::from_secs(1);
/// Requests to read the folders again that may wait.
const RELOADS: usize = 8;

struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Millis {
        now()
    }
}

pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).plus(yizhan_faults::clock_ahead())
}

/// Serves until it is told to stop.
pub(crate) async fn serve(home: Home, config: Config, disk: Disk) -> Result<Exit, Failure> {
    for folder in ["", "artifacts", "files", "mail"] {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home.data.join(folder))?;
    }
    for path in Secrets::of(home.secrets()).too_open() {
        tracing::warn!(path = %path.display(), "others can read this secret; `chmod go= PATH` ends that");
    }
    let mut store = open_store(&home, &config).await?;
    disk.apply(&mut store).map_err(|error| Failure::of(Exit::Failed, "YZ0506", &error))?;
    // Listened on before anything takes time: who calls meanwhile waits in the kernel's queue.
    let listening = listen::open(&home, &config)?;
    let parts = start(&home, &config, store, listening.address.as_deref()).await?;
    yizhan_faults::point("daemon.recovering");
    takes_in(&parts.engine).await?;
    if let Some(fault) = parts.engine.shared.tell_fault(Lang::En) {
        tracing::error!("{fault}");
    }
    write_whole(&home.address(), format!("{}\n", listening.said()).as_bytes())?;
    let ended = run(&home, &config, parts, listening).await;
    for left in [home.address(), home.socket()] {
        // Gone already, or in the way of nobody: the next start replaces them.
        drop(std::fs::remove_file(left));
    }
    ended
}

/// A daemon that was killed a moment ago may not be gone yet: its lock is asked for a few times.
async fn open_store(home: &Home, config: &Config) -> Result<Sqlite, Failure> {
    let path = home.data.join(&config.store.path);
    let until = std::time::Instant::now() + GONE;
    loop {
        match Sqlite::open(&path) {
            Ok(store) => return Ok(store),
            Err(OpenError::InUse { .. }) if std::time::Instant::now() < until => {
                tokio::time::sleep(GONE / 20).await;
            }
            Err(error) => return Err(Failure::of(Exit::Failed, error.code(), &error).help(error.help())),
        }
    }
}

/// What runs.
struct Parts {
    engine: Engine,
    host: Arc<PluginHost>,
    reading: Reading,
    words: Words,
}

async fn start(home: &Home, config: &Config, store: Sqlite, address: Option<&str>) -> Result<Parts, Failure> {
    let opened = Opened::default();
    let words = Words::of(home);
    let settings = PluginHostSettings { lines: Arc::new(words.clone()), ..plugins::settings(home, config)? };
    let completions = opened.completions();
    // Plugins are loaded in processes of their own, so this waits for others.
    let (host, refused) = tokio::task::spawn_blocking(move || plugins::open(settings, completions))
        .await
        .map_err(|error| Failure::of(Exit::Failed, "YZ0523", &error))??;
    let host = Arc::new(host);
    let reads = store.reads();
    let (reading, workflows) = Reading::first(home, config, host.clone(), refused, &*reads);
    let calendars = reading.calendars(config)?;
    let world = world::world(config, address, reading.people(), calendars, host.catalogue())?;
    let world = yizhan_workflow::run::World { registers: reading.registers(), ..world };
    yizhan_workflow::expression::speak(config.language.lang());
    let limits = EngineConfig {
        attempts_max: config.engine.attempts_max.get(),
        requests_max: config.engine.requests_max.get(),
        events_keep: config.events.keep.ms,
        tell: config.tell.action().map_err(|error| Failure::new(Exit::Failed, "YZ0522", error))?,
        chats: config.tell.chat.iter().map(|(name, chat)| chat.of(name)).collect(),
        tell_tasks: config.tell.tasks,
        digest: config.tell.digest().map_err(|error| Failure::new(Exit::Failed, "YZ0522", error))?,
        links: links::of(home, config)?,
        signet: Some(Signet::new(keys::made(home, keys::REGISTERS)?)),
        lang: config.language.lang(),
        ..EngineConfig::default()
    };
    let engine = opened
        .holding(workflows)
        .start(limits, store, reads, host.clone(), world, Arc::new(MachineClock))
        .map_err(|error| Failure::of(Exit::Broken, "YZ0509", &error))?;
    Ok(Parts { engine, host, reading, words })
}

/// Waits until the engine takes in what comes. What was under way goes on beside that.
async fn takes_in(engine: &Engine) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let mut told = false;
    while !engine.health().takes_in {
        if let Some(why) = engine.health().broken {
            return Err(Failure::new(Exit::Broken, "YZ0509", format!("recovery failed: {why}")));
        }
        if !told && began.elapsed() > SLOW {
            told = true;
            tracing::warn!("it takes long to see what was under way; it is waited for");
        }
        stop::extend_start("recovering");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

fn say_listening(home: &Home, engine: &Engine, said: &str) {
    let home = home.root.display();
    match engine.health().recovering {
        None => tracing::info!(%home, "ready, listening on {said}"),
        Some((runs, _)) => {
            tracing::info!(%home, runs, "listening on {said}; runs that were under way go on beside");
        }
    }
}

async fn run(
    home: &Home,
    config: &Config,
    parts: Parts,
    listening: listen::Listening,
) -> Result<Exit, Failure> {
    let Parts { engine, host, reading, words } = parts;
    let (reload, reloads) = mpsc::channel(RELOADS);
    let outages = Outages::default();
    let house = Rooms {
        host: host.clone(),
        refused: reading.refused(),
        secrets: Secrets::of(home.secrets()),
        artifacts: Artifacts::new(home.artifacts()),
        reload: reload.clone(),
        language: config.language,
        home: home.root.display().to_string(),
        audit_heads: heads::of_audit(home),
        outages: outages.clone(),
        words,
    };
    let app = app(home, config, &engine, house)?;
    let (access, said) = (app.access.clone(), listening.said());
    // Before anybody is told that we are ready: who stops us at once must find us listening.
    let signals = stop::Signals::listen()?;
    let (stop_http, http_stops) = tokio::sync::oneshot::channel::<()>();
    let http = tokio::spawn(yizhan_console::serve(listening.listeners, app, async move {
        // Dropped or sent: either way it is time.
        drop(http_stops.await);
    }));
    let intake = [
        tokio::spawn(doorbell::keep(engine.clone())),
        tokio::spawn(event_triggers::answer(engine.clone())),
        tokio::spawn(Folders::new(home, config, engine.clone()).keep()),
        tokio::spawn(Mails::new(home, config, engine.clone(), outages).keep()),
        tokio::spawn(reading.keep(engine.clone(), reloads)),
        tokio::spawn(heads::keep(home.clone(), engine.clone(), access.clone())),
    ];
    say_listening(home, &engine, &said);
    let ended = supervisor::watch(&engine, &access, &reload, signals).await;
    stop::say_stopping();
    for task in &intake {
        task.abort();
    }
    // The server ends by it; one that has ended already needs no word.
    stop_http.send(()).unwrap_or_default();
    let drain = match &ended {
        Ended::Asked => span(config.drain),
        Ended::Broken(_) => Duration::ZERO,
    };
    stop::unless_asked_again(async {
        let cut = tokio::time::sleep(drain + Duration::from_secs(5));
        tokio::pin!(cut);
        tokio::join!(engine.stop(drain), async {
            tokio::select! { _ = http => {}, () = &mut cut => {} }
        });
    })
    .await;
    close(home.clone(), engine.shared.now(), access, host).await;
    match ended {
        Ended::Asked => {
            tracing::info!("stopped; what was under way goes on after the next start");
            Ok(Exit::Ok)
        }
        Ended::Broken(why) => Err(Failure::new(Exit::Broken, "YZ0509", why)
            .help("start again: it recovers from what is on disk; if it ends so again, look at the disk")),
    }
}

/// The last that is done.
async fn close(home: Home, now: Millis, access: Arc<Access>, host: Arc<PluginHost>) {
    let closing = tokio::task::spawn_blocking(move || {
        // What was asked until the end is witnessed, too.
        heads::note_audit(&home, &access, now);
        // Ends the children; one that does not end is killed, so this is soon over.
        host.close();
    });
    drop(closing.await);
}

fn app(home: &Home, config: &Config, engine: &Engine, house: Rooms) -> Result<App, Failure> {
    let (settings, access) = (http(home, config)?, Arc::new(accounts(home)?));
    Ok(App { engine: engine.clone(), house: Arc::new(house), settings, access })
}

/// The accounts and the audit.
///
/// # Errors
/// When their file cannot be used.
pub(crate) fn accounts(home: &Home) -> Result<Access, Failure> {
    let path = home.data.join("access.db");
    Access::open_marked(&path, &keys::made(home, keys::AUDIT)?).map_err(|error| {
        Failure::new(Exit::Failed, "YZ0540", format!("`{}`: {error}", path.display())).help(
            "look at its rights and its disk; taken away, it is made anew, and people are invited again",
        )
    })
}

fn http(home: &Home, config: &Config) -> Result<HttpSettings, Failure> {
    let secrets = Secrets::of(home.secrets());
    let mut tokens = Vec::new();
    for name in &config.http.tokens {
        let secret = secrets.get(name).filter(|secret| secret.len() >= 16).ok_or_else(|| {
            Failure::new(
                Exit::Failed,
                "YZ0524",
                format!("http.tokens: there is no secret `{name}` of 16 characters or more"),
            )
            .help(format!(
                "write one into `{}`: `head -c 24 /dev/urandom | base64`",
                home.secrets().join(name).display()
            ))
        })?;
        tokens.push(Token::new(name, &String::from_utf8_lossy(&secret)));
    }
    Ok(HttpSettings {
        tokens,
        behind_proxy: config.http.behind_proxy.holds(&config.url),
        head_timeout: span(config.http.head_timeout),
        body_timeout: span(config.http.body_timeout),
        body_max: config.http.body_max.get(),
        artifact_max: config.http.upload_max.get(),
        uploads_most: UploadsMost {
            files: config.http.uploads_a_day.get(),
            bytes: config.http.upload_bytes_a_day.get(),
        },
        connections_max: config.http.connections_max.get(),
        webhook_window: span(config.http.webhook_window),
        ..HttpSettings::default()
    })
}
