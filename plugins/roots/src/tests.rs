//! Names that try to get out, and links put in the way.

use std::io::{Read, Write};
use std::os::unix::fs::symlink;

use rustix::fs::{Mode, mknodat};
use yizhan_plugin_api::prelude::Result;

use crate::{Place, Put, RootFolders, Roots, put};

struct House {
    home: tempfile::TempDir,
    roots: Vec<Roots>,
}

/// A root `files` and a second one `exports`, beside a folder that nobody may see; both ways of looking up.
fn house() -> House {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("outside")).unwrap();
    std::fs::write(home.path().join("outside/secret"), "secret").unwrap();
    let folders = ["files", "exports"]
        .map(|name| (name.to_owned(), home.path().join(name).to_str().unwrap().to_owned()));
    let folders = RootFolders(folders.to_vec());
    let roots = vec![Roots::open(&folders).unwrap(), Roots::open(&folders).unwrap().name_by_name()];
    House { home, roots }
}

fn write(place: &Place, text: &str) -> Result<()> {
    let mode = Mode::RUSR | Mode::WUSR;
    put(&place.spot_made()?, "key", Put::Replace, mode, |file| Ok(file.write_all(text.as_bytes())?))
}

fn read(place: &Place) -> Result<String> {
    let mut text = String::new();
    place.read()?.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn a_path_is_read_and_written_below_its_root() {
    let house = house();
    for roots in &house.roots {
        for (path, below) in [
            ("客户/华东公司/档案.json", "files/客户/华东公司/档案.json"),
            ("./a//b.txt", "files/a/b.txt"),
            ("exports:2026/11.csv", "exports/2026/11.csv"),
            ("12:30.txt", "files/12:30.txt"),
            (" 空 格 .txt", "files/ 空 格 .txt"),
            ("..a/...b", "files/..a/...b"),
            ("$(id);`id`&|<>*?.txt", "files/$(id);`id`&|<>*?.txt"),
        ] {
            let place = roots.place(path).unwrap();
            write(&place, path).unwrap();
            assert_eq!(std::fs::read_to_string(house.home.path().join(below)).unwrap(), path);
            assert_eq!(read(&roots.place(place.path()).unwrap()).unwrap(), path, "its own words lead back");
        }
    }
}

fn hostile_names() -> Vec<String> {
    let long = "长".repeat(86);
    let far = "a/".repeat(65) + "b";
    let huge = "a/".repeat(3000) + "b";
    HOSTILE.iter().map(ToString::to_string).chain([long, far, huge]).collect()
}

#[rustfmt::skip]
const HOSTILE: &[&str] = &[
        "",
        ".",
        "/",
        "//",
        "./",
        "..",
        "../",
        "../outside/secret",
        "a/../../outside/secret",
        "a/..",
        "..//..",
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/root/etc/passwd",
        "files:/etc/passwd",
        "files:../outside/secret",
        "files:",
        "exports:..",
        "exports:",
        "files:a/../../b",
        "nowhere:a",
        "etc:passwd",
        "http://example.com/x",
        "file:///etc/passwd",
        "a\0b",
        "\0",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\u{1b}[31mb",
        "a\u{7f}",
        "a\u{85}b",
        "..\\..\\etc\\passwd",
        "a\\b",
        "C:\\Windows\\system.ini",
        "\\\\server\\share",
        "...",
        "....",
        "a/.../b",
        "发票\u{202E}fdp.exe",
        "a\u{200B}b",
        "a\u{FEFF}",
        "\u{2066}a",
        "a\u{2028}\u{202A}b",
        " ",
        "a/ /b",
        "\u{3000}",
        ".a.csv.yzlog",
        ".abc.yztmp",
        "a/.b.yzlog",
        "a/.b.yztmp/c",
        "./../outside/secret",
        ".//..//outside/secret",
        "a/./../../outside/secret"
];

#[test]
fn hostile_names_are_refused_and_nothing_is_made() {
    let names = hostile_names();
    assert!(names.len() >= 50);
    let house = house();
    for roots in &house.roots {
        for name in &names {
            let end = roots.place(name).and_then(|place| write(&place, "gotcha"));
            let error = end.expect_err(name);
            let codes = ["file.outside_root", "file.bad_name", "file.unknown_root"];
            assert!(codes.contains(&error.code.as_str()), "{name:?}: {error}");
            assert!(error.help.is_some() && !error.message.contains(['\n', '\0', '\u{1b}']), "{error:?}");
        }
    }
    let mut made: Vec<_> =
        std::fs::read_dir(house.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    made.sort();
    assert_eq!(made, ["exports", "files", "outside"]);
    for folder in ["files", "exports"] {
        assert_eq!(std::fs::read_dir(house.home.path().join(folder)).unwrap().count(), 0);
    }
    assert_eq!(std::fs::read_to_string(house.home.path().join("outside/secret")).unwrap(), "secret");
}

#[test]
fn no_link_is_followed_neither_as_a_folder_nor_as_a_file() {
    let house = house();
    let files = house.home.path().join("files");
    let outside = house.home.path().join("outside");
    std::fs::create_dir(files.join("real")).unwrap();
    symlink(&outside, files.join("door")).unwrap();
    symlink("../outside", files.join("near")).unwrap();
    symlink("real", files.join("inside")).unwrap();
    symlink(outside.join("secret"), files.join("file")).unwrap();
    symlink("/proc/self/cwd", files.join("magic")).unwrap();
    symlink("nothing", files.join("dangling")).unwrap();
    for roots in &house.roots {
        for path in
            ["door/secret", "near/secret", "inside/a", "file", "magic/a", "dangling", "door", "dangling/a"]
        {
            let place = roots.place(path).unwrap();
            assert_eq!(read(&place).unwrap_err().code, "file.outside_root", "reading {path}");
            assert_eq!(write(&place, "gotcha").unwrap_err().code, "file.outside_root", "writing {path}");
            assert!(place.folder().is_err(), "opening {path} as a folder");
        }
    }
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "secret");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert!(files.join("file").is_symlink());
}

#[test]
fn a_folder_swapped_for_a_link_all_the_time_lets_nobody_out() {
    let house = house();
    let files = house.home.path().join("files");
    std::fs::create_dir(files.join("real")).unwrap();
    std::fs::create_dir(house.home.path().join("link")).unwrap();
    symlink(house.home.path().join("outside"), files.join("link")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let swap = |a: &str, b: &str| drop(std::fs::rename(files.join(a), files.join(b)));
                swap("real", "away");
                swap("link", "real");
                swap("real", "link");
                swap("away", "real");
            }
        });
        for round in 0..4_000 {
            let roots = &house.roots[round % 2];
            // Whether it succeeds depends on the moment; where it ends up must not.
            if round % 16 < 2 {
                drop(write(&roots.place(&format!("real/{}", round % 7)).unwrap(), "gotcha"));
            }
            if let Ok(text) = read(&roots.place("real/secret").unwrap()) {
                assert_eq!(text, "gotcha");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(std::fs::read_dir(house.home.path().join("outside")).unwrap().count(), 1);
}

#[test]
fn pipes_and_devices_are_no_files_and_nobody_waits_for_them() {
    let house = house();
    let place = house.roots[0].place("pipe").unwrap();
    let spot = place.spot().unwrap();
    mknodat(&spot.folder, "pipe", rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(read(&place).unwrap_err().code, "file.not_a_file");
}

#[test]
fn a_failed_filling_leaves_the_old_file_and_no_litter() {
    let house = house();
    let place = house.roots[0].place("a.txt").unwrap();
    write(&place, "old").unwrap();
    let end: Result<()> = put(&place.spot().unwrap(), "key", Put::Replace, Mode::RUSR, |file| {
        file.write_all(b"half")?;
        Err(crate::fault("a.txt", rustix::io::Errno::NOSPC))
    });
    let error = end.unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("file.full", true));
    assert_eq!(read(&place).unwrap(), "old");
    assert_eq!(std::fs::read_dir(house.home.path().join("files")).unwrap().count(), 1);
}

#[test]
fn what_a_killed_attempt_left_behind_is_taken_over() {
    let house = house();
    let files = house.home.path().join("files");
    std::fs::write(files.join(".key.yztmp"), "a longer half of something").unwrap();
    write(&house.roots[0].place("a.txt").unwrap(), "new").unwrap();
    assert_eq!(std::fs::read_to_string(files.join("a.txt")).unwrap(), "new");
    assert_eq!(std::fs::read_dir(&files).unwrap().count(), 1);
}

#[test]
fn creating_never_replaces() {
    let house = house();
    let place = house.roots[0].place("a.txt").unwrap();
    let create = |text: &str| {
        put(&place.spot_made()?, "key", Put::Create, Mode::RUSR, |file| Ok(file.write_all(text.as_bytes())?))
    };
    create("first").unwrap();
    assert_eq!(create("second").unwrap_err().code, "file.exists");
    assert_eq!(read(&place).unwrap(), "first");
}

#[test]
fn the_first_root_of_the_settings_is_the_default_and_a_relative_one_is_refused() {
    let folders: RootFolders = serde_json::from_str(r#"{"z": "/tmp/z", "a": "/tmp/a"}"#).unwrap();
    assert_eq!(folders.0[0].0, "z");
    let relative = RootFolders(vec![("files".to_owned(), "data/files".to_owned())]);
    let error = Roots::open(&relative).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.pointer.as_deref()),
        ("plugin.config_invalid", Some("/roots/files"))
    );
    assert!(serde_json::from_str::<RootFolders>(r#"{"Z": "/tmp/z"}"#).is_err());
    let none = Roots::open(&RootFolders::default()).unwrap();
    assert_eq!(none.place("a").unwrap_err().code, "file.no_root");
}
