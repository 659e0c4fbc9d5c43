//! Reads what actions and child runs answer in a test: `fake = { "webhook.call" = { status = 503, times = 2 } }`.

#![expect(clippy::wildcard_enum_match_arm, reason = "TOML has no more kinds")]

use std::sync::Arc;

use toml::de::DeValue;

use super::values::Fields;
use super::{Section, Told, time};
use crate::catalogue::Action;
use crate::definition::section::{Item, Text};
use crate::problem::{listed, nearest};
use crate::testing::{Fake, Gives};

/// A status from which on a reply is a failure, as HTTP has it.
const FAILED_STATUS: i64 = 400;

impl<'a, 'r> Told<'_, 'a, 'r, '_> {
    /// Those of the key `fake`; a list is an answer for each call in turn.
    pub(super) fn fakes(&self) -> Vec<Fake> {
        let Some(own) = self.own.section("fake") else { return Vec::new() };
        let mut fakes = Vec::new();
        for (name, item) in own.entries() {
            let Some(of) = self.faked(&own, &name) else { continue };
            match item.get_ref() {
                DeValue::Array(list) => {
                    let last = list.len().saturating_sub(1);
                    for (at, one) in list.iter().enumerate() {
                        let fake = self.fake(&own, (&name, one), &of);
                        // Each for one call, the last one for all that follow.
                        fakes.extend(fake.map(|fake| match fake.times {
                            None if at < last => Fake { times: Some(1), ..fake },
                            Some(_) | None => fake,
                        }));
                    }
                }
                _ => fakes.extend(self.fake(&own, (&name, item), &of)),
            }
        }
        fakes
    }

    /// What is faked: an action, or a workflow that others begin.
    fn faked(&self, own: &Section<'a, 'r>, name: &Text<'_>) -> Option<Faked> {
        if name.value.contains('.') {
            return Told { own, among: self.among }.action(name).map(Faked::Action);
        }
        Told { own, among: self.among }.workflow(name).map(Faked::Workflow)
    }

    fn fake(
        &self,
        own: &Section<'a, 'r>,
        (name, item): (&Text<'_>, &'r toml::Spanned<DeValue<'a>>),
        of: &Faked,
    ) -> Option<Fake> {
        let own = own.sub(name.value, item)?;
        let times = own.whole("times", 1..=1_000_000);
        let takes = time::span(&own, "takes").map(|span| span.ms);
        let gives = gives(&own, of, item);
        Some(Fake { of: of.name(), times, takes, gives })
    }
}

enum Faked {
    Action(Arc<Action>),
    Workflow(Arc<str>),
}

impl Faked {
    fn name(&self) -> Arc<str> {
        match self {
            Self::Action(action) => action.name.to_string().into(),
            Self::Workflow(name) => name.clone(),
        }
    }
}

fn gives<'a, 'r>(own: &Section<'a, 'r>, of: &Faked, item: Item<'_>) -> Gives {
    if let Some(code) = own.string("error") {
        let gives = failed(own, code.into());
        own.close(&[]);
        return gives;
    }
    if own.boolean("lost") == Some(true) {
        own.close(&[]);
        return Gives::Lost;
    }
    let status = item.get_ref().as_table().and_then(|table| table.get("status")?.get_ref().as_integer());
    let status = status.and_then(|status| status.as_str().parse::<i64>().ok());
    if let (Some(status), Faked::Action(action)) = (status, of)
        && status >= FAILED_STATUS
        && own.get("status").is_some()
    {
        let after = time::span(own, "retry_after").map(|span| span.ms);
        own.close(&[]);
        let (plugin, passing) = (&action.name.plugin, matches!(status, 408 | 425 | 429 | 500..));
        return Gives::Failed {
            code: format!("{plugin}.status_{status}").into(),
            message: format!("the other side answers {status}").into(),
            retry: passing,
            happened: if status >= 500 { None } else { Some(false) },
            after_ms: after,
        };
    }
    done(own, of)
}

fn failed(own: &Section<'_, '_>, code: Arc<str>) -> Gives {
    Gives::Failed {
        message: own.string("message").map_or_else(|| code.clone(), Into::into),
        code,
        retry: own.boolean("retry").unwrap_or(false),
        happened: own
            .word("happened", &[("no", Some(false)), ("maybe", None), ("yes", Some(true))])
            .unwrap_or(Some(false)),
        after_ms: time::span(own, "retry_after").map(|span| span.ms),
    }
}

fn done(own: &Section<'_, '_>, of: &Faked) -> Gives {
    let mut output = Fields::of(own);
    output.without(&["times", "takes", "lost"]);
    let mut outcome = None;
    match of {
        Faked::Workflow(_) => {
            outcome = own.string("outcome").map(Into::into);
            output.without(&["outcome"]);
        }
        Faked::Action(action) => {
            let known = action.output.get("properties").and_then(serde_json::Value::as_object);
            let open = action.output.get("additionalProperties").is_some_and(|more| *more != false);
            let known: Vec<&String> = known.into_iter().flat_map(|known| known.keys()).collect();
            for (key, _) in own.entries() {
                let is_known = own.knows(key.value) || known.iter().any(|name| *name == key.value);
                if open || is_known || known.is_empty() {
                    continue;
                }
                let ours = ["error", "status", "times", "takes", "lost"];
                let all = known.iter().map(|name| name.as_str()).chain(ours);
                let problem = own.error("YZ0105", key.span).name("key", key.value);
                let problem = problem.name("where", format!("the output of `{}`", action.name));
                own.say(match nearest(key.value, all.clone()) {
                    Some(near) => problem.near(Some(near)),
                    None => problem.name("known", listed(all)),
                });
            }
        }
    }
    Gives::Done { output: output.raw(), outcome }
}
