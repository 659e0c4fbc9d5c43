//! Fault runs on the real binary: `yizhan-chaos kill --cycles 100` kills the daemon under load again and again, lets the
//! last one bring everything to its end, and looks for a loss.

#![expect(clippy::print_stdout, reason = "the report is what this program is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use yizhan_harness::fault::{ALL, Fault, Options};
use yizhan_harness::load::FaultError;

fn usage() -> String {
    let runs: String = ALL.iter().map(|(name, _, line)| format!("  {name:<12} {line}\n")).collect();
    format!(
        "usage: yizhan-chaos RUN [--cycles N] [--clients N] [--tasks N] [--minutes N] [--seed N] [--binary PATH] [--report FILE] [--keep] [--control]\n\n\
         Starts the daemon in a home of its own, loads it from N clients, does one of these to it N times, then lets\n\
         everything end and checks it:\n\n{runs}\n\
         --tasks N      (waiting, schedules) how many; 2000 where nothing is said\n\
         --minutes N    for so long, again and again with the next seeds, until something is found; soak: how long, else 30\n\
         --report FILE  writes the report as JSON\n\
         --control      a run that must find losses (power: the store is opened with synchronous = NORMAL)\n\n\
         Examples:\n  yizhan-chaos kill --cycles 100 --seed 7 --clients 4 --report kill.json\n  yizhan-chaos children --cycles 1000\n  yizhan-chaos mails --cycles 1000\n  yizhan-chaos webhooks --cycles 10000\n  yizhan-chaos files --cycles 500\n\n\
         Exit 0: nothing was lost, nothing doubled, nothing stuck. 1: something was. 3: the run could not be carried out."
    )
}

struct Asked {
    name: &'static str,
    run: Fault,
    options: Options,
    report: Option<PathBuf>,
}

fn asked() -> Option<Asked> {
    let mut words = std::env::args().skip(1);
    let name = words.next()?;
    let (name, run, _) = ALL.iter().find(|(known, _, _)| *known == name)?;
    // The daemon lies beside this program.
    let binary = std::env::current_exe().ok()?.with_file_name("yizhan");
    let mut options = Options {
        cycles: 20,
        clients: 8,
        tasks: 2_000,
        minutes: None,
        seed: 1,
        binary,
        keep: false,
        control: false,
    };
    let mut report = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--cycles" => options.cycles = words.next()?.parse().ok()?,
            "--clients" => options.clients = words.next()?.parse().ok()?,
            "--tasks" => options.tasks = words.next()?.parse().ok()?,
            "--minutes" => options.minutes = Some(words.next()?.parse().ok()?),
            "--seed" => options.seed = words.next()?.parse().ok()?,
            "--binary" => options.binary = words.next()?.into(),
            "--report" => report = Some(words.next()?.into()),
            "--keep" => options.keep = true,
            "--control" => options.control = true,
            _ => return None,
        }
    }
    Some(Asked { name, run: *run, options, report })
}

fn main() -> ExitCode {
    let Some(asked) = asked() else {
        eprintln!("{}", usage());
        return ExitCode::from(2);
    };
    match carry_out(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the fault run could not be carried out: {error}");
            ExitCode::from(3)
        }
    }
}

fn carry_out(asked: &Asked) -> Result<bool, FaultError> {
    // The soak goes on for so long by itself.
    let again_for = asked.options.minutes.filter(|_| asked.name != "soak").unwrap_or(0.0) * 60.0;
    let (began, mut reports, mut sound) = (Instant::now(), vec![], true);
    while reports.is_empty() || (sound && began.elapsed().as_secs_f64() < again_for) {
        let (report, nothing_found) = once(asked, asked.options.seed + reports.len() as u64)?;
        reports.push(report);
        sound = nothing_found;
    }
    let report = match reports.len() {
        1 => reports.remove(0),
        _ => json!({ "run": asked.name, "seconds": began.elapsed().as_secs_f64(), "reports": reports }),
    };
    println!("{report:#}");
    if let Some(path) = &asked.report {
        std::fs::write(path, format!("{report:#}\n"))?;
    }
    Ok(sound)
}

/// One run from one seed, and whether nothing was found.
fn once(asked: &Asked, seed: u64) -> Result<(Value, bool), FaultError> {
    let options = Options { seed, ..asked.options.clone() };
    let told = options.told();
    let (findings, counted) = (asked.run)(&options)?;
    let mut report = findings.report(asked.name, seed, counted);
    if let (Value::Object(report), Value::Object(told)) = (&mut report, told) {
        report.extend(told);
    }
    if let Some(kept) = &findings.kept {
        eprintln!("the home is kept at {}", kept.display());
    }
    Ok((report, findings.violations.is_empty()))
}
