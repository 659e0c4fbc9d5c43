//! What people and machines get wrong: each is refused with words that say what to do, and nothing is lost by it.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use yizhan_harness::client::{Client, ClientError};

use crate::house::{Ends, House, binary, refused, step, until};

const GOOD: &str = "title = \"好\"\n[step.say]\nuse = \"echo.echo\"\nwith.text = \"好\"\n";

/// The whole of what `check` and the daemon say of one bad text; a good file beside it goes on.
fn said_of(text: &[u8]) -> String {
    let mut house = House::with("");
    house.workflow("good", GOOD);
    house.write("workflows/bad.toml", text);
    house.start();
    let checked = house.call(&["check", "workflows/bad.toml"]);
    let all = house.call(&["check"]);
    assert_eq!((checked.code, all.code), (3, 3), "{checked:?}\n{all:?}");
    let row = house.shelf("bad").unwrap();
    assert_eq!(row["state"], "faulty", "{row:#}");
    assert!(!row["faults"].as_array().unwrap().is_empty(), "{row:#}");
    // It is no reason to start nothing else, and starting it says why it cannot be.
    house.ends(&house.run("good", &json!({})), "done");
    let (status, body) = refused(house.client().post("/api/v1/workflows/bad/runs", &json!({ "input": {} })));
    assert!((400..600).contains(&status), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("bad"), "{body}");
    all.all()
}

fn fault(text: &[u8], code: &str, words: &[&str]) {
    let said = said_of(text);
    assert!(said.contains(code), "{code} is missing: {said}");
    for word in words.iter().chain(&["help:"]) {
        assert!(said.contains(word), "`{word}` is missing: {said}");
    }
}

#[test]
fn a_broken_file_is_shown_with_line_and_caret() {
    fault(b"title = \"x\"\n[step.a\nuse = \"echo.noop\"\n", "YZ0101", &["bad.toml:2:", "^"]);
}

#[test]
fn a_binary_file_is_no_workflow() {
    fault(&[0x7f, b'E', b'L', b'F', 0, 0xff, 0xfe, 0, 1, 2, 3], "YZ01", &["bad.toml"]);
}

#[test]
fn ten_mebibytes_of_toml_are_refused_unread() {
    let text = "# x\n".repeat(10 * 1024 * 1024 / 4);
    fault(text.as_bytes(), "YZ01", &["bad.toml"]);
}

#[test]
fn a_cycle_is_told_with_the_steps_in_it() {
    let text = "title = \"圈\"\n[step.one]\nneeds = [\"two\"]\nuse = \"echo.noop\"\nwith = {}\n\
                [step.two]\nneeds = [\"one\"]\nuse = \"echo.noop\"\nwith = {}\n";
    fault(text.as_bytes(), "YZ01", &["one", "two"]);
}

#[test]
fn an_unknown_plugin_and_an_unknown_action_are_told_with_the_nearest_name() {
    let text = "title = \"x\"\n[step.one]\nuse = \"ehco.noop\"\nwith = {}\n[step.two]\nuse = \"echo.nop\"\nwith = {}\n";
    fault(text.as_bytes(), "YZ01", &["`echo", "`echo.noop`"]);
}

#[test]
fn a_with_that_the_action_does_not_take_is_told_at_its_place() {
    let text = "title = \"x\"\n[step.one]\nuse = \"echo.sleep\"\nwith.ms = \"long\"\n\
                [step.two]\nuse = \"email.send\"\nwith.subjekt = \"x\"\n";
    fault(text.as_bytes(), "YZ01", &["bad.toml:4:", "subjekt", "subject"]);
}

#[test]
fn a_text_that_fails_when_it_is_worked_out_fails_its_run_and_no_other() {
    let text = "title = \"x\"\n[input]\nn = { label = \"数\", type = \"whole\" }\n\
                [step.half]\nuse = \"echo.echo\"\nwith.part = \"{{ 100 // input.n }}\"\n";
    let house = House::serving("", "bad", text);
    let bad = house.run("bad", &json!({ "n": 0 }));
    let good = house.run("bad", &json!({ "n": 4 }));
    let view = house.ends(&bad, "failed");
    assert_eq!(view["error"]["step"], "half", "{view:#}");
    assert!(view["error"]["message"].as_str().unwrap().contains("zero"), "{view:#}");
    let view = house.ends(&good, "done");
    assert_eq!(step(&view, "half")["items"][0]["output"]["part"], 25, "{view:#}");
    let shown = house.call(&["show", &bad]).all();
    assert!(shown.contains("zero"), "{shown}");
}

#[test]
fn a_webhook_that_is_forged_or_too_large_starts_nothing() {
    let text = "title = \"钩\"\n[input]\nn = { label = \"数\", type = \"whole\" }\n\
                [trigger.shop]\nwebhook = { signature = \"token\", secret = \"shop\" }\n\
                [step.say]\nuse = \"echo.echo\"\nwith.n = \"{{ input.n }}\"\n";
    let mut house = House::with("");
    house.write("secrets/shop", "a long and secret word");
    house.workflow("hook", text);
    house.start();
    let post = |token: &str, body: &[u8]| -> Result<_, ClientError> {
        let token = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
        house.client().call("POST", "/hooks/hook/shop", &headers, body)
    };
    let (status, body) = refused(post("a guess", b"{\"n\": 1}"));
    assert_eq!((status, body["code"].as_str()), (401, Some("YZ0416")), "{body}");
    let large = format!("{{\"n\": 1, \"more\": \"{}\"}}", "x".repeat(1_100_000));
    let (status, body) = refused(post("a long and secret word", large.as_bytes()));
    assert_eq!((status, body["code"].as_str()), (413, Some("YZ0406")), "{body}");
    assert!(body["help"].is_string(), "{body}");
    let (status, body) = refused(post("a long and secret word", b"{\"n\": \"many\"}"));
    assert_eq!((status, body["fields"][0]["field"].as_str()), (422, Some("n")), "{body}");
    assert_eq!(house.get("/api/v1/runs")["items"], json!([]), "something was started");
    let taken = post("a long and secret word", b"{\"n\": 1}").unwrap();
    house.ends(taken["id"].as_str().unwrap(), "done");
}

#[test]
fn a_file_outside_the_roots_is_neither_written_nor_read() {
    let text = "title = \"出界\"\n[input]\npath = { label = \"路径\", type = \"text\" }\n\
                [step.put]\nuse = \"file.write\"\nwith.path = \"{{ input.path }}\"\nwith.text = \"x\"\n";
    let house = House::serving("", "put", text);
    let outside = house.home.join("outside");
    std::fs::create_dir(&outside).unwrap();
    symlink(&outside, house.home.join("data/files/way")).unwrap();
    for path in ["../outside/a.txt", "/etc/yizhan-e2e.txt", "way/a.txt"] {
        let run = house.run("put", &json!({ "path": path }));
        let view = house.ends(&run, "failed");
        let failure = &step(&view, "put")["items"][0]["failure"];
        assert_eq!(failure["code"], "file.outside_root", "{path}: {view:#}");
    }
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!Path::new("/etc/yizhan-e2e.txt").exists());
    house.ends(&house.run("put", &json!({ "path": "in/a.txt" })), "done");
}

/// A copy of the real plugin with other bytes in it, in the home that goes first.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> (House, String) {
    let mut house = House::with("");
    let mut bytes = std::fs::read(binary().with_file_name("libyizhan_plugin_echo.so")).unwrap();
    change(&mut bytes);
    house.write("plugins/libforeign.so", bytes);
    house.workflow("good", GOOD);
    house.start();
    let listed = house.call(&["plugin", "list"]).all();
    (house, listed)
}

#[test]
fn a_plugin_for_another_machine_is_refused_by_name() {
    let (house, listed) = forged(|bytes| bytes[18..20].copy_from_slice(&183_u16.to_le_bytes()));
    let said = format!("{listed}{}", house.log());
    assert!(said.contains("libforeign.so"), "{said}");
    assert!(listed.contains("aarch64"), "{said}");
    assert!(listed.contains("help:"), "{said}");
    house.ends(&house.run("good", &json!({})), "done");
}

#[test]
fn a_plugin_for_a_later_abi_is_refused_with_both_numbers() {
    let (house, listed) = forged(|bytes| {
        let at = bytes.windows(9).position(|part| part == b"\"major\":1").unwrap();
        bytes[at + 8] = b'9';
    });
    assert!(listed.contains("libforeign.so"), "{listed}");
    assert!(listed.contains('9') && listed.contains("1.0") && listed.contains("help:"), "{listed}");
    house.ends(&house.run("good", &json!({})), "done");
}

#[test]
fn a_library_that_is_no_plugin_is_left_alone() {
    let mut house = House::with("");
    house.write("plugins/libnoise.so", b"\x7fELF and nothing more");
    house.workflow("good", GOOD);
    house.start();
    house.ends(&house.run("good", &json!({})), "done");
    let listed = house.call(&["plugin", "list"]).all();
    assert!(listed.contains("libnoise.so"), "{listed}");
}

/// A small disk of its own. Dropped, it is taken away.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        let at = at.to_owned();
        let words = ["-t", "tmpfs", "-o", "size=128m", "none"];
        let mounted = std::process::Command::new("mount").args(words).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_takes_nothing_in_and_loses_nothing_and_space_heals_it() {
    let mut house = House::with("");
    let Some(disk) = Disk::mount(&house.home.join("data")) else {
        // Only root may mount, and not in every container: `.ci/run` cannot install a right.
        println!("skipped: nobody may mount a small disk here");
        return;
    };
    house.workflow("good", GOOD);
    house.start();
    let before = house.run("good", &json!({}));
    house.ends(&before, "done");
    let filler = disk.0.join("filler");
    let fill = || {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&filler).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
    };
    let (home, stop) = (house.home.clone(), AtomicBool::new(false));
    let taken = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let (client, mut taken) = (Client::of_home(&home), vec![]);
            while !stop.load(Ordering::Relaxed) {
                // Whoever comes when the disk is just full waits for an answer until there is space.
                match client.post("/api/v1/workflows/good/runs", &json!({ "input": {} })) {
                    Ok(answer) => taken.push(answer["id"].as_str().unwrap().to_owned()),
                    Err(error) => assert_eq!(refused(Err(error)).0, 503),
                }
            }
            taken
        });
        // However the looks go, the load must end.
        let _ends = Ends(&stop);
        let start = || house.client().post("/api/v1/workflows/good/runs", &json!({ "input": {} }));
        // What the store gives back at a checkpoint makes room again for a moment.
        let (status, body) = until("the full disk is noticed", || {
            fill();
            let noticed = house.get("/api/v1/health")["disk_full"] == true;
            start().err().filter(|_| noticed).map(|error| refused(Err(error)))
        });
        assert_eq!(status, 503, "{body}");
        assert!(body["detail"].as_str().unwrap().contains("disk is full"), "{body}");
        assert!(body["help"].is_string(), "{body}");
        std::fs::remove_file(&filler).unwrap();
        let after = until("space is noticed", || start().ok());
        stop.store(true, Ordering::Relaxed);
        let mut taken = load.join().unwrap();
        taken.push(after["id"].as_str().unwrap().to_owned());
        taken
    });
    for run in taken.iter().chain([&before]) {
        house.ends(run, "done");
    }
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn a_second_daemon_on_one_store_refuses_and_the_first_goes_on() {
    let mut house = House::serving("", "good", GOOD);
    // The same store by another home's settings: only the lock of the store can tell.
    let other =
        House::with(&format!("[store]\npath = \"{}\"\n", house.home.join("data/yizhan.db").display()));
    let said = other.call(&["serve"]);
    assert!(said.code != 0, "{said:?}");
    assert!(said.all().contains("help:"), "{said:?}");
    house.ends(&house.run("good", &json!({})), "done");
    assert_eq!(house.stop(), Some(0));
}
