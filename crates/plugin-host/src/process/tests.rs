//! The frames the daemon sends, held against files: a change here is a change of the wire.

use serde_json::{Value, json};
use yizhan_engine::carrier::Call;

use super::*;
use crate::described::Described;
use crate::note::Note;

fn ready() -> Ready {
    let note: Note = serde_json::from_value(json!({
        "id": "x", "version": "1.0.0", "abi": { "major": 1 }, "actions": ["send"],
    }))
    .unwrap();
    let describe = json!({ "actions": { "send": { "effect": "keyed", "input": {}, "output": {} } } });
    let described = Described::read(describe.to_string().as_bytes(), &note).unwrap();
    let call = Call {
        id: 42,
        plugin: "x".into(),
        action: "send".into(),
        key: "abcdefghijklmnopqrstuvwxyz234567".into(),
        run: "run_01".into(),
        workflow: "客户/新客户".into(),
        step: "send \"it\"".into(),
        undo: false,
        round: 2,
        item: 7,
        attempt: 3,
        now_ms: 1_795_000_000_000,
        timeout: None,
        input: r#"{"to":["a@example.com"]}"#.into(),
        secrets: Vec::new(),
    };
    let (now, timeout) = (Instant::now(), Duration::from_secs(30));
    let action = Arc::clone(&described.actions["send"]);
    Ready {
        call,
        action,
        secrets: Vec::new(),
        received: now,
        deadline: now + timeout,
        timeout,
        kept: Default::default(),
        stored: Default::default(),
    }
}

/// The one frame in these bytes.
fn only(mut frames: &[u8]) -> (Kind, u8, u64, Value) {
    let mut reader = Reader::new();
    assert!(reader.fill(&mut frames).unwrap());
    let frame = reader.frame().unwrap().unwrap();
    let found = (frame.kind, frame.flags, frame.call, serde_json::from_slice(frame.payload).unwrap());
    assert_eq!(reader.frame(), Ok(None));
    found
}

#[test]
fn a_start_is_as_written_down() {
    let mut frames = Vec::new();
    let ready = ready();
    frame::put_start(&mut frames, &ready.call, ready.timeout);
    let golden: Value = serde_json::from_str(include_str!("../../tests/golden/start.json")).unwrap();
    assert_eq!(only(&frames), (Kind::Start, 0, 42, golden));
}

#[test]
fn a_hello_is_as_written_down() {
    let golden: Value = serde_json::from_str(include_str!("../../tests/golden/hello.json")).unwrap();
    let mut frames = Vec::new();
    frame::hello(&mut frames);
    assert_eq!(only(&frames), (Kind::Hello, 0, 0, golden));
}

#[test]
fn the_numbers_of_frames_never_change() {
    let numbers = [
        (Kind::Hello, 1),
        (Kind::Describe, 2),
        (Kind::Create, 3),
        (Kind::Start, 4),
        (Kind::Complete, 5),
        (Kind::Cancel, 6),
        (Kind::Emit, 7),
        (Kind::Request, 8),
        (Kind::Reply, 9),
        (Kind::Ping, 10),
        (Kind::Pong, 11),
        (Kind::Quiesce, 12),
        (Kind::Bye, 13),
    ];
    for (kind, number) in numbers {
        let mut frame = Vec::new();
        frame::put(&mut frame, kind, frame::status_flags(-2), 0x0102_0304_0506_0708, b"{}");
        assert_eq!(frame, [2, 0, 0, 0, number, 0xfe, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, b'{', b'}']);
    }
}
