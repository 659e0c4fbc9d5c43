//! Whoever comes second is refused with what the first one did; until that is on disk, nobody knows that it was done.

use std::pin::{Pin, pin};

use super::*;

const ASKED: &str = r#"
title = "Asked"
[step.look]
ask = "group:crew"
"#;

fn the_attempt(place: &Place) -> Attempt {
    serde_json::from_str(&tasks(place)[0].of).unwrap()
}

fn answered(of: Attempt) -> Event {
    let fields = yizhan_workflow::run::event::Raw::new("{}".to_owned()).unwrap();
    Event::Answered { of, by: "person:ann".into(), via: "test".into(), fields }
}

/// Asks, and lets the loop take it. Whoever was answered by then is a fault.
async fn asks(place: &Place, asked: &mut Pin<&mut impl Future<Output = Result<(), ActError>>>) {
    for _ in ["it is asked", "the loop has been past it"] {
        tokio::select! {
            biased;
            answer = &mut *asked => panic!("answered before it is on disk: {answer:?}"),
            turned = place.engine.turns(Duration::from_secs(5)) => assert!(turned),
        }
    }
}

/// The disk stands. What the second is told holds after a crash as well, for nothing is told.
async fn second_waits_for_the_first(place: &Place, run: RunId, first: Event, second: Event) -> ActError {
    place.gate.set(0);
    let mut first = pin!(place.engine.act(run, first));
    let mut second = pin!(place.engine.act(run, second));
    asks(place, &mut first).await;
    asks(place, &mut second).await;
    place.gate.set(usize::MAX);
    first.await.unwrap();
    second.await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_task_has_been_dealt_with_is_said_when_it_is_on_disk() {
    let texts = [("asked", ASKED)];
    let place = place(Memory::new(), START, true, &texts);
    let run = place.started("asked", "{}").await;
    let of = the_attempt(&place);
    let told = second_waits_for_the_first(&place, run, answered(of), answered(of)).await;
    assert!(matches!(told, ActError::Refused(Refusal::Echo(_))), "{told:?}");
    place.until_state(run, RunState::Done).await;
    // On disk it is said at once.
    let told = place.engine.act(run, answered(of)).await;
    assert!(matches!(told, Err(ActError::Refused(Refusal::Echo(_)))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_be_refused_learns_nothing_of_a_store_that_failed() {
    let place = place(Memory::new(), START, true, &[("asked", ASKED)]);
    let run = place.started("asked", "{}").await;
    let of = the_attempt(&place);
    place.gate.set(0);
    let mut first = pin!(place.engine.act(run, answered(of)));
    let mut second = pin!(place.engine.act(run, answered(of)));
    asks(&place, &mut first).await;
    asks(&place, &mut second).await;
    place.broken.store(true, Ordering::SeqCst);
    place.gate.set(usize::MAX);
    for answer in [first.await, second.await] {
        assert!(matches!(answer, Err(ActError::Stopping)), "{answer:?}");
    }
    let after = self::place(place.store.clone_committed(), START, true, &[("asked", ASKED)]);
    after.engine.act(run, answered(the_attempt(&after))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn that_somebody_has_a_task_and_that_a_case_is_over_is_said_when_it_is_on_disk() {
    let place = place(Memory::new(), START, true, &[("asked", ASKED)]);
    let run = place.started("asked", "{}").await;
    let claimed = |by: &str| Event::Claimed { of: the_attempt(&place), by: by.into(), via: "test".into() };
    let (ann, cat) = (claimed("person:ann"), claimed("person:cat"));
    let told = second_waits_for_the_first(&place, run, ann, cat).await;
    assert!(matches!(&told, ActError::Refused(Refusal::ClaimedBy(by)) if &**by == "person:ann"), "{told:?}");
    let cancelled = || Event::Cancelled { opening: 0, by: "operator".into(), reason: "不办了".into() };
    let told = second_waits_for_the_first(&place, run, cancelled(), cancelled()).await;
    assert!(matches!(told, ActError::Refused(Refusal::Echo(_))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_another_has_a_cases_key_is_said_to_who_retries_it_when_it_is_on_disk() {
    let place = place(Memory::new(), START, false, &[("failing", FAILING)]);
    let first = place.started("failing", r#"{"k":"A-7"}"#).await;
    place.until_state(first, RunState::Failed).await;
    place.gate.set(0);
    let mut start = pin!(async {
        place.start("failing", r#"{"k":"A-7","wait":true}"#).await.map(drop).unwrap();
        Ok(())
    });
    let retried = Event::Retried { opening: 0, by: "operator".into(), from: None };
    let mut retry = pin!(place.engine.act(first, retried));
    asks(&place, &mut start).await;
    asks(&place, &mut retry).await;
    place.gate.set(usize::MAX);
    start.await.unwrap();
    let refused = retry.await;
    assert!(matches!(refused, Err(ActError::Refused(Refusal::NotRetriable(_)))), "{refused:?}");
}
