//! Both ends of the socket of a child that gives its input back, without the socket.

use std::sync::Arc;
use std::time::Duration;

use yizhan_engine::carrier::Call;

use crate::Problem;
use crate::frame::{self, Garbage, Kind, Reader, Start};
use crate::house::{NOW, SAID};
use crate::work::{Round, TOGETHER};

struct Wire {
    out: Vec<u8>,
    back: Vec<u8>,
    child: Reader,
    daemon: Reader,
}

impl Wire {
    /// Calls that go out in one write and are read; how many answers are read again.
    fn there_and_back(&mut self, calls: &[Call]) -> Result<usize, Problem> {
        self.out.clear();
        self.back.clear();
        calls.iter().for_each(|call| frame::put_start(&mut self.out, call, Duration::from_secs(30)));
        let mut out = self.out.as_slice();
        while !out.is_empty() && self.child.fill(&mut out)? {
            while let Some(frame) = self.child.frame().map_err(told)? {
                let start: Start<'_> = serde_json::from_slice(frame.payload)?;
                frame::put(&mut self.back, Kind::Complete, 0, frame.call, start.input.get().as_bytes());
            }
        }
        let (mut back, mut heard) = (self.back.as_slice(), 0);
        while !back.is_empty() && self.daemon.fill(&mut back)? {
            while let Some(frame) = self.daemon.frame().map_err(told)? {
                heard += usize::from(frame.kind == Kind::Complete && frame.status() == 0);
            }
        }
        Ok(heard)
    }
}

fn told(garbage: Garbage) -> String {
    garbage.to_string()
}

/// Calls as the chain has them, which come back with their input.
pub(crate) fn frames() -> Result<Round, Problem> {
    let input: Arc<str> = serde_json::json!({ "text": "world", "said": SAID }).to_string().into();
    let call = |id: u32| Call {
        id: u64::from(id),
        plugin: "echo".into(),
        action: "echo".into(),
        key: "abcdefghijklmnopqrstuvwxyz234567".into(),
        run: "run_0000000000001".into(),
        workflow: "counts".into(),
        step: "s1".into(),
        undo: false,
        round: 1,
        item: 0,
        attempt: 1,
        now_ms: NOW.0,
        timeout: None,
        input: Arc::clone(&input),
        secrets: vec![],
    };
    let calls: Vec<Call> = (0..TOGETHER).map(call).collect();
    let mut wire = Wire { out: vec![], back: vec![], child: Reader::new(), daemon: Reader::new() };
    Ok(Box::new(move || {
        let back = wire.there_and_back(&calls)?;
        if back == calls.len() { Ok(()) } else { Err(format!("{back} of {} came back", calls.len()).into()) }
    }))
}
