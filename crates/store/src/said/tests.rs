//! Stories of what attempts say.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::file::KEPT;
use super::*;

const NOW: i64 = 1_795_000_000_000;

fn of(run: u64) -> RunId {
    RunId::child_of(&run.to_string())
}

fn line(run: u64, at: i64, text: &str) -> SaidLine {
    SaidLine {
        run: of(run),
        key: "k".into(),
        attempt: 1,
        at: Millis(at),
        level: "info".into(),
        text: text.into(),
    }
}

fn texts(said: &Said, run: u64) -> Vec<String> {
    let all = said.of(of(run)).unwrap_or_default();
    all.iter().map(|line| line.text.to_string()).collect()
}

fn until(said: &Said, run: u64, wanted: &[&str]) {
    let end = Instant::now() + Duration::from_secs(20);
    while texts(said, run) != wanted {
        assert!(Instant::now() < end, "{:?}", texts(said, run));
        std::thread::yield_now();
    }
}

fn house() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("said.db");
    (folder, path)
}

#[test]
fn what_was_said_is_read_by_its_run_also_after_a_restart() {
    let (_folder, path) = house();
    let said = Said::open(&path).unwrap();
    said.keep(line(1, NOW, "a"));
    said.keep(line(2, NOW, "b"));
    said.keep(line(1, NOW, "c"));
    until(&said, 1, &["a", "c"]);
    drop(said);
    assert_eq!(texts(&Said::open(&path).unwrap(), 2), ["b"]);
}

#[test]
fn lines_go_after_a_week_and_a_file_that_is_none_is_made_anew() {
    let (_folder, path) = house();
    std::fs::write(&path, "not a database, but long enough to be read as one".repeat(30)).unwrap();
    let said = Said::open(&path).unwrap();
    said.keep(line(1, NOW - KEPT - 1, "old"));
    said.keep(line(1, NOW, "new"));
    until(&said, 1, &["new"]);
}

#[test]
fn a_file_that_somebody_has_locked_is_waited_for_and_loses_nothing() {
    let (_folder, path) = house();
    let said = Said::open(&path).unwrap();
    said.keep(line(1, NOW, "before"));
    until(&said, 1, &["before"]);
    drop(said);
    let tool = Connection::open(&path).unwrap();
    tool.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE said SET attempt = 1; COMMIT",
    )
    .unwrap();
    let said = Said::open(&path).unwrap();
    assert_eq!(texts(&said, 1), [""; 0], "it cannot be read yet");
    drop(tool);
    // Each line is a try, once a moment has passed.
    let end = Instant::now() + Duration::from_secs(30);
    while texts(&said, 1).first().is_none_or(|first| first != "before") {
        assert!(Instant::now() < end, "{:?}", texts(&said, 1));
        said.keep(line(2, NOW, "meanwhile"));
        std::thread::yield_now();
    }
}

#[test]
fn a_file_that_breaks_or_goes_while_it_is_used_is_made_anew_at_the_next_line() {
    let (_folder, path) = house();
    let said = Said::open(&path).unwrap();
    said.keep(line(1, NOW, "before"));
    until(&said, 1, &["before"]);
    std::fs::remove_file(&path).unwrap();
    said.keep(line(1, NOW, "after it went"));
    until(&said, 1, &["after it went"]);
    // As if the disk had turned a number of the schema over: both connections see it at their next word.
    let tool = Connection::open(&path).unwrap();
    tool.execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'said'; PRAGMA schema_version = 999").unwrap();
    drop(tool);
    said.keep(line(1, NOW, "after it broke"));
    until(&said, 1, &["after it broke"]);
}

#[test]
fn under_steady_talk_a_line_is_seen_within_a_moment() {
    let (_folder, path) = house();
    let said = Said::open(&path).unwrap();
    let (begun, mut spoken) = (Instant::now(), 0);
    while texts(&said, 1).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(8), "not after {spoken} lines");
        said.keep(line(1, NOW, "word"));
        spoken += 1;
        // Slower than a commit fills, faster than a pause.
        let next = Instant::now() + Duration::from_millis(20);
        while Instant::now() < next {
            std::thread::yield_now();
        }
    }
}

#[test]
fn no_more_bytes_are_kept_than_there_is_room_for_and_the_oldest_lines_go() {
    let (_folder, path) = house();
    let said = Said::open_within(&path, 4 << 20).unwrap();
    let long = "x".repeat(8 << 10);
    for number in 0..40_u64 {
        for _ in 0..50 {
            said.keep(line(number, NOW, &long));
        }
        // Each of them has arrived before the next speaks, so that none is let go.
        let end = Instant::now() + Duration::from_secs(20);
        while texts(&said, number).is_empty() {
            assert!(Instant::now() < end);
            std::thread::yield_now();
        }
    }
    drop(said);
    assert!(std::fs::metadata(&path).unwrap().len() < 8 << 20, "{:?}", std::fs::metadata(&path));
    let said = Said::open(&path).unwrap();
    assert_eq!((texts(&said, 0).len(), texts(&said, 39).is_empty()), (0, false));
}

#[test]
fn of_whom_lines_were_let_go_it_is_said_that_there_were_more() {
    let shared = Shared::default();
    let (writing, lines) = sync_channel(2);
    let said = Said { shared: Arc::new(shared), writing: Some(writing), writer: None };
    for text in ["a", "b", "c", "d"] {
        said.keep(line(1, NOW, text));
    }
    let (_folder, path) = house();
    let mut file = File::new(path, file::BYTES_MOST);
    said.shared.reader().connection = file.open(Instant::now());
    let shared = said.shared.clone();
    drop(said);
    write(&mut file, &lines, &shared);
    let reader = shared.reader();
    let kept = read(reader.connection.as_ref().unwrap(), of(1)).unwrap();
    let kept: Vec<(&str, &str)> = kept.iter().map(|line| (&*line.level, &*line.text)).collect();
    assert_eq!(kept, [("info", "a"), ("info", "b"), ("cut", "")]);
}

#[test]
fn the_file_is_read_by_its_user_alone_also_one_that_an_older_version_made() {
    let (_folder, path) = house();
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let said = Said::open(&path).unwrap();
    said.keep(line(1, NOW, "a"));
    until(&said, 1, &["a"]);
    for name in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let (name, mode) =
            name.map(|one| (one.path(), one.metadata().unwrap().permissions().mode())).unwrap();
        assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    }
}
