//! A trigger that waits for events and is paused: it sees what came meanwhile once it goes on, each event once.

use std::pin::pin;
use std::time::Duration;

use yizhan_engine::doorbell;
use yizhan_engine::store::Reads;
use yizhan_engine::{ActError, PauseError, StartError, Started, intake};
use yizhan_store::Memory;

use super::{ON_PAID, Place, START, place, world};

const PAID: (&str, &str) = ("on-paid", "paid");

impl Place {
    async fn pause_paid(&self) {
        self.engine.pause(PAID, "person:ann".into(), "盘点".into()).await.unwrap();
    }

    async fn paid(&self, id: &str) {
        self.publish(Some(id), "invoice.paid", id, r#"{"amount":7}"#).await;
    }

    async fn all_is_seen(&self, number: u64) {
        self.until("all is seen", |place| place.store.events_seen().unwrap() == number).await;
    }

    fn began(&self) -> usize {
        self.runs_of("on-paid").len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_while_their_trigger_is_paused_start_their_runs_when_it_goes_on() {
    let other = ON_PAID.replace("[trigger.paid]", "[trigger.also]");
    let texts = [("on-paid", ON_PAID), ("other", &*other)];
    let before = place(Memory::new(), START, &texts);
    before.paid("a").await;
    before.until("the run of the first", |place| place.began() == 1).await;
    before.all_is_seen(1).await;
    before.pause_paid().await;
    before.paid("b").await;
    before.publish(Some("x"), "invoice.lost", "x", r#"{"amount":7}"#).await;
    before.paid("c").await;
    before.all_is_seen(4).await;
    assert_eq!((before.began(), before.runs_of("other").len()), (1, 3), "the other trigger goes on");
    let after = before.crashed(&texts);
    after.paid("d").await;
    after.all_is_seen(5).await;
    assert_eq!(after.began(), 1, "a restart does not have it go on");
    after.engine.resume(PAID).await.unwrap();
    after.until("what came meanwhile", |place| place.store.pauses().unwrap().is_empty()).await;
    assert_eq!(after.began(), 4);
    after.paid("e").await;
    after.until("what is new", |place| (place.began(), place.runs_of("other").len()) == (5, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_catches_up_also_when_the_daemon_ends_before_it_has() {
    let texts = [("on-paid", ON_PAID)];
    let before = place(Memory::new(), START, &texts);
    before.pause_paid().await;
    for id in ["a", "b", "c"] {
        before.paid(id).await;
    }
    before.all_is_seen(3).await;
    // That it goes on is on disk, and nothing after it.
    before.gate.set(1);
    before.engine.resume(PAID).await.unwrap();
    let after = before.crashed(&texts);
    after.until("it has caught up", |place| place.store.pauses().unwrap().is_empty()).await;
    assert_eq!(after.began(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_trigger_starts_nothing_whoever_asks() {
    let place = place(Memory::new(), START, &[("on-paid", ON_PAID)]);
    place.pause_paid().await;
    let twice = place.engine.pause(PAID, "person:bob".into(), "再停".into()).await;
    assert!(matches!(twice, Err(PauseError::Paused(pause)) if &*pause.by == "person:ann"));
    let text = place.engine.shared.library.current("on-paid").unwrap();
    let body = serde_json::json!({ "amount": 9, "name": "x" });
    let with = serde_json::Map::from_iter([
        ("body".to_owned(), body.clone()),
        ("event".to_owned(), serde_json::json!({ "key": "x" })),
    ]);
    let fired = intake::Fired { trigger: "paid", with };
    let at = place.engine.shared.now();
    let prepared = intake::from_trigger(&text, fired, body.as_object().unwrap(), &world(), at).unwrap();
    let started = Started { prepared, by: "trigger:paid".into(), firing: None };
    let refused = place.engine.start(started).await;
    assert!(matches!(refused, Err(StartError::Act(ActError::Paused(since))) if since == at), "{refused:?}");
    // Without its trigger the workflow is started as ever.
    place.start("on-paid", r#"{"amount":9,"name":"x"}"#).await;
    assert_eq!(place.began(), 1);
}

/// Asks, and lets the loop take it; nobody is answered before it is on disk.
async fn is_taken<T: std::fmt::Debug>(place: &Place, mut asked: std::pin::Pin<&mut impl Future<Output = T>>) {
    for _ in ["it is asked", "the loop has been past it"] {
        tokio::select! {
            biased;
            answer = &mut asked => panic!("answered before it is on disk: {answer:?}"),
            turned = place.engine.turns(Duration::from_secs(5)) => assert!(turned),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_on_a_pause_leaves_memory_and_disk_of_one_mind() {
    let place = place(Memory::new(), START, &[("on-paid", ON_PAID)]);
    let in_force = |place: &Place| place.engine.shared.paused(PAID.0, PAID.1).is_some();
    // A line of a run holds the disk.
    place.gate.set(0);
    {
        let text = place.engine.shared.library.current("on-paid").unwrap();
        let input = r#"{"amount":9,"name":"x"}"#;
        let prepared = intake::prepare(&text, input, None, &world(), place.engine.shared.now()).unwrap();
        let started = Started { prepared, by: "operator".into(), firing: None };
        is_taken(&place, pin!(place.engine.start(started))).await;
        let paused = place.engine.pause(PAID, "person:ann".into(), "盘点".into());
        is_taken(&place, pin!(paused)).await;
        // Both hang up.
    }
    assert!(!in_force(&place), "it is not on disk");
    let mut twice = pin!(place.engine.pause(PAID, "person:bob".into(), "再停".into()));
    is_taken(&place, twice.as_mut()).await;
    place.gate.set(usize::MAX);
    let twice = twice.await;
    assert!(matches!(&twice, Err(PauseError::Paused(pause)) if &*pause.by == "person:ann"), "{twice:?}");
    assert!(in_force(&place) && place.store.pauses().unwrap().len() == 1);
    // The same with the way back: it is of events, so it catches up and is then forgotten.
    place.gate.set(0);
    {
        let text = place.engine.shared.library.current("on-paid").unwrap();
        let input = r#"{"amount":9,"name":"y"}"#;
        let prepared = intake::prepare(&text, input, None, &world(), place.engine.shared.now()).unwrap();
        let started = Started { prepared, by: "operator".into(), firing: None };
        is_taken(&place, pin!(place.engine.start(started))).await;
        is_taken(&place, pin!(place.engine.resume(PAID))).await;
    }
    place.gate.set(usize::MAX);
    place.until("it goes on in memory too", |place| !in_force(place)).await;
    place.until("it has caught up", |place| place.store.pauses().unwrap().is_empty()).await;
}

/// A day's tidying up, until the event is forgotten.
async fn tidied_until_gone(place: &Place, id: &str) {
    let bell = tokio::spawn(doorbell::keep(place.engine.clone()));
    let gone = |place: &Place| place.store.event("invoice.paid", id).unwrap().is_none();
    place.until("it is forgotten", gone).await;
    bell.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_paused_trigger_has_yet_to_see_is_kept_for_as_long_as_that_takes() {
    const DAY: i64 = 86_400_000;
    let place = place(Memory::new(), START, &[("on-paid", ON_PAID)]);
    place.paid("a").await;
    place.until("the run of the first", |place| place.began() == 1).await;
    place.all_is_seen(1).await;
    place.pause_paid().await;
    place.pass(10 * DAY).await;
    place.paid("b").await;
    place.all_is_seen(2).await;
    // Thirty days are kept, unless.
    place.pass(50 * DAY).await;
    tidied_until_gone(&place, "a").await;
    assert!(place.store.event("invoice.paid", "b").unwrap().is_some(), "nobody has seen it");
    place.engine.resume(PAID).await.unwrap();
    place.until("what came meanwhile", |place| place.store.pauses().unwrap().is_empty()).await;
    assert_eq!(place.began(), 2);
    tidied_until_gone(&place, "b").await;
}
