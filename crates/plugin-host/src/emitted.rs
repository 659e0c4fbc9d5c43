//! What a plugin says while it works: lines for the log, progress for the console.

use serde::Deserialize;
use serde_json::value::RawValue;
use yizhan_plugin_api::abi::{YZ_EMIT_LOG, YZ_EMIT_PROGRESS};

use crate::instance::{Instance, Ready};
use crate::kept::{AttemptLine, Share};

/// A longer line is cut.
const LINE_MAX: usize = 8 << 10;
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    level: &'a str,
    #[serde(default, borrow)]
    target: std::borrow::Cow<'a, str>,
    #[serde(default, borrow)]
    message: std::borrow::Cow<'a, str>,
    #[serde(default, borrow)]
    fields: Option<&'a RawValue>,
}

/// A line on its way to the daemon's log, clean of secrets.
struct Told<'a> {
    level: &'a str,
    target: &'a str,
    run: &'a str,
    step: &'a str,
    words: &'a str,
    fields: &'a str,
}

#[derive(Deserialize)]
struct Progress<'a> {
    #[serde(default)]
    done: f64,
    #[serde(default, borrow)]
    message: std::borrow::Cow<'a, str>,
}

impl Instance {
    /// Kinds we do not know are passed over: a newer plugin may have more.
    pub(crate) fn emitted(&self, call: u64, kind: u32, document: &[u8]) {
        let Ok(text) = std::str::from_utf8(document) else {
            self.violation("emitted bytes that are not UTF-8");
            return;
        };
        match kind {
            YZ_EMIT_LOG => match serde_json::from_str::<Line<'_>>(text) {
                Ok(line) => self.log(call, &line),
                Err(_) => self.violation("emitted a log line that is none"),
            },
            YZ_EMIT_PROGRESS => match serde_json::from_str::<Progress<'_>>(text) {
                Ok(progress) if self.find(call).is_some() => {
                    let words = self.plugin.scrub.text(&progress.message);
                    self.plugin.house.progressed(call, progress.done.clamp(0.0, 1.0), cut(&words));
                }
                Ok(_) => {}
                Err(_) => self.violation("emitted progress that is none"),
            },
            _ => {}
        }
    }

    /// What is kept with an attempt has bounds of its own: the pace is the log's alone.
    fn log(&self, call: u64, line: &Line<'_>) {
        let of = self.find(call);
        let keeps = of.as_ref().filter(|ready| ready.kept.has_room());
        let tells = self.plugin.may_tell();
        if keeps.is_none() && !tells {
            return;
        }
        let fields = line.fields.map_or("{}", RawValue::get);
        let fits = fields.len() <= LINE_MAX;
        let fields = self.plugin.scrub.document(if fits { fields } else { "{}" });
        // Clean first: half a secret is found by nobody.
        let all = self.plugin.scrub.text(&line.message);
        let words = cut(&all);
        if let Some(ready) = keeps {
            let level = if fits && words.len() == all.len() { line.level } else { "cut" };
            self.keep(ready, level, words, &fields);
        }
        if tells {
            let (run, step) = of.as_ref().map_or(("", ""), |ready| (&*ready.call.run, &*ready.call.step));
            let target = self.plugin.scrub.text(&line.target);
            let (level, target) = (line.level, cut(&target));
            self.tell(&Told { level, target, run, step, words, fields: &fields });
        }
    }

    /// Keeps a line with the attempt that it was said in.
    fn keep(&self, ready: &Ready, level: &str, words: &str, fields: &str) {
        let call = &ready.call;
        let at = call.now_ms.saturating_add(i64::try_from(ready.received.elapsed().as_millis()).unwrap_or(0));
        let text = if fields == "{}" { words.to_owned() } else { format!("{words} {fields}") };
        let level = if level == "cut" || LEVELS.contains(&level) { level } else { "info" };
        let (level, text) = match ready.kept.take(text.len()) {
            Share::Whole => (level, text.as_str()),
            Share::FirstTooMuch => ("cut", ""),
            Share::Nothing => return,
        };
        let (run, key, attempt) = (&*call.run, &*call.key, call.attempt);
        self.plugin.house.lines.said(AttemptLine { run, key, attempt, at, level, text });
    }

    /// A line on standard output or error; a prefix may say its level.
    pub(crate) fn printed(&self, line: &str) {
        if !self.plugin.may_tell() {
            return;
        }
        let (level, words) = match line.get(..2) {
            Some("E!") => ("error", &line[2..]),
            Some("W!") => ("warn", &line[2..]),
            Some("D!") => ("debug", &line[2..]),
            Some("I!") => ("info", &line[2..]),
            _ => ("info", line),
        };
        let words = self.plugin.scrub.text(words.trim());
        self.tell(&Told { level, target: "output", run: "", step: "", words: cut(&words), fields: "{}" });
    }

    fn tell(&self, told: &Told<'_>) {
        let plugin = &*self.plugin.id;
        let Told { level, target, run, step, words, fields } = *told;
        // A level is part of an event's type, so each has its own line.
        match level {
            "error" => tracing::error!(target: "plugin", plugin, target, run, step, fields, "{words}"),
            "warn" => tracing::warn!(target: "plugin", plugin, target, run, step, fields, "{words}"),
            "debug" => tracing::debug!(target: "plugin", plugin, target, run, step, fields, "{words}"),
            "trace" => tracing::trace!(target: "plugin", plugin, target, run, step, fields, "{words}"),
            _ => tracing::info!(target: "plugin", plugin, target, run, step, fields, "{words}"),
        }
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE_MAX)]
}
