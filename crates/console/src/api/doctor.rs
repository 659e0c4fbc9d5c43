//! Looks whether all is well: the store whole, no open run waiting for nothing, every journal giving its state again.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use yizhan_engine::gathering;
use yizhan_engine::live::{self, Loaded};
use yizhan_engine::store::{Heap, RunFilter, RunState, TaskFilter};
use yizhan_workflow::id::{Item, RunId};
use yizhan_workflow::plan::Starts;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::Standing;
use yizhan_workflow::run::state::{At, Run};

use yizhan_access::Broken;

use crate::body::{Answer, Asked};
use crate::desk::Desk;
use crate::hooks;
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::DoctorView;

/// Runs that are played again where not all are asked for.
const SAMPLE: usize = 200;
/// Findings that are told one by one.
const FINDINGS_MAX: usize = 200;
const PAGE: usize = 500;
/// A notice that stands longer is told of even where nothing is known to have failed.
const UNTOLD_MS: i64 = 60_000;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Thorough {
    /// Plays every journal again, and not a sample of 200.
    #[serde(default)]
    all: bool,
    /// In which language sentences are: `zh` or `en`.
    #[param(value_type = Option<String>)]
    lang: Option<Language>,
}

pub(crate) async fn doctor(
    State(desk): State<Arc<Desk>>,
    Asked(asked): Asked<Thorough>,
) -> Result<Answer<DoctorView>, Refusal> {
    let view = desk.read(move |desk| {
        let language = desk.language(asked.lang);
        let findings = desk.reads().verify()?;
        let mut visit = Visit { desk, language, findings, runs: 0, replayed: 0, more: 0 };
        desk.house.findings(language).into_iter().for_each(|finding| visit.found(finding));
        visit.audit()?;
        visit.workflows();
        visit.webhooks();
        visit.posts();
        visit.notices()?;
        visit.outsiders()?;
        visit.gathered()?;
        visit.open_runs()?;
        visit.replay(if asked.all { usize::MAX } else { SAMPLE })?;
        Ok(visit.view())
    });
    view.await.map(Answer)
}

/// Both languages stand side by side, so that neither is forgotten.
macro_rules! say {
    ($visit:expr, $zh:literal, $en:literal) => {
        match $visit.language {
            Language::Zh => format!($zh),
            Language::En => format!($en),
        }
    };
}

struct Visit<'a> {
    desk: &'a Desk,
    language: Language,
    findings: Vec<String>,
    runs: usize,
    replayed: usize,
    more: usize,
}

impl Visit<'_> {
    fn audit(&mut self) -> Result<(), Refusal> {
        let line = match super::audit::verified(self.desk)?.broken {
            None => return Ok(()),
            Some(
                Broken::Gap { seq }
                | Broken::Changed { seq }
                | Broken::Unmarked { seq }
                | Broken::Gone { seq }
                | Broken::Hidden { seq },
            ) => seq,
        };
        let finding = say!(
            self,
            "审计不是原样:第 {line} 行起,有人改过、删过或补写过 data/access.db;请 `yizhan audit verify`",
            "the audit is not as it was written: from line {line} on somebody changed, deleted or added lines in data/access.db; see `yizhan audit verify`"
        );
        self.found(finding);
        Ok(())
    }

    fn found(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn view(mut self) -> DoctorView {
        if self.more > 0 {
            let more = self.more;
            self.findings.push(say!(self, "另有 {more} 个问题", "{more} more findings"));
        }
        DoctorView {
            ok: self.findings.is_empty(),
            findings: self.findings,
            runs: self.runs,
            replayed: self.replayed,
        }
    }

    /// Files with faults: what is in force is not what lies there.
    fn workflows(&mut self) {
        let all = self.desk.shared().library.workflows();
        for entry in all.values().filter(|entry| !entry.faults.is_empty()) {
            let path = &entry.path;
            let finding = match entry.workflow {
                Some(_) => say!(
                    self,
                    "{path} 有错误,照旧用上一份好的;哪里错、怎么改:`yizhan check`",
                    "{path} has faults, and its last good text stays in force: `yizhan check` says which and what to do"
                ),
                None => say!(
                    self,
                    "{path} 有错误,没有生效;哪里错、怎么改:`yizhan check`",
                    "{path} has faults and is not in force: `yizhan check` says which and what to do"
                ),
            };
            self.found(finding);
        }
    }

    /// A webhook that refuses each delivery, for it has nothing to know them by.
    fn webhooks(&mut self) {
        let all = self.desk.shared().library.workflows();
        let texts = all.values().filter_map(|entry| entry.workflow.as_ref());
        for (text, trigger) in texts.flat_map(|text| text.triggers.iter().map(move |trigger| (text, trigger)))
        {
            let Starts::Webhook(auth) = &trigger.starts else { continue };
            let Some(secret) = auth.secret().filter(|name| hooks::secret(self.desk, name).is_none()) else {
                continue;
            };
            let (workflow, trigger) = (&text.name, &trigger.name);
            self.found(say!(
                self,
                "Webhook `{workflow}/{trigger}` 一件也收不了:没有密钥 `{secret}`,请放到本目录的 `secrets/{secret}`",
                "the webhook `{workflow}/{trigger}` takes no delivery: its secret `{secret}` is not there; put it into `secrets/{secret}` of the home"
            ));
        }
    }

    /// A post for which nobody is on duty: what is for it goes to the superior, or to nobody.
    fn posts(&mut self) {
        let shared = self.desk.shared();
        let world = shared.world();
        for gap in world.people_at(shared.now()).open_posts() {
            let role = &gap.role;
            let to = match gap.superior {
                Some(id) => say!(self, "找它的事转给 {id}", "what is for it goes to {id}"),
                None => say!(
                    self,
                    "没有上级可找,找它的事转给各流程的负责人",
                    "there is no superior, so what is for it goes to the owner of each workflow"
                ),
            };
            self.found(say!(self, "{role} 现在没有人当班,{to}", "nobody is on duty for {role}: {to}"));
        }
    }

    /// A run that asks and whose owner does not hear of it waits for ever.
    fn notices(&mut self) -> Result<(), Refusal> {
        let shared = self.desk.shared();
        if let Some(fault) = shared.tell_fault(self.language.lang()) {
            self.found(fault);
        }
        let now = shared.now();
        for notice in self.desk.reads().notices(None, FINDINGS_MAX)? {
            let why = shared.untold.why(&notice.task);
            if why.is_some() || now.0 - notice.at.0 > UNTOLD_MS {
                let (key, at) = (&notice.key, notice.at);
                let why = why.map_or_else(String::new, |why| say!(self, ":{why}", ": {why}"));
                self.found(say!(
                    self,
                    "{key}:从 {at} 起,它在等答复,信没有送到所有该收的人{why}",
                    "{key}: since {at} not everybody could be told that it asks{why}"
                ));
            }
        }
        Ok(())
    }

    /// Somebody who is not of the house answers by link or not at all.
    fn outsiders(&mut self) -> Result<(), Refusal> {
        if self.desk.shared().config.links.is_some() {
            return Ok(());
        }
        let open = self.desk.reads().tasks(&TaskFilter::default(), None, PAGE)?;
        let outside = |who: &String| who.starts_with("mail:");
        for row in open.rows.iter().filter(|row| row.who.iter().any(outside)) {
            let (task, title) = (&row.id, &row.title);
            self.found(say!(
                self,
                "{task}“{title}”要外面的人答复,邮件里却没有链接:设置 `url` 没有写外面能找到这里的地址",
                "{task} “{title}” asks somebody outside, and mails have no links: the setting `url` does not say where people find this daemon"
            ));
        }
        Ok(())
    }

    /// What was gathered for a run that does not come.
    fn gathered(&mut self) -> Result<(), Refusal> {
        let shared = self.desk.shared();
        let (reads, world, now) = (self.desk.reads(), shared.world(), shared.now());
        for heap in reads.heaps()? {
            let Heap { workflow, trigger, items, oldest } = &heap;
            let text = shared.library.current(workflow);
            let known = text.as_ref().and_then(|text| Some((text, text.trigger(trigger)?)));
            let Some((text, known)) = known.filter(|(_, known)| known.gather.is_some()) else {
                self.found(say!(
                    self,
                    "{workflow}/{trigger}:从 {oldest} 起攒下的 {items} 次触发还没有办,这个触发已不在,或不再攒了;把 `gather` 写回去就会办",
                    "{workflow}/{trigger}: {items} firings since {oldest} are gathered, and the trigger is gone or gathers no more; put `gather` back and they start"
                ));
                continue;
            };
            let slot = gathering::next_slot(text, known, reads, &world)?;
            if slot.is_some_and(|slot| now.0 - slot.0 > UNTOLD_MS) {
                let why = gathering::refusal(text, known, reads, &world)?;
                let why = why.map_or_else(String::new, |why| say!(self, ":{why}", ": {why}"));
                self.found(say!(
                    self,
                    "{workflow}/{trigger}:从 {oldest} 起攒下的 {items} 次触发过了时刻还没有办{why}",
                    "{workflow}/{trigger}: {items} firings since {oldest} are gathered, and their run did not begin at its time{why}"
                ));
            }
        }
        Ok(())
    }

    /// Every open run wants something or has a wake-up, and its text is there.
    fn open_runs(&mut self) -> Result<(), Refusal> {
        let mut after = None;
        loop {
            let ids = self.desk.reads().open_runs(after, PAGE)?;
            for id in &ids {
                self.open_run(*id);
            }
            after = ids.last().copied();
            if ids.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn open_run(&mut self, id: RunId) {
        self.runs += 1;
        let reads = self.desk.reads();
        let loaded = match live::load(id, reads) {
            Ok(loaded) => loaded,
            Err(error) => return self.found(error.to_string()),
        };
        if let Err(error) = self.desk.shared().library.text(loaded.run.text(), reads) {
            self.found(format!("{id}: {error}"));
        }
        let listed_open = matches!(loaded.row.state, RunState::Open | RunState::Closing);
        if listed_open && !loaded.run.is_accounted_for() {
            self.found(say!(self, "{id} 未结束,却什么也不等", "{id} is open and waits for nothing"));
        }
        if listed_open && let Some(item) = self.without_row(&loaded.run) {
            // It may have moved on since it was read.
            let again = live::load(id, reads).ok().filter(|again| again.run.seq == loaded.run.seq);
            if again.is_some_and(|again| self.without_row(&again.run) == Some(item)) {
                self.found(say!(
                    self,
                    "{id} 在等名额或事件,但没有登记",
                    "{id} waits for a place or an event, and nobody knows that it does"
                ));
            }
        }
    }

    /// An item that waits for others, of which the rows that others look at know nothing.
    fn without_row(&self, run: &Run) -> Option<Item> {
        let reads = self.desk.reads();
        // What cannot be read is found elsewhere.
        let slot = |item| reads.slot(run.id, item).map_or(true, |row| row.is_some());
        let listener = |item| reads.listener(run.id, item).map_or(true, |row| row.is_some());
        let mut standing = run.standing_items();
        let found = standing.find(|(item, state)| match &state.at {
            At::Is(Standing::Slot { .. }) => !slot(*item),
            At::Is(Standing::Listening { .. }) => !listener(*item),
            At::Is(_) | At::Over(_) => false,
        });
        found.map(|(item, _)| item)
    }

    fn replay(&mut self, most: usize) -> Result<(), Refusal> {
        let mut cursor = None;
        while self.replayed < most {
            let page = self.desk.reads().runs(&RunFilter::default(), cursor.as_deref(), PAGE.min(most))?;
            for row in page.rows.iter().take(most - self.replayed) {
                if let Some(finding) = self.replay_one(row.id)? {
                    self.found(finding);
                }
                self.replayed += 1;
            }
            if page.next.is_none() {
                return Ok(());
            }
            cursor = page.next;
        }
        Ok(())
    }

    /// The whole journal must give what the snapshot and the lines after it give.
    fn replay_one(&self, id: RunId) -> Result<Option<String>, Refusal> {
        let reads = self.desk.reads();
        let Some(stored) = reads.run(id)? else { return Ok(None) };
        // Without a snapshot there are not two ways to the state.
        if stored.snapshot.is_none() {
            return Ok(None);
        }
        let Loaded { run: kept, .. } = match live::fold(id, stored) {
            Ok(loaded) => loaded,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let mut played: Option<Run> = None;
        let mut seq = 0;
        while seq < kept.seq {
            let left = usize::try_from(kept.seq - seq).unwrap_or(PAGE).min(PAGE);
            let lines = reads.journal(id, seq, left)?;
            if lines.is_empty() {
                let kept = kept.seq;
                return Ok(Some(say!(
                    self,
                    "{id}:流水到第 {seq} 行为止,状态却是第 {kept} 行的",
                    "{id}: the journal ends at line {seq}, its state is of line {kept}"
                )));
            }
            for line in lines {
                seq = line.seq;
                let Ok(read) = serde_json::from_slice::<Line>(&line.body) else {
                    return Ok(Some(say!(
                        self,
                        "{id}:流水第 {seq} 行无法读取",
                        "{id}: line {seq} of its journal cannot be read"
                    )));
                };
                played = read.fold_into(played, id, line.at);
            }
        }
        let differs = played.is_none_or(|played| played != kept);
        Ok(differs.then(|| {
            say!(
                self,
                "{id}:按流水重演,得到的状态与保存的不同",
                "{id}: its journal, played again, gives another state than the one kept"
            )
        }))
    }
}
