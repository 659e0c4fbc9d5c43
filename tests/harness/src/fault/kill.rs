//! SIGKILL under load, again and again.

use std::time::Duration;

use serde_json::json;

use super::{Options, Outcome};
use crate::load::{Dice, Load};

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, options.clients)?;
    let mut dice = Dice::new(options.seed);
    for cycle in 0..options.cycles {
        let daemon = load.start()?;
        std::thread::sleep(Duration::from_millis(dice.between(20, 400))); // The time under load, from the seed.
        daemon.kill();
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} kills, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    let findings = load.judge(options.cycles as usize, options.keep)?;
    Ok((findings, json!({ "cycles": options.cycles })))
}
