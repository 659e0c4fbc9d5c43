//! Measures what a call costs: 256 no-op calls are kept going for some seconds on both carriers.
//!
//! `cargo build --release -p yizhan-plugin-echo && cargo run -p yizhan-plugin-host --release --example calls`

#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use yizhan_engine::carrier::{Call, Carriers, Completion, Completions, Outcome};
use yizhan_plugin_host::{
    ChildCommand, FolderArtifacts, FolderSecrets, HttpSettings, Isolation, Limits, PluginHost, Settings,
};

const OUTSTANDING: u64 = 256;
const FOR: Duration = Duration::from_secs(3);

struct ToLoop(Sender<Vec<Completion>>);

impl Completions for ToLoop {
    fn completed(&self, batch: Vec<Completion>) {
        // The loop is over when nobody listens.
        drop(self.0.send(batch));
    }

    fn progressed(&self, _: u64, _: f64, _: &str) {}
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("plugin-host") {
        return yizhan_plugin_host::child_main();
    }
    for isolation in [Isolation::Process, Isolation::InProcess] {
        match measure(isolation) {
            Ok(line) => println!("{line}"),
            Err(error) => {
                println!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn measure(isolation: Isolation) -> Result<String, Box<dyn Error + Send + Sync>> {
    let program = std::env::current_exe()?;
    let beside = program.ancestors().nth(2).ok_or("no build folder")?.join("libyizhan_plugin_echo.so");
    let plugin = std::env::args().nth(1).map_or(beside, PathBuf::from);
    let (sender, completions) = mpsc::channel();
    let settings = Settings {
        folders: Vec::new(),
        files: vec![plugin],
        plugins: std::collections::BTreeMap::new(),
        isolation,
        child: ChildCommand { program, arguments: vec!["plugin-host".into()] },
        http: HttpSettings::default(),
        limits: Limits::default(),
        secrets: Arc::new(FolderSecrets::default()),
        artifacts: Arc::new(FolderArtifacts { folder: std::env::temp_dir() }),
        lines: Arc::new(yizhan_plugin_host::NoLines),
    };
    let (host, refusals) = PluginHost::open(settings, Arc::new(ToLoop(sender)))?;
    if let Some(refusal) = refusals.first() {
        return Err(refusal.to_string().into());
    }
    let pid = host.plugins().first().and_then(|info| info.pid);
    let mut next = 1;
    host.start((0..OUTSTANDING).map(|_| call(&mut next)).collect());
    let (began, cpu) = (Instant::now(), cpu_of(pid));
    let (mut done, mut batches) = (0u64, 0u64);
    while began.elapsed() < FOR {
        let mut batch = completions.recv()?;
        batch.extend(completions.try_iter().flatten());
        batches += 1;
        done += batch.len() as u64;
        if let Some(wrong) =
            batch.iter().find(|completion| !matches!(completion.outcome, Outcome::Done { .. }))
        {
            return Err(format!("{wrong:?}").into());
        }
        host.start(batch.iter().map(|_| call(&mut next)).collect());
    }
    let (took, cpu) = (began.elapsed(), cpu_of(pid) - cpu);
    let rate = done as f64 / took.as_secs_f64();
    let each = cpu.as_secs_f64() * 1e6 / done as f64;
    Ok(format!(
        "{:<10} {rate:>9.0} calls/s  {each:.2} us of CPU a call  {:.0} calls a batch",
        isolation.name(),
        done as f64 / batches as f64
    ))
}

/// As an engine makes it: names are shared, the input is its own.
fn call(next: &mut u64) -> Call {
    thread_local! {
        static NAMES: [Arc<str>; 6] =
            ["echo", "noop", "abcdefghijklmnopqrstuvwxyz234567", "run_0123456789abcdef", "bench", "step"].map(Arc::from);
        static INPUT: Arc<str> = format!("{{\"text\":\"{}\",\"n\":12345}}", "x".repeat(170)).into();
    }
    let id = *next;
    *next += 1;
    let [plugin, action, key, run, workflow, step] = NAMES.with(Clone::clone);
    Call {
        id,
        plugin,
        action,
        key,
        run,
        workflow,
        step,
        undo: false,
        round: 0,
        item: 0,
        attempt: 1,
        now_ms: 1_795_000_000_000,
        timeout: Some(Duration::from_secs(30)),
        input: INPUT.with(Clone::clone),
        secrets: Vec::new(),
    }
}

/// User and system time of this process and the child, from the kernel's own books.
fn cpu_of(child: Option<u32>) -> Duration {
    let ticks = |path: String| -> u64 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The name in brackets may hold blanks.
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    };
    let child = child.map_or(0, |pid| ticks(format!("/proc/{pid}/stat")));
    Duration::from_millis((ticks("/proc/self/stat".to_owned()) + child) * 10)
}
