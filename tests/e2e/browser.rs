//! The pages in a real browser: what people of a house do, and what a newcomer does with the demo.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::house::{House, has, program};

const TOKEN: &str = "a-token-of-more-than-sixteen";

const SETTINGS: &str =
    "url = \"https://house.example.com\"\ntimezone = \"Asia/Shanghai\"\n[http]\ntokens = [\"api\"]\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser")
}

/// Where people find what the pages look like.
fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_yizhan")).ancestors().nth(2).unwrap();
    target.join("pictures")
}

/// Chromium, Node and what `npm ci` in `tests/browser` brings.
fn browser_is_there() -> bool {
    let packages = folder().join("node_modules/playwright-core/package.json").exists();
    let answers = |program: &str| {
        Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success())
    };
    has(
        packages && answers("node") && answers("chromium"),
        "chromium with node (apt install chromium npm; npm ci in tests/browser)",
    )
}

/// Plays the stories of one script.
fn played(words: &[&str]) -> Output {
    let node = Command::new("timeout")
        .args(["--kill-after=5", "900", "node"])
        .args(words)
        .current_dir(folder())
        .stdin(Stdio::null())
        .output();
    node.unwrap()
}

#[track_caller]
fn all_passed(said: &Output) {
    let out = String::from_utf8_lossy(&said.stdout);
    println!("{out}");
    assert!(
        said.status.success() && out.contains(" 0 failed"),
        "{out}{}",
        String::from_utf8_lossy(&said.stderr)
    );
}

/// A house as `tests/browser/home` has it.
fn house() -> House {
    let mut house = House::with(SETTINGS);
    house.write("secrets/api", format!("{TOKEN}\n"));
    for name in [
        "config/people.toml",
        "workflows/fault.toml",
        "workflows/install.toml",
        "workflows/long.toml",
        "workflows/payment.toml",
        "workflows/secret.toml",
        "workflows/shut-off.toml",
    ] {
        house.write(name, std::fs::read(folder().join("home").join(name)).unwrap());
    }
    house.start();
    house
}

#[test]
fn people_do_their_work_in_a_browser_and_no_page_keeps_anybody_out() {
    if !browser_is_there() {
        return;
    }
    let house = house();
    let address = house.read("data/address");
    let said = played(&[
        "run.mjs",
        address.trim(),
        TOKEN,
        pictures().to_str().unwrap(),
        house.home.to_str().unwrap(),
    ]);
    all_passed(&said);
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

/// The demo as it stays up, and the links that it printed.
struct Demo {
    child: std::process::Child,
    links: Vec<String>,
}

impl Demo {
    fn start() -> Self {
        let mut command = program();
        let mut child = command
            .args(["--lang", "zh", "demo"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let links: Vec<String> = lines
            .by_ref()
            .map(|line| line.trim().to_owned())
            .filter(|line| line.starts_with("http://"))
            .take(3)
            .collect();
        // What it says further on is read, so that it is never held up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, links }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_newcomer_carries_a_fault_from_the_call_to_the_callback_with_the_links_of_the_demo() {
    if !browser_is_there() {
        return;
    }
    let demo = Demo::start();
    assert_eq!(demo.links.len(), 3, "{:?}", demo.links);
    let pictures = pictures();
    let mut words = vec!["demo.mjs", pictures.to_str().unwrap()];
    words.extend(demo.links.iter().map(String::as_str));
    all_passed(&played(&words));
}
