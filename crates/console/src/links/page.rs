//! The pages of links. Plain HTML: it is read on phones, in mail programs, without scripts; one that takes files says how much of
//! them is sent.

use maud::{Markup, html};
use yizhan_workflow::problem::Lang;

use super::{Over, Said, Sheet, Shut};
use crate::pages::fields::{self, CONFIRM};
use crate::pages::given::Given;
use crate::pages::{whole, whole_form};
use crate::refusal::Refusal;
use crate::words::{catalogue as t, say, say_with};

/// What is asked. `given`: what was sent and not taken.
pub(super) fn sheet(sheet: &Sheet, confirmation: &str, faults: &[(String, String)], given: &Given) -> String {
    let lang = sheet.lang;
    let choice = sheet.ticket.choice.as_ref();
    let chosen = choice.map(|choice| fields::chosen(&sheet.fields, choice, lang));
    let files = fields::takes_files(&sheet.fields);
    let content = html! {
        (head(sheet))
        @if !faults.is_empty() {
            div.notice.bad role="alert" {
                p { (say(lang, t::NOTHING_SENT_YET)) }
                @if given.has_files() {
                    p data-files-again { (say(lang, t::CHOOSE_FILES_AGAIN)) }
                }
            }
        }
        form method="post" enctype=[files.then_some("multipart/form-data")] {
            input type="hidden" name=(CONFIRM) value=(confirmation);
            @if let Some((label, said)) = &chosen {
                p.chosen { span.label { (say(lang, t::YOUR_ANSWER)) @if said != label { ":" (label) } } strong { (said) } }
            }
            (fields::asked(&sheet.fields, choice, faults, given, lang))
            button type="submit" {
                @match &chosen {
                    Some((_, said)) => { (say(lang, t::CONFIRM)) (said) }
                    None => (say(lang, t::SEND)),
                }
            }
            p.hint {
                (say(lang, t::OPENING_SENDS_NOTHING))
            }
        }
    };
    if files {
        whole_form(lang, &sheet.title, &content, sheet.most)
    } else {
        whole(lang, &sheet.title, &content)
    }
}

fn head(sheet: &Sheet) -> Markup {
    let lang = sheet.lang;
    html! {
        header { p.house { (sheet.house) @if let Some(key) = &sheet.key { " · " (key) } } h1 { (sheet.title) } }
        @if let Some(due) = &sheet.due {
            p.due.late[sheet.late] {
                @if sheet.late { (say(lang, t::LINK_LATE)) } @else { (say(lang, t::LINK_DUE_AT)) }
                (due)
                @if let Some(of) = &sheet.guess { (say_with(lang, t::DUE_IS_A_GUESS, &[of])) }
            }
        }
        @if !sheet.case.is_empty() {
            dl { @for (label, value) in &sheet.case { dt { (label) } dd { (value) } } }
        }
    }
}

/// It was taken.
pub(super) fn done(sheet: &Sheet) -> String {
    let lang = sheet.lang;
    let chosen = sheet.ticket.choice.as_ref().map(|choice| fields::chosen(&sheet.fields, choice, lang));
    let content = html! {
        header { p.house { (sheet.house) } h1 { (sheet.title) } }
        div.notice.good role="status" {
            p { strong { (say(lang, t::RECORDED_THANKS)) } }
            @if let Some((_, said)) = chosen { p { (say(lang, t::YOUR_ANSWER_IS)) (said) } }
        }
        p.hint { (say(lang, t::LINK_USED_UP)) }
    };
    whole(lang, say(lang, t::RECORDED), &content)
}

/// Nothing can be answered here, and why.
pub(super) fn closed(shut: &Shut, lang: Lang) -> String {
    let (title, lines) = match shut {
        Shut::NotOurs => {
            (say(lang, t::THIS_LINK_IS_NOT_RIGHT).to_owned(), vec![say(lang, t::LINK_NOT_OURS).to_owned()])
        }
        Shut::TooLate { title } => (
            say(lang, t::THIS_LINK_HAS_EXPIRED).to_owned(),
            vec![title.clone(), say(lang, t::STILL_OPEN_ASK).to_owned()],
        ),
        Shut::Claimed(by) => (
            say(lang, t::SOMEBODY_IS_DOING_THIS).to_owned(),
            vec![match lang {
                Lang::Zh => format!("{by} 已经认领。"),
                Lang::En => format!("{by} has claimed it."),
            }],
        ),
        Shut::NotYours => {
            (say(lang, t::NOT_YOURS_TO_ANSWER).to_owned(), vec![say(lang, t::GIVEN_TO_SOMEBODY).to_owned()])
        }
        Shut::Over(over) => (over_title(over, lang).to_owned(), over_lines(over, lang)),
    };
    let content = html! {
        header { h1 { (title) } }
        div.notice { @for line in &lines { p { (line) } } }
        p.hint { (say(lang, t::NOTHING_WAS_CHANGED_HERE)) }
    };
    whole(lang, &title, &content)
}

fn over_title(over: &Over, lang: Lang) -> &'static str {
    if over.own {
        say(lang, t::YOU_HAVE_ANSWERED)
    } else if over.said.is_some() {
        say(lang, t::THIS_HAS_BEEN_DECIDED)
    } else if over.by.is_some() {
        say(lang, t::THIS_HAS_BEEN_DONE)
    } else {
        say(lang, t::NO_MORE_TO_BE_DONE)
    }
}

fn over_lines(over: &Over, lang: Lang) -> Vec<String> {
    let said = over.said.map(|said| match said {
        Said::Approved => say(lang, t::APPROVED),
        Said::Refused => say(lang, t::REFUSED),
    });
    let mut lines = vec![];
    if let Some(by) = &over.by {
        let at = over.at.as_deref().unwrap_or_default();
        lines.push(match (said, lang) {
            (Some(said), Lang::Zh) => format!("{by} 于 {at} 答复:{said}。"),
            (Some(said), Lang::En) => format!("{by} {said} it at {at}."),
            (None, Lang::Zh) => format!("{by} 于 {at} 答复。"),
            (None, Lang::En) => format!("{by} answered it at {at}."),
        });
    } else if over.cancelled {
        lines.push(say(lang, t::THE_WHOLE_CASE_WAS_CANCELLED).to_owned());
    } else {
        let words = say(lang, t::TAKEN_BACK);
        lines.push(words.to_owned());
    }
    lines
}

/// Something is in the way that is not the link's matter.
pub(super) fn trouble(refusal: &Refusal, lang: Lang) -> String {
    let (title, line) = if let Refusal::TooLarge { most } = refusal {
        let most = most / 1024;
        let line = match lang {
            Lang::Zh => format!("一次最多 {most} KB,请减小文件后再试。"),
            Lang::En => {
                format!("At most {most} KB may be sent at once. Make the files smaller and try again.")
            }
        };
        (say(lang, t::THAT_IS_TOO_LARGE), line)
    } else if matches!(refusal, Refusal::Unreadable(_) | Refusal::WrongType(_) | Refusal::TooSlow) {
        let line = say(lang, t::GO_BACK_AND_TRY);
        (say(lang, t::NOT_ALL_OF_IT_ARRIVED), line.to_owned())
    } else {
        tracing::warn!(error = %refusal, "a link could not be answered");
        let line = say(lang, t::TRY_AGAIN_SHORTLY);
        (say(lang, t::NOT_NOW), line.to_owned())
    };
    let content = html! {
        header { h1 { (title) } }
        div.notice { p { (line) } }
        p.hint { (say(lang, t::NOTHING_WAS_CHANGED_HERE)) }
    };
    whole(lang, title, &content)
}
