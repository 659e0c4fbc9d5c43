//! Seeded faults: places where the daemon does wrong when it is told to, so that a fault run sees whether it is noticed.

/// Whether the fault of this name is switched on here: `YIZHAN_SEEDED=engine.tell-unwritten` each time, with `@3` behind
/// it the third time alone. `YIZHAN_SEEDED_LOG` names a file that is made when it did something.
#[inline(always)]
#[must_use]
pub fn seeded(name: &'static str) -> bool {
    #[cfg(any(debug_assertions, feature = "faults"))]
    return asked::comes(name);
    #[cfg(not(any(debug_assertions, feature = "faults")))]
    {
        let _ = name;
        false
    }
}

#[cfg(any(debug_assertions, feature = "faults"))]
mod asked {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug)]
    struct Seed {
        name: String,
        /// This time alone, counted from 1.
        only: Option<u32>,
        passed: AtomicU32,
        log: Option<PathBuf>,
    }

    static SEED: OnceLock<Option<Seed>> = OnceLock::new();

    pub(super) fn comes(name: &str) -> bool {
        let seed = SEED.get_or_init(|| {
            let log = std::env::var_os("YIZHAN_SEEDED_LOG").map(PathBuf::from);
            read(&std::env::var("YIZHAN_SEEDED").ok()?, log)
        });
        seed.as_ref().is_some_and(|seed| seed.name == name && seed.is_now())
    }

    /// `name@3`
    fn read(text: &str, log: Option<PathBuf>) -> Option<Seed> {
        let (name, only) = match text.split_once('@') {
            Some((name, only)) => (name, Some(only.parse().ok()?)),
            None => (text, None),
        };
        Some(Seed { name: name.to_owned(), only, passed: AtomicU32::new(0), log })
    }

    impl Seed {
        fn is_now(&self) -> bool {
            let passed = self.passed.fetch_add(1, Ordering::Relaxed) + 1;
            let is_now = self.only.is_none_or(|only| only == passed);
            if is_now && passed == self.only.unwrap_or(1) {
                // Whoever asked believes nothing without the file.
                self.log.iter().for_each(|log| drop(std::fs::write(log, &self.name)));
            }
            is_now
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_seed_comes_each_time_or_the_one_time_that_is_said() {
            let times = |text| {
                let seed = read(text, None).unwrap();
                assert_eq!(seed.name, "a.b");
                [1, 2, 3].map(|_| seed.is_now())
            };
            assert_eq!(times("a.b"), [true, true, true]);
            assert_eq!(times("a.b@2"), [false, true, false]);
            assert!(read("a.b@x", None).is_none());
            assert!(!comes("a.b"), "nobody asked");
        }

        #[test]
        fn that_a_seed_came_is_written_down_and_not_before() {
            let log = std::env::temp_dir().join(format!("yizhan-seed-{}", std::process::id()));
            let seed = read("a.b@2", Some(log.clone())).unwrap();
            let written = [1, 2].map(|_| {
                seed.is_now();
                log.exists()
            });
            std::fs::remove_file(log).unwrap();
            assert_eq!(written, [false, true]);
        }
    }
}
