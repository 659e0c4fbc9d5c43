//! Large files on slow lines: what of them is in memory has a bound, however many come and go at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::json;

use super::house::{House, PATIENCE, until};

const SIZE: usize = 20_000_000;
const LINES: usize = 10;
/// In KiB. All of them together would take three times as much.
const GROWS_MOST: u64 = 64 * 1024;

const CLAIM: &str = "title = \"报销\"\n[input]\npaper = { label = \"材料\", type = \"file\", size = \"24MB\" }\n\
                     [step.look]\nask = \"person:li.na\"\ndue = \"24h\"\n";

fn house() -> House {
    let mut house = House::with("");
    house.write("config/people.toml", "[person.\"li.na\"]\nname = \"李娜\"\n");
    house.workflow("claim", CLAIM);
    house.start();
    house
}

fn resident(house: &House) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn line(house: &House, head: &str) -> UnixStream {
    let mut line = UnixStream::connect(house.file("data/yizhan.sock")).unwrap();
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(line, "{head} HTTP/1.1\r\nhost: yizhan\r\nconnection: close\r\n").unwrap();
    line
}

/// A file of which all but its last byte has been taken over.
fn sending(house: &House, content: &[u8]) -> UnixStream {
    let mut line = line(house, "POST /api/v1/artifacts?name=a.bin");
    write!(line, "content-length: {}\r\n\r\n", content.len()).unwrap();
    line.write_all(&content[..content.len() - 1]).unwrap();
    line
}

/// Its status and its body.
fn answer(line: UnixStream) -> (u16, Vec<u8>) {
    let mut reader = BufReader::new(line);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let mut body = vec![];
    reader.read_to_end(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

fn content(number: usize) -> Vec<u8> {
    let mut content = vec![b'x'; SIZE];
    content[0] = u8::try_from(number).unwrap();
    content
}

#[test]
fn large_files_that_come_or_go_slowly_are_on_the_disk_and_not_in_memory() {
    let house = house();
    // What it needs for one stays with it.
    let mut first = sending(&house, &content(0));
    first.write_all(b"x").unwrap();
    let (status, body) = answer(first);
    assert_eq!(status, 201);
    let kept: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let before = resident(&house);
    let come: Vec<UnixStream> = (1..=LINES).map(|number| sending(&house, &content(number))).collect();
    let grown = resident(&house).saturating_sub(before);
    assert!(grown < GROWS_MOST, "{grown} KiB for {LINES} files that are still coming");
    for mut line in come {
        line.write_all(b"x").unwrap();
        assert_eq!(answer(line).0, 201);
    }

    let body = json!({ "input": { "paper": { "artifact": kept["artifact"], "name": "a.bin" } } });
    let run = house.client().post("/api/v1/workflows/claim/runs", &body).unwrap();
    let path = format!(
        "GET /api/v1/runs/{}/files/{}",
        run["id"].as_str().unwrap(),
        kept["artifact"].as_str().unwrap()
    );
    let before = resident(&house);
    let go: Vec<UnixStream> = (0..LINES)
        .map(|_| {
            let mut line = line(&house, &path);
            line.write_all(b"\r\n").unwrap();
            line.read_exact(&mut [0; 1]).unwrap();
            line
        })
        .collect();
    let grown = resident(&house).saturating_sub(before);
    assert!(grown < GROWS_MOST, "{grown} KiB for {LINES} files that are still going out");
    for line in go {
        let mut rest = vec![];
        BufReader::new(line).read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(&content(0)), "{} bytes", rest.len());
    }
    drop(until("it answers", || house.client().get("/api/v1/health").ok()));
}
