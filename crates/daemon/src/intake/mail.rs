//! The trigger `mail`: what comes into a folder of a mailbox starts runs, is marked as handled, or is put aside with the
//! reason.

mod first;
mod folder_name;
mod letter;
mod line;
mod note;
pub(crate) mod outage;
mod pattern;
mod take;
mod watcher;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use yizhan_engine::Engine;
use yizhan_workflow::plan::{MailRule, Starts, Workflow};

use crate::artifacts::Artifacts;
use crate::config::{Config, MailAccount};
use crate::home::Home;
use crate::language::Language;
use crate::secrets::Secrets;
use first::First;
use outage::Outages;
use take::Taker;
use watcher::Watcher;

/// How often it is looked which triggers are in force.
const LOOK: Duration = Duration::from_secs(1);

/// A trigger with what it needs to be fired.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    workflow: Arc<Workflow>,
    trigger: Arc<str>,
    rule: MailRule,
}

type Slots = Arc<Vec<Slot>>;

/// An account by its name, and a folder in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    account: String,
    folder: String,
}

/// All mailboxes of all triggers.
pub(crate) struct Mails {
    engine: Engine,
    accounts: BTreeMap<String, MailAccount>,
    home: PathBuf,
    secrets: PathBuf,
    artifacts: Artifacts,
    language: Language,
    first: Arc<First>,
    /// One mail at a time of each account: what is in memory stays bounded.
    turns: BTreeMap<String, Arc<Mutex<()>>>,
    watched: BTreeMap<Place, watch::Sender<Slots>>,
    outages: Outages,
}

impl Mails {
    pub(crate) fn new(home: &Home, config: &Config, engine: Engine, outages: Outages) -> Self {
        Self {
            engine,
            accounts: config.mail.clone(),
            home: home.root.clone(),
            secrets: home.secrets(),
            artifacts: Artifacts::new(home.artifacts()),
            language: config.language,
            first: Arc::new(First::read(home.data.join("mailboxes.json"))),
            turns: BTreeMap::new(),
            watched: BTreeMap::new(),
            outages,
        }
    }

    /// Goes on until dropped; then the watchers end the mail they are at and leave.
    pub(crate) async fn keep(mut self) {
        loop {
            let wanted = in_force(&self.engine);
            // A watcher whose sender is gone ends.
            self.watched.retain(|place, _| {
                let stays = wanted.contains_key(place);
                if !stays {
                    self.outages.over(place);
                }
                stays
            });
            for (place, slots) in wanted {
                self.watch(place, slots);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn watch(&mut self, place: Place, slots: Vec<Slot>) {
        if let Some(known) = self.watched.get(&place) {
            known.send_if_modified(|known| {
                let other = !same(known.iter(), &slots);
                if other {
                    *known = Arc::new(slots);
                }
                other
            });
            return;
        }
        let (sender, receiver) = watch::channel(Arc::new(slots));
        match self.accounts.get(&place.account) {
            Some(account) => {
                let turn = self.turns.entry(place.account.clone()).or_default().clone();
                let taker = Taker {
                    engine: self.engine.clone(),
                    artifacts: self.artifacts.clone(),
                    language: self.language,
                    address: address_of(account),
                };
                let watcher = Watcher {
                    place: place.clone(),
                    account: account.clone(),
                    home: self.home.clone(),
                    secrets: Secrets::of(self.secrets.clone()),
                    slots: receiver,
                    taker,
                    turn,
                    first: self.first.clone(),
                    outages: self.outages.clone(),
                };
                tokio::spawn(watcher.keep());
            }
            None => {
                tracing::error!("{}", outage::no_account(&place.account, Language::En));
                self.outages.no_account(&place);
            }
        }
        // Also where there is no such mailbox: it is said once.
        self.watched.insert(place, sender);
    }
}

/// What is wanted of which folder, as the workflows say now.
fn in_force(engine: &Engine) -> BTreeMap<Place, Vec<Slot>> {
    let workflows = engine.shared.library.workflows();
    let mut wanted: BTreeMap<Place, Vec<Slot>> = BTreeMap::new();
    for workflow in workflows.values().filter_map(|entry| entry.workflow.as_ref()) {
        for trigger in &workflow.triggers {
            // Mails that come meanwhile stay unread until it goes on.
            let paused = engine.shared.paused(&workflow.name, &trigger.name).is_some();
            if let Starts::Mail(rule) = &trigger.starts
                && !paused
            {
                let place = Place { account: rule.account.clone(), folder: rule.folder.clone() };
                let (trigger, rule) = (trigger.name.clone(), (**rule).clone());
                let slot = Slot { workflow: workflow.clone(), trigger, rule };
                wanted.entry(place).or_default().push(slot);
            }
        }
    }
    wanted
}

fn same<'a>(known: impl ExactSizeIterator<Item = &'a Slot>, slots: &[Slot]) -> bool {
    known.len() == slots.len()
        && known
            .zip(slots)
            .all(|(one, other)| Arc::ptr_eq(&one.workflow, &other.workflow) && one.trigger == other.trigger)
}

fn address_of(account: &MailAccount) -> String {
    if account.user.contains('@') {
        account.user.clone()
    } else {
        format!("{}@{}", account.user, account.host)
    }
}
