//! Measures what a step costs the store: `cargo run -p yizhan-store --release --example commits [FOLDER]`.
//!
//! Runs of ten steps, many at once, in batches of several sizes; one column is with nothing but lines, as most steps
//! are, the other with what a whole run writes (its row twice, and one snapshot). Publish no speed from a disk whose
//! sync returns at once.

use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use yizhan_engine::store::{Batch, Change, RunRow, RunState, Store};
use yizhan_store::Sqlite;
use yizhan_workflow::id::{Millis, RunId, TextHash};

const BEGAN: i64 = 1_790_000_000_000;
const STEPS: u32 = 10;
const LASTS: Duration = Duration::from_secs(2);

fn row(id: RunId, number: i64, state: RunState) -> RunRow {
    RunRow {
        id,
        workflow: "refund".into(),
        text: TextHash("5f2d1c0e9b8a7d6c5f2d1c0e9b8a7d6c5f2d1c0e9b8a7d6c5f2d1c0e9b8a7d6c".into()),
        state,
        outcome: None,
        key: Some(format!("order-{number}").into()),
        waits: (state == RunState::Open).then(|| "step".into()),
        started: Millis(BEGAN + number),
        ended: (state == RunState::Done).then_some(Millis(BEGAN + number + 5)),
        by: "trigger:order".into(),
        parent: None,
    }
}

/// A line as long as that of a step with a result of 191 bytes and rendered input.
fn line(number: i64, seq: u32, whole: bool) -> Change {
    let run = RunId::mint(Millis(BEGAN + number), None);
    let row_of = |state| Some(Box::new(row(run, number, state)));
    let last = seq == STEPS + 1;
    Change {
        run,
        seq,
        at: Millis(BEGAN + number),
        line: vec![b'x'; 430].into(),
        row: match seq {
            1 => row_of(RunState::Open),
            _ if last && whole => row_of(RunState::Done),
            _ => None,
        },
        snapshot: (last && whole).then(|| vec![b's'; 1_400].into()),
        wake: None,
        tasks: vec![],
        start: None,
        tell_parent: None,
        told_by: None,
    }
}

/// Endless: `at_once` runs side by side, each a step further in every round.
fn changes(at_once: i64, whole: bool) -> impl Iterator<Item = Change> {
    (0..).flat_map(move |generation: i64| {
        (1..=STEPS + 1)
            .flat_map(move |seq| (0..at_once).map(move |run| line(generation * at_once + run, seq, whole)))
    })
}

/// Time on the processor of this thread, which is the writer.
fn on_processor() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().ok_or("no time in schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

fn measure(folder: &Path, size: usize, whole: bool) -> Result<String, Box<dyn Error>> {
    let folder = folder.join(format!("commits-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut store = Sqlite::open(&folder.join("yizhan.db"))?;
    let mut changes = changes(256, whole);
    let (mut written, mut spent, mut took) = (0_u32, Duration::ZERO, Duration::ZERO);
    while took < LASTS {
        let batch = Batch { changes: changes.by_ref().take(size).collect(), ..Batch::default() };
        let (before, began) = (on_processor()?, Instant::now());
        let acks = store.commit(std::slice::from_ref(&batch))?;
        took += began.elapsed();
        spent += on_processor()?.saturating_sub(before);
        written += u32::try_from(acks[0].len())?;
    }
    drop(store);
    std::fs::remove_dir_all(&folder)?;
    let per_second = f64::from(written) / took.as_secs_f64();
    let each = spent.as_secs_f64() * 1e6 / f64::from(written);
    Ok(format!("{per_second:>9.0}/s {each:>6.2} us"))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| std::env::temp_dir().display().to_string());
    writeln!(stdout(), "{:>6}  {:<20}  {:<20}", "batch", "a run's first 11 lines", "a whole run")?;
    for size in [1, 8, 32, 256] {
        let (lines, whole) =
            (measure(Path::new(&folder), size, false)?, measure(Path::new(&folder), size, true)?);
        writeln!(stdout(), "{size:>6}  {lines:<20}    {whole:<20}")?;
    }
    Ok(())
}
