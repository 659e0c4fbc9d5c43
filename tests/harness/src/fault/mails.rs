//! The mail server takes mails whole and cuts the line before it says so: what may go out again does, as the same mail, and
//! of what must go out once somebody is asked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Options, Outcome};
use crate::checker::Violation;
use crate::evidence::Evidence;
use crate::load::{Dice, FaultError, Load, ONCE_MAIL};
use crate::smtp::{Habit, Mail, SmtpSink};

/// Soon again, and more often than any mail is cut.
const RETRY: &str = "[retry]\ntimes = 20\nfirst = \"50ms\"\nfactor = 1.5\nmost = \"1s\"\n";

const NOTICE: &str = r#"
[step.notice]
use = "email.send"
effect = "once"
with.to = "b@example.com"
with.subject = "{{ input.case }}/notice"
with.text = "只发一次"
"#;

/// Nothing comes any more: so long no mail was cut.
const STANDSTILL: Duration = Duration::from_secs(60);

/// How often a mail is cut: one that may go out again up to three times, one that must go out once at most once.
fn cuts(seed: u64, subject: &str) -> usize {
    let of_subject =
        subject.bytes().fold(seed, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()));
    let kinds = if subject.ends_with(ONCE_MAIL) { 2 } else { 4 };
    // Seeds that follow each other begin alike.
    let mut dice = Dice::new(of_subject);
    dice.below(1 << 20);
    usize::try_from(dice.below(kinds)).unwrap_or(0)
}

fn came(mails: &[Mail]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for mail in mails {
        *times.entry(&*mail.subject).or_default() += 1;
    }
    times
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let seed = options.seed;
    let habit = Habit::cuts(move |mail, before| {
        before.iter().filter(|other| other.subject == mail.subject).count() < cuts(seed, &mail.subject)
    });
    let sink = SmtpSink::start(([127, 0, 0, 1], 0).into(), habit)?;
    let mut load = Load::begin(&options.binary, options.clients)?;
    load.post_to(sink.clone())?;
    load.change("config/yizhan.toml", |text| text.to_owned() + RETRY)?;
    load.change("workflows/chaos.toml", |text| text.to_owned() + NOTICE)?;
    load.says_it_sends("chaos", &[ONCE_MAIL.trim_start_matches('/')]);
    let daemon = load.start()?;
    let wanted = options.cycles as usize;
    let mut cut = 0;
    while cut < wanted {
        let next = (cut + 50).min(wanted);
        cut = until_cut(&load, seed, next)?;
        eprintln!("{cut} of {wanted} lines cut, {} starts acknowledged", load.acknowledged());
    }
    daemon.stop();
    let (mut mails, mut asked) = (vec![], 0);
    let findings = load.judge_also(wanted / 8, options.keep, |evidence| {
        // What was still under way has come to its end by now.
        mails = sink.mails();
        asked = evidence.asked.iter().filter(|item| item.ends_with(ONCE_MAIL)).count();
        judged(evidence, &mails, seed)
    })?;
    let counted = json!({
        "mails": came(&mails).len(), "came": mails.len(), "cut": cut_of(&mails, seed), "asked": asked,
    });
    Ok((findings, counted))
}

/// Of each mail the first ones were cut.
fn cut_of(mails: &[Mail], seed: u64) -> usize {
    came(mails).iter().map(|(subject, times)| cuts(seed, subject).min(*times)).sum()
}

fn until_cut(load: &Load, seed: u64, wanted: usize) -> Result<usize, FaultError> {
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let cut = cut_of(&load.posted(), seed);
        if cut >= wanted {
            return Ok(cut);
        }
        if cut > before {
            (before, since) = (cut, Instant::now());
        }
        if since.elapsed() > STANDSTILL {
            let shown = format!("{cut} lines were cut");
            return Err(FaultError::TooLate { what: "no line is cut any more", within: STANDSTILL, shown });
        }
        std::thread::sleep(Duration::from_millis(50)); // Between two looks at a state, with a deadline.
    }
}

/// Beside what always holds (one Message-ID and one key for each mail, nothing twice that must be once): a mail goes out
/// as often as it was cut and once more; one that must go out once is asked about where it was cut, and only there.
fn judged(evidence: &Evidence, mails: &[Mail], seed: u64) -> Vec<Violation> {
    let mut found = vec![];
    for (subject, times) in came(mails) {
        let cut = cuts(seed, subject);
        if subject.ends_with(ONCE_MAIL) {
            if evidence.asked.contains(subject) != (cut > 0) {
                found.push(Violation::AskedWrongly(subject.to_owned(), cut));
            }
        } else if subject.ends_with("/mail") && times != cut + 1 {
            found.push(Violation::SentTimes(subject.to_owned(), times, cut + 1));
        }
    }
    let strays = mails.iter().filter(|mail| !mail.id.starts_with(&format!("<{}@", mail.key)));
    found.extend(strays.map(|mail| Violation::TwoKeys(mail.subject.clone())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, key: &str) -> Mail {
        Mail { id: format!("<{key}@example.com>"), key: key.to_owned(), subject: subject.to_owned() }
    }

    /// Sound mails of many cases, and the questions that belong to them.
    fn sound(seed: u64) -> (Evidence, Vec<Mail>) {
        let (mut evidence, mut mails) = (Evidence::default(), vec![]);
        for case in 0..50 {
            let (subject, notice) = (format!("c{case}/mail"), format!("c{case}/notice"));
            mails.extend((0..=cuts(seed, &subject)).map(|_| mail(&subject, &subject)));
            mails.push(mail(&notice, &notice));
            if cuts(seed, &notice) > 0 {
                evidence.asked.insert(notice);
            }
        }
        (evidence, mails)
    }

    #[test]
    fn a_mail_that_went_out_too_often_or_too_seldom_or_was_not_asked_about_is_named() {
        let (evidence, mails) = sound(7);
        assert_eq!(judged(&evidence, &mails, 7), []);
        assert!(cut_of(&mails, 7) > 50, "{}", cut_of(&mails, 7));

        let mut again = mails.clone();
        again.push(mail("c3/mail", "c3/mail"));
        let times = cuts(7, "c3/mail");
        let sent = |times_sent| vec![Violation::SentTimes("c3/mail".to_owned(), times_sent, times + 1)];
        assert_eq!(judged(&evidence, &again, 7), sent(times + 2));

        let cut = (0..50).map(|case| format!("c{case}/notice")).find(|one| cuts(7, one) > 0).unwrap();
        let mut unasked = evidence.clone();
        unasked.asked.remove(&cut);
        assert_eq!(judged(&unasked, &mails, 7), [Violation::AskedWrongly(cut, 1)]);

        let mut other = mails;
        other[0].key = "another".to_owned();
        assert_eq!(judged(&evidence, &other, 7), [Violation::TwoKeys("c0/mail".to_owned())]);
    }
}
