//! Bodies of those whom nobody knows yet: so many at once, and so many bytes of them together. Who comes last gets in; who has
//! been sending longest, or has sent most, makes room, so a thousand that send slowly keep out nobody who just asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use futures_util::StreamExt;

use crate::caller::Caller;
use crate::connections::Place;
use crate::desk::Desk;
use crate::refusal::Refusal;

#[derive(Debug)]
pub(crate) struct Strangers {
    most: usize,
    /// Of all their bodies together.
    bytes: usize,
    lines: Mutex<BTreeMap<u64, Line>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Line {
    place: Arc<Place>,
    bytes: usize,
}

impl Line {
    /// What came whole is being dealt with, and is not broken off.
    fn is_coming(&self) -> bool {
        self.place.stranger.load(Ordering::Acquire)
    }
}

/// Held while the body of a stranger comes, and for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Turn {
    number: u64,
    place: Arc<Place>,
    of: Arc<Strangers>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.came();
        self.of.lock().remove(&self.number);
    }
}

impl Strangers {
    pub(crate) fn new(most: usize, bytes: usize) -> Self {
        Self { most, bytes, lines: Mutex::default(), next: AtomicU64::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Line>> {
        // Nothing is half done under this lock.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// When as many as may be are being dealt with.
    fn turn(self: &Arc<Self>, place: Arc<Place>) -> Result<Turn, Refusal> {
        let mut lines = self.lock();
        if lines.len() >= self.most {
            let oldest = lines.iter().find(|(_, line)| line.is_coming());
            let oldest = oldest.map(|(number, _)| *number).ok_or(Refusal::Busy)?;
            leave(&mut lines, oldest);
        }
        place.stranger.store(true, Ordering::Release);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lines.insert(number, Line { place: place.clone(), bytes: 0 });
        Ok(Turn { number, place, of: self.clone() })
    }

    /// Counts what came. False: this one had to make room.
    fn came(&self, number: u64, bytes: usize) -> bool {
        let mut lines = self.lock();
        if let Some(line) = lines.get_mut(&number) {
            line.bytes += bytes;
        }
        while lines.values().map(|line| line.bytes).sum::<usize>() > self.bytes {
            let coming = lines.iter().filter(|(_, line)| line.is_coming());
            // Of several that have sent as much the one that came last: `max_by_key` takes it.
            let Some(largest) = coming.max_by_key(|(_, line)| line.bytes).map(|(number, _)| *number) else {
                break;
            };
            leave(&mut lines, largest);
        }
        lines.contains_key(&number)
    }
}

fn leave(lines: &mut BTreeMap<u64, Line>, number: u64) {
    if let Some(line) = lines.remove(&number) {
        line.place.leave.notify_one();
    }
}

impl Turn {
    /// Of whoever brings a link of ours, or a delivery for a webhook.
    ///
    /// # Errors
    /// When as many as may be are being dealt with.
    pub(crate) fn of(desk: &Desk, request: &Request) -> Result<Self, Refusal> {
        let place = request.extensions().get::<Arc<Place>>().cloned().ok_or(Refusal::Unknown)?;
        let turn = desk.strangers.turn(place)?;
        desk.connections.can_make_room();
        Ok(turn)
    }

    /// None for somebody who is known.
    ///
    /// # Errors
    /// When as many as may be are being dealt with.
    pub(crate) fn of_stranger(desk: &Desk, request: &Request) -> Result<Option<Self>, Refusal> {
        let known = request.extensions().get::<Caller>().is_some_and(|caller| caller.who.is_some());
        if known { Ok(None) } else { Self::of(desk, request).map(Some) }
    }

    /// Counts bytes that are kept.
    ///
    /// # Errors
    /// When they are too many, and this one makes room.
    pub(crate) fn keeps(&self, bytes: usize) -> Result<(), Refusal> {
        if self.of.came(self.number, bytes) { Ok(()) } else { Err(Refusal::Busy) }
    }

    /// The body, counted as it comes.
    pub(crate) fn counted(&self, body: Body) -> Body {
        let (of, number) = (self.of.clone(), self.number);
        Body::from_stream(body.into_data_stream().map(move |piece| {
            let piece = piece.map_err(std::io::Error::other)?;
            let goes_on = of.came(number, piece.len());
            goes_on.then_some(piece).ok_or_else(|| std::io::Error::other("others needed the room"))
        }))
    }

    /// All of it is here: from now on it is dealt with, and not broken off.
    pub(crate) fn came(&self) {
        self.place.stranger.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(all: &Arc<Strangers>) -> Turn {
        all.turn(Arc::default()).unwrap()
    }

    fn stands(turn: &Turn) -> bool {
        turn.of.lock().contains_key(&turn.number)
    }

    #[test]
    fn the_oldest_that_still_sends_makes_room_and_what_came_whole_does_not() {
        let all = Arc::new(Strangers::new(2, 100));
        let (first, second) = (line(&all), line(&all));
        first.came();
        let third = line(&all);
        assert!(stands(&first) && !stands(&second) && stands(&third));
        third.came();
        assert!(all.turn(Arc::default()).is_err(), "both are being dealt with");
        drop(first);
        assert!(all.turn(Arc::default()).is_ok());
    }

    #[test]
    fn who_has_sent_most_makes_room_for_the_bytes_of_others() {
        let all = Arc::new(Strangers::new(9, 100));
        let (large, small) = (line(&all), line(&all));
        assert!(large.keeps(90).is_ok() && small.keeps(10).is_ok());
        assert!(small.keeps(1).is_ok());
        assert!(!stands(&large) && stands(&small));
        assert!(large.keeps(1).is_err(), "it learns that it is over");
        // What is being dealt with is not broken off: then whoever comes makes room.
        assert!(small.keeps(80).is_ok());
        small.came();
        assert!(line(&all).keeps(20).is_err() && stands(&small));
    }
}
