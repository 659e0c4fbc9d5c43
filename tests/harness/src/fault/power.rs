//! Power loss on a disk that keeps only what was synced, and of the rest a sector here and there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::disk::Control;
use super::platter::{Lost, Platter};
use super::{Options, Outcome, VISITORS};
use crate::checker::Violation;
use crate::daemon::Daemon;
use crate::evidence::Evidence;
use crate::load::{Dice, FaultError, Load, broken_audit};

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin_wide(&options.binary, options.clients, VISITORS)?;
    let platter = Platter::of(&load.home)?;
    // Only while a sync is under way is there something to lose.
    let control = Control::make(&load.home)?;
    control.slow(Duration::from_millis(10))?;
    let (mut dice, mut lost, mut wrong) = (Dice::new(options.seed), Lost::default(), vec![]);
    for cycle in 0..options.cycles {
        let program = platter.under(Command::new(&load.binary), &load.binary, &control);
        let settings: &[&str] = if options.control { &["--synchronous", "normal"] } else { &[] };
        let daemon = Daemon::start_with(program, settings, &load.home)?;
        wrong.extend(broken_audit(&daemon.client())?);
        std::thread::sleep(Duration::from_millis(dice.between(50, 500))); // The time under load, from the seed.
        daemon.kill();
        // A torn log that was never synced would be told of at the start; that of a disk that keeps its order is just short.
        lost.add(platter.lose(&mut dice, !options.control)?);
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} losses, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    let home = load.home.clone();
    let mut untold = Ok(vec![]);
    let mut findings = load.judge_also(options.cycles as usize, options.keep, |evidence| {
        untold = told_in_audit(&home, evidence);
        untold.as_ref().map_or_else(|_| vec![], Clone::clone)
    })?;
    untold.map_err(|error| FaultError::Audit(error.to_string()))?;
    findings.violations.extend(wrong);
    let counted = json!({
        "cycles": options.cycles, "torn_sectors": lost.torn, "files_put_back": lost.shortened, "names_lost": lost.names,
        "control": options.control,
    });
    Ok((findings, counted))
}

/// Of each start and each answer that was acknowledged the audit has that it was asked for. Whether the line of its answer
/// is there is left open: nobody waits for that one.
fn told_in_audit(home: &Path, evidence: &Evidence) -> Result<Vec<Violation>, rusqlite::Error> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let book = rusqlite::Connection::open_with_flags(home.join("data/access.db"), flags)?;
    // Those that a delivery began were asked for by nobody known.
    let starts = evidence.acks.iter().filter(|ack| !ack.case.starts_with('w')).map(|ack| ack.run);
    let starts: BTreeSet<_> = starts.collect();
    let wanted = [("workflows/runs", starts.len()), ("tasks/answer", evidence.answered.len())];
    let mut found = vec![];
    for (kind, least) in wanted {
        let sql = "SELECT count(*) FROM act WHERE kind = ?1";
        let told: i64 = book.query_row(sql, [kind], |row| row.get(0))?;
        if told < i64::try_from(least).unwrap_or(i64::MAX) {
            let what = format!("{least} of `{kind}` were acknowledged, and {told} stand in it");
            found.push(Violation::Audit(what));
        }
    }
    Ok(found)
}
