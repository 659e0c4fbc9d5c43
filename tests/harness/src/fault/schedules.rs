//! Many schedules on one second, under the real doorbell: none is lost, none comes twice, and how late they are.

use std::time::Duration;

use serde_json::json;

use super::{Options, Outcome};
use crate::checker::slot_of;
use crate::evidence::each_run;
use crate::load::Load;

/// Triggers in one file.
const IN_A_FILE: u32 = 50;
/// From one slot to the next.
const EVERY: Duration = Duration::from_secs(5);

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, 0)?;
    let mut left = options.tasks;
    while left > 0 {
        let count = left.min(IN_A_FILE);
        let name = format!("many{left}");
        std::fs::write(load.home.join("workflows").join(name + ".toml"), file_of(count))?;
        left -= count;
    }
    let daemon = load.start()?;
    std::thread::sleep(EVERY * options.cycles); // Slots come by themselves.
    daemon.stop();
    let (store, mut late) = (load.home.join("data/yizhan.db"), vec![]);
    each_run(&store, |run| late.extend(slot_of(&run).map(|(_, at)| run.row.started.0 - at.0)))?;
    late.sort_unstable();
    let at = |share: usize| late.get((late.len().saturating_sub(1)) * share / 1_000).copied();
    let counted = json!({
        "schedules": options.tasks, "seconds_of_slots": options.cycles * 5, "fired": late.len(),
        "late_ms_p50": at(500), "late_ms_p99": at(990), "late_ms_most": at(1_000),
    });
    let least = (options.tasks * options.cycles / 2) as usize;
    Ok((load.judge(least, options.keep)?, counted))
}

fn file_of(count: u32) -> String {
    let triggers: String = (0..count)
        .map(|number| {
            format!("[trigger.t{number}]\nschedule = \"every 5s\"\nmissed = \"all\"\noverlap = \"allow\"\n")
        })
        .collect();
    format!(
        "title = \"同一秒\"\n{triggers}[step.say]\nuse = \"event.publish\"\nwith.name = \"struck\"\nwith.key = \"{{{{ trigger.at }}}}\"\n"
    )
}
