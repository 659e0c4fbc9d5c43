//! Which connections are open, and which of them makes room when there are too many.
//!
//! A connection that has sent no whole request holds a place for nothing. When all places are taken the oldest of
//! those goes, so a thousand silent ones cannot keep out the one that speaks, nor cut an answer that is still going out; after
//! them the oldest whose body nobody knows the sender of, and at last the oldest whose answer is taken slowly.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Connections {
    places: Mutex<BTreeMap<u64, Arc<Place>>>,
    next: AtomicU64,
    /// Rung when a place became free.
    freed: Notify,
    pub evicted: AtomicU64,
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// A request of it is being answered.
    pub busy: AtomicBool,
    /// An answer of it is going out: a download, a stream of events.
    pub sends: AtomicBool,
    /// The body of somebody whom nobody knows is still coming.
    pub stranger: AtomicBool,
    pub leave: Notify,
}

/// Held as long as the connection lives.
#[derive(Debug)]
pub(crate) struct Held {
    number: u64,
    pub place: Arc<Place>,
    of: Arc<Connections>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.lock().remove(&self.number);
        self.of.freed.notify_waiters();
    }
}

/// Held while a request is being answered.
#[derive(Debug)]
pub(crate) struct Busy {
    place: Arc<Place>,
    of: Arc<Connections>,
}

impl Busy {
    pub(crate) fn new(place: Arc<Place>, of: Arc<Connections>) -> Self {
        place.busy.store(true, Ordering::Release);
        Self { place, of }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.place.busy.store(false, Ordering::Release);
        // A silent connection can make room.
        self.of.freed.notify_waiters();
    }
}

/// The body of an answer, for which its connection is kept until the last of it was taken.
#[derive(Debug)]
pub(crate) struct Going {
    body: Body,
    place: Arc<Place>,
    of: Arc<Connections>,
}

impl Going {
    /// Before whoever answers is no longer busy: no moment lies between the two.
    pub(crate) fn of(busy: &Busy, body: Body) -> Self {
        busy.place.sends.store(true, Ordering::Release);
        Self { body, place: busy.place.clone(), of: busy.of.clone() }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.place.sends.store(false, Ordering::Release);
        self.of.freed.notify_waiters();
    }
}

impl hyper::body::Body for Going {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Place>>> {
        // Nothing is half done under this lock.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) -> usize {
        self.lock().len()
    }

    /// A place for a new connection; waits while all are taken by requests that are being answered.
    pub(crate) async fn place(self: &Arc<Self>, most: usize) -> Held {
        loop {
            let freed = self.freed.notified();
            if let Some(held) = self.try_place(most) {
                return held;
            }
            freed.await;
        }
    }

    fn try_place(self: &Arc<Self>, most: usize) -> Option<Held> {
        let mut places = self.lock();
        if places.len() >= most {
            let oldest = |fits: &dyn Fn(&Place) -> bool| places.iter().find(|(_, place)| fits(place));
            let is_busy = |place: &Place| place.busy.load(Ordering::Acquire);
            let sends = |place: &Place| place.sends.load(Ordering::Acquire);
            let silent = oldest(&|place| !is_busy(place) && !sends(place));
            let stranger = || oldest(&|place| place.stranger.load(Ordering::Acquire));
            let slow = || oldest(&|place| !is_busy(place) && sends(place));
            let (number, leaves) = silent.or_else(stranger).or_else(slow)?;
            let number = *number;
            leaves.leave.notify_one();
            places.remove(&number);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Arc::new(Place::default());
        places.insert(number, place.clone());
        Some(Held { number, place, of: self.clone() })
    }

    /// A line can make room now, if somebody waits for one.
    pub(crate) fn can_make_room(&self) {
        self.freed.notify_waiters();
    }

    /// Has every connection leave at once.
    pub(crate) fn cut(&self) {
        self.lock().values().for_each(|place| place.leave.notify_one());
    }

    /// Returns when no connection is open any more.
    pub(crate) async fn emptied(&self) {
        loop {
            let freed = self.freed.notified();
            if self.open() == 0 {
                return;
            }
            freed.await;
        }
    }
}
