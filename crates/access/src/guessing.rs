//! Whoever guesses passwords is slowed down: five failures in a minute for an account from one address, thirty from an
//! address, as a whole office may come from one, and sixty for an account from wherever. So nobody shuts somebody else out
//! from elsewhere, unless with a dozen addresses at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use yizhan_workflow::id::Millis;

const OF_ACCOUNT_FROM_ADDRESS: usize = 5;
const OF_ACCOUNT: usize = 60;
const OF_ADDRESS: usize = 30;
const WINDOW: i64 = 60_000;
/// Beyond it those of the last minute alone are kept, and where these are as many, everybody waits: many addresses must not
/// fill the memory.
const REMEMBERED: usize = 30_000;

/// Failures of late. In memory: a restart forgives.
#[derive(Debug, Default)]
pub struct Guessing(Mutex<HashMap<String, Vec<i64>>>);

impl Guessing {
    /// In how many seconds one may try again; none: now. A try that is let through counts as a failure until `forgive`,
    /// so that many at once are no way round.
    #[must_use]
    pub fn try_at(&self, person: &str, from: Option<IpAddr>, now: Millis) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(person, from);
        let wait = keys.iter().filter_map(|(key, most)| {
            let failures = all.get_mut(key)?;
            failures.retain(|at| now.0 - at < WINDOW && *at <= now.0);
            let first = failures.len().checked_sub(*most).and_then(|index| failures.get(index))?;
            Some((first + WINDOW - now.0).max(1).unsigned_abs().div_ceil(1_000))
        });
        if let Some(wait) = wait.max() {
            return Some(wait);
        }
        if all.len() >= REMEMBERED {
            all.retain(|_, failures| failures.last().is_some_and(|at| now.0 - at < WINDOW));
            if all.len() >= REMEMBERED {
                return Some(WINDOW.unsigned_abs() / 1_000);
            }
        }
        for (key, _) in keys {
            all.entry(key).or_default().push(now.0);
        }
        None
    }

    /// It was the right one: the account's failures from there are forgotten, and this try.
    pub fn forgive(&self, person: &str, from: Option<IpAddr>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [pair, others @ ..] = &*keys(person, from) else { return };
        all.remove(&pair.0);
        for (key, _) in others {
            if let Some(failures) = all.get_mut(key) {
                failures.pop();
            }
        }
    }
}

/// First what is of this account from this address alone.
fn keys(person: &str, from: Option<IpAddr>) -> Vec<(String, usize)> {
    let (person, from) = (of_person(person), from.map(of_address));
    let pair = format!("{} {person}", from.as_deref().unwrap_or("here"));
    let mut keys = vec![(pair, OF_ACCOUNT_FROM_ADDRESS), (person, OF_ACCOUNT)];
    keys.extend(from.map(|from| (from, OF_ADDRESS)));
    keys
}

fn of_person(person: &str) -> String {
    format!("person {}", person.chars().take(100).collect::<String>())
}

/// A household has many addresses of version 6: the first 64 bits are one.
fn of_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("from {address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("from {a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}
