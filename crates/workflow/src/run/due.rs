//! What time does to an item that is open: its due time, what is set off before and after it, what stops and moves it.

use std::sync::Arc;

use super::Deciding;
use super::begin::{failure, raw};
use super::clock::{Ahead, ClockSet, ClockState, ClockWhy, Part, RungDid, Unit, WHOLE};
use super::event::{Fact, Failure, Output, Raw, Standing};
use super::names::Standpoint;
use super::nobody::Meant;
use super::state::{At, StepPhase};
use crate::calendar::Calendar;
use crate::expression::{Template, Tree};
use crate::id::{DueRung, Item, Millis, StepAt, StepNo};
use crate::moment::{Length, Measure, Moment, MomentError, MomentText, Offset, Span};
use crate::plan::{Clock, Does, Pause, Rung, RungAt, Work};
use crate::schedule::{Pattern, Slots};

/// How often at most one decision looks at all clocks again, because what it set off may stop one of them.
const LOOKS_MOST: u32 = 64;

/// A due time in the making, seen from its item.
struct Counting<'m> {
    item: Item,
    due: Option<&'m Moment>,
    from: Millis,
    n: u16,
}

impl Deciding<'_> {
    fn plan_of(&self, item: Item) -> Option<&Clock> {
        if item.is_beside() { None } else { self.text.step(item.step).clock.as_deref() }
    }

    /// The moment by which an item is to be over. What is beside a step has that of its own kind.
    fn due_moment(&self, item: Item) -> Option<&Moment> {
        let step = self.text.step(item.step);
        if !item.is_beside() {
            let seat = self.seat(item).zip(step.approve());
            let signer = seat.and_then(|(seat, approve)| approve.signers.get(seat.of as usize));
            return signer.and_then(|signer| signer.due.as_ref()).or_else(|| step.due());
        }
        match &step.doing(item)?.work {
            Work::Ask(ask) => ask.due.as_ref(),
            Work::Await(event) => event.due.as_ref(),
            Work::Use { .. }
            | Work::Wait { .. }
            | Work::Run { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => None,
        }
    }

    /// What an item's clock is when it opens now; nothing where the file says nothing of time.
    pub(super) fn clock_to_open(&self, item: Item) -> Result<Option<ClockSet>, Failure> {
        if self.due_moment(item).is_none() && self.plan_of(item).is_none() {
            return Ok(None);
        }
        let n = self.run.item(item).map_or(0, |state| state.dues).saturating_add(1);
        self.clock_from(item, self.at, n, ClockWhy::Opened).map(Some)
    }

    /// Works out a due time and all that hangs on it.
    fn clock_from(&self, item: Item, from: Millis, n: u16, why: ClockWhy) -> Result<ClockSet, Failure> {
        let counting = Counting { item, due: self.due_moment(item), from, n };
        let parts = match counting.due {
            Some(due) => self.parts_of(item, due, from)?,
            None => vec![],
        };
        self.clock_with(&counting, parts, why)
    }

    fn clock_with(
        &self,
        counting: &Counting<'_>,
        parts: Vec<Part>,
        why: ClockWhy,
    ) -> Result<ClockSet, Failure> {
        let &Counting { item, due: moment, from, n } = counting;
        let due = parts.iter().map(|part| part.at).min();
        let known = self.run.item(item).and_then(|state| state.clock.as_deref());
        let known = known.filter(|_| why != ClockWhy::Opened);
        let (mut ahead, mut dropped) = (vec![], vec![]);
        for (number, rung) in (0..).zip(self.text.step(item.step).rungs()) {
            if item.is_beside() {
                break;
            }
            let nth = known.and_then(|clock| nth_of(clock, number));
            let Some(at) = self.rung_at(item, rung, due, from)? else { continue };
            let past = at <= self.at;
            let fired = known.is_some_and(|clock| clock.fired.contains(&number));
            // Where the clock only stood, what fired for this due time has fired.
            let same_due = known.is_some_and(|clock| clock.n == n);
            if fired && (past || same_due && nth.is_none()) {
                continue;
            }
            if past && rung.reminds {
                dropped.push(number);
            } else {
                ahead.push(Ahead { rung: number, at, nth: nth.unwrap_or(0) });
            }
        }
        let begins = moment.is_some() && due.is_none();
        let watch = begins || self.plan_of(item).is_some_and(|clock| clock.pause.is_some());
        let was = self.run.item(item).and_then(|state| state.due).filter(|_| why != ClockWhy::Opened);
        Ok(ClockSet { n, why, due, was, from, parts, ahead, dropped, watch })
    }

    /// The instants of a due time, each with the unit in which a pause moves it. None: its clock has not begun.
    fn parts_of(&self, item: Item, moment: &Moment, from: Millis) -> Result<Vec<Part>, Failure> {
        if let Moment::Earliest(moments) = moment {
            let mut parts = vec![];
            for moment in moments {
                parts.extend(self.parts_of(item, moment, from)?);
            }
            return Ok(parts);
        }
        let moment = self.in_hours(item, moment)?;
        let at = self.instant(item, &moment, from, false)?;
        let unit = unit_of(&moment);
        Ok(at.map(|at| Part { at, unit }).into_iter().collect())
    }

    /// With `hours` a length of clock time counts only while these are open.
    fn in_hours(&self, item: Item, moment: &Moment) -> Result<Moment, Failure> {
        let hours = !item.is_beside() && self.text.step(item.step).hours.is_some();
        if let Moment::Worked(template) = moment {
            let value = template.value(&self.scope(Standpoint::Item(item)))?;
            let length = match Moment::parse_text(&value.to_string()) {
                Ok(MomentText::Length(length)) => Some(length),
                Ok(_) | Err(_) => None,
            };
            return Ok(length.map_or_else(|| moment.clone(), |length| Moment::Length(open(length, hours))));
        }
        Ok(match moment {
            Moment::Length(length) => Moment::Length(open(*length, hours)),
            Moment::Within { length, of, before } => {
                let scope = self.scope(Standpoint::Item(item));
                let length = length.worked_out(&|template| template.value(&scope));
                // Where there is none, looking for its instant says why.
                let Ok(Some(length)) = length else { return Ok(moment.clone()) };
                Moment::Within { length: open(length, hours).into(), of: of.clone(), before: *before }
            }
            Moment::Earliest(_)
            | Moment::Next(_)
            | Moment::AfterToday(_)
            | Moment::Worked(_)
            | Moment::Date(_)
            | Moment::Local(_)
            | Moment::Instant(_) => moment.clone(),
        })
    }

    /// The calendar in which a clock counts: of its `hours`, else of its step.
    pub(super) fn clock_calendar(&self, item: Item) -> Result<&Calendar, Failure> {
        let hours = self.text.step(item.step).hours.as_deref().filter(|_| !item.is_beside());
        match hours.and_then(|hours| self.now.world.calendars.named(Some(hours))) {
            Some(calendar) => Ok(calendar),
            None => self.calendar(item.step),
        }
    }

    /// When a rung fires next; none where its due time is not known.
    fn rung_at(
        &self,
        item: Item,
        rung: &Rung,
        due: Option<Millis>,
        from: Millis,
    ) -> Result<Option<Millis>, Failure> {
        match &rung.at {
            RungAt::Moment(moment) => self.instant(item, moment, from, false),
            RungAt::Every(pattern) => Ok(self.next_of(item, pattern, from)),
            RungAt::Due(offset) => {
                let hours = !item.is_beside() && self.text.step(item.step).hours.is_some();
                let offset = Offset { length: open(offset.length, hours), ..*offset };
                let at = due.map(|due| offset.from_due(due, self.clock_calendar(item)?).map_err(too_far));
                at.transpose()
            }
        }
    }

    /// The next instant of what comes again: a length counts from the opening.
    fn next_of(&self, item: Item, pattern: &Pattern, from: Millis) -> Option<Millis> {
        match pattern {
            Pattern::Every(span) if span.ms > 0 => {
                let passed = (self.at.0 - from.0).max(0) / span.ms;
                Some(from.plus((passed + 1) * span.ms))
            }
            Pattern::Every(_) | Pattern::On { .. } | Pattern::Cron(_) => {
                Slots::plain(pattern, self.clock_calendar(item).ok()?).after(self.at.max(from))
            }
        }
    }

    /// When its hours open next; nothing where it has none or they are open. One whose calendar is gone says so later.
    pub(super) fn hours_open(&self, item: Item) -> Option<Millis> {
        let hours = self.text.step(item.step).hours.as_deref().filter(|_| !item.is_beside())?;
        let calendar = self.now.world.calendars.named(Some(hours))?;
        calendar.opens(self.at).filter(|opens| *opens > self.at)
    }

    pub(super) fn start_clock(&mut self, item: Item, set: Option<ClockSet>) {
        if let Some(set) = set {
            self.did(Fact::Clock { at: item, set: Box::new(set) });
        }
    }

    /// The file's own clock begins with the run. A due time that cannot be worked out is no reason not to begin.
    pub(super) fn start_whole(&mut self) {
        if self.text.whole.clock.is_some()
            && let Ok(set) = self.clock_to_open(WHOLE)
        {
            self.start_clock(WHOLE, set);
        }
    }

    /// Another due time of an item whose clock goes: what is ahead of now starts anew.
    pub(super) fn clock_with_due(
        &self,
        item: Item,
        clock: &ClockState,
        parts: Vec<Part>,
        why: ClockWhy,
    ) -> Result<ClockSet, Failure> {
        let dues = self.run.item(item).map_or(clock.n, |state| state.dues);
        self.clock_numbered(item, (clock.from, dues.saturating_add(1)), parts, why)
    }

    pub(super) fn clock_numbered(
        &self,
        item: Item,
        (from, n): (Millis, u16),
        parts: Vec<Part>,
        why: ClockWhy,
    ) -> Result<ClockSet, Failure> {
        self.clock_with(&Counting { item, due: self.due_moment(item), from, n }, parts, why)
    }

    /// What the file says of a due time is worked out again, where it is not past and nobody gave it another instant.
    pub(super) fn count_again(&mut self, item: Item, why: ClockWhy) {
        let Some(state) = self.run.item(item) else { return };
        let (Some(due), Some(clock)) = (state.due, state.clock.clone()) else { return };
        let Some(moment) = self.due_moment(item).filter(|_| due > self.at && !clock.given) else { return };
        // One that cannot be worked out any more stays as it was.
        let Ok(mut parts) = self.parts_of(item, moment, clock.from) else { return };
        for stood in &clock.stood {
            parts = parts.iter().map(|part| self.moved(item, *part, stood.from, stood.to)).collect();
        }
        if parts.iter().map(|part| part.at).min() == Some(due) || parts.is_empty() {
            return;
        }
        if let Ok(set) = self.clock_with_due(item, &clock, parts, why) {
            self.did(Fact::Clock { at: item, set: Box::new(set) });
        }
    }

    /// The run's input was corrected: due times and waits that hang on it follow.
    pub(super) fn follow_input(&mut self, by: Item) {
        let others = self.run.standing_items().map(|(of, _)| of).filter(|of| *of != by);
        let standing: Vec<Item> = others.collect();
        for item in standing {
            let state = self.run.item(item);
            match state.map(|state| (&state.at, state.opened)) {
                Some((At::Is(Standing::Sleeping { a, until }), Some(from))) => {
                    let (a, until) = (*a, *until);
                    self.sleep_again(item, (a, until), from);
                }
                Some((At::Is(_), _)) => self.count_again(item, ClockWhy::Input),
                Some((At::Over(_), _)) | None => {}
            }
        }
    }

    fn sleep_again(&mut self, item: Item, (a, was): (u32, Millis), from: Millis) {
        let text = self.text.clone();
        let Work::Wait { until } = text.step(item.step).work_of(item) else { return };
        // One that cannot be worked out any more stays as it was.
        let Ok(Some(until)) = self.instant(item, until, from, true) else { return };
        if until != was {
            self.did(Fact::Entered { at: item, state: Standing::Sleeping { a, until } });
        }
    }

    // ---- what fires -----------------------------------------------------------------------------------------------

    pub(super) fn due(&mut self, item: Item) {
        let state = self.run.item(item);
        let (at, due) = state.map_or((None, None), |state| (Some(&state.at), state.due));
        let ends = match at {
            Some(At::Is(Standing::Asked { task, .. })) => task.ends_late,
            Some(At::Is(Standing::Listening { to, .. })) => to.ends_late,
            Some(At::Is(_) | At::Over(_)) | None => false,
        };
        self.did(Fact::Late { at: item });
        if !ends {
            return;
        }
        // What is set off at the very instant has been set off when it ends the task.
        let same = |run: &super::state::Run| {
            let next = run.item(item).filter(|state| state.has_time())?.clock.as_ref()?.next();
            next.filter(|next| Some(next.at) <= due)
        };
        while let Some(next) = same(self.run) {
            self.rung_fires(item, next);
        }
        if self.run.item(item).is_some_and(super::state::ItemState::has_time) {
            self.done(item, Some("late".into()), Output::None, None);
        }
    }

    /// The next rung of an item's clock.
    pub(super) fn rung(&mut self, item: Item) {
        let next = self.run.item(item).and_then(|state| state.clock.as_ref()?.next());
        if let Some(next) = next {
            self.rung_fires(item, next);
        }
    }

    fn rung_fires(&mut self, item: Item, ahead: Ahead) {
        let text = self.text.clone();
        let Some(state) = self.run.item(item) else { return };
        let (late, n) =
            (state.due.is_some_and(|due| due <= self.at), state.clock.as_ref().map_or(1, |clock| clock.n));
        let from = state.clock.as_ref().map_or(self.at, |clock| clock.from);
        let Ahead { rung: number, nth, .. } = ahead;
        let fact = |did, next| Fact::Rung { at: item, n, rung: number, nth, did, next };
        let Some(rung) = text.step(item.step).rung(number) else {
            // Another text, without it.
            return self.did(fact(RungDid::Dropped {}, None));
        };
        if rung.reminds && late {
            return self.did(fact(RungDid::Dropped {}, None));
        }
        let next = match &rung.at {
            RungAt::Every(pattern) => self.next_of(item, pattern, from),
            RungAt::Due(_) | RungAt::Moment(_) => None,
        };
        let beside = Item { rung: Some(DueRung(n, number)), ..item };
        match self.climb(item, rung) {
            Ok((did, answer)) => {
                let begins = did == RungDid::Begun {};
                self.did(fact(did, next));
                if begins {
                    self.begin(beside);
                }
                self.decided(item, answer);
            }
            Err(problem) => {
                self.did(fact(RungDid::Failed { failure: problem.clone() }, next));
                // Of what is wanted no more nobody is asked.
                if !self.is_withdrawn(item) {
                    self.fail(beside, problem);
                }
            }
        }
    }

    /// What a rung comes to, before anything of it is done; with the answer that it gives in a person's place.
    fn climb(&self, item: Item, rung: &Rung) -> Result<(RungDid, Option<Raw>), Failure> {
        if let Does::Decide(fields) = &rung.does {
            return Ok((RungDid::Decided {}, Some(self.decided_fields(item, fields)?)));
        }
        let did = match &rung.does {
            Does::Tell(who) => {
                let Meant { who, nobody } = if who.is_empty() {
                    self.meant(self.asked(item), vec![])
                } else {
                    self.all_of(item, who)?
                };
                RungDid::Told { who, nobody }
            }
            Does::Reassign(who) => {
                let Meant { who, nobody } = self.all_of(item, who)?;
                RungDid::Reassigned { who, nobody }
            }
            Does::Decide(_) => RungDid::Decided {},
            Does::Act(_) if self.is_withdrawn(item) => RungDid::Dropped {},
            Does::Act(_) => RungDid::Begun {},
        };
        Ok((did, None))
    }

    fn all_of(&self, item: Item, names: &[Template]) -> Result<Meant, Failure> {
        let scope = self.scope(Standpoint::Item(item));
        let (mut who, mut empty) = (vec![], vec![]);
        for name in names {
            let found = self.whom(name, &scope)?;
            if found.is_empty() {
                empty.push(name.source().to_owned());
            }
            who.extend(found);
        }
        Ok(self.meant(who, empty))
    }

    /// A rung that failed is tried again, at a person's word.
    pub(super) fn rung_again(&mut self, beside: Item) {
        let text = self.text.clone();
        let item = beside.main();
        let Some(DueRung(n, number)) = beside.rung else { return };
        let Some(rung) = text.step(item.step).rung(number) else { return self.begin(beside) };
        if matches!(rung.does, Does::Act(_)) {
            return self.begin(beside);
        }
        let open = self.run.item(item).is_some_and(super::state::ItemState::has_time);
        let fact = |did| Fact::Rung { at: item, n, rung: number, nth: 0, did, next: None };
        match self.climb(item, rung) {
            // Told also when the task is over; what would change it has nothing to change any more.
            Ok((did, answer)) if open || matches!(did, RungDid::Told { .. }) => {
                self.did(fact(did));
                self.did(Fact::Left { at: beside });
                self.decided(item, answer);
            }
            Ok(_) => self.did(Fact::Left { at: beside }),
            Err(problem) => self.fail(beside, problem),
        }
    }

    /// The task is answered by the file.
    fn decided(&mut self, item: Item, answer: Option<Raw>) {
        if let Some(answer) = answer {
            self.done(item, None, Output::Is(answer.clone()), Some(&answer));
        }
    }

    fn decided_fields(&self, item: Item, fields: &Tree) -> Result<Raw, Failure> {
        let scope = self.scope(Standpoint::Item(item));
        let given = fields.json(&scope)?;
        let Work::Ask(ask) = &self.text.step(item.step).work else { return raw(given) };
        match ask.form.accept_text(&given, &scope) {
            Ok(accepted) => raw(accepted.json),
            Err(faults) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                Err(failure("YZ0360", &format!("`decide` is not an answer: {}", faults.join("; "))))
            }
        }
    }

    /// Whom the task asks; of what is no task, whoever is responsible for the workflow.
    fn asked(&self, item: Item) -> Vec<String> {
        match self.run.item(item).map(|state| (&state.at, &state.claimed)) {
            Some((At::Is(Standing::Asked { .. }), Some(claimed))) => vec![claimed.to_string()],
            Some((At::Is(Standing::Asked { task, .. }), None)) => task.who.clone(),
            Some(_) | None => {
                let owner = self.text.owner.as_deref().or(self.now.world.owner.as_deref());
                owner.map(str::to_owned).into_iter().collect()
            }
        }
    }

    // ---- what stops it --------------------------------------------------------------------------------------------

    /// Looks at every clock that has not begun or that something may stop; fires what is due until nothing more follows.
    pub(super) fn pass_time(&mut self) {
        for _ in 0..LOOKS_MOST {
            // What goes on again has its due time before something opens that counts from it.
            self.look_at_clocks();
            self.settle();
            self.look_at_clocks();
            if !self.fire() {
                return;
            }
        }
        while self.fire() {}
    }

    fn look_at_clocks(&mut self) {
        if self.run.watched.is_empty() {
            return;
        }
        let watched: Vec<Item> = self.run.watched.iter().copied().collect();
        for item in watched {
            self.begin_clock(item);
            self.stop_or_go_on(item);
        }
    }

    /// What it counts from has come to be.
    fn begin_clock(&mut self, item: Item) {
        let Some(clock) =
            self.run.item(item).filter(|state| state.due.is_none()).and_then(|s| s.clock.clone())
        else {
            return;
        };
        if self.due_moment(item).is_none() || clock.stands.is_some() {
            return;
        }
        // What cannot be worked out now may be later; the task says that its clock has not begun.
        if let Ok(set) = self.clock_from(item, clock.from, clock.n, ClockWhy::Began)
            && set.due.is_some()
        {
            self.did(Fact::Clock { at: item, set: Box::new(set) });
        }
    }

    fn stop_or_go_on(&mut self, item: Item) {
        let text = self.text.clone();
        let Some(pause) = text.step(item.step).clock.as_ref().and_then(|clock| clock.pause.as_ref()) else {
            return;
        };
        let Some(clock) = self.run.item(item).and_then(|state| state.clock.clone()) else { return };
        let stopped = clock.stands.as_ref().is_some_and(|stands| stands.file.is_some());
        match (self.pauses(item, pause), stopped) {
            (Some(why), false) => self.did(Fact::Stands { at: item, file: Some(why), person: None }),
            (None, true) if clock.stands.as_ref().is_some_and(|stands| stands.person.is_some()) => {
                self.did(Fact::StandsOn { at: item, person: false });
            }
            (None, true) => self.go_on_with(item, &clock),
            (Some(_), true) | (None, false) => {}
        }
    }

    /// The step that stops the clock, or the expression. One that fails stops nothing.
    fn pauses(&self, item: Item, pause: &Pause) -> Option<Arc<str>> {
        match pause {
            Pause::Steps(steps) => {
                let open = |no: &&StepNo| {
                    let inside = self.text.holders(**no).any(|holder| holder == item.step);
                    if inside {
                        return self.is_open_within(**no, item);
                    }
                    let at = StepAt { step: **no, scope: self.scope_of(**no, item.scope) };
                    self.run.step(at).phase == StepPhase::Open
                };
                steps.iter().find(open).map(|no| Arc::from(self.text.step(*no).path().as_ref()))
            }
            Pause::While(holds) => {
                let yes = holds.truth(&self.scope(Standpoint::Item(item))).unwrap_or(false);
                yes.then(|| holds.source().into())
            }
        }
    }

    /// Whether a step is open anywhere in what an item holds, however deep.
    fn is_open_within(&self, step: StepNo, item: Item) -> bool {
        let holder = self.text.step(step).holder;
        self.run.every_scope().any(|(no, scope)| {
            scope.holder.is_some_and(|own| Some(own.step) == holder)
                && self.run.holders(no).any(|around| around == item)
                && self.run.step(StepAt { step, scope: no }).phase == StepPhase::Open
        })
    }

    /// The clock goes on: what is still to come moves by what it stood.
    pub(super) fn go_on_with(&mut self, item: Item, clock: &ClockState) {
        let Some(stands) = &clock.stands else { return };
        let parts: Vec<Part> =
            clock.parts.iter().map(|part| self.moved(item, *part, stands.since, self.at)).collect();
        let counting = Counting { item, due: self.due_moment(item), from: clock.from, n: clock.n };
        let set = self.clock_with(&counting, parts, ClockWhy::Resumed).unwrap_or_else(|_| ClockSet {
            n: clock.n,
            why: ClockWhy::Resumed,
            due: clock.parts.iter().map(|part| part.at).min(),
            was: self.run.item(item).and_then(|state| state.due),
            from: clock.from,
            parts: clock.parts.clone(),
            ahead: clock.ahead.clone(),
            dropped: vec![],
            watch: clock.watch,
        });
        self.did(Fact::Clock { at: item, set: Box::new(set) });
    }

    /// An instant after a pause, moved in its own unit. What was past when the pause began stays.
    fn moved(&self, item: Item, part: Part, since: Millis, to: Millis) -> Part {
        if part.at <= since {
            return part;
        }
        let calendar = self.clock_calendar(item).ok();
        let on = |length: Length| Offset { before: false, length }.from_due(part.at, calendar?).ok();
        let date = |at: Millis| calendar?.date(at);
        let at = match part.unit {
            Unit::Fixed => None,
            Unit::Clock => Some(part.at.plus(to.0 - since.0)),
            Unit::Workhours => calendar
                .map(|calendar| calendar.open_between(since, to))
                .and_then(|ms| on(Length::Open(Span { ms }))),
            Unit::Days => (|| {
                let days = date(since)?.until(date(to)?).ok()?.get_days();
                on(Length::Days { n: u32::try_from(days).ok()?, unit: crate::moment::Unit::Days })
            })(),
            Unit::Workdays => (|| {
                let days = calendar?.workdays(date(since)?, date(to)?);
                on(Length::Workdays(u32::try_from(days).ok().filter(|days| *days > 0)?))
            })(),
        };
        Part { at: at.unwrap_or(part.at), ..part }
    }
}

/// A length that counts open hours only.
fn open(length: Length, hours: bool) -> Length {
    match length {
        Length::Clock(span) if hours => Length::Open(span),
        Length::Clock(_) | Length::Days { .. } | Length::Workdays(_) | Length::Open(_) => length,
    }
}

/// In what a moment was counted: a pause moves it in the same.
fn unit_of(moment: &Moment) -> Unit {
    match moment {
        Moment::Length(length) | Moment::Within { length: Measure::Given(length), .. } => match length {
            Length::Clock(_) => Unit::Clock,
            Length::Days { .. } => Unit::Days,
            Length::Workdays(_) => Unit::Workdays,
            Length::Open(_) => Unit::Workhours,
        },
        Moment::Within { length: Measure::Worked(_), .. }
        | Moment::Earliest(_)
        | Moment::Next(_)
        | Moment::AfterToday(_)
        | Moment::Worked(_)
        | Moment::Date(_)
        | Moment::Local(_)
        | Moment::Instant(_) => Unit::Fixed,
    }
}

fn too_far(error: MomentError) -> Failure {
    failure("YZ0321", &error.to_string())
}

/// How often a reminder that comes again has fired.
fn nth_of(clock: &ClockState, rung: u16) -> Option<u32> {
    clock.ahead.iter().find(|ahead| ahead.rung == rung).map(|ahead| ahead.nth)
}
