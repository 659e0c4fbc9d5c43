//! Deliveries of somebody else's system while the daemon is killed again and again: true ones, the same ones again and out of
//! order, recordings of old ones, and forged ones. Of each true one comes one run or one event, of the others nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Options, Outcome};
use crate::checker::{Violation, check_deliveries};
use crate::client::{Client, ClientError};
use crate::evidence::{Delivered, Evidence};
use crate::load::{Dice, FaultError, Load};

/// How far a sender's clock may be from ours, in this home.
const WINDOW_S: u64 = 30;
const SETTINGS: &str = "[http]\nwebhook_window = \"30s\"\n";

/// Between two starts of a client: most of the work is to be the deliveries.
const PACE: Duration = Duration::from_millis(500);

pub(crate) const OURS: &str = "ours";
const THEIRS: &str = "theirs";

pub(crate) const CAME: &str = r#"
title = "来信"
[input]
case = {}
[trigger.signed]
webhook = { signature = "standard", secret = "ours" }
with    = { case = "{{ trigger.body.case }}" }
[trigger.pushed]
webhook = { signature = "github", secret = "ours" }
with    = { case = "{{ trigger.body.case }}" }
[trigger.told]
webhook = { signature = "standard", secret = "ours" }
publish = "told"
key     = "{{ trigger.body.case }}"
[step.note]
wait = "10ms"
"#;

/// Another's, with a secret of its own.
const OTHER: &str = r#"
title = "别家"
[input]
case = {}
[trigger.signed]
webhook = { signature = "standard", secret = "theirs" }
with    = { case = "{{ trigger.body.case }}" }
[step.note]
wait = "10ms"
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Signed,
    Pushed,
    Told,
}

impl Way {
    fn path(self) -> &'static str {
        match self {
            Self::Signed => "/hooks/came/signed",
            Self::Pushed => "/hooks/came/pushed",
            Self::Told => "/hooks/came/told",
        }
    }

    /// Whether the time is signed, too.
    fn has_time(self) -> bool {
        self != Self::Pushed
    }
}

/// What a sender means to say.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    way: Way,
    pub case: String,
}

impl Delivery {
    pub(crate) fn new(way: Way, case: &str) -> Self {
        Self { way, case: case.to_owned() }
    }

    /// Once, signed by whoever may.
    pub(crate) fn send(&self, client: &Client) -> Result<Value, ClientError> {
        let (body, all) = (self.body(), self.headers(OURS, 0, &self.body()));
        let headers: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.call("POST", self.way.path(), &headers, body.as_bytes())
    }

    fn body(&self) -> String {
        json!({ "case": self.case }).to_string()
    }

    /// Signed so many seconds from now with this secret, as its way of signing has it; `over` is the body that is signed.
    fn headers(&self, secret: &str, seconds: i64, over: &str) -> Vec<(&'static str, String)> {
        let id = format!("d-{}", self.case);
        let json = ("content-type", "application/json".to_owned());
        if !self.way.has_time() {
            let hex: String = mac(secret, over).iter().map(|byte| format!("{byte:02x}")).collect();
            return vec![json, ("x-github-delivery", id), ("x-hub-signature-256", format!("sha256={hex}"))];
        }
        let at = (now() + seconds).to_string();
        let signature = STANDARD.encode(mac(secret, &format!("{id}.{at}.{over}")));
        vec![
            json,
            ("webhook-id", id),
            ("webhook-timestamp", at),
            ("webhook-signature", format!("v1,{signature}")),
        ]
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn mac(secret: &str, text: &str) -> Vec<u8> {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return vec![] };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// What all senders know together.
#[derive(Default)]
struct Sent {
    next: AtomicUsize,
    over: AtomicUsize,
    /// Those that were answered, with what each became.
    taken: Mutex<Vec<(Delivery, String)>>,
    wrong: Mutex<Vec<Violation>>,
    counts: Mutex<BTreeMap<&'static str, u32>>,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, options.clients)?;
    load.change("config/yizhan.toml", |text| text.to_owned() + SETTINGS)?;
    load.pace(PACE);
    for secret in [OURS, THEIRS] {
        let path = load.home.join("secrets").join(secret);
        std::fs::create_dir_all(load.home.join("secrets"))?;
        std::fs::write(path, secret)?;
    }
    std::fs::write(load.home.join("workflows/came.toml"), CAME)?;
    std::fs::write(load.home.join("workflows/other.toml"), OTHER)?;
    let (sent, all) = (Arc::new(Sent::default()), options.cycles as usize);
    let senders: Vec<_> = (0..options.clients.max(1))
        .map(|number| {
            let (sent, client) = (sent.clone(), Client::of_home(&load.home));
            let dice = Dice::new(options.seed.wrapping_mul(1_000).wrapping_add(u64::from(number) + 1));
            std::thread::spawn(move || Sender { sent, client, dice, all }.send_all())
        })
        .collect();
    let (mut dice, mut kills) = (Dice::new(options.seed), 0_u32);
    while sent.over.load(Ordering::Relaxed) < senders.len() {
        let daemon = load.start()?;
        std::thread::sleep(Duration::from_millis(dice.between(100, 4_000))); // The time under load, from the seed.
        daemon.kill();
        kills += 1;
        if kills.is_multiple_of(10) {
            eprintln!("{kills} kills, {} of {all} deliveries", sent.next.load(Ordering::Relaxed).min(all));
        }
    }
    for sender in senders {
        sender.join().map_err(|_| FaultError::ClientPanicked)?;
    }
    let mut findings =
        load.judge_also(kills as usize, options.keep, |evidence| judged(&lock(&sent.taken), evidence))?;
    findings.violations.append(&mut lock(&sent.wrong));
    let counted = json!({
        "deliveries": all, "kills": kills, "taken": lock(&sent.taken).len(), "kinds": *lock(&sent.counts),
    });
    Ok((findings, counted))
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a delivery was answered, once it was.
type Answer = Result<Value, (u16, String)>;

struct Sender {
    sent: Arc<Sent>,
    client: Client,
    dice: Dice,
    all: usize,
}

impl Sender {
    fn send_all(mut self) {
        loop {
            let number = self.sent.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.all {
                break;
            }
            match self.dice.below(10) {
                0..=4 => self.send_new(number),
                5..=7 => self.send_again(number),
                8 => self.send_late(number),
                _ => self.send_forged(number),
            }
        }
        self.sent.over.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, kind: &'static str) {
        *lock(&self.sent.counts).entry(kind).or_default() += 1;
    }

    fn any_new(&mut self, letter: char, number: usize) -> Delivery {
        let way = [Way::Signed, Way::Pushed, Way::Told][usize::try_from(self.dice.below(3)).unwrap_or(0)];
        Delivery { way, case: format!("{letter}{number}") }
    }

    fn any_before(&mut self) -> Option<(Delivery, String)> {
        let taken = lock(&self.sent.taken);
        let at = self.dice.below(taken.len().max(1) as u64);
        taken.get(usize::try_from(at).unwrap_or(0)).cloned()
    }

    /// Until there is an answer; nobody there and no room are none.
    fn until_answered(
        &self,
        path: &str,
        body: &str,
        headers: impl Fn() -> Vec<(&'static str, String)>,
    ) -> Answer {
        loop {
            let headers = headers();
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            match self.client.call("POST", path, &headers, body.as_bytes()) {
                Ok(answer) => return Ok(answer),
                Err(ClientError::Refused { status, body }) if status != 503 => return Err((status, body)),
                Err(_) => std::thread::sleep(Duration::from_millis(5)), // Nobody is there just now.
            }
        }
    }

    fn send(&self, delivery: &Delivery) -> Answer {
        let body = delivery.body();
        self.until_answered(delivery.way.path(), &body, || delivery.headers(OURS, 0, &body))
    }

    fn wrong(&self, delivery: &Delivery, answer: &Answer) {
        let wrong = Violation::AnsweredWrongly(delivery.case.clone(), format!("{answer:?}"));
        lock(&self.sent.wrong).push(wrong);
    }

    /// Some of them twice at the same time.
    fn send_new(&mut self, number: usize) {
        let delivery = self.any_new('t', number);
        let is_double = self.dice.below(4) == 0;
        self.count(if is_double { "twice at once" } else { "once" });
        let (first, second) = std::thread::scope(|scope| {
            let other = is_double.then(|| scope.spawn(|| self.send(&delivery)));
            let mine = self.send(&delivery);
            (mine, other.and_then(|other| other.join().ok()))
        });
        let Some(id) = first.as_ref().ok().and_then(id_of) else { return self.wrong(&delivery, &first) };
        if let Some(second) = second.filter(|second| second.as_ref().ok().and_then(id_of) != Some(id.clone()))
        {
            self.wrong(&delivery, &second);
        }
        lock(&self.sent.taken).push((delivery, id));
    }

    /// One of those before, whichever it is, so that they do not come in their order.
    fn send_again(&mut self, number: usize) {
        let Some((delivery, id)) = self.any_before() else { return self.send_new(number) };
        self.count("again");
        let answer = self.send(&delivery);
        let is_same = answer
            .as_ref()
            .is_ok_and(|answer| answer["repeated"] == true && id_of(answer).as_ref() == Some(&id));
        if !is_same {
            self.wrong(&delivery, &answer);
        }
    }

    /// Signed by whoever may, and longer ago than is allowed: a recording, of one that came or of one that never did.
    fn send_late(&mut self, number: usize) {
        let new = self.any_new('l', number);
        let before = self.any_before().filter(|_| self.dice.below(2) == 0);
        let mut delivery = before.map_or(new, |(delivery, _)| delivery);
        if !delivery.way.has_time() {
            delivery = Delivery { way: Way::Signed, case: format!("l{number}") };
        }
        self.count("out of its time");
        let off = i64::try_from(WINDOW_S + 60 + self.dice.below(100_000)).unwrap_or(0);
        let off = if self.dice.below(4) == 0 { off } else { -off };
        let body = delivery.body();
        let answer = self.until_answered(delivery.way.path(), &body, || delivery.headers(OURS, off, &body));
        if !is_refused(&answer, "YZ0417") {
            self.wrong(&delivery, &answer);
        }
    }

    fn send_forged(&mut self, number: usize) {
        let delivery = self.any_new('f', number);
        let (body, way) = (delivery.body(), delivery.way);
        let (kind, path) = match self.dice.below(5) {
            0 => ("another's secret", way.path()),
            1 => ("another body", way.path()),
            2 => ("no signature", way.path()),
            3 => ("cut signature", way.path()),
            _ => ("to another's trigger", "/hooks/other/signed"),
        };
        self.count(kind);
        let answer = self.until_answered(path, &body, || {
            let mut headers = match kind {
                "another's secret" => delivery.headers(THEIRS, 0, &body),
                "another body" => delivery.headers(OURS, 0, &body.replace('f', "t")),
                _ => delivery.headers(OURS, 0, &body),
            };
            if let Some((_, signature)) = headers.last_mut() {
                match kind {
                    "no signature" => signature.clear(),
                    "cut signature" => drop(signature.pop()),
                    _ => {}
                }
            }
            headers
        });
        if !is_refused(&answer, "YZ0416") {
            self.wrong(&delivery, &answer);
        }
    }
}

/// The run or the event that a delivery became.
pub(crate) fn id_of(answer: &Value) -> Option<String> {
    answer["id"].as_str().or(answer["event"].as_str()).map(str::to_owned)
}

fn is_refused(answer: &Answer, code: &str) -> bool {
    matches!(answer, Err((401, body)) if body.contains(code))
}

pub(super) fn judged(taken: &[(Delivery, String)], evidence: &Evidence) -> Vec<Violation> {
    let taken = taken.iter().map(|(delivery, id)| (delivery.case.clone(), id.clone())).collect();
    check_deliveries(&Delivered { taken, ..Delivered::default() }, evidence)
}

#[cfg(test)]
mod tests {
    use yizhan_engine::store::Published;
    use yizhan_workflow::id::Millis;
    use yizhan_workflow::run::event::Raw;

    use super::*;

    fn told(case: &str, id: &str) -> Published {
        let payload = Raw::from(&json!({}));
        Published { number: 1, id: id.into(), name: "told".into(), key: case.into(), payload, at: Millis(1) }
    }

    #[test]
    fn a_delivery_that_was_lost_doubled_or_never_sent_is_named() {
        let taken: Vec<_> = ["t1", "t2"]
            .map(|case| (Delivery { way: Way::Told, case: case.to_owned() }, format!("d-{case}")))
            .into();
        let judge = |events: &[(&str, &str)]| {
            let published = events.iter().map(|(case, id)| told(case, id)).collect();
            judged(&taken, &Evidence { published, ..Evidence::default() })
        };
        let times = |case: &str, times| Violation::DeliveredTimes(case.to_owned(), times);
        let (one, two) = (("t1", "d-t1"), ("t2", "d-t2"));
        assert_eq!(judge(&[one, two]), []);
        assert_eq!(judge(&[one]), [times("t2", 0)]);
        assert_eq!(judge(&[one, two, ("t2", "d-t3")]), [times("t2", 2)]);
        assert_eq!(judge(&[one, ("t2", "another")]), [times("t2", 1)]);
        assert_eq!(judge(&[one, two, ("f3", "d-f3")]), [times("f3", 1)]);
    }

    /// The example of Standard Webhooks 1.0.0 has a key in base 64; ours is the key itself.
    #[test]
    fn a_delivery_is_signed_over_its_id_its_time_and_its_body() {
        let delivery = Delivery { way: Way::Signed, case: "t1".to_owned() };
        let headers = delivery.headers(OURS, 0, "{}");
        let value = |name: &str| headers.iter().find(|(one, _)| *one == name).unwrap().1.clone();
        let signed = format!("d-t1.{}.{{}}", value("webhook-timestamp"));
        assert_eq!(value("webhook-signature"), format!("v1,{}", STANDARD.encode(mac(OURS, &signed))));
        let pushed = Delivery { way: Way::Pushed, case: "t1".to_owned() }.headers(OURS, 0, "{}");
        assert!(pushed.iter().any(|(name, value)| *name == "x-hub-signature-256" && value.len() == 71));
    }
}
