//! The writer's thread: what arrived while the last commit ran goes into the next one.
//!
//! On a slow disk it waits a little for runs that the last acknowledgement released and whose results are not back, so
//! that they do not fall into halves that take turns. Never for a fixed time, and never when nobody is on the way. The rows
//! of what is here already are written meanwhile.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::{Acts, After};
use crate::handle::Clock;
use crate::inbox::Inbox;
use crate::store::{Acks, Batch, Note, Store, StoreError};
use crate::sync::thread;

/// A batch, with what the loop does once it is on disk.
#[derive(Debug)]
pub(crate) struct Job {
    pub batch: Batch,
    pub after: After,
    /// Results that came back since the last job: of those that earlier acknowledgements released.
    pub returned: u32,
}

/// What the writer tells the loop.
#[derive(Debug)]
pub(crate) enum Written {
    Done(Vec<(After, Acks)>),
    /// The disk is still full. These starts were taken out of what waits for space: nothing of them is written.
    Full(Vec<Acts>),
    /// Nothing since the last `Done` may be believed.
    Broken(StoreError),
}

/// Figures that anybody may look at.
#[derive(Debug, Default)]
pub struct WriterFigures {
    pub commits: AtomicU64,
    pub changes: AtomicU64,
    pub bytes: AtomicU64,
    pub commit_us: AtomicU64,
    pub apply_us: AtomicU64,
    /// The disk is full: nothing more is taken in until there is space.
    pub full: AtomicBool,
}

/// How often a full disk is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(500);
/// Below this a commit is too quick for a wait to pay.
const SLOW_COMMIT: Duration = Duration::from_micros(500);

#[derive(Debug)]
pub(crate) struct Writer {
    pub jobs: Arc<Inbox<Option<Job>>>,
    pub figures: Arc<WriterFigures>,
}

struct State<S> {
    store: S,
    jobs: Arc<Inbox<Option<Job>>>,
    figures: Arc<WriterFigures>,
    clock: Arc<dyn Clock>,
    queue: VecDeque<Option<Job>>,
    /// Calls that were released and whose results are not back.
    outstanding: u32,
    commit: Mean,
    apply: Mean,
}

/// A moving mean over some eight values.
#[derive(Default)]
struct Mean(f64);

impl Mean {
    fn take(&mut self, value: Duration) {
        self.0 += (value.as_secs_f64() - self.0) / 8.0;
    }

    fn get(&self) -> Duration {
        Duration::from_secs_f64(self.0.max(0.0))
    }
}

impl Writer {
    /// Starts the thread. `tell` is called from it and must not block. A `None` in the queue ends it.
    pub(crate) fn start<S: Store + 'static>(
        store: S,
        clock: Arc<dyn Clock>,
        tell: impl Fn(Written) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (state, writer) = State::of(store, clock);
        let run = move || {
            // A writer that is gone without a word would leave everybody waiting for it.
            if catch_unwind(AssertUnwindSafe(|| state.run(&tell))).is_err() {
                tell(Written::Broken(StoreError::Broken("the writer's thread panicked".to_owned())));
            }
        };
        thread::Builder::new().name("writer".into()).spawn(run)?;
        Ok(writer)
    }
}

/// A writer without a thread: it writes when it is told to.
pub(crate) struct ByHand<S> {
    state: State<S>,
    work: Work,
}

impl<S: Store> ByHand<S> {
    pub(crate) fn of(store: S, clock: Arc<dyn Clock>) -> (Self, Writer) {
        let (state, writer) = State::of(store, clock);
        (Self { state, work: Work::default() }, writer)
    }

    /// One transaction of all that is there. False where nothing was written.
    pub(crate) fn write(&mut self, tell: &impl Fn(Written)) -> bool {
        self.state.jobs.take(&mut self.state.queue, Duration::ZERO);
        self.state.gather(&mut self.work);
        !self.work.batches.is_empty() && self.state.write(&mut self.work, tell) == Wrote::All
    }
}

impl<S> State<S> {
    fn of(store: S, clock: Arc<dyn Clock>) -> (Self, Writer) {
        let writer = Writer { jobs: Arc::default(), figures: Arc::default() };
        let state = Self {
            store,
            jobs: writer.jobs.clone(),
            figures: writer.figures.clone(),
            clock,
            queue: VecDeque::new(),
            outstanding: 0,
            commit: Mean::default(),
            apply: Mean::default(),
        };
        (state, writer)
    }
}

/// What goes into the next transaction.
#[derive(Default)]
struct Work {
    batches: Vec<Batch>,
    afters: Vec<After>,
    /// The end was asked for.
    last: bool,
}

/// How a transaction went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    All,
    /// Nothing; it waits for space.
    Full,
    /// Nothing will be written any more.
    Broken,
}

impl<S: Store> State<S> {
    fn run(mut self, tell: &(impl Fn(Written) + Send)) {
        let mut work = Work::default();
        loop {
            self.jobs.take(&mut self.queue, Duration::from_secs(3600));
            self.gather(&mut work);
            self.linger(&mut work);
            loop {
                match self.write(&mut work, tell) {
                    Wrote::All => break,
                    Wrote::Full => {
                        thread::sleep(FULL_PAUSE);
                        // Starts that came meanwhile must not wait for space either.
                        self.jobs.take(&mut self.queue, Duration::ZERO);
                        self.gather(&mut work);
                    }
                    Wrote::Broken => return,
                }
            }
            if work.last {
                return;
            }
        }
    }

    /// Moves what is queued into one transaction.
    fn gather(&mut self, work: &mut Work) {
        while let Some(job) = self.queue.pop_front() {
            let Some(job) = job else { return work.last = true };
            self.outstanding = self.outstanding.saturating_sub(job.returned);
            work.batches.push(job.batch);
            work.afters.push(job.after);
        }
    }

    fn linger(&mut self, work: &mut Work) {
        let (commit, apply) = (self.commit.get(), self.apply.get());
        if commit < SLOW_COMMIT || commit < apply * 3 {
            return;
        }
        let end = Instant::now() + commit / 2;
        while self.outstanding > 0 && !work.last {
            // What is here is written while the loop decides the rest. On a full disk something else may be tried first.
            if !self.figures.full.load(Ordering::Relaxed) {
                self.store.write_ahead(&work.batches);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.jobs.take(&mut self.queue, left);
            self.gather(work);
        }
    }

    /// Tries one transaction of all that is there.
    fn write(&mut self, work: &mut Work, tell: &impl Fn(Written)) -> Wrote {
        if work.batches.is_empty() {
            return Wrote::All;
        }
        yizhan_faults::point("writer.taken");
        match self.try_it(&work.batches) {
            Ok(acks) => {
                self.note(&work.batches);
                let released: u32 = work.batches.iter().map(|batch| batch.released).sum();
                self.outstanding += released;
                work.batches.clear();
                yizhan_faults::point("writer.written");
                tell(Written::Done(work.afters.drain(..).zip(acks).collect()));
                Wrote::All
            }
            Err(StoreError::Full(why)) => {
                if !self.figures.full.swap(true, Ordering::Relaxed) {
                    tracing::error!(%why, "the disk is full; nothing is lost, work goes on when there is space");
                }
                tell(Written::Full(take_starts_out(&mut work.batches, &mut work.afters)));
                Wrote::Full
            }
            Err(error) => {
                tell(Written::Broken(error));
                Wrote::Broken
            }
        }
    }

    /// With nothing left to write, whether there is space again shows only when something is written.
    fn try_it(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        if self.figures.full.load(Ordering::Relaxed) && batches.iter().all(Batch::is_empty) {
            let at = self.clock.now();
            self.store.commit(&[Batch { notes: vec![Note::Room { at }], ..Batch::default() }])?;
        }
        self.store.commit(batches)
    }

    fn note(&mut self, batches: &[Batch]) {
        if self.figures.full.swap(false, Ordering::Relaxed) {
            tracing::info!("there is space on the disk again; work goes on");
        }
        if batches.iter().all(Batch::is_empty) {
            return;
        }
        let timing = self.store.timing();
        self.commit.take(timing.commit);
        self.apply.take(timing.apply);
        let changes: usize = batches.iter().map(|batch| batch.changes.len()).sum();
        let bytes: usize =
            batches.iter().flat_map(|batch| &batch.changes).map(|change| change.line.len()).sum();
        let add = |to: &AtomicU64, n: u64| to.fetch_add(n, Ordering::Relaxed);
        add(&self.figures.commits, 1);
        add(&self.figures.changes, changes as u64);
        add(&self.figures.bytes, bytes as u64);
        add(&self.figures.commit_us, micros(timing.commit));
        add(&self.figures.apply_us, micros(timing.apply));
    }
}

/// What nobody has been promised yet need not wait for space: whoever asked is told, and asks again.
fn take_starts_out(batches: &mut [Batch], afters: &mut [After]) -> Vec<Acts> {
    let mut taken_out = Vec::new();
    for (batch, after) in batches.iter_mut().zip(afters) {
        let acts = std::mem::take(&mut after.acts);
        let changes = std::mem::take(&mut batch.changes);
        for (change, acts) in changes.into_iter().zip(acts) {
            if acts.started.is_some() {
                batch.released -= acts.released();
                taken_out.push(acts);
            } else {
                batch.changes.push(change);
                after.acts.push(acts);
            }
        }
    }
    taken_out
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
