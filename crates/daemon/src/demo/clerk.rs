//! The scripted clerk: starts a case, answers its tasks as the script says, and looks at what came of it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::case::{Answer, Case, WORKFLOWS};
use super::receiver::Receiver;
use crate::client::{Client, escaped};
use crate::exit::{Exit, Failure};
use crate::language::Language;

/// No step of the cases waits longer than a second; a slow machine may.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Clerk<'a> {
    pub(crate) client: &'a Client,
    pub(crate) receiver: &'a Receiver,
    pub(crate) home: &'a Path,
    pub(crate) language: Language,
    /// Where the reader sees what happens.
    pub(crate) say: &'a dyn Fn(&str),
}

impl std::fmt::Debug for Clerk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clerk").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Clerk<'_> {
    /// Carries one case from its start to its end. Says what did not come out as the script expects.
    pub(crate) fn carry(&self, case: &Case) -> Result<Vec<String>, Failure> {
        let (mails, calls) = (self.mails()?.len(), self.receiver.calls().len());
        let mut start = json!({ "input": case.input });
        if let Some(by) = &case.by {
            start["by"] = json!(by);
        }
        let started =
            self.client.post(format!("/api/v1/workflows/{}/runs", case.workflow)).json(&start).send()?;
        let run = started["id"].as_str().unwrap_or_default().to_owned();
        (self.say)(&format!("  {run}"));
        for answer in &case.answers {
            self.answer(case, answer)?;
        }
        let over = self.over(&run)?;
        let state = over["state"].as_str().unwrap_or("?");
        let mark = self.language.pick("结果", "result");
        (self.say)(&format!("  = {mark}: {state}, {}", over["outcome"].as_str().unwrap_or("")));
        self.say_effects(mails, calls)?;
        self.differences(case, &over, mails, calls)
    }

    /// Waits until the task that the script means is open, and answers it.
    fn answer(&self, case: &Case, answer: &Answer) -> Result<(), Failure> {
        let workflow = answer.workflow.as_deref().unwrap_or(&case.workflow);
        let end = Instant::now() + PATIENCE;
        let task = loop {
            // Several signatures of one step may be open: each looks at their own.
            let theirs = format!("/api/v1/tasks?limit=200&who={}", escaped(&answer.by));
            let open = self.client.get(theirs).send()?;
            let fits = |task: &&Value| task["workflow"] == workflow && task["step"] == answer.step.as_str();
            if let Some(task) = open["items"].as_array().into_iter().flatten().find(fits) {
                break task.clone();
            }
            if Instant::now() > end {
                let text = format!("the task `{}` of `{workflow}` did not open", answer.step);
                return Err(Failure::new(Exit::Failed, "YZ0540", text));
            }
            std::thread::sleep(Duration::from_millis(20)); // Between two looks at a state, with a deadline.
        };
        let id = task["id"].as_str().unwrap_or_default();
        let fields = self.with_files(case, &answer.fields)?;
        let body = json!({ "by": answer.by, "fields": fields });
        self.client.post(format!("/api/v1/tasks/{}/answer", escaped(id))).json(&body).send()?;
        (self.say)(&format!(
            "  · {} — {}: {}",
            task["title"].as_str().unwrap_or(&answer.step),
            answer.by,
            short(&answer.fields)
        ));
        Ok(())
    }

    /// Uploads what `{ name, file }` names and puts the artifact in its place.
    fn with_files(&self, case: &Case, fields: &Map<String, Value>) -> Result<Value, Failure> {
        let mut fields = fields.clone();
        for value in fields.values_mut() {
            for file in value.as_array_mut().into_iter().flatten() {
                let Some(local) = file["file"].as_str() else { continue };
                let name = file["name"].as_str().unwrap_or(local).to_owned();
                let content = WORKFLOWS.get_file(format!("{}/{local}", case.folder)).ok_or_else(|| {
                    Failure::new(Exit::Failed, "YZ0541", format!("`{local}` is not compiled in"))
                })?;
                *file = self
                    .client
                    .post(format!("/api/v1/artifacts?name={}", escaped(&name)))
                    .bytes(content.contents().to_vec())
                    .send()?;
            }
        }
        Ok(Value::Object(fields))
    }

    fn over(&self, run: &str) -> Result<Value, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            let view = self.client.get(format!("/api/v1/runs/{run}/wait?seconds=5")).send()?;
            if matches!(view["state"].as_str(), Some("done" | "failed" | "cancelled")) {
                return Ok(view);
            }
            if Instant::now() > end {
                let why =
                    self.client.get(format!("/api/v1/runs/{run}/why?lang={}", self.language.tag())).send()?;
                return Err(Failure::new(Exit::StillOpen, "YZ0542", format!("{run} is still open: {why}")));
            }
        }
    }

    /// To and subject of every mail in the folder, decoded, oldest first.
    fn mails(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut files: Vec<_> = std::fs::read_dir(self.home.join("data/mail"))?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "eml"))
            .collect();
        files.sort_by_key(|entry| entry.metadata().and_then(|about| about.modified()).ok());
        files.iter().map(|entry| Ok(headers(&std::fs::read_to_string(entry.path())?))).collect()
    }

    fn say_effects(&self, mails: usize, calls: usize) -> Result<(), Failure> {
        for (to, subject) in self.mails()?.iter().skip(mails) {
            (self.say)(&format!("  ✉ {to}  {subject}"));
        }
        for call in self.receiver.calls().iter().skip(calls) {
            (self.say)(&format!("  ⇄ {} {}", call.method, call.path));
        }
        Ok(())
    }

    fn differences(
        &self,
        case: &Case,
        over: &Value,
        mails: usize,
        calls: usize,
    ) -> Result<Vec<String>, Failure> {
        let mut wrong = vec![];
        let expect = &case.expect;
        if let Some(state) = &expect.state
            && over["state"] != state.as_str()
        {
            wrong.push(format!(
                "{}: expected {state}, is {}: {}",
                case.workflow, over["state"], over["error"]
            ));
        }
        for (step, rounds) in &expect.rounds {
            let is = round_of(over, step);
            if is != Some(u64::from(*rounds)) {
                wrong.push(format!("{}: `{step}` expected in round {rounds}, is {is:?}", case.workflow));
            }
        }
        let sent = self.mails()?;
        for mail in &expect.mails {
            let fits =
                |(to, subject): &&(String, String)| to.contains(&mail.to) && subject.contains(&mail.subject);
            let times = sent.iter().skip(mails).filter(fits).count();
            if times != mail.times {
                wrong.push(format!(
                    "{}: mail “{}” to {} expected {} times, came {times}",
                    case.workflow, mail.subject, mail.to, mail.times
                ));
            }
        }
        let called = self.receiver.calls();
        for call in &expect.calls {
            let fits = called
                .iter()
                .skip(calls)
                .filter(|is| is.method == call.method && is.path.starts_with(&call.path));
            let times = fits.count();
            if times != call.times {
                wrong.push(format!(
                    "{}: {} {} expected {} times, came {times}",
                    case.workflow, call.method, call.path, call.times
                ));
            }
        }
        for file in &expect.files {
            let path = self.home.join("data/files").join(&file.path);
            if path.exists() == file.gone {
                let word = if file.gone { "is still there" } else { "is not there" };
                wrong.push(format!("{}: {} {word}", case.workflow, file.path));
            } else if let Some(rows) = file.rows {
                let is = csv::Reader::from_path(&path)
                    .map(|mut reader| reader.records().flatten().count())
                    .unwrap_or(0);
                if is != rows {
                    wrong.push(format!("{}: {} expected {rows} rows, has {is}", case.workflow, file.path));
                }
            }
        }
        Ok(wrong)
    }
}

/// The first texts of an answer, for the reader's eyes.
fn short(fields: &Map<String, Value>) -> String {
    let texts = fields.values().map(|value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => {
            if *yes {
                "是".to_owned()
            } else {
                "否".to_owned()
            }
        }
        Value::Array(many) => format!("({})", many.len()),
        Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
    });
    let line = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
    let cut: String = line.chars().take(60).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

/// `To` and `Subject` of a mail, folded lines joined and encoded words decoded.
fn headers(mail: &str) -> (String, String) {
    let head = mail.split("\r\n\r\n").next().unwrap_or(mail);
    let (mut to, mut subject, mut current) = (String::new(), String::new(), None);
    for line in head.lines() {
        if line.starts_with([' ', '\t']) {
            match current {
                Some("to") => to.push_str(line.trim_end()),
                Some("subject") => subject.push_str(line.trim_end()),
                Some(_) | None => {}
            }
        } else if let Some(rest) = line.strip_prefix("To:") {
            current = Some("to");
            rest.trim().clone_into(&mut to);
        } else if let Some(rest) = line.strip_prefix("Subject:") {
            current = Some("subject");
            rest.trim().clone_into(&mut subject);
        } else {
            current = None;
        }
    }
    (decoded(&to), decoded(&subject))
}

/// RFC 2047 as our own email plugin writes it: `=?utf-8?b?…?=`, words beside each other without a space between.
fn decoded(text: &str) -> String {
    use base64::Engine as _;
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, word)) = rest.split_once("=?") {
        if !before.trim().is_empty() || out.is_empty() {
            out.push_str(before);
        }
        let mut parts = word.splitn(3, '?');
        let (_, encoding, tail) = (parts.next(), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let Some((encoded, after)) = tail.split_once("?=") else { break };
        if encoding.eq_ignore_ascii_case("b")
            && let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(encoded)
        {
            out.push_str(&String::from_utf8_lossy(&bytes));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The round of a step of a run or an item: `look`, or `visit.look` for one that `visit` holds.
fn round_of(view: &Value, path: &str) -> Option<u64> {
    let (id, inside) = path.split_once('.').map_or((path, None), |(id, inside)| (id, Some(inside)));
    let step = view["steps"].as_array()?.iter().find(|step| step["id"] == id)?;
    match inside {
        None => step["round"].as_u64(),
        Some(inside) => step["items"].as_array()?.iter().find_map(|item| round_of(item, inside)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_in_encoded_words_over_two_lines_reads_as_one() {
        let mail =
            "To: a@example.com\r\nSubject: =?utf-8?b?5L2g?=\r\n =?utf-8?b?5aW9?= (2)\r\nDate: x\r\n\r\nbody";
        assert_eq!(headers(mail), ("a@example.com".to_owned(), "你好 (2)".to_owned()));
    }
}
