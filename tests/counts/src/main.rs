//! Counts the instructions of what happens for every step, and compares them with what is allowed: the same on a quiet
//! machine and on a busy one, where seconds say little.

mod guard;

use std::io::Write as _;
use std::process::ExitCode;

use yizhan_counts::{OPERATIONS, Problem};

const USAGE: &str = "\
yizhan-counts                    counts the four operations under valgrind and compares them with tests/counts/allowed.toml
yizhan-counts --json             the same, and says what it found as JSON
yizhan-counts bless              writes what it counts down as what is allowed from now on
yizhan-counts OPERATION ROUNDS   only carries one out, for a profiler";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => guard::compare(false),
        ["--json"] => guard::compare(true),
        ["bless"] => guard::bless().map(|()| true),
        [operation, rounds] => carry_out(operation, rounds).map(|()| true),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Without anybody who listens there is nobody to tell that.
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(operation: &str, rounds: &str) -> Result<(), Problem> {
    let known = OPERATIONS.iter().find(|known| known.name == operation).ok_or(USAGE)?;
    let rounds: u32 = rounds.parse().map_err(|_| USAGE)?;
    let mut round = (known.set_up)()?;
    (0..rounds).try_for_each(|_| round())
}
