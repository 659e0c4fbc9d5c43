//! The pages of links. Plain HTML: it is read on phones, in mail programs, without scripts.

use maud::{Markup, html};
use yizhan_workflow::problem::Lang;

use super::{Over, Said, Sheet, Shut};
use crate::pages::fields::{self, CONFIRM};
use crate::pages::given::Given;
use crate::pages::whole;
use crate::refusal::Refusal;
use crate::words::say;

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
                p { (say(lang, "还没有提交:请看下面标出的地方。", "Nothing was sent yet: please look at what is marked below.")) }
                @if given.has_files() {
                    p { (say(lang, "文件请重新选择。", "Please choose the files again.")) }
                }
            }
        }
        form method="post" enctype=[files.then_some("multipart/form-data")] {
            input type="hidden" name=(CONFIRM) value=(confirmation);
            @if let Some((label, said)) = &chosen {
                p.chosen { span.label { (say(lang, "您的答复", "Your answer")) @if said != label { ":" (label) } } strong { (said) } }
            }
            (fields::asked(&sheet.fields, choice, faults, given, lang))
            button type="submit" {
                @match &chosen {
                    Some((_, said)) => { (say(lang, "确认:", "Confirm: ")) (said) }
                    None => (say(lang, "提交", "Send")),
                }
            }
            p.hint {
                (say(lang, "打开本页不会提交任何内容,点按钮才算数。", "Nothing is sent by opening this page; the button counts."))
            }
        }
    };
    whole(lang, &sheet.title, &content)
}

fn head(sheet: &Sheet) -> Markup {
    let lang = sheet.lang;
    html! {
        header { p.house { (sheet.house) @if let Some(key) = &sheet.key { " · " (key) } } h1 { (sheet.title) } }
        @if let Some(due) = &sheet.due {
            p.due.late[sheet.late] {
                @if sheet.late { (say(lang, "已超时,应于 ", "Late: it was due at ")) } @else { (say(lang, "期限 ", "Due at ")) }
                (due)
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
            p { strong { (say(lang, "已记下,谢谢。", "It is recorded, thank you.")) } }
            @if let Some((_, said)) = chosen { p { (say(lang, "您的答复:", "Your answer: ")) (said) } }
        }
        p.hint { (say(lang, "这个链接已经用过,页面可以关了。", "This link is used up; you may close the page.")) }
    };
    whole(lang, say(lang, "已记下", "Recorded"), &content)
}

/// Nothing can be answered here, and why.
pub(super) fn closed(shut: &Shut, lang: Lang) -> String {
    let (title, lines) = match shut {
        Shut::NotOurs => (
            say(lang, "这个链接不对", "This link is not right").to_owned(),
            vec![
                say(
                    lang,
                    "它不是这里发出的,或者在路上缺了一截。请从邮件里整条复制,再打开一次。",
                    "It was not made here, or a part of it was lost on the way. Copy all of it from the mail and open it again.",
                )
                .to_owned(),
            ],
        ),
        Shut::TooLate { title } => (
            say(lang, "这个链接已经过期", "This link has expired").to_owned(),
            vec![
                title.clone(),
                say(
                    lang,
                    "这件事还没有办完,请联系给您发邮件的人。",
                    "The task is still open: please ask whoever sent you the mail.",
                )
                .to_owned(),
            ],
        ),
        Shut::Claimed(by) => (
            say(lang, "这件事已有人在办", "Somebody is doing this").to_owned(),
            vec![match lang {
                Lang::Zh => format!("{by} 已经认领。"),
                Lang::En => format!("{by} has claimed it."),
            }],
        ),
        Shut::NotYours => (
            say(lang, "这件事不归您办", "This is not yours to answer").to_owned(),
            vec![
                say(
                    lang,
                    "它已经转给别人,或者按规定要由另外的人办。",
                    "It was given to somebody else, or the rules ask for another person.",
                )
                .to_owned(),
            ],
        ),
        Shut::Over(over) => (over_title(over, lang).to_owned(), over_lines(over, lang)),
    };
    let content = html! {
        header { h1 { (title) } }
        div.notice { @for line in &lines { p { (line) } } }
        p.hint { (say(lang, "这里没有改动任何内容。", "Nothing was changed here.")) }
    };
    whole(lang, &title, &content)
}

fn over_title(over: &Over, lang: Lang) -> &'static str {
    if over.own {
        say(lang, "您已经答复过了", "You have answered this")
    } else if over.said.is_some() {
        say(lang, "这件事已经有了结果", "This has been decided")
    } else if over.by.is_some() {
        say(lang, "这件事已经办完", "This has been done")
    } else {
        say(lang, "这件事不用再办了", "This is no more to be done")
    }
}

fn over_lines(over: &Over, lang: Lang) -> Vec<String> {
    let said = over.said.map(|said| match said {
        Said::Approved => say(lang, "同意", "approved"),
        Said::Refused => say(lang, "不同意", "refused"),
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
        lines.push(say(lang, "整个流程已经取消。", "The whole case was cancelled.").to_owned());
    } else {
        let words = say(
            lang,
            "它已撤回、退回或重新开始;重新开始的,会另发一封邮件。",
            "It was taken back or opened anew; for what was opened anew there is another mail.",
        );
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
        (say(lang, "内容太大", "That is too large"), line)
    } else if matches!(refusal, Refusal::Unreadable(_) | Refusal::WrongType(_) | Refusal::TooSlow) {
        let line = say(lang, "请返回上一页再试一次。", "Please go back and try again.");
        (say(lang, "没有收全", "Not all of it arrived"), line.to_owned())
    } else {
        tracing::warn!(error = %refusal, "a link could not be answered");
        let line = say(lang, "请过一会儿再试,链接还有效。", "Please try again shortly; the link stays good.");
        (say(lang, "现在办不了", "Not now"), line.to_owned())
    };
    let content = html! {
        header { h1 { (title) } }
        div.notice { p { (line) } }
        p.hint { (say(lang, "这里没有改动任何内容。", "Nothing was changed here.")) }
    };
    whole(lang, title, &content)
}
