//! Reads how a step gets more time: what whoever asks fills in, who grants it, and what is then done.

use super::flow::Ways;
use super::section::Section;
use super::{ask, clock, fields, step};
use crate::expression::{Template, Tree};
use crate::form::{Field, Form, Kind, Required};
use crate::plan::{Ask, Extend, Small, Work};
use crate::run::more_time::UNTIL;

/// What may be done once it is granted.
const KINDS: &[&str] = &["use", "run"];

/// `[step.x.extend]`.
pub(super) fn extend(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> Option<Extend> {
    let of = own;
    let own = own.section("extend")?;
    let form = form(&own);
    let title = own.template("title");
    let grant = own.has("approve").then(|| grant(&own, (title.as_ref(), &form), of));
    let said: Vec<&'static str> = KINDS.iter().copied().filter(|kind| own.get(kind).is_some()).collect();
    let then = match said.as_slice() {
        [] => None,
        [kind] => {
            step::misplaced_but(&own, Some(kind), &["form", "approve"]);
            clock::small(ways, &own, kind)
        }
        [first, second, ..] => {
            let problem =
                own.error("YZ0133", own.key_span(second)).name("one", *first).name("other", *second);
            own.say(problem);
            None
        }
    };
    own.close(&[]);
    Some(Extend { form, grant, then })
}

/// The new due time is one of its fields, and always given.
fn form(own: &Section<'_, '_>) -> Form {
    let Some(section) = own.section("form") else {
        if !own.has("form") {
            own.missing("form");
        }
        return Form::default();
    };
    let form = fields::form(&section, fields::RESERVED);
    let place = section.span.clone();
    match form.field(UNTIL) {
        // What could not be read of it was said.
        None if section.has(UNTIL) => {}
        None => section.say(section.error("YZ0684", place).name("where", section.name())),
        Some(until) => {
            let given = matches!(until.required, Required::Always(true)) && until.when.is_none();
            if !matches!(until.kind, Kind::Date | Kind::Datetime) {
                let problem = section.error("YZ0684", section.key_span(UNTIL)).name("where", section.name());
                section.say(problem.case("kind").name("kind", until.kind.as_str()));
            } else if !given {
                let problem = section.error("YZ0684", section.key_span(UNTIL)).name("where", section.name());
                section.say(problem.case("given"));
            }
        }
    }
    form
}

/// A field of the question, as those see it who decide. Under its own name it would hide what was filled in.
fn shown(field: &Field) -> Option<Field> {
    if matches!(field.kind, Kind::Table | Kind::Checklist | Kind::Signature) {
        return None;
    }
    let value = Template::parse(&format!("{{{{ {} }}}}", field.name)).ok()?;
    Some(Field {
        label: Some(field.label().to_owned()),
        value: Some(Tree::Text(value)),
        options: field.options.clone(),
        private: field.private,
        ..Field::plain(&format!("{}_asked", field.name), field.kind)
    })
}

/// `approve = "role:…"`: any of these grants it, with yes or no.
fn grant(own: &Section<'_, '_>, (title, asked): (Option<&Template>, &Form), of: &Section<'_, '_>) -> Small {
    let who = clock::people(own, "approve");
    let mut form = Form { fields: asked.fields.iter().filter_map(shown).collect() };
    ask::sign(own, &mut form);
    let chinese = ask::is_chinese(own);
    let what = of.get("title").and_then(|title| title.get_ref().as_str()).unwrap_or_default();
    let is_time = asked.field(UNTIL).is_some_and(|until| until.kind == Kind::Datetime);
    let until = if is_time { format!("{{{{ {UNTIL} | datetime }}}}") } else { format!("{{{{ {UNTIL} }}}}") };
    let written = if chinese {
        format!("{what}:延期到 {until}?")
    } else {
        format!("{what}: more time, until {until}?")
    };
    let title = match title {
        Some(title) => title.clone(),
        None => Template::parse(&written).unwrap_or_else(|_| Template::unreadable()),
    };
    let ask = Ask { who, choose: None, not: Vec::new(), approve: None, tell: true, form, due: None };
    let work = Work::Ask(Box::new(ask));
    Small { work, title: Some(title), retry: None, timeout: None, effect: None }
}
