//! Everything that a page may have to say, walked through, so that a new cause without its Chinese is seen.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use yizhan_engine::intake::IntakeError;
use yizhan_engine::{ActError, PublishError, StartError};
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::people::Person;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::Refusal as RunRefusal;

use super::*;

/// A cause without its Chinese shows nothing but its code.
#[track_caller]
fn is_chinese(refusal: &Refusal) {
    let said = sentence(refusal, Lang::Zh, &People::default());
    assert!(!is_english(&said), "English on a Chinese page: {said}");
    let lost = said.starts_with(say(Lang::Zh, t::CANNOT_BE_DONE_NOW));
    assert!(!lost, "`{refusal}` has no Chinese: a line in messages/zh/causes.txt or words.txt is missing");
    let kinds = ["person:", "group:", "role:", "Refusal", "::"];
    assert!(!kinds.iter().any(|kind| said.contains(kind)), "a code word: {said}");
}

/// One of each; a new one does not compile without its place here.
fn each_of(last: &RunRefusal) -> Vec<RunRefusal> {
    use RunRefusal as R;
    match last {
        R::Echo(_)
        | R::Form(_)
        | R::NotYours { .. }
        | R::HasSigned(_)
        | R::Excluded { .. }
        | R::NobodyCalled(_)
        | R::NoWords
        | R::TooManyWords
        | R::ClaimedBy(_)
        | R::NotRetriable(_)
        | R::FromRequired { .. }
        | R::NoSuchStep(_)
        | R::ParentDecides(_)
        | R::WrongVerdict
        | R::NoClock
        | R::NoReason
        | R::DuePast(_)
        | R::NoExtend
        | R::TooLateToAsk(_)
        | R::AskedAlready
        | R::NotMoreTime { .. }
        | R::StandsByFile(_)
        | R::Expression { .. }
        | R::DoesNotMap(_)
        | R::Impossible(_) => {}
    }
    let who: fn() -> Arc<str> = || "person:li.na".into();
    let at = Millis(1_795_312_800_000);
    vec![
        R::NotYours { by: who(), who: vec!["group:热线".into(), "person:wang.wei".into()] },
        R::HasSigned(who()),
        R::Excluded { by: who(), not: vec!["person:wang.wei".into()] },
        R::NobodyCalled(who()),
        R::NoWords,
        R::TooManyWords,
        R::ClaimedBy(who()),
        R::FromRequired { step: "visit".into() },
        R::NoSuchStep("visit".into()),
        R::ParentDecides(RunId::mint(at, None)),
        R::WrongVerdict,
        R::NoClock,
        R::NoReason,
        R::DuePast(at),
        R::NoExtend,
        R::TooLateToAsk(at),
        R::AskedAlready,
        R::NotMoreTime { until: at, due: at },
        R::StandsByFile("pause.until".into()),
        R::DoesNotMap(vec!["没有步骤 visit".into()]),
    ]
}

#[test]
fn every_refusal_of_a_run_is_told_in_chinese() {
    for refusal in each_of(&RunRefusal::NoWords) {
        is_chinese(&refusal.into());
    }
    for state in words_of("../workflow/src/run", "Refusal::NotRetriable(") {
        let state: &'static str = Box::leak(state.into_boxed_str());
        is_chinese(&RunRefusal::NotRetriable(state).into());
    }
    let echoes = words_of("../workflow/src", "Refusal::Echo(");
    assert!(echoes.len() > 12, "{echoes:?}");
    for echo in echoes {
        let echo: &'static str = Box::leak(echo.into_boxed_str());
        is_chinese(&RunRefusal::Echo(echo).into());
    }
}

#[test]
fn what_keeps_something_from_beginning_is_told_in_chinese() {
    let starts = [
        StartError::NoSuchWorkflow("repair".into()),
        StartError::Intake(IntakeError::NotAnObject("没有内容".into())),
        StartError::Intake(IntakeError::LeftOut),
        StartError::Intake(IntakeError::TooLarge { bytes: 2, most: 1 }),
        StartError::Intake(IntakeError::NoSuchTrigger("mail".into())),
        StartError::Gathered { most: 10 },
        StartError::FiredBefore { run: None },
        StartError::Act(ActError::Busy),
        StartError::Act(ActError::DiskFull),
        StartError::Act(ActError::Stopping),
        StartError::Act(ActError::Paused(Millis(1_795_312_800_000))),
    ];
    starts.into_iter().for_each(|error| is_chinese(&error.into()));
    let events = [PublishError::Name { what: "name" }, PublishError::Key, PublishError::TooLarge(3)];
    events.into_iter().for_each(|error| is_chinese(&error.into()));
    let others = [
        Refusal::Unknown,
        Refusal::Far,
        Refusal::CrossSite,
        Refusal::NotKnown,
        Refusal::Guessing(9),
        Refusal::TooManyFiles { files: 2_000, megabytes: 5_368 },
        Refusal::NoRight { role: Role::Operator, on: Some("repair".into()) },
        Refusal::NoSuchPage("/x".into()),
        Refusal::NotDoneHere("PUT".into()),
        Refusal::Address("`xx` is no day".into()),
        Refusal::TooLarge { most: 1 },
        Refusal::WrongType("text/plain".into()),
        Refusal::TooSlow,
        Refusal::Ambiguous("run_0".into()),
        Refusal::OtherPayload { run: None },
        Refusal::UnderWay,
        Refusal::TooManyStreams { most: 3 },
        Refusal::NotReady("the store failed".into()),
        Refusal::Faulty("repair".into()),
        Refusal::Store,
        Refusal::Accounts,
        Refusal::Bug,
    ];
    others.iter().for_each(is_chinese);
    for kind in words_of("src", "NoSuch { kind: ") {
        let kind: &'static str = Box::leak(kind.into_boxed_str());
        is_chinese(&Refusal::NoSuch { kind, name: "x".into() });
    }
}

#[test]
fn every_cause_that_the_console_writes_itself_is_told_in_chinese() {
    type Make = fn(String) -> Refusal;
    let makes: [(&str, Make); 4] = [
        ("Refusal::Unreadable(", Refusal::Unreadable),
        ("Refusal::NotNow(", Refusal::NotNow),
        ("Refusal::NotYours(", Refusal::NotYours),
        ("Refusal::DealtWith(", Refusal::DealtWith),
    ];
    let mut seen = 0;
    for (begin, make) in makes {
        for words in words_of("src", begin) {
            is_chinese(&make(words));
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn a_cause_that_the_catalogue_does_not_know_is_not_shown_in_english() {
    let unknown = Refusal::NotNow("a wholly new reason of ours".into());
    let said = sentence(&unknown, Lang::Zh, &People::default());
    assert!(said.ends_with("(YZ0415)") && !is_english(&said), "{said}");
    assert!(sentence(&unknown, Lang::En, &People::default()).contains("wholly new"));
}

#[test]
fn people_who_are_known_are_called_by_their_names_in_what_is_refused() {
    let li_na = Person { name: "李娜".into(), ..Person::default() };
    let people = People { people: [("li.na".to_owned(), li_na)].into(), ..People::default() };
    let by = |by: &str| Refusal::from(RunRefusal::ClaimedBy(by.into()));
    assert_eq!(sentence(&by("person:li.na"), Lang::Zh, &people), "李娜 已经认领了这件待办");
    assert_eq!(sentence(&by("person:li.na"), Lang::En, &people), "李娜 has claimed this task");
    assert_eq!(sentence(&by("person:li.nab"), Lang::En, &people), "`li.nab` has claimed this task");
    assert_eq!(named("of person:li.na.", &people), "of 李娜.");
}

#[test]
fn three_latin_words_in_a_row_are_english_and_names_and_codes_are_not() {
    for english in ["the run is open", "现在不能:the run is open", "see `a`, then go on"] {
        assert!(is_english(english), "{english}");
    }
    for chinese in ["", "没有 `there is no one`", "Wang Wei 已接", "YZ0415 A1 2026", "一、two three"] {
        assert!(!is_english(chinese), "{chinese}");
    }
}

/// The first text behind each place in which it is written so, of all files in a folder but those of stories. What is put into
/// it is a name.
fn words_of(folder: &str, begin: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !path.to_string_lossy().contains("tests")
            {
                let text = fs::read_to_string(&path).unwrap();
                all.extend(text.split(begin).skip(1).filter_map(text_at));
            }
        }
    }
    all
}

/// A text, or one that is put together, at the beginning of some source. None: it is a variable.
fn text_at(source: &str) -> Option<String> {
    let source = source.trim_start();
    let put_together = source.strip_prefix("format!(");
    let quoted = put_together.unwrap_or(source).trim_start().strip_prefix('"')?;
    let end = quoted.match_indices('"').find(|(at, _)| !quoted[..*at].ends_with('\\'))?.0;
    let text: String = quoted[..end].split("\\\n").map(str::trim_start).collect();
    if put_together.is_none() {
        return Some(text);
    }
    let parts = text.split(['{', '}']).enumerate();
    Some(parts.map(|(at, part)| if at % 2 == 0 { part } else { "7" }).collect())
}
