//! Reads whom a step asks, and how they answer.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::flow::Ways;
use super::section::{Section, Text};
use super::{fields, time};
use crate::expression::Template;
use crate::form::{Field, Form, Kind, Required};
use crate::plan::{Approve, Ask, Choose, Need, Signer};
use crate::problem::nearest;

/// Signatures of one step.
const SIGNERS_MAX: u32 = 100;

/// `undo`: a small step, which takes no approvals.
pub(super) fn ask(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>, undo: bool) -> Option<Ask> {
    let due = time::moment(own, "due", &|name| ways.named(name));
    if due.is_none() && own.has("due") {
        own.reader.lose(&own.at("due"));
    }
    let not = whom(own, "not");
    let tell = own.boolean("tell").unwrap_or(true);
    let need = if undo { None } else { need(own) };
    let mut reserved = fields::RESERVED.to_vec();
    if need.is_some() {
        reserved.extend(["approved", "signatures"]);
    }
    let mut form = own.section("form").map(|form| fields::form(&form, &reserved)).unwrap_or_default();
    let Some(need) = need else {
        let (who, choose) = who(ways, own);
        return Some(Ask { who, choose, not, approve: None, tell, form, due });
    };
    sign(own, &mut form);
    let signers = Signers::read(ways, own);
    if let Need::Count(count) = need {
        signers.enough(own, count);
    }
    let nested = signers.nested;
    let mut signers = signers.all;
    if need == Need::InOrder && !nested {
        (0..).zip(&mut signers).for_each(|(stage, signer)| signer.stage = stage);
    }
    Some(Ask {
        who: Vec::new(),
        choose: None,
        not,
        approve: Some(Approve { need, signers }),
        tell,
        form,
        due,
    })
}

/// `approve = "one" | "all" | "in order" | 2`. One that cannot be read asks for all: what else is wrong is told as well.
fn need(own: &Section<'_, '_>) -> Option<Need> {
    let item = own.get("approve")?;
    if item.get_ref().as_integer().is_some() {
        return Some(own.whole("approve", 1..=SIGNERS_MAX).map_or(Need::All, Need::Count));
    }
    let known = [("one", Need::One), ("all", Need::All), ("in order", Need::InOrder)];
    Some(own.word("approve", &known).unwrap_or(Need::All))
}

/// The fields that every signer has: yes or no, and why.
pub(super) fn sign(own: &Section<'_, '_>, form: &mut Form) {
    let chinese = is_chinese(own);
    let label = |zh: &str, en: &str| Some(if chinese { zh } else { en }.to_owned());
    if form.field("opinion").is_none() {
        let opinion =
            Field {
                label: label("意见", "Opinion"), lines: Some(3), ..Field::plain("opinion", Kind::Text)
            };
        form.fields.insert(0, Field { required: Required::Always(false), ..opinion });
    }
    form.fields
        .insert(0, Field { label: label("同意", "Approved"), ..Field::plain("approved", Kind::Yesno) });
}

/// The language in which the file speaks to people.
pub(super) fn is_chinese(own: &Section<'_, '_>) -> bool {
    own.reader.text.chars().any(|sign| ('\u{4e00}'..='\u{9fff}').contains(&sign))
}

/// Those who sign, as they are being read.
#[derive(Default)]
struct Signers {
    all: Vec<Signer>,
    /// There is a list within the list: every entry of the outer one is a stage.
    nested: bool,
    /// Each stands for one signature: no template among them, which may yield several.
    counted: bool,
}

impl Signers {
    fn read(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> Self {
        let mut signers = Self { counted: true, ..Self::default() };
        let Some(item) = own.get("ask") else { return signers };
        let Some(list) = item.get_ref().as_array() else {
            signers.add(ways, own, (item, String::new()), 0);
            return signers;
        };
        signers.nested = list.iter().any(|one| one.get_ref().as_array().is_some());
        if list.is_empty() {
            nobody(own, own.key_span("ask"));
        }
        for (at, one) in list.iter().enumerate() {
            let stage = if signers.nested { u16::try_from(at).unwrap_or(u16::MAX) } else { 0 };
            match one.get_ref().as_array() {
                Some(stage_of) if stage_of.is_empty() => nobody(own, one.span()),
                Some(stage_of) => {
                    for (inner, one) in stage_of.iter().enumerate() {
                        signers.add(ways, own, (one, format!("[{at}][{inner}]")), stage);
                    }
                }
                None => signers.add(ways, own, (one, format!("[{at}]")), stage),
            }
        }
        signers
    }

    fn add<'a, 'r>(
        &mut self,
        ways: &Ways<'_, '_, '_>,
        own: &Section<'a, 'r>,
        (item, place): (&'r Spanned<DeValue<'a>>, String),
        stage: u16,
    ) {
        let empty = |place| Signer { place, stage, who: Vec::new(), when: None, due: None };
        if let Some(text) = item.get_ref().as_str() {
            let text = Text { value: text, span: item.span() };
            check_who(own, &text);
            self.counted &= !text.value.contains("{{");
            let who = own.reader.template(text.value, &text.span).into_iter().collect();
            self.all.push(Signer { who, ..empty(place) });
        } else if let Some(table) = item.get_ref().as_table() {
            let path = format!("{}{place}", own.at("ask"));
            let one = Section::of(own.reader, path, item.span(), table);
            // Each signs for themselves: nobody is chosen among them.
            if let Some(key) = ["fewest", "in_turn", "same_as"].into_iter().find(|key| one.has(key)) {
                let problem =
                    own.error("YZ0133", one.key_span(key)).name("one", key).name("other", "approve");
                return own.say(problem);
            }
            let who = whom(&one, "who");
            if !one.has("who") {
                one.missing("who");
            }
            self.counted &= who.iter().all(Template::is_literal);
            let due = time::moment(&one, "due", &|name| ways.named(name));
            let when = one.expression("when");
            one.close(&[]);
            self.all.push(Signer { who, when, due, ..empty(place) });
        } else {
            own.reader.wrong_type(
                "ask",
                "a list of texts, of `{ who, when, due }`, or of lists of these",
                item,
            );
        }
    }

    /// More can be asked for than there are: then nothing would ever be approved.
    fn enough(&self, own: &Section<'_, '_>, count: u32) {
        if !self.counted {
            return;
        }
        let stages: BTreeSet<u16> = self.all.iter().map(|signer| signer.stage).collect();
        let of = |stage: u16| self.all.iter().filter(|signer| signer.stage == stage).count();
        let Some(fewest) = stages.into_iter().map(of).min() else { return };
        if fewest < count as usize {
            let place = own.get("approve").map_or(0..0, Spanned::span);
            let problem = own.error("YZ0175", place).name("count", count.to_string());
            own.say(problem.name("signers", fewest.to_string()));
        }
    }
}

fn nobody(own: &Section<'_, '_>, span: Range<usize>) {
    own.say(own.error("YZ0186", span).name("value", "[]"));
}

/// Who may take a task that one person does.
fn who(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> (Vec<Template>, Option<Choose>) {
    let Some(item) = own.get("ask") else { return Default::default() };
    if item.get_ref().as_table().is_some() {
        return chosen(ways, own);
    }
    if let Some(list) = item.get_ref().as_array() {
        if list.is_empty() {
            nobody(own, own.key_span("ask"));
        }
        let several = |one: &&Spanned<DeValue<'_>>| one.get_ref().as_str().is_none();
        if let Some(one) = list
            .iter()
            .find(several)
            .filter(|one| one.get_ref().as_array().is_some() || one.get_ref().as_table().is_some())
        {
            own.say(own.error("YZ0176", one.span()).name("where", own.name()));
            return Default::default();
        }
    }
    (whom(own, "ask"), None)
}

/// `ask = { same_as = "repair" }`: whoever did that step; `{ fewest = "group:热线" }`, `{ in_turn = "group:热线" }`: one
/// of them.
fn chosen(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> (Vec<Template>, Option<Choose>) {
    let Some(rule) = own.section("ask") else { return Default::default() };
    for (key, choose) in [("fewest", Choose::Fewest), ("in_turn", Choose::InTurn)] {
        if rule.has(key) {
            let who = whom(&rule, key);
            rule.close(&[]);
            return (who, Some(choose));
        }
    }
    (same_as(ways, &rule), None)
}

fn same_as(ways: &Ways<'_, '_, '_>, rule: &Section<'_, '_>) -> Vec<Template> {
    let step = rule.text("same_as");
    rule.close(&["fewest", "in_turn"]);
    let Some(step) = step else {
        if rule.entries().next().is_none() {
            rule.missing("same_as");
        }
        return Vec::new();
    };
    const BY_NOBODY: &[&str] = &["use", "wait", "await", "run", "check", "end", "step"];
    let named = ways.drafts.iter().find(|draft| draft.id == step.value);
    if named.is_some_and(|draft| BY_NOBODY.iter().any(|kind| draft.own.has(kind))) {
        rule.say(rule.error("YZ0178", step.span).name("step", step.value));
        return Vec::new();
    }
    // That there is such a step, and that it comes before, is asked of the expression.
    rule.reader.template(&format!("{{{{ step.{}.by }}}}", step.value), &step.span).into_iter().collect()
}

/// A list of people, as they are written.
fn whom(own: &Section<'_, '_>, key: &'static str) -> Vec<Template> {
    let names = own.texts(key).unwrap_or_default();
    let mut who: Vec<Template> = Vec::new();
    for name in &names {
        check_who(own, name);
        who.extend(own.reader.template(name.value, &name.span));
    }
    who
}

/// Whether a text without templates has the form of somebody; who it is, the check asks.
pub(super) fn check_who(own: &Section<'_, '_>, who: &Text<'_>) {
    if who.value.contains("{{") || who.value == "starter" {
        return;
    }
    match who.value.split_once(':') {
        Some(("person" | "group" | "role", name)) if !name.is_empty() => {}
        // An outsider, by their address.
        Some(("mail", address))
            if address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) => {}
        _ => {
            let problem = own.error("YZ0186", who.span.clone()).name("value", who.value);
            own.say(match meant(who.value) {
                Some(right) => problem.name("right", right),
                None => problem,
            });
        }
    }
}

/// What somebody meant who wrote `group：热线`, `grop:热线` or only `热线`.
fn meant(who: &str) -> Option<String> {
    let who = crate::problem::wide::all_narrowed(who.trim());
    match who.split_once(':') {
        Some((kind, name)) if !name.trim().is_empty() => {
            let kind = nearest(kind.trim(), ["person", "group", "role"]).or_else(|| match kind.trim() {
                "组" | "team" | "部门" | "department" => Some("group".to_owned()),
                "人" | "人员" | "user" | "people" => Some("person".to_owned()),
                "岗位" | "角色" | "职务" | "position" => Some("role".to_owned()),
                _ => None,
            })?;
            Some(format!("{kind}:{}", name.trim()))
        }
        Some(_) => None,
        None => nearest(&who, ["starter"])
            .or_else(|| (!who.is_empty() && who != "[]").then(|| format!("{}:{who}", kind_of(&who)))),
    }
}

/// Whom a bare name means: the ids of people are mostly as `li.na`.
fn kind_of(name: &str) -> &'static str {
    if name.is_ascii() && name.contains('.') { "person" } else { "group" }
}
