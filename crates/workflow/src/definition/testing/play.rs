//! Reads what is played in a test, line by line.

use std::sync::Arc;

use super::values::Fields;
use super::{Section, Told, list, nothing};
use crate::plan::Work;
use crate::run::event::Raw;
use crate::testing::{Act, Line, Play, Refused, StepPath, Word};

/// The keys of which each line has one: what happens, or what must have happened.
const VERBS: &[&str] = &[
    "answer",
    "claim",
    "release",
    "hand_over",
    "delegate",
    "comment",
    "pause",
    "resume",
    "move_due",
    "extend",
    "append",
    "amend",
    "void",
    "erase",
    "settle",
    "cancel",
    "retry",
    "pass",
    "until",
    "event",
    "trigger",
    "start",
    "load",
    "fake",
    "expect",
    "expect_none",
    "expect_tell",
    "expect_no_tell",
    "expect_due",
    "expect_late",
    "expect_task",
    "expect_no_task",
    "expect_wait",
    "expect_step",
    "expect_run",
    "expect_no_run",
    "expect_event",
    "expect_entry",
    "expect_no_entry",
    "expect_state",
];

const VERDICTS: &[(&str, Word)] = &[
    ("again", Word::Again),
    ("happened", Word::Happened),
    ("skip", Word::Skip),
    ("fail", Word::Fail),
    ("leave", Word::Leave),
];

impl<'a, 'r> Told<'_, 'a, 'r, '_> {
    pub(super) fn play(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (at, item) in list(self.own, "play").into_iter().enumerate() {
            let Some(table) = item.get_ref().as_table() else {
                self.own.reader.wrong_type("play", "a list of tables", item);
                continue;
            };
            let path = format!("{}[{at}]", self.own.at("play"));
            let own = Section::of(self.own.reader, path, item.span(), table);
            let told = Told { own: &own, among: self.among };
            let of = told.case();
            lines.extend(told.line().map(|what| Line { place: item.span(), of, what }));
            own.close(&[]);
        }
        lines
    }

    fn line(&self) -> Option<Play> {
        let own = self.own;
        // `{ expect_wait = "pause", until = "…" }`: there the moment is what is expected.
        let of_wait = |verb: &str| verb == "until" && own.has("expect_wait");
        let mut said = VERBS.iter().copied().filter(|verb| own.has(verb) && !of_wait(verb));
        let Some(verb) = said.next() else {
            // A slip in the verb is told by its nearest; what else stands there is known.
            for key in VERBS.iter().chain(&["with", "by", "at", "to", "step", "reason"]) {
                own.get(key);
            }
            if own.entries().all(|(key, _)| own.knows(key.value)) {
                own.missing("answer");
            }
            return None;
        };
        if let Some(other) = said.next() {
            let problem = own.error("YZ0133", own.key_span(other)).name("one", verb);
            own.say(problem.name("other", other));
            own.get(other);
        }
        match verb {
            "answer" | "claim" | "release" | "hand_over" | "delegate" | "comment" | "pause" | "resume"
            | "move_due" | "extend" => self.act(verb),
            "append" | "amend" | "void" | "erase" => self.keep(verb),
            "settle" => self.settle(),
            "cancel" | "retry" => Some(self.of_run(verb)),
            "pass" | "until" => self.time(verb),
            "event" | "trigger" | "start" | "load" | "fake" => self.outside(verb),
            _ => self.expected(verb).map(Play::Expect),
        }
    }

    fn act(&self, verb: &'static str) -> Option<Play> {
        let (own, step) = (self.own, self.step(verb));
        let (by, refused) = (self.who("by"), self.refused());
        let said = |key| {
            if !own.has(key) {
                own.missing(key);
            }
            Arc::from(own.string(key).unwrap_or_default())
        };
        let act = match verb {
            "claim" => Act::Claim,
            "release" => Act::Release,
            "hand_over" | "delegate" => self.hand_over(verb == "delegate"),
            "comment" => Act::Comment { text: said("text") },
            "pause" => Act::Pause { reason: said("reason") },
            "resume" => Act::Resume { reason: own.string("reason").unwrap_or_default().into() },
            "move_due" => {
                let reason = said("reason");
                if !own.has("to") {
                    own.missing("to");
                }
                Act::MoveDue { to: self.moment("to")?, reason }
            }
            "extend" => Act::Extend { with: self.more_time(step.as_ref(), &refused) },
            _ => self.answer(step.as_ref(), &refused),
        };
        Some(Play::Act { step: step?, by, act, refused })
    }

    /// The fields of the step's `extend.form`.
    fn more_time(&self, step: Option<&StepPath>, refused: &Refused) -> Raw {
        let Some(with) = self.own.section("with") else { return nothing() };
        let clock = step.and_then(|step| self.own_step(step)).and_then(|step| step.clock.as_ref());
        match (step, clock.and_then(|clock| clock.extend.as_ref())) {
            (Some(step), Some(extend)) if *refused == Refused::No => {
                let called = format!("the `extend.form` of `{}`", step.written);
                self.fields_of_form(&with, &extend.form, &called).raw()
            }
            _ => Fields::of(&with).raw(),
        }
    }

    fn hand_over(&self, delegate: bool) -> Act {
        if !self.own.has("to") {
            self.own.missing("to");
        }
        let to = self.own.texts("to").unwrap_or_default();
        to.iter().for_each(|who| self.somebody(who));
        let to = to.iter().map(|who| who.value.to_owned()).collect();
        Act::HandOver { to, note: self.own.string("note").map(Arc::from), delegate }
    }

    fn answer(&self, step: Option<&StepPath>, refused: &Refused) -> Act {
        let fields = self.own.section("with").map(|with| {
            let known = step.and_then(|step| Some((step, self.own_work(step)?)));
            match known {
                Some((step, Work::Ask(ask))) if *refused == Refused::No && !ask.form.fields.is_empty() => {
                    let called = format!("the form of `{}`", step.written);
                    self.fields_of_form(&with, &ask.form, &called)
                }
                _ => Fields::of(&with),
            }
        });
        let with = fields.unwrap_or_default().raw();
        match self.who("for") {
            Some(whom) => Act::AnswerFor { whom, with },
            None => Act::Answer { with },
        }
    }

    fn settle(&self) -> Option<Play> {
        let (own, step, by) = (self.own, self.step("settle"), self.who("by"));
        if !own.has("verdict") {
            own.missing("verdict");
        }
        let verdict = own.word("verdict", VERDICTS);
        let values = own.section("values").map_or_else(nothing, |own| Fields::of(&own).raw());
        Some(Play::Settle { step: step?, by, verdict: verdict?, values })
    }

    fn of_run(&self, verb: &'static str) -> Play {
        let (own, by) = (self.own, self.who("by"));
        let word = own.get(verb).and_then(|item| item.get_ref().as_str());
        match verb {
            "cancel" => Play::Cancel { reason: word.unwrap_or("cancelled in a test").into(), by },
            _ => Play::Retry { from: word.map(Arc::from), by },
        }
    }

    fn time(&self, verb: &'static str) -> Option<Play> {
        let written = self.written(verb);
        self.moment(verb).map(|moment| Play::Pass { moment, written })
    }

    fn outside(&self, verb: &'static str) -> Option<Play> {
        let own = self.own;
        match verb {
            "event" => {
                let name: Arc<str> = own.text("event")?.value.into();
                let key = own.get("key").map(|item| super::values::json(own, "key", item));
                let key = key.map_or_else(String::new, |key| key.trim_matches('"').to_owned());
                let payload = own.section("payload").map_or_else(nothing, |own| Fields::of(&own).raw());
                Some(Play::Event { name, key: key.into(), payload })
            }
            "trigger" => Some(Play::Fire { firing: self.firing()?, refused: self.refused() }),
            "start" => {
                let start = own.section("start")?;
                let fields = if own.has("of") { Fields::of(&start) } else { self.input(&start) };
                Some(Play::Begin { input: fields.raw(), by: self.who("by"), refused: self.refused() })
            }
            "load" => {
                let name = own.text("load")?;
                self.workflow(&name).map(|workflow| Play::Load { workflow })
            }
            _ => Some(Play::Fake(self.fakes())),
        }
    }

    /// `refused = true`, or words of the reason.
    pub(super) fn refused(&self) -> Refused {
        let Some(item) = self.own.get("refused") else { return Refused::No };
        match (item.get_ref().as_bool(), item.get_ref().as_str()) {
            (Some(true), _) => Refused::Yes,
            (Some(false), _) => Refused::No,
            (None, Some(words)) => Refused::Because(words.into()),
            (None, None) => {
                self.own.reader.wrong_type("refused", "`true` or words of the reason", item);
                Refused::Yes
            }
        }
    }
}
