//! How runs begin, how people act on them, and how a parent and its children speak.

use yizhan_workflow::id::{Attempt, RunId};
use yizhan_workflow::plan::OnDuplicate;
use yizhan_workflow::run::event::{EndState, Event, Parent, Raw, Standing, Started};
use yizhan_workflow::run::state::{At, Phase};
use yizhan_workflow::run::{Now, PARENT, Refusal, World, start};

use crate::engine::{Loop, Pending};
use crate::handle::{Act, ActError, StartRequest};
use crate::intake;
use crate::live::Live;
use crate::store::{Note, Start};

/// How deep children may stand.
pub(crate) const DEPTH_MAX: u8 = 16;

impl Loop {
    pub(crate) fn start(&mut self, request: StartRequest, world: &World) {
        let StartRequest { prepared, by, firing, met, reply } = request;
        if self.stopping {
            return reply.failed(ActError::Stopping);
        }
        if self.full {
            return reply.failed(ActError::DiskFull);
        }
        let at = self.shared.now();
        let id = RunId::mint(at, self.last_run);
        self.last_run = Some(id);
        let text = prepared.workflow.clone();
        let started = Started {
            workflow: text.name.clone(),
            text: text.hash.clone(),
            input: prepared.input.clone(),
            key: prepared.key.clone(),
            trigger: prepared.trigger.clone(),
            by: by.clone(),
            parent: None,
            origin: None,
        };
        yizhan_faults::point("engine.starting");
        let claim = prepared.claim();
        let takes = prepared.takes();
        let pending = Pending {
            on_join: text.on_duplicate == OnDuplicate::Join,
            prepared,
            by,
            firing: firing.clone(),
            met,
        };
        let room = self.room();
        let (run, decision) = start(id, &text, &Now { world, at, room }, started);
        self.live.insert(id, Live { unborn: true, ..Live::new(run, text) });
        let place = self.record(id, decision, world);
        self.batch.changes[place].start = Some(Box::new(Start { claim, firing, takes }));
        if yizhan_faults::seeded("engine.start-acked-early") {
            reply.of(id).committed();
        } else {
            self.after.acts[place].reply = Some(reply.of(id));
        }
        self.after.acts[place].started = Some(Box::new(pending));
    }

    pub(crate) fn take_act(&mut self, act: Act, world: &World) {
        let Act { run, mut event, reply } = act;
        if matches!(event, Event::Answered { .. }) && yizhan_faults::seeded("engine.answer-dropped") {
            return reply.committed();
        }
        if let Err(error) = self.bring(run) {
            return reply.failed(error);
        }
        // Who cancels or retries means the opening that is there now.
        if let Some(live) = self.live.get(&run)
            && let Event::Cancelled { opening, .. } | Event::Retried { opening, .. } = &mut event
            && *opening == 0
        {
            *opening = live.run.top.opening;
        }
        if matches!(event, Event::Retried { .. })
            && let Some(job) = self.replaced_in(run)
        {
            let why = "replaced by another open run with its key";
            return self.refuse_after(job, reply, ActError::Refused(Refusal::NotRetriable(why)));
        }
        match self.feed(run, event, world) {
            Ok(_) if yizhan_faults::seeded("engine.answer-acked-early") => reply.committed(),
            Ok(place) => self.after.acts[place].reply = Some(reply),
            Err(error) => self.refuse(run, reply, error),
        }
    }

    /// The job with which another open run holds the key that this one gave back when it ended; 0 where that is on disk.
    fn replaced_in(&self, id: RunId) -> Option<u64> {
        let live = self.live.get(&id)?;
        let (started, claims) = (&live.run.started, live.text.on_duplicate != OnDuplicate::Allow);
        let key = started.key.as_ref().filter(|key| claims && !key.trim().is_empty())?;
        if started.above().is_some() {
            return None; // The children's keys claim nothing.
        }
        let holds = |other: &Live| other.run.started.key.as_ref() == Some(key) && !other.run.is_over();
        // What is not on disk yet is in memory.
        let fresh = self.live.iter().find(|(other, live)| {
            **other != id
                && live.job > self.written
                && live.run.started.above().is_none()
                && live.run.started.workflow == started.workflow
                && holds(live)
        });
        if let Some((_, other)) = fresh {
            return Some(other.job);
        }
        // Where the store cannot be asked, two may not become of one.
        let holder = self.shared.reads.holder(&started.workflow, key);
        holder.map_or(true, |by| by.is_some_and(|by| by != id)).then_some(0)
    }

    // ---- children -------------------------------------------------------------------------------------------------

    /// Starts an item's child, unless it is there already: then a restart or a retry has come this way.
    pub(crate) fn start_child(&mut self, parent: RunId, of: Attempt, child: RunId, world: &World) {
        match self.bring(child) {
            // Nobody waits for it: that it is there is all that its starter wants to know.
            Ok(()) if self.is_detached(parent, of) => {
                self.feed_quietly(parent, Event::ChildStarted { of, child }, world);
            }
            Ok(()) => self.continue_child(parent, child, world),
            Err(ActError::NoSuchRun(_)) if yizhan_faults::seeded("engine.child-forgotten") => {}
            Err(ActError::NoSuchRun(_)) => {
                if let Err(why) = self.begin_child(parent, of, child, world) {
                    self.tell(parent, child_failed(of, child, &why), world);
                }
            }
            Err(error) => tracing::error!(%parent, %child, %error, "the child cannot be looked at"),
        }
    }

    /// Whether this item begins its child and does not wait for it.
    pub(crate) fn is_detached(&self, parent: RunId, of: Attempt) -> bool {
        let item = self.live.get(&parent).and_then(|live| live.run.item(of.item));
        item.is_some_and(|item| matches!(item.at, At::Is(Standing::Child { detach: true, .. })))
    }

    fn begin_child(&mut self, parent: RunId, of: Attempt, child: RunId, world: &World) -> Result<(), String> {
        let Some(live) = self.live.get(&parent) else { return Ok(()) };
        let depth = live.run.started.above().map_or(0, |above| above.depth) + 1;
        if depth > DEPTH_MAX {
            return Err(format!("children stand at most {DEPTH_MAX} deep"));
        }
        let Some(At::Is(Standing::Child { workflow, with, detach, .. })) =
            live.run.item(of.item).map(|item| &item.at)
        else {
            return Ok(());
        };
        let above = Some(Parent { run: parent, of, depth });
        let detach = *detach;
        let text =
            self.shared.library.current(workflow).ok_or_else(|| {
                format!("there is no workflow `{workflow}`; its file is missing or has faults")
            })?;
        if live.text.completes.is_some() {
            return self.begin_completed((parent, of), child, &text, world);
        }
        let prepared = intake::prepare(&text, with.get(), None, world, self.shared.now())
            .map_err(|error| error.to_string())?;
        let started = Started {
            workflow: text.name.clone(),
            text: text.hash.clone(),
            input: prepared.input,
            key: prepared.key,
            trigger: None,
            by: live.run.started.by.clone(),
            parent: above.filter(|_| !detach && !yizhan_faults::seeded("engine.child-orphaned")),
            origin: above.filter(|_| detach),
        };
        yizhan_faults::point("engine.child_beginning");
        let (at, room) = (self.shared.now(), self.room());
        let (run, decision) = start(child, &text, &Now { world, at, room }, started);
        self.live.insert(child, Live::new(run, text));
        let place = self.record(child, decision, world);
        self.batch.changes[place].start = Some(Box::default());
        self.after.acts[place].began = detach.then_some((parent, of));
        Ok(())
    }

    fn continue_child(&mut self, parent: RunId, child: RunId, world: &World) {
        let Some(live) = self.live.get(&child) else { return };
        match &live.run.top.phase {
            Phase::Open | Phase::Stopping | Phase::Finishing => {}
            Phase::Over { state: EndState::Done, outcome, output } => {
                let Some(of) = live.run.started.parent.map(|parent| parent.of) else { return };
                let event = Event::ChildEnded {
                    of,
                    child,
                    state: EndState::Done,
                    outcome: Some(outcome.clone()),
                    output: output.clone(),
                };
                self.tell(parent, event, world);
            }
            Phase::Over { state: EndState::Failed | EndState::Cancelled, .. } => {
                // The parent tries again: its child goes on where it failed.
                let from = live.run.top.closing.as_ref().and_then(|closing| closing.by_step);
                let above = live.run.started.parent.map(|parent| parent.of);
                let event = Event::Retried { opening: live.run.top.opening, by: PARENT.into(), from };
                // What cannot go on has ended once more, or its parent would wait for ever.
                if let (Err(error), Some(of)) = (self.feed(child, event, world), above) {
                    self.tell(parent, child_failed(of, child, &error.to_string()), world);
                }
            }
        }
    }

    pub(crate) fn stop_child(&mut self, parent: RunId, of: Attempt, child: RunId, world: &World) {
        match self.bring(child) {
            Ok(()) => {
                let Some(live) = self.live.get(&child) else { return };
                if live.run.is_over() {
                    return self.continue_ended(parent, child, world);
                }
                let reason = "the run that needs it is closing or going back".into();
                let event = Event::Cancelled { opening: live.run.top.opening, by: PARENT.into(), reason };
                self.feed_quietly(child, event, world);
            }
            Err(ActError::NoSuchRun(_)) => {
                self.tell(parent, child_failed(of, child, "it never began"), world);
            }
            // It may be running: its parent must not end before it.
            Err(error) => tracing::error!(%parent, %child, %error, "the child cannot be stopped"),
        }
    }

    /// Tells the parent once more how a child ended: the first word may have been lost with us.
    fn continue_ended(&mut self, parent: RunId, child: RunId, world: &World) {
        let Some(live) = self.live.get(&child) else { return };
        let (Phase::Over { state, outcome, output }, Some(above)) =
            (&live.run.top.phase, live.run.started.parent)
        else {
            return;
        };
        let event = Event::ChildEnded {
            of: above.of,
            child,
            state: *state,
            outcome: Some(outcome.clone()),
            output: output.clone(),
        };
        self.tell(parent, event, world);
    }

    /// Gives a child's end to the attempt of its parent's item that waits now (a retry has a later one).
    pub(crate) fn tell(&mut self, parent: RunId, event: Event, world: &World) {
        let Event::ChildEnded { mut of, child, state, outcome, output } = event else { return };
        yizhan_faults::point("engine.child_telling");
        let told = match self.bring(parent) {
            Err(error) => Err(error),
            Ok(()) => {
                // A retry has a later attempt, and under another text the step may have another number.
                if let Some(waits) =
                    self.live.get(&parent).and_then(|live| live.run.waits_for(child, of.item))
                {
                    of = waits;
                }
                self.feed(parent, Event::ChildEnded { of, child, state, outcome, output }, world)
            }
        };
        match told {
            Ok(_) if yizhan_faults::seeded("engine.tell-left") => {}
            Ok(place) => self.batch.changes[place].told_by = Some(child),
            // The word stays in the store for the next start.
            Err(error @ ActError::Unreadable(_)) => {
                tracing::error!(%parent, %child, %error, "a child's end cannot be told");
            }
            Err(error) => {
                tracing::debug!(%parent, %child, %error, "a child's end is not wanted any more");
                self.batch.notes.push(Note::Told { child });
            }
        }
    }
}

fn child_failed(of: Attempt, child: RunId, why: &str) -> Event {
    Event::ChildEnded {
        of,
        child,
        state: EndState::Failed,
        outcome: Some(why.into()),
        output: Raw::new("null".to_owned()),
    }
}
