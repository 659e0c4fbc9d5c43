//! Counts under valgrind and compares with `allowed.toml`, which is kept in the tree.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use yizhan_counts::{OPERATIONS, Operation, Problem};

/// Another C compiler or C library differs by less; whoever makes a step dearer by more means it.
const ROOM: f64 = 0.05;

/// What would make a count hang on the machine or the clock: the C library's choice of code by processor and size of
/// its caches, and when the allocator gives memory back.
const PINNED: [(&str, &str); 3] = [
    (
        "GLIBC_TUNABLES",
        "glibc.cpu.hwcaps=-AVX2,-AVX,-ERMS,-FSRM,-AVX512F:glibc.cpu.x86_non_temporal_threshold=0x1000000",
    ),
    ("MIMALLOC_PURGE_DELAY", "-1"),
    ("MIMALLOC_USE_NUMA_NODES", "1"),
];

const ADVICE: &str = "
What is meant is said in the commit: `cargo run --profile counts -p yizhan-counts -- bless` writes the new counts into
`tests/counts/allowed.toml`, also where something became cheaper, so that it stays so. What is not meant is found with
    valgrind --tool=callgrind --callgrind-out-file=FILE target/counts/yizhan-counts OPERATION 100
    callgrind_annotate FILE
on this tree and on the one before, and the difference of the two.";

/// What an operation takes beside what it may.
struct Found {
    operation: &'static Operation,
    instructions: f64,
    allowed: f64,
}

impl Found {
    fn ratio(&self) -> f64 {
        self.instructions / self.allowed
    }

    /// Also false where it takes so much less that the next change could take that back unseen.
    fn is_fine(&self) -> bool {
        (self.ratio() - 1.0).abs() <= ROOM
    }

    fn say(&self) {
        let word = match self.ratio() {
            _ if self.is_fine() => "fine",
            ratio if ratio > 1.0 => "DEARER by more than there is room for",
            _ => "CHEAPER by more than there is room for: write it down",
        };
        let (name, what, ratio) = (self.operation.name, self.operation.what, self.ratio());
        let (found, allowed) = (self.instructions, self.allowed);
        say(&format!("{name:7} {found:8.0} instructions, {ratio:.3} of {allowed:.0}, {word} ({what})"));
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "operation": self.operation.name,
            "what": self.operation.what,
            "instructions": self.instructions.round(),
            "allowed": self.allowed,
            "ratio": self.ratio(),
            "fine": self.is_fine(),
        })
    }
}

fn allowed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("allowed.toml")
}

fn say(line: &str) {
    // Without anybody who listens there is nobody to tell that.
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn say_where_we_are(number: usize, operation: &Operation) {
    let (name, of) = (operation.name, OPERATIONS.len());
    drop(writeln!(std::io::stderr(), "counting `{name}` under valgrind ({} of {of}) …", number + 1));
}

/// What one of an operation takes: twice as many rounds take that much more, whatever the set-up costs.
fn count(operation: &Operation) -> Result<f64, Problem> {
    let (once, twice) = (of(operation, operation.rounds)?, of(operation, 2 * operation.rounds)?);
    Ok(twice.saturating_sub(once) as f64 / f64::from(operation.rounds * operation.each))
}

fn of(operation: &Operation, rounds: u32) -> Result<u64, Problem> {
    let ran = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([operation.name, &rounds.to_string()])
        .envs(PINNED)
        .output()
        .map_err(|error| format!("valgrind cannot be started ({error}): install it, on Debian `valgrind`"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    if !ran.status.success() {
        return Err(format!("`{}` broke off under valgrind:\n{said}", operation.name).into());
    }
    let refs = said.lines().find_map(|line| line.split_once("refs:"));
    let digits: String =
        refs.map(|(_, count)| count.chars().filter(char::is_ascii_digit).collect()).unwrap_or_default();
    digits.parse().map_err(|_| format!("valgrind counted nothing:\n{said}").into())
}

fn count_all() -> Result<Vec<(&'static Operation, f64)>, Problem> {
    let counted = OPERATIONS.iter().enumerate().map(|(number, operation)| {
        say_where_we_are(number, operation);
        Ok((operation, count(operation)?))
    });
    counted.collect()
}

/// False where something takes more than it may, or much less.
pub(crate) fn compare(as_json: bool) -> Result<bool, Problem> {
    let kept: BTreeMap<String, f64> = toml::from_str(&std::fs::read_to_string(allowed())?)?;
    let mut all = Vec::new();
    for (operation, instructions) in count_all()? {
        let name = operation.name;
        let known = kept.get(name).ok_or_else(|| format!("`allowed.toml` does not know `{name}`"))?;
        all.push(Found { operation, instructions, allowed: *known });
    }
    let fine = all.iter().all(Found::is_fine);
    if as_json {
        let operations: Vec<_> = all.iter().map(Found::json).collect();
        say(&json!({ "fine": fine, "room": ROOM, "operations": operations }).to_string());
        return Ok(fine);
    }
    all.iter().for_each(Found::say);
    if !fine {
        say(&format!("{ADVICE}{}", processor()));
    }
    Ok(fine)
}

/// Where valgrind shows the program another processor than it did when the counts were written down.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "";
    }
    "\nThis processor has no AVX2, for which the counts were written down: some per cent are the processor's."
}

pub(crate) fn bless() -> Result<(), Problem> {
    let mut text = "\
# Instructions of one operation, as `cargo run --profile counts -p yizhan-counts -- bless` counted them: 5 % more or
# less are let pass. For x86-64 with AVX2.
"
    .to_owned();
    for (operation, instructions) in count_all()? {
        text.push_str(&format!("{} = {instructions:.0}\n", operation.name));
    }
    std::fs::write(allowed(), text)?;
    Ok(())
}
