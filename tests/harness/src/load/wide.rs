//! More kinds of what comes in, for fault runs that must pass every place of the daemon; and what somebody was told of it,
//! so that each word that was given can be held against what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use yizhan_workflow::id::RunId;

use super::{Acks, lock};
use crate::checker::Violation;
use crate::client::{Client, ClientError};
use crate::evidence::{Ack, Delivered};
use crate::fault::webhooks::{Delivery, Way, id_of};

pub(super) const PEOPLE: &str = "[person.a]\nname = \"甲\"\nmail = \"a@example.com\"\n";

/// Begins by a delivery, a file or a key, and asks somebody.
pub(super) const ASKED: &str = r#"
title = "问一问"
[input]
case = {}
[trigger.in]
webhook = { signature = "none" }
with    = { case = "{{ trigger.body.case }}" }
[trigger.box]
files = "inbox/cases/*.csv"
per   = "row"
[step.look]
ask = "person:a"
form.ok = { type = "yesno" }
"#;

/// Begins by what another run publishes, and is over after a nap.
pub(crate) fn news(nap: &str) -> String {
    format!(
        r#"
title = "听到了"
[input]
case = {{}}
[trigger.news]
event = "heard"
with  = {{ case = "{{{{ trigger.event.key }}}}" }}
[step.nap]
wait = "{nap}"
"#
    )
}

/// What people and systems beside the clients were told. Starts are among those of the clients.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Runs of which an answer was acknowledged.
    pub answered: BTreeSet<RunId>,
    /// Of a load with deliveries: what became of each.
    pub delivered: Option<Delivered>,
    /// Files that were kept, by their hashes.
    pub kept: BTreeSet<String>,
    /// How often what was refused with which status and code.
    pub refused: BTreeMap<String, u32>,
    /// What was answered and must not be.
    pub wrong: Vec<Violation>,
}

impl Told {
    /// No answer at all says nothing: somebody may have been killed.
    pub(super) fn refusal(&mut self, what: &str, error: &ClientError) {
        let said = match error {
            ClientError::NoAnswer(_) => return,
            ClientError::NoHttp(_) => format!("{what}: no HTTP"),
            ClientError::Refused { status, body } => {
                let code = body.find("YZ").and_then(|at| body.get(at..at + 6)).unwrap_or("no code");
                format!("{what}: {status} {code}")
            }
        };
        *self.refused.entry(said).or_default() += 1;
    }
}

pub(super) type Words = Arc<Mutex<Told>>;

/// For as long as a word is written down.
pub(super) fn told(words: &Mutex<Told>) -> MutexGuard<'_, Told> {
    words.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Between two rounds of somebody who is there alone.
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody who does each of these in turn, also while nobody is there.
pub(super) struct Visitor {
    /// Which of how many.
    pub who: (u32, u32),
    pub client: Client,
    pub home: PathBuf,
    pub words: Words,
    pub acks: Acks,
}

impl Visitor {
    pub(super) fn come_and_go(self, stop: &AtomicBool) {
        let (folder, mut cursor) = (self.home.join("inbox/cases"), String::new());
        let (mut number, mut delivery) = (self.who.0, None);
        while !stop.load(Ordering::Relaxed) {
            // The numbers are everybody's own.
            number += self.who.1;
            delivery = self.deliver(delivery.unwrap_or_else(|| next(number)));
            self.begin(number);
            // What lies in a folder is nobody's word yet.
            drop(drop_file(&folder, number));
            self.keep(number);
            cursor = self.answer_some(&cursor);
            std::thread::sleep(PAUSE / self.who.1); // They are few, beside the load.
        }
    }

    /// Sends a delivery. As a sender does, it is sent again until it is answered: what is given back was not.
    fn deliver(&self, delivery: Delivery) -> Option<Delivery> {
        let case = delivery.case.clone();
        let open = |words: &mut Told, is: bool| {
            let delivered = words.delivered.get_or_insert_default();
            if is { delivered.open.insert(case.clone()) } else { delivered.open.remove(&case) }
        };
        open(&mut told(&self.words), true);
        let answer = delivery.send(&self.client);
        let mut words = told(&self.words);
        match answer {
            Ok(answer) => {
                open(&mut words, false);
                let id = id_of(&answer).unwrap_or_else(|| answer.to_string());
                words.delivered.get_or_insert_default().taken.push((case, id));
                None
            }
            Err(error) => {
                words.refusal("delivery", &error);
                Some(delivery)
            }
        }
    }

    /// By a delivery that nobody signed, and by a key; some of those come again.
    fn begin(&self, number: u32) {
        let case = format!("w{number}");
        let headers = [("content-type", "application/json")];
        let body = json!({ "case": case }).to_string();
        self.began(case, self.client.call("POST", "/hooks/asked/in", &headers, body.as_bytes()));
        let times = if (number / self.who.1).is_multiple_of(4) { 2 } else { 1 };
        for _ in 0..times {
            let case = format!("k{number}");
            let input = json!({ "input": { "case": case } });
            let answer = self.client.post_once("/api/v1/workflows/asked/runs", &case, &input);
            self.began(case, answer);
        }
    }

    fn began(&self, case: String, answer: Result<Value, ClientError>) {
        match answer {
            Ok(answer) => match answer["id"].as_str().and_then(|id| id.parse().ok()) {
                Some(run) => lock(&self.acks).push(Ack { run, case }),
                None => told(&self.words).wrong.push(Violation::AnsweredWrongly(case, answer.to_string())),
            },
            Err(error) => told(&self.words).refusal("start", &error),
        }
    }

    fn keep(&self, number: u32) {
        let headers = [("content-type", "application/octet-stream")];
        let content = format!("the file of {number}");
        match self.client.call("POST", "/api/v1/artifacts", &headers, content.as_bytes()) {
            Ok(answer) => {
                told(&self.words).kept.insert(answer["artifact"].as_str().unwrap_or("no hash").to_owned());
            }
            Err(error) => told(&self.words).refusal("file", &error),
        }
    }

    /// Of the next few tasks those that ask `person:a`; the others wait for whoever looks at the receiver. Gives where the
    /// list goes on.
    fn answer_some(&self, cursor: &str) -> String {
        let Ok(tasks) = self.client.get(&format!("/api/v1/tasks?limit=20{cursor}")) else {
            return String::new();
        };
        // Each has some of them.
        let is_mine = |task: &Value| {
            let last = task["id"].as_str().and_then(|id| id.bytes().last()).unwrap_or(0);
            u32::from(last) % self.who.1 == self.who.0
        };
        let asks = |task: &&Value| task["workflow"] == "asked" && is_mine(task);
        for task in tasks["items"].as_array().into_iter().flatten().filter(asks) {
            answer(&self.client, task, &self.words);
        }
        tasks["next"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default()
    }
}

fn next(number: u32) -> Delivery {
    let way = [Way::Signed, Way::Pushed, Way::Told][number as usize % 3];
    Delivery::new(way, &format!("t{number}"))
}

fn drop_file(folder: &Path, number: u32) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (hidden, whole) = (folder.join(format!(".f{number}")), folder.join(format!("f{number}.csv")));
    std::fs::write(&hidden, format!("case\nf{number}\n"))?;
    std::fs::rename(hidden, whole)
}

pub(super) fn answer(client: &Client, task: &Value, words: &Mutex<Told>) {
    let id = task["id"].as_str().unwrap_or("");
    let body = json!({ "by": "person:a", "fields": { "ok": true } });
    match client.post(&format!("/api/v1/tasks/{id}/answer"), &body) {
        Ok(_) => told(words).answered.extend(task["run"].as_str().and_then(|run| run.parse::<RunId>().ok())),
        // Another kind of task, or somebody was quicker: that is said, too.
        Err(error) => told(words).refusal("answer", &error),
    }
}

/// Files that were said to be kept and are not there as they were sent.
pub(super) fn lost_files(words: &Told, home: &Path) -> Vec<Violation> {
    use sha2::{Digest as _, Sha256};
    let is_there = |hash: &&String| {
        let path = home.join("data/artifacts").join(hash.get(..2).unwrap_or("")).join(hash);
        let content = std::fs::read(path).unwrap_or_default();
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>() == **hash
    };
    let lost = words.kept.iter().filter(|hash| !is_there(hash));
    lost.map(|hash| Violation::KeptLost(hash.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_is_not_as_it_was_sent_is_named() {
        let home = tempfile::tempdir().unwrap();
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let path = home.path().join("data/artifacts/2c").join(hash);
        let words = Told { kept: [hash.to_owned()].into(), ..Told::default() };
        let lost = || lost_files(&words, home.path());
        assert_eq!(lost(), [Violation::KeptLost(hash.to_owned())]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "hello").unwrap();
        assert_eq!(lost(), []);
        std::fs::write(&path, "hell").unwrap();
        assert_eq!(lost(), [Violation::KeptLost(hash.to_owned())]);
    }

    #[test]
    fn a_refusal_is_known_by_its_status_and_code_and_silence_by_nothing() {
        let mut words = Told::default();
        words.refusal("start", &ClientError::NoAnswer(std::io::ErrorKind::TimedOut.into()));
        assert_eq!(words.refused, BTreeMap::new());
        let body = "{\"code\":\"YZ0423\"}".to_owned();
        words.refusal("start", &ClientError::Refused { status: 503, body });
        words.refusal("start", &ClientError::Refused { status: 500, body: String::new() });
        let refused = ["start: 503 YZ0423", "start: 500 no code"].map(|word| (word.to_owned(), 1));
        assert_eq!(words.refused, refused.into());
    }
}
