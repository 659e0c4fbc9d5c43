//! The audit in the hands of somebody who can write its file, and the addresses that stand in it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::house::{House, until};

const NONE: &str = "title = 'x'\n[step.wait]\nwait = '1h'\n";

fn acts(house: &House) {
    for _ in 0..3 {
        house.run("none", &json!({}));
    }
}

/// The newest number that was written down beside the file.
fn witnessed(house: &House) -> Option<u64> {
    let heads = std::fs::read_to_string(house.file("data/audit.heads")).ok()?;
    heads.lines().last()?.split(' ').nth(1)?.parse().ok()
}

#[test]
fn lines_that_were_cut_off_while_nobody_looked_are_found_after_the_start() {
    let mut house = House::new();
    house.workflow("none", NONE);
    house.start();
    acts(&house);
    assert_eq!(house.stop(), Some(0));
    let parts = ["data/access.db", "data/access.db-wal"].map(|part| house.file(part));
    let before = parts.clone().map(|part| std::fs::read(part).ok());
    let known = witnessed(&house).expect("a stop writes down the newest line");
    house.start();
    acts(&house);
    house.call(&["audit", "verify"]).ok();
    assert_eq!(house.stop(), Some(0));
    let seen = witnessed(&house).unwrap();
    assert!(seen > known, "{seen} {known}");
    // Whole, chained and marked: only shorter.
    drop(std::fs::remove_file(house.file("data/access.db-shm")));
    for (part, before) in parts.iter().zip(before) {
        match before {
            Some(bytes) => std::fs::write(part, bytes).unwrap(),
            None => drop(std::fs::remove_file(part)),
        }
    }
    house.start();
    let said = house.call(&["--lang", "en", "audit", "verify"]);
    assert!(said.code != 0 && said.out.contains(&format!("{{\"gone\":{{\"seq\":{seen}}}}}")), "{said:?}");
    let doctor = house.call(&["--lang", "en", "doctor"]).all();
    assert!(doctor.contains(&format!("the audit is not as it was written: from line {seen} on")), "{doctor}");
}

#[test]
fn behind_a_proxy_the_audit_says_whom_the_proxy_spoke_for() {
    let mut house = House::with("url = \"https://house.example.com\"\n");
    house.start();
    let address = house.read("data/address");
    let mut line = TcpStream::connect(address.trim().trim_start_matches("http://")).unwrap();
    let form = "name=li.na&password=no";
    write!(
        line,
        "POST /sign-in HTTP/1.1\r\nhost: house.example.com\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\
         x-forwarded-for: 192.0.2.77\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut told = String::new();
    line.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
    until("the line", || {
        let audit = house.get("/api/v1/audit").to_string();
        audit.contains("192.0.2.77").then_some(())
    });
}
