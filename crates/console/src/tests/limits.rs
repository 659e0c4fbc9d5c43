//! What is bounded: bodies, heads, connections, and the time of each.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::place::{Place, TOKEN, place, place_with};
use crate::HttpSettings;

const OPEN: &str = r#"
title = "开"
[trigger.hook]
webhook = { signature = "none" }
[step.say]
use = "play.say"
with.text = "x"
"#;

/// All that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    drop(tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.unwrap());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_connections_do_not_keep_out_the_one_that_speaks() {
    let most = 200;
    // Longer than the test: none leaves because its time is up.
    let head_timeout = Duration::from_secs(300);
    let settings = HttpSettings { connections_max: most, head_timeout, ..HttpSettings::default() };
    let place = place_with(&[], settings).await;
    let mut silent = vec![];
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(place.address).await.unwrap();
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
        silent.push(stream);
    }
    let mut times = vec![];
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(place.stranger.get("/health/live").await.status, 200);
        times.push(began.elapsed());
    }
    times.sort();
    assert!(times[49] < Duration::from_millis(200), "{:?}", times[49]);
    let figures = place.token.get("/api/v1/health").await.json();
    assert!(figures["figures"]["connections"].as_u64().unwrap() <= most as u64);
    // The oldest had to make room.
    assert_eq!(rest(&mut silent[0]).await, "");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_cut_no_answer_that_is_still_going_out() {
    let (most, head_timeout) = (16, Duration::from_secs(300));
    let settings = HttpSettings { connections_max: most, head_timeout, ..HttpSettings::default() };
    let place = place_with(&[("paper", PAPER)], settings).await;
    let paper = place.token.send("POST", "/api/v1/artifacts", &[], vec![b'x'; 20_000_000]).await.json();
    let run = place.start("paper", json!({ "paper": { "artifact": paper["artifact"], "name": "a" } })).await;
    let file = format!("/api/v1/runs/{run}/files/{}", paper["artifact"].as_str().unwrap());
    let mut going = vec![];
    for path in [file.as_str(), "/api/v1/events?seconds=60"] {
        let mut stream = TcpStream::connect(place.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut first = [0; 13];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 ", "{path}");
        going.push(stream);
    }
    let mut silent = vec![];
    for _ in 0..5 * most {
        silent.push(TcpStream::connect(place.address).await.unwrap());
    }
    // They were all taken in, and the oldest of them had to go.
    assert_eq!(place.stranger.get("/health/live").await.status, 200);
    assert_eq!(rest(&mut silent[0]).await, "");
    let all = rest(&mut going[0]).await;
    assert!(all.ends_with("xxx") && all.len() > 20_000_000, "{} bytes", all.len());
    let before =
        place.start("paper", json!({ "paper": { "artifact": paper["artifact"], "name": "b" } })).await;
    let mut heard = String::new();
    while !heard.contains(&before) {
        let mut some = [0; 4_096];
        let read = tokio::time::timeout(Duration::from_secs(10), going[1].read(&mut some));
        let read = read.await.unwrap().unwrap();
        assert!(read > 0, "the stream was cut: {heard}");
        heard.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    place.stop().await;
}

const PAPER: &str = r#"
title = "收文"
[input]
paper = { label = "文件", type = "file", size = "24MB" }
[step.look]
ask = "person:li.na"
due = "24h"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_or_a_body_that_does_not_come_ends_the_connection() {
    let short = Duration::from_millis(100);
    let settings = HttpSettings { head_timeout: short, body_timeout: short, ..HttpSettings::default() };
    let place = place_with(&[("open", OPEN)], settings).await;
    let mut head = TcpStream::connect(place.address).await.unwrap();
    head.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut idle = TcpStream::connect(place.address).await.unwrap();
    let mut body = TcpStream::connect(place.address).await.unwrap();
    body.write_all(b"POST /hooks/open/hook HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    assert!(!rest(&mut head).await.contains("200 OK"));
    assert_eq!(rest(&mut idle).await, "");
    let answer = rest(&mut body).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("YZ0408"), "{answer}");
    place.stop().await;
}

/// Sends a body in pieces at a pace of its own, as a slow line does; what is answered at last.
async fn at_a_pace(place: &Place, (pieces, size): (usize, usize), every: Duration) -> String {
    let mut stream = TcpStream::connect(place.address).await.unwrap();
    let length = pieces * size;
    let head = format!(
        "POST /api/v1/artifacts?name=a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut beat = tokio::time::interval(every);
    for _ in 0..pieces {
        beat.tick().await;
        if stream.write_all(&vec![7; size]).await.is_err() {
            break;
        }
    }
    rest(&mut stream).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_on_a_slow_line_arrives_for_as_long_as_it_keeps_coming() {
    let within = Duration::from_secs(1);
    let place = place_with(&[], HttpSettings { body_timeout: within, ..HttpSettings::default() }).await;
    let beat = Duration::from_millis(100);
    let began = Instant::now();
    let kept = at_a_pace(&place, (25, 4 * 1024), beat).await;
    assert!(began.elapsed() > 2 * within, "it was no slow line");
    assert!(kept.starts_with("HTTP/1.1 201 "), "{kept}");
    // A byte now and then keeps no place.
    let cut = at_a_pace(&place, (40, 1), beat).await;
    assert!(cut.starts_with("HTTP/1.1 408 ") && cut.contains("YZ0408"), "{cut}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let settings = HttpSettings { body_max: 1_000, artifact_max: 5_000, ..HttpSettings::default() };
    let place = place_with(&[("open", OPEN)], settings).await;
    let large = vec![b' '; 1_001];
    let json_type = ("content-type", "application/json");
    for path in ["/hooks/open/hook", "/api/v1/workflows/open/runs"] {
        let refused = place.token.send("POST", path, &[json_type], large.clone()).await;
        assert_eq!((refused.status, refused.code().as_str()), (413, "YZ0406"), "{path}");
    }
    let mut chunked = TcpStream::connect(place.address).await.unwrap();
    let head = "POST /hooks/open/hook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    chunked.write_all(head.as_bytes()).await.unwrap();
    chunked
        .write_all(format!("{:x}\r\n{}\r\n0\r\n\r\n", large.len(), " ".repeat(1_001)).as_bytes())
        .await
        .unwrap();
    assert!(rest(&mut chunked).await.starts_with("HTTP/1.1 413 "));
    // One that says how large it is is refused before it comes.
    let mut announced = TcpStream::connect(place.address).await.unwrap();
    let head =
        "POST /hooks/open/hook HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\nconnection: close\r\n\r\n";
    announced.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(&mut announced).await.starts_with("HTTP/1.1 413 "));
    let kept = place.token.send("POST", "/api/v1/artifacts?name=a", &[], vec![1; 5_000]).await;
    assert_eq!(kept.status, 201, "artifacts have a limit of their own");
    assert_eq!(place.token.send("POST", "/api/v1/artifacts", &[], vec![1; 5_001]).await.code(), "YZ0406");
    // A stranger's body is not even read.
    let refused = place.stranger.send("POST", "/api/v1/workflows/open/runs", &[json_type], large).await;
    assert_eq!(refused.code(), "YZ0401");
    place.stop().await;
}

/// The head of a form of a stranger's, and the beginning of its body.
fn half_a_form(path: &str, sent: usize) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nsec-fetch-site: same-origin\r\naccept: text/html\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 800000\r\n\r\n"
    );
    [head.into_bytes(), vec![b'a'; sent]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_begin_to_send_a_form_keep_out_nobody() {
    // Longer than the test: none leaves because its time is up.
    let body_timeout = Duration::from_secs(300);
    let settings = HttpSettings { connections_max: 40, body_timeout, ..HttpSettings::default() };
    let place = place_with(&[("open", OPEN)], settings).await;
    let mut slow = vec![];
    for path in ["/sign-in", "/invitation/x", "/new/open", "/tasks/claim"].iter().cycle().take(200) {
        let mut stream = TcpStream::connect(place.address).await.unwrap();
        stream.write_all(&half_a_form(path, 2)).await.unwrap();
        slow.push(stream);
    }
    let soon = Duration::from_secs(5);
    for client in [&place.stranger, &place.socket] {
        let live = tokio::time::timeout(soon, client.get("/health/live")).await;
        assert_eq!(live.expect("it answers").status, 200);
    }
    let form = b"name=li.na&password=no".to_vec();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let door = tokio::time::timeout(soon, place.stranger.send("POST", "/sign-in", &headers, form)).await;
    assert_eq!(door.expect("whoever sends all of it comes in").status, 401);
    let hook = tokio::time::timeout(soon, place.stranger.post("/hooks/open/hook", &json!({}))).await;
    assert_eq!(hook.expect("so does a delivery").status, 202);
    assert_eq!(rest(&mut slow[0]).await, "", "the oldest made room");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_has_places_that_nobody_else_can_fill() {
    let settings = HttpSettings { connections_max: 3, ..HttpSettings::default() };
    let place = place_with(&[("ask", ASK)], settings).await;
    // Somebody known may send as slowly as they like, and they are many.
    let mut slow = vec![];
    for _ in 0..5 {
        let mut stream = TcpStream::connect(place.address).await.unwrap();
        let head = format!(
            "POST /api/v1/workflows/ask/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: 9\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    for _ in 0..20 {
        let live = tokio::time::timeout(Duration::from_secs(5), place.socket.get("/health/live")).await;
        assert_eq!(live.expect("the socket answers").status, 200);
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_runs_with_all_their_lines_is_told_to_come_again() {
    let settings = HttpSettings { connections_max: 16, ..HttpSettings::default() };
    let place = place_with(&[("ask", ASK)], settings).await;
    let id = place.start("ask", json!({})).await;
    let path = format!("/api/v1/runs/{id}/wait?seconds=60");
    let mut waiting = vec![];
    for _ in 0..2 {
        let mut stream = TcpStream::connect(place.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
        let before = place.requests().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        place.another_request(before).await;
        waiting.push(stream);
    }
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        // The other two came in, and may not have begun to wait.
        let more = place.token.get(&path.replace("60", "1")).await;
        if more.status != 200 {
            assert_eq!((more.status, more.code().as_str()), (503, "YZ0422"));
            assert!(more.header("retry-after").is_some(), "{more:?}");
            break;
        }
        assert!(Instant::now() < end, "{more:?}");
    }
    assert_eq!(place.token.get(&format!("/api/v1/runs/{id}/wait?seconds=0")).await.status, 200);
    // Whoever wants to hear nothing more makes room.
    waiting.clear();
    let end = Instant::now() + Duration::from_secs(10);
    while place.token.get(&path.replace("60", "1")).await.status != 200 {
        assert!(Instant::now() < end, "it never made room");
    }
    place.stop().await;
}

const ASK: &str = r#"
title = "问"
[step.ask]
ask = "group:热线"
form.ok = { label = "行吗", type = "yesno" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_those_who_wait_and_takes_nobody_in() {
    let place = place(&[("ask", ASK)]).await;
    let id = place.start("ask", json!({})).await;
    let before = place.requests().await;
    let mut waiting = TcpStream::connect(place.address).await.unwrap();
    let head = format!(
        "GET /api/v1/runs/{id}/wait?seconds=60 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    );
    waiting.write_all(head.as_bytes()).await.unwrap();
    place.another_request(before).await;
    let address = place.address;
    let began = Instant::now();
    place.stop().await;
    assert!(began.elapsed() < Duration::from_secs(4), "a long answer does not hold up the stop");
    assert!(rest(&mut waiting).await.starts_with("HTTP/1.1 200 OK"));
    assert!(TcpStream::connect(address).await.is_err());
}
