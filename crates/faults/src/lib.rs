//! Named points between a decision, its commit and its effect, at which a fault run lets the daemon end, fail or wait; and
//! named faults that it can be told to have.
//!
//! `YIZHAN_FAULT=engine.acting=abort@3` ends the process when that point is passed the third time; `error` lets what it
//! guards fail there once, `delay` makes it wait, `hang` for ever. `YIZHAN_FAULT_LOG` names a file that is made when it happened.
//! `YIZHAN_FAULT_CLOCK` names a file that says by how many milliseconds the daemon's clock is ahead of the machine's.
//! `YIZHAN_SEEDED` names a fault ([`seeded`]). A release has nothing of this, unless it is built with the feature `faults`.

mod seeds;

pub use seeds::seeded;

/// Whether this build has points.
pub const ON: bool = cfg!(any(debug_assertions, feature = "faults"));

/// A point that the process may end or wait at.
#[inline(always)]
pub fn point(name: &'static str) {
    passed(name);
}

/// A point at which what follows may also fail: true, when it is to.
#[inline(always)]
#[must_use]
pub fn fails(name: &'static str) -> bool {
    passed(name)
}

#[cfg(any(debug_assertions, feature = "faults"))]
fn passed(name: &'static str) -> bool {
    asked::pass(name)
}

#[cfg(not(any(debug_assertions, feature = "faults")))]
#[inline(always)]
const fn passed(_name: &'static str) -> bool {
    false
}

/// By how many milliseconds the clock is ahead of the machine's (below zero: behind) just now.
#[cfg(not(any(debug_assertions, feature = "faults")))]
#[inline(always)]
#[must_use]
pub const fn clock_ahead() -> i64 {
    0
}

#[cfg(any(debug_assertions, feature = "faults"))]
pub use clock::ahead as clock_ahead;

#[cfg(any(debug_assertions, feature = "faults"))]
mod clock {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();

    /// By how many milliseconds the clock is ahead of the machine's (below zero: behind) just now.
    #[must_use]
    pub fn ahead() -> i64 {
        let file = FILE.get_or_init(|| std::env::var_os("YIZHAN_FAULT_CLOCK").map(PathBuf::from));
        file.as_ref().map_or(0, |file| said(&std::fs::read_to_string(file).unwrap_or_default()))
    }

    /// A file that is not there, or no number, moves nothing.
    fn said(text: &str) -> i64 {
        text.trim().parse().unwrap_or(0)
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn what_the_file_says_moves_the_clock() {
            assert_eq!(super::said("-3600000\n"), -3_600_000);
            assert_eq!(super::said("soon"), 0);
            assert_eq!(super::ahead(), 0, "nobody asked");
        }
    }
}

#[cfg(any(debug_assertions, feature = "faults"))]
mod asked {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    /// How long a point that delays waits.
    const DELAY: Duration = Duration::from_secs(5);

    #[derive(Debug, PartialEq, Eq)]
    enum What {
        Abort,
        Error,
        Delay,
        Hang,
    }

    /// What is asked for, of one point.
    #[derive(Debug)]
    struct Asked {
        name: String,
        what: What,
        /// Passed so often until it happens.
        left: AtomicU32,
        log: Option<PathBuf>,
    }

    static ASKED: OnceLock<Option<Asked>> = OnceLock::new();

    pub(super) fn pass(name: &str) -> bool {
        let asked = ASKED.get_or_init(|| {
            let log = std::env::var_os("YIZHAN_FAULT_LOG").map(PathBuf::from);
            read(&std::env::var("YIZHAN_FAULT").ok()?, log)
        });
        let Some(asked) = asked.as_ref().filter(|asked| asked.name == name) else { return false };
        // Past zero it wraps around, which nobody lives to see.
        asked.left.fetch_sub(1, Ordering::Relaxed) == 1 && asked.happen()
    }

    /// `name=abort@3`
    fn read(text: &str, log: Option<PathBuf>) -> Option<Asked> {
        let (name, rest) = text.split_once('=')?;
        let (what, nth) = rest.split_once('@').unwrap_or((rest, "1"));
        let what = match what {
            "abort" => What::Abort,
            "error" => What::Error,
            "delay" => What::Delay,
            "hang" => What::Hang,
            _ => return None,
        };
        Some(Asked { name: name.to_owned(), what, left: AtomicU32::new(nth.parse().ok()?), log })
    }

    impl Asked {
        fn happen(&self) -> bool {
            if let Some(log) = &self.log {
                // Whoever asked waits for the file; without it they say that the point was never passed.
                drop(std::fs::write(log, &self.name));
            }
            match self.what {
                // As from outside: no destructor, no word.
                What::Abort => std::process::abort(),
                What::Delay => std::thread::sleep(DELAY),
                What::Hang => loop {
                    std::thread::park();
                },
                What::Error => {}
            }
            self.what == What::Error
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_asked_for_is_read() {
            let asked = read("engine.acting=error@3", None).unwrap();
            assert_eq!((&*asked.name, &asked.what), ("engine.acting", &What::Error));
            assert_eq!(asked.left.into_inner(), 3);
            assert_eq!(read("a=abort", None).unwrap().left.into_inner(), 1);
            assert_eq!(read("a=hang", None).unwrap().what, What::Hang);
            for wrong in ["", "a", "a=melt", "a=abort@x"] {
                assert!(read(wrong, None).is_none(), "{wrong}");
            }
        }
    }
}
