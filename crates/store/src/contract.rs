//! What every store must do, as stories that each of them runs.

pub(crate) mod cases;
pub(crate) mod claims;
pub(crate) mod gathered;
pub(crate) mod lists;
pub(crate) mod losses;
pub(crate) mod registers;
pub(crate) mod waiting;
pub(crate) mod work;

use std::sync::Arc;

use yizhan_engine::store::{
    Acks, Batch, Change, Claim, Firing, FiringOutcome, Note, Notice, Reads, Refused, RunRow, RunState, Start,
    Store, StoreError, TaskChange, TaskKind, TaskRow, Tell,
};
use yizhan_workflow::id::{Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Source;

/// A store and what may befall it.
pub(crate) trait House {
    fn store(&mut self) -> &mut dyn Store;
    fn reads(&self) -> Arc<dyn Reads>;
    /// The process dies here, without another word to the store, and a new one begins.
    fn crash(&mut self);
    fn fill_disk(&mut self);
    fn make_room(&mut self);
}

/// One test per story, for a store that `$house` makes.
macro_rules! stories {
    ($house:expr; $($file:ident: $($story:ident),+ $(,)?;)+) => {
        $($(
            #[test]
            fn $story() {
                $crate::contract::$file::$story(&mut $house);
            }
        )+)+
    };
}

/// The whole contract; a story that is not in it would warn as dead code.
macro_rules! contract {
    ($house:expr) => {
        $crate::contract::stories! {
            $house;
            work:
                what_was_accepted_is_there_after_a_crash,
                a_snapshot_shortens_what_is_loaded_and_not_the_journal,
                a_run_is_shown_as_its_last_row_says,
                wake_ups_come_in_order_and_each_run_has_one,
                the_end_of_a_child_is_told_until_its_parent_has_it,
                an_end_that_nobody_takes_is_told_until_it_is_noted,
                a_notice_stands_until_it_went_out_or_its_task_is_over,
                what_was_under_way_is_found_by_a_new_process,
                a_text_stays_what_it_was,
                it_is_known_which_calendars_were_followed,
                a_schedule_knows_where_it_was,
                what_is_paused_stays_paused_until_it_goes_on,
                the_last_minted_run_is_never_a_child,
                the_house_keeps_its_name,
                answers_come_batch_by_batch_in_order;
            cases:
                a_task_that_is_over_is_kept_with_its_end,
                what_somebody_answered_is_found_behind_all_that_others_answered_since,
                runs_are_measured_in_the_order_of_the_period;
            gathered:
                what_was_gathered_is_taken_by_one_run_and_all_else_stays,
                a_firing_is_gathered_once_also_after_its_run_took_it,
                a_refused_start_takes_nothing_of_what_was_gathered;
            claims:
                a_key_is_held_until_its_run_is_over,
                a_run_that_never_claimed_its_key_holds_it_all_the_same,
                the_key_of_a_child_holds_nothing,
                a_key_that_is_unique_for_a_while_is_held_by_runs_that_are_over,
                a_key_that_is_unique_for_ever_is_never_free,
                two_in_one_batch_cannot_hold_one_key,
                a_run_that_opens_again_holds_its_key_again,
                a_firing_starts_one_run_for_ever,
                a_firing_that_was_skipped_starts_none,
                a_firing_that_a_run_took_in_starts_none,
                a_firing_that_waits_for_its_turn_starts_later,
                firings_are_forgotten_in_time,
                a_child_begun_again_exists,
                a_refused_start_leaves_nothing_and_takes_nobody_down;
            lists:
                open_runs_are_counted_by_their_texts_whatever_becomes_of_them,
                pages_show_each_run_once_and_the_newest_first,
                filters_fit_together,
                runs_are_found_by_who_began_them,
                runs_are_found_by_what_lists_show_of_them,
                what_many_have_is_found_the_newest_first_whatever_else_is_asked,
                runs_between_two_ids_are_those_and_no_others,
                a_cursor_that_is_none_is_refused,
                runs_are_counted_by_state,
                open_runs_come_ascending_in_pages,
                tasks_are_found_by_who_may_and_by_who_claimed,
                a_task_that_opens_again_replaces_itself,
                a_draft_is_its_writers_and_goes_with_its_task,
                a_draft_of_a_new_case_stays_until_it_is_dropped_or_was_left_for_long,
                a_task_that_changed_is_found_by_its_new_people_and_keeps_its_notice,
                pages_of_tasks_show_each_once,
                tasks_that_are_late_come_first_then_those_due_next,
                late_runs_are_found_by_their_own_due_time_and_by_their_late_tasks,
                a_run_with_a_late_task_is_found_wherever_it_stands_among_those_in_time,
                firings_are_listed_newest_first;
            waiting:
                who_waits_for_a_place_stands_in_line_until_it_is_free,
                a_place_that_was_given_is_counted_until_its_window_is_over,
                an_event_is_kept_once_under_its_name_and_id,
                events_are_forgotten_in_time_and_no_number_comes_twice,
                who_listens_is_found_in_the_order_of_listening,
                a_listener_whose_event_came_is_found_by_a_new_process,
                a_place_or_a_listener_of_a_run_that_is_over_is_found;
            registers:
                a_line_of_a_register_stays_what_it_was,
                what_is_seen_of_a_register_is_amended_and_without_what_is_void,
                a_page_of_a_register_looks_at_no_more_places_than_it_may,
                entries_are_found_by_their_terms_as_they_stand,
                private_values_are_forgotten_and_nothing_else_of_a_line,
                a_sequence_gives_a_number_once_under_its_key,
                the_journals_know_what_steps_wrote;
            losses:
                a_full_disk_loses_nothing_and_room_ends_it,
                what_was_written_ahead_is_there_with_its_commit_and_never_before,
                what_was_written_ahead_is_gone_where_its_commit_fails,
                a_line_that_is_there_already_breaks_the_store,
                nonsense_is_refused_before_anything_is_written,
                a_look_through_the_store_finds_what_is_stuck;
        }
    };
}

pub(crate) use {contract, stories};

/// An instant in 2026, so that ids and instants look like those of a house.
pub(crate) const NOON: i64 = 1_790_000_000_000;

pub(crate) fn at(second: i64) -> Millis {
    Millis(NOON + second * 1000)
}

pub(crate) fn run(number: i64) -> RunId {
    RunId::mint(at(number), None)
}

/// The row of an open run of `refund` that began at its number's second and works on a step.
pub(crate) fn row(id: RunId, second: i64) -> RunRow {
    RunRow {
        id,
        workflow: "refund".into(),
        text: TextHash("text-1".into()),
        state: RunState::Open,
        outcome: None,
        key: None,
        waits: Some("step".into()),
        started: at(second),
        ended: None,
        by: "trigger:order".into(),
        parent: None,
        due: None,
        stands: false,
        rounds: 1,
    }
}

/// A line and nothing else.
pub(crate) fn line(id: RunId, seq: u32) -> Change {
    Change {
        run: id,
        seq,
        at: at(100 + i64::from(seq)),
        line: format!("{{\"line\":{seq},\"of\":\"{id}\"}}").into_bytes().into(),
        row: None,
        snapshot: None,
        wake: None,
        tasks: vec![],
        notices: vec![],
        slots: vec![],
        grant: None,
        listeners: vec![],
        start: None,
        tell_parent: None,
        told_by: None,
    }
}

/// The first line of the run of this number.
pub(crate) fn begin(number: i64) -> Change {
    Change { row: Some(Box::new(row(run(number), number))), ..line(run(number), 1) }
}

/// The first line of a run that claims this key of `refund`.
pub(crate) fn claim(number: i64, key: &str, since: Option<Millis>) -> Change {
    let claim = Claim { workflow: "refund".into(), key: key.into(), since };
    let row = RunRow { key: Some(key.into()), ..row(run(number), number) };
    Change {
        row: Some(Box::new(row)),
        start: Some(Box::new(Start { claim: Some(claim), ..Start::default() })),
        ..begin(number)
    }
}

/// The first line of a run that this firing of `refund/order` caused.
pub(crate) fn fired(number: i64, id: &str) -> Change {
    let start = Start { firing: Some(firing(id, number, FiringOutcome::Started)), ..Start::default() };
    Change { start: Some(Box::new(start)), ..begin(number) }
}

pub(crate) fn firing(id: &str, second: i64, outcome: FiringOutcome) -> Firing {
    Firing { workflow: "refund".into(), trigger: "order".into(), id: id.into(), at: at(second), outcome }
}

/// The line with which a run gets into this state.
pub(crate) fn becomes(number: i64, seq: u32, state: RunState) -> Change {
    let over = crate::sense::over(state);
    let row = RunRow {
        state,
        waits: (!over).then(|| "step".into()),
        ended: over.then(|| at(number + i64::from(seq))),
        outcome: over.then(|| "done".into()),
        ..row(run(number), number)
    };
    Change { row: Some(Box::new(row)), ..line(run(number), seq) }
}

pub(crate) fn task(number: i64, name: &str, who: &[&str]) -> TaskRow {
    TaskRow {
        id: TaskId::of(name, 1),
        run: run(number),
        workflow: "refund".into(),
        of: "[3,1,0,1]".into(),
        step: "approve".into(),
        kind: TaskKind::Asked,
        title: "Approve the refund".into(),
        who: who.iter().map(|one| (*one).to_owned()).collect(),
        due: Some(at(500)),
        stands: false,
        opened: at(number),
        claimed_by: None,
    }
}

pub(crate) fn tell(child: i64, parent: i64) -> Tell {
    Tell { child: run(child), parent: run(parent), event: br#"{"event":"child_ended"}"#[..].into() }
}

pub(crate) fn notice(number: i64, name: &str, second: i64) -> Notice {
    Notice {
        key: format!("{}/{name}/ask1", run(number)).into(),
        task: TaskId::of(name, 1),
        at: at(second),
        letter: br#"{"step":"pay"}"#[..].into(),
    }
}

impl dyn House + '_ {
    /// Commits these changes in one batch.
    fn commit(&mut self, changes: Vec<Change>) -> Acks {
        let batch = Batch { changes, ..Batch::default() };
        self.store().commit(&[batch]).unwrap().remove(0)
    }

    /// Commits these changes, which nothing refuses.
    #[track_caller]
    fn accept(&mut self, changes: Vec<Change>) {
        for ack in self.commit(changes) {
            assert_eq!(ack, Ok(()));
        }
    }

    #[track_caller]
    fn refuse(&mut self, change: Change) -> Refused {
        self.commit(vec![change]).remove(0).unwrap_err()
    }

    fn note(&mut self, note: Note) {
        self.store().commit(&[Batch { notes: vec![note], ..Batch::default() }]).unwrap();
    }
}

fn source(text: &str) -> Arc<Source> {
    let files = [("mail/done.txt".to_owned(), "您好".to_owned())].into();
    Arc::new(Source { name: "refund".into(), text: text.into(), files })
}

fn ids(rows: &[RunRow]) -> Vec<RunId> {
    rows.iter().map(|row| row.id).collect()
}

fn runs<const N: usize>(numbers: [i64; N]) -> Vec<RunId> {
    numbers.map(run).to_vec()
}

fn broken(answer: &Result<Vec<Acks>, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Broken(_)))
}

fn opens(task: TaskRow) -> TaskChange {
    TaskChange::Open(Box::new(task))
}
