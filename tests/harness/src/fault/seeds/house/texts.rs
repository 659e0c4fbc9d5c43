//! What runs in the house, and what must come of it beside what always holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use yizhan_engine::store::RunState;

use crate::checker::Violation;
use crate::evidence::{Evidence, RunEvidence};
use crate::fault::webhooks;
use crate::load::{Load, wide};
use crate::sink::letters as letters_in;

/// From one slot of its schedule to the next.
pub(super) const SLOT: Duration = Duration::from_secs(1);

const REGISTERS: &str =
    "[register.\"台账\"]\nnumber = \"TZ{n:06}\"\nfield.case = {}\n[register.\"名额\"]\nfield.case = {}\n";

/// So many places there are in the race.
const PLACES: usize = 2;

const PEOPLE: &str = "[person.a]\nname = \"甲\"\nmail = \"a@example.com\"\n[person.b]\nname = \"乙\"\nmail = \"b@example.com\"\n";

/// So few attempts at once that others wait for their turn, and a failed one is soon tried again.
const SETTINGS: &str = "owner = \"person:a\"\nengine.attempts_max = 3\n";
/// Only one plugin needs a process of its own, to be struck.
const INSIDE: [&str; 4] = ["echo", "email", "file", "report"];
const RETRY: &str = "\n[retry]\ntimes = 40\nfirst = \"50ms\"\nfactor = 1.2\nmost = \"200ms\"\n";

const RACER: &str = r#"
title = "抢名额"
[input]
case = {}
[step.place]
use = "register.append"
with.register = "名额"
with.entry    = "{{ input }}"
with.only_if  = { where = {}, fewer = 2 }
on.refused    = { go = "done:refused" }
"#;

/// Nobody answers: the clock decides.
const ASKED: &str = r#"
title = "到点"
[input]
case = {}
[step.look]
ask = "person:a"
due = "800ms"
form.ok = { type = "yesno" }
escalate = [
  { at = "-400ms", tell = "person:b" },
  { at = "+0s", reassign = "person:b" },
  { at = "+400ms", decide = { ok = false } },
]
[step.nap]
wait = "500ms"
"#;

const HELD: &str = r#"
title = "等人"
[input]
case = {}
[step.look]
ask = "person:a"
form.ok = { type = "yesno" }
"#;

const LISTENS: &str = r#"
title = "等消息"
[input]
case = {}
[step.told]
await = "told"
key   = "{{ input.case }}"
"#;

/// What comes to the sink of each run of the next.
pub(super) const SENDS: [&str; 6] = ["call", "pay", "many-1", "many-2", "many-3", "last"];

/// One of everything that must survive.
fn all(url: &str) -> String {
    let call = |item: &str| {
        format!(
            "use = \"webhook.call\"\nwith.url = \"{url}\"\nwith.headers = {{ X-Item = \"{{{{ input.case }}}}/{item}\" }}\nwith.json = {{}}\n"
        )
    };
    format!(
        "title = \"都有\"\n[input]\ncase = {{}}\n\
         [step.call]\n{}\
         [step.pay]\n{}effect = \"once\"\nretry = {{ times = 5, first = \"50ms\" }}\nlimit = {{ key = \"pay\", most = 2 }}\n\
         [step.many]\neach = \"{{{{ [1, 2, 3] }}}}\"\nas = \"one\"\nat_once = 2\n{}\
         [step.sub]\nrun = \"sub\"\nwith.case = \"{{{{ input.case }}}}\"\n\
         [step.heard]\nawait = \"heard\"\nkey = \"{{{{ input.case }}}}\"\n\
         [step.nap]\nwait = \"400ms\"\n\
         [step.last]\n{}",
        call("call"),
        call("pay"),
        call("many-{{ one }}"),
        call("last"),
    )
}

/// The child of `all` and what comes of time are there already, as in the home of every load.
pub(super) fn furnish(load: &Load) -> std::io::Result<()> {
    load.set(SETTINGS)?;
    let inside: String =
        INSIDE.iter().map(|plugin| format!("[plugin.{plugin}]\nisolation = \"in-process\"\n")).collect();
    load.change("config/yizhan.toml", |text| text.to_owned() + RETRY + &inside)?;
    let write = |file: &str, text: &str| std::fs::write(load.home.join(file), text);
    write("config/registers.toml", REGISTERS)?;
    write("config/people.toml", PEOPLE)?;
    std::fs::create_dir_all(load.home.join("secrets"))?;
    write("secrets/ours", webhooks::OURS)?;
    std::fs::remove_file(load.home.join("workflows/chaos.toml"))?;
    let texts = [
        ("all", &*all(&load.url())),
        ("racer", RACER),
        ("asked", ASKED),
        ("held", HELD),
        ("listens", LISTENS),
        ("news", &*wide::news("10ms")),
        ("came", webhooks::CAME),
    ];
    texts.into_iter().try_for_each(|(name, text)| write(&format!("workflows/{name}.toml"), text))
}

/// No more than there are have a place.
pub(super) fn places(evidence: &Evidence) -> Option<Violation> {
    let lines = evidence.ledgers.iter().filter(|ledger| ledger.register == "名额").map(|one| one.lines.len());
    let taken: usize = lines.sum();
    (taken > PLACES).then(|| Violation::SentTimes("a place in the race".to_owned(), taken, PLACES))
}

/// Of each task for which the clock decided one was told before.
pub(super) fn letters(evidence: &Evidence, home: &Path) -> std::io::Result<Vec<Violation>> {
    let decided = |run: &&RunEvidence| &*run.row.workflow == "asked" && run.row.state == RunState::Done;
    let wanted = evidence.runs.values().filter(decided).count();
    let told = letters_in(&home.join("data/mail"))?.iter().filter(|letter| letter.to.contains("b@")).count();
    let what = || Violation::SentTimes("a word on a task".to_owned(), told, wanted);
    let lost = (told != wanted).then(what);
    // All is over: nobody is to be told of anything any more.
    let left = evidence.notices.iter().map(|notice| Violation::NoticeOfNone(notice.key.to_string()));
    Ok(lost.into_iter().chain(left).collect())
}

/// Each case stands in the register once.
pub(super) fn booked(evidence: &Evidence) -> Vec<Violation> {
    let mut times = BTreeMap::<&str, usize>::new();
    for line in evidence.ledgers.iter().filter(|one| one.register == "台账").flat_map(|one| &one.lines) {
        *times.entry(line.entry.body.get()).or_default() += 1;
    }
    let twice = times.into_iter().filter(|(_, count)| *count != 1);
    twice.map(|(case, count)| Violation::SentTimes(format!("the entry {case}"), count, 1)).collect()
}

/// Each event that was heard began a run.
pub(super) fn news(evidence: &Evidence) -> Option<Violation> {
    let wanted = evidence.published.iter().filter(|event| &*event.name == "heard").count();
    let began = evidence.runs.values().filter(|run| &*run.row.workflow == "news").count();
    (began != wanted).then(|| Violation::SentTimes("the news".to_owned(), began, wanted))
}
