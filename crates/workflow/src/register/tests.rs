//! Stories about registers, their numbers and their chains.

use jiff::tz::TimeZone;

use super::*;
use crate::id::Millis;
use crate::run::event::Raw;

const HOUSE: &str = r#"
[register."来电登记"]
title  = "来电登记台账"
number = "LD{year}-{n:04}"
key    = "phone"
read   = ["group:热线"]
keep   = "10 years"
field.phone  = { label = "电话", type = "phone" }
field.caller = { label = "姓名", private = true }
field.amount = { label = "金额", type = "money", required = false }
[sequence."合同"]
number = "HT{year}{month}-{n:03}"
"#;

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn at(text: &str) -> Millis {
    Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

#[test]
fn a_number_begins_anew_with_the_smallest_part_of_a_date_that_it_names() {
    let number = |pattern: &str, n, instant: &str| {
        let number = Numbered::parse(pattern).unwrap();
        (
            number.resets(),
            number.series(at(instant), &shanghai()).to_string(),
            number.number(n, at(instant), &shanghai()).to_string(),
        )
    };
    // In Shanghai it is 2027 already.
    let eve = "2026-12-31T16:00:00Z";
    assert_eq!(number("LB{year}-{n:05}", 7, eve), (Resets::Yearly, "2027".into(), "LB2027-00007".into()));
    assert_eq!(
        number("{year}{month}/{n:3}", 7, eve),
        (Resets::Monthly, "2027-01".into(), "202701/007".into())
    );
    assert_eq!(
        number("{day}.{month}.{year}-{n}", 12, eve),
        (Resets::Daily, "2027-01-01".into(), "01.01.2027-12".into())
    );
    assert_eq!(number("A{n}", 1_000, eve), (Resets::Never, String::new(), "A1000".into()));
    assert_eq!(number("{n:02}", 100, eve).2, "100", "a count that outgrows its width is not cut");
}

#[test]
fn a_pattern_that_would_give_a_number_twice_is_refused() {
    for wrong in ["LB", "{n}{n}", "{month}{n}", "{year}{day}-{n}", "{n", "n}", "{x}{n}", "{n:0}", "{n:99}"] {
        assert!(Numbered::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_fault_of_the_file_is_named() {
    let wrong = HOUSE
        .replace("{n:04}", "{m:04}")
        .replace("key    = \"phone\"", "key = [\"phnoe\", \"caller\"]")
        .replace("\"10 years\"", "\"long\"")
        .replace("type = \"money\"", "type = \"monney\"")
        .replace("[sequence", "[seqence");
    let problems = Registers::read(&wrong).unwrap_err();
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["YZ0673", "YZ0674", "YZ0674", "YZ0116", "YZ0116", "YZ0105"]);
    assert_eq!(problems[1].names["nearest"], "phone");
    assert_eq!(problems[5].names["nearest"], "sequence");
}

fn register() -> Arc<Register> {
    Registers::read(HOUSE).unwrap().register("来电登记").unwrap().clone()
}

#[test]
fn an_entry_is_taken_as_its_fields_say_and_a_column_too_many_is_refused() {
    let register = register();
    let taken = register.accept(r#"{"amount":"12.5","caller":"李","phone":"13800000000"}"#).unwrap();
    assert_eq!(taken, r#"{"phone":"13800000000","caller":"李","amount":12.50}"#);
    let EntryFault::NoColumn { column, nearest, .. } =
        register.accept(r#"{"phone":"13800000000","caller":"李","amuont":1}"#).unwrap_err()
    else {
        panic!("another fault")
    };
    assert_eq!((column.as_str(), nearest.as_deref()), ("amuont", Some("amount")));
    assert!(
        matches!(register.accept(r#"{"phone":"1"}"#).unwrap_err(), EntryFault::Fields(all) if all.len() == 2)
    );
    let large = format!(r#"{{"phone":"13800000000","caller":"{}"}}"#, "李".repeat(MOST_ENTRY));
    assert!(matches!(register.accept(&large).unwrap_err(), EntryFault::TooLarge { .. }));
}

/// Salts that tests can foresee.
fn salts() -> impl FnMut() -> String {
    let mut next = 0;
    move || {
        next += 1;
        format!("salt{next}")
    }
}

#[test]
fn a_private_value_can_be_erased_and_the_rest_stays_what_it_was() {
    let values = register().accept(r#"{"phone":"13800000000","caller":"李娜","amount":1}"#).unwrap();
    let Body { body, private } = seal(&register(), &values, &mut salts()).unwrap();
    assert!(!body.get().contains("李娜"), "{body:?}");
    assert_eq!(sealed(body.get()), ["caller"]);
    let private = private.unwrap();
    assert_eq!(private.get(), r#"{"caller":["salt1","李娜"]}"#);
    assert_eq!(Body::opened(&body, Some(&private), true), values);
    assert_eq!(Body::opened(&body, Some(&private), false), values.replace("李娜", "***"));
    assert_eq!(Body::without(&private, &["caller".to_owned()]), None);
    assert_eq!(Body::opened(&body, None, true), values.replace("\"李娜\"", "null"));
}

const CHOICES: &str = r#"
[register."体检"]
number = "TJ{n}"
field.items = { type = "choices", options = ["heart", "lungs"] }
field.ills  = { type = "choices", options = ["asthma", "gout"], private = true }
"#;

#[test]
fn a_choice_of_one_is_no_seal() {
    let register = Registers::read(CHOICES).unwrap().register("体检").unwrap().clone();
    let values = register.accept(r#"{"items":["heart"],"ills":["gout"]}"#).unwrap();
    let Body { body, private } = seal(&register, &values, &mut salts()).unwrap();
    assert!(body.get().contains("heart") && !body.get().contains("gout"), "{body:?}");
    assert_eq!(sealed(body.get()), ["ills"]);
    assert_eq!(Body::opened(&body, private.as_ref(), true), values);
}

const PEOPLE: &str = r#"
[register."培训"]
number = "PX{n}"
field.topic = {}
field.people.type = "table"
field.people.fields.name  = {}
field.people.fields.phone = { private = true }
"#;

#[test]
fn private_columns_of_a_table_are_sealed_cell_by_cell_and_can_be_erased() {
    let register = Registers::read(PEOPLE).unwrap().register("培训").unwrap().clone();
    let given = r#"{"topic":"安全","people":[{"name":"李娜","phone":"13800000000"},{"name":"王强","phone":"13900000000"}]}"#;
    let values = register.accept(given).unwrap();
    let Body { body, private } = seal(&register, &values, &mut salts()).unwrap();
    assert!(body.get().contains("李娜") && !body.get().contains("13800000000"), "{body:?}");
    assert_eq!(sealed(body.get()), ["people.phone"]);
    let private = private.unwrap();
    assert_eq!(
        private.get(),
        r#"{"people[0].phone":["salt1","13800000000"],"people[1].phone":["salt2","13900000000"]}"#
    );
    assert_eq!(Body::opened(&body, Some(&private), true), values);
    let hidden = values.replace("13800000000", "***").replace("13900000000", "***");
    assert_eq!(Body::opened(&body, Some(&private), false), hidden);
    assert_eq!(Body::without(&private, &["people.name".to_owned()]), Some(private.clone()));
    assert_eq!(Body::without(&private, &["people.phone".to_owned()]), None);
    let erased = values.replace("\"13800000000\"", "null").replace("\"13900000000\"", "null");
    assert_eq!(Body::opened(&body, None, true), erased);
    // What is amended is sealed anew: the rows may be others.
    let amended = register.amended(&values, r#"{"people":[{"name":"王强","phone":"13700000000"}]}"#).unwrap();
    let anew = seal(&register, &amended, &mut salts()).unwrap();
    assert_eq!(anew.private.unwrap().get(), r#"{"people[0].phone":["salt1","13700000000"]}"#);
    assert!(register.form.field("people").unwrap().hides() && !register.form.field("topic").unwrap().hides());
}

#[test]
fn what_was_private_stays_so_when_its_column_is_taken_out_and_the_entry_amended() {
    let register = |text: &str| Registers::read(text).unwrap().register("培训").unwrap().clone();
    let text = format!("{PEOPLE}field.teacher = {{ private = true }}\n");
    let before = register(&text);
    let given = r#"{"topic":"安全","people":[{"name":"李娜","phone":"13800000000"}],"teacher":"王强"}"#;
    let old = seal(&before, &before.accept(given).unwrap(), &mut salts()).unwrap();
    let present = Body::opened(&old.body, old.private.as_ref(), true);
    let now = register("[register.\"培训\"]\nnumber = \"PX{n}\"\nfield.topic = {}\n");
    let values = now.amended(&present, r#"{"topic":"消防"}"#).unwrap();
    let anew = seal_again(&now, &values, &sealed(old.body.get()), &mut salts()).unwrap();
    let body = anew.body.get();
    assert!(!body.contains("13800000000") && !body.contains("王强"), "{body}");
    assert!(body.contains("消防") && body.contains("李娜"), "{body}");
    assert_eq!(sealed(body), ["people.phone", "teacher"]);
    assert_eq!(Body::opened(&anew.body, anew.private.as_ref(), true), values);
}

#[test]
fn a_cell_that_is_not_what_was_sealed_is_found() {
    let register = Registers::read(PEOPLE).unwrap().register("培训").unwrap().clone();
    let values =
        register.accept(r#"{"topic":"安全","people":[{"name":"李娜","phone":"13800000000"}]}"#).unwrap();
    let Body { body, private } = seal(&register, &values, &mut salts()).unwrap();
    assert_eq!(super::seal::not_as_sealed(&body, private.as_ref().unwrap()), [""; 0]);
    let other = Raw::new(r#"{"people[0].phone":["salt1","13900000000"]}"#.to_owned()).unwrap();
    assert_eq!(super::seal::not_as_sealed(&body, &other), ["people[0].phone"]);
}

/// Three entries, the second of them amended and the third voided.
fn ledger() -> Vec<Entry> {
    let register = register();
    let mut salts = salts();
    let mut entries: Vec<Entry> = Vec::new();
    let mut next = |kind, of: Option<u64>, number: &str, count, values: &str| {
        let body = seal(&register, values, &mut salts).unwrap();
        let entry = Entry {
            register: register.name.clone(),
            seq: entries.len() as u64 + 1,
            kind,
            of,
            number: number.into(),
            series: "2026".into(),
            count,
            at: at("2026-11-22T01:00:00Z"),
            by: "run_x/record/1/0".into(),
            key: format!("key{}", entries.len()).into(),
            part: 0,
            why: None,
            body: body.body,
            private: body.private,
            before: entries.last().map_or(BEGINNING.into(), |last: &Entry| last.hash.clone()),
            hash: "".into(),
            sign: None,
        };
        entries.push(entry.chained());
    };
    let values = r#"{"phone":"13800000000","caller":"李娜","amount":1.10}"#;
    next(EntryKind::Entry, None, "LD2026-0001", 1, values);
    next(EntryKind::Entry, None, "LD2026-0002", 2, values);
    next(EntryKind::Entry, None, "LD2026-0003", 3, values);
    next(EntryKind::Amend, Some(2), "LD2026-0002", 0, &values.replace("1.10", "2.20"));
    next(EntryKind::Void, Some(3), "LD2026-0003", 0, "{}");
    entries
}

fn faults(entries: &[Entry]) -> Vec<ChainFault> {
    let mut chain = Chain::default();
    entries.iter().for_each(|entry| chain.next(entry));
    chain.shown(1, Some(1));
    chain.shown(2, Some(4));
    chain.shown(3, None);
    chain.witness(&ledger()[4].head(), "the log");
    chain.faults()
}

#[test]
fn a_register_that_nobody_touched_is_whole() {
    assert_eq!(faults(&ledger()), []);
}

/// So that whoever verifies an export by other means knows what to hash.
#[test]
fn the_text_that_is_hashed_is_the_documented_one() {
    let first = &ledger()[0];
    let seal = "b07afc6fd76ba1bbd3444e71f30fb57b88098f5dbd95f3b24e72659d167af91f";
    let body = first.body.get();
    assert_eq!(
        first.canonical(),
        format!(
            "[\"yizhan-register-1\",\"来电登记\",1,\"entry\",null,\"LD2026-0001\",\"2026\",1,1795309200000,\"run_x/record/1/0\",\"key0\",0,null,{body},\"{BEGINNING}\"]"
        )
    );
    assert_eq!(
        body,
        format!("{{\"phone\":\"13800000000\",\"caller\":{{\"sealed\":\"{seal}\"}},\"amount\":1.10}}")
    );
    assert_eq!(first.hash.len(), 64);
}

#[test]
fn whatever_a_tamperer_does_is_found() {
    let whole = ledger();
    let changed = |at: usize, change: &dyn Fn(&mut Entry)| {
        let mut entries = whole.clone();
        change(&mut entries[at]);
        faults(&entries)
    };
    let raw = |text: &str| Raw::new(text.to_owned()).unwrap();
    let edited = changed(0, &|entry| entry.body = raw(r#"{"phone":"13900000000"}"#));
    assert!(edited.iter().any(|fault| matches!(fault, ChainFault::Changed { place: 1, .. })), "{edited:?}");
    // An edit with a hash that fits tears the chain behind it.
    let rehashed = changed(0, &|entry| {
        entry.body = raw(r#"{"phone":"13900000000"}"#);
        *entry = entry.clone().chained();
    });
    assert!(rehashed.iter().any(|fault| matches!(fault, ChainFault::Torn { place: 2, .. })), "{rehashed:?}");
    let secret = changed(1, &|entry| entry.private = Some(raw(r#"{"caller":["salt2","王伟"]}"#)));
    assert!(matches!(secret.as_slice(), [ChainFault::Private { place: 2, .. }]), "{secret:?}");

    let mut gone = whole.clone();
    gone.remove(1);
    assert!(faults(&gone).contains(&ChainFault::Gone { from: 2, to: 2 }));
    let mut put_in = whole.clone();
    put_in.insert(2, whole[1].clone());
    assert!(faults(&put_in).contains(&ChainFault::Doubled { place: 2 }));
    let mut swapped = whole.clone();
    let (one, two) = (swapped[0].body.clone(), swapped[1].body.clone());
    (swapped[0].body, swapped[1].body) = (two, one);
    assert_eq!(
        faults(&swapped).iter().filter(|fault| matches!(fault, ChainFault::Changed { .. })).count(),
        2
    );
    let cut = faults(&whole[..4]);
    assert!(cut.iter().any(|fault| matches!(fault, ChainFault::Cut { place: 5, .. })), "{cut:?}");
}

#[test]
fn who_writes_the_whole_register_anew_is_found_by_what_others_know() {
    let mut anew = ledger();
    for at in 0..anew.len() {
        let mut entry = anew[at].clone();
        entry.by = "run_y/record/1/0".into();
        entry.before = if at == 0 { BEGINNING.into() } else { anew[at - 1].hash.clone() };
        anew[at] = entry.chained();
    }
    assert_eq!(faults(&anew), [ChainFault::Other { place: 5, witness: "the log".into() }]);
}

#[test]
fn what_is_shown_must_be_what_the_amendments_say() {
    let mut chain = Chain::default();
    ledger().iter().for_each(|entry| chain.next(entry));
    chain.shown(2, Some(2));
    chain.shown(3, Some(3));
    assert_eq!(chain.faults().len(), 2);
}

#[test]
fn a_period_is_days_of_the_house() {
    let now = at("2026-11-22T17:00:00Z"); // Monday 01:00 in Shanghai
    let bounds = |period: &str| {
        let period: Period = serde_json::from_str(period).unwrap();
        let bounds = period.bounds(now, &shanghai()).unwrap();
        (bounds.from.map(|at| at.to_string()), bounds.until.map(|at| at.to_string()))
    };
    let some = |from: &str, until: &str| (Some(from.to_owned()), Some(until.to_owned()));
    assert_eq!(bounds("\"today\""), some("2026-11-22T16:00:00Z", "2026-11-23T16:00:00Z"));
    assert_eq!(bounds("\"this week\""), some("2026-11-22T16:00:00Z", "2026-11-29T16:00:00Z"));
    assert_eq!(bounds("\"last month\""), some("2026-09-30T16:00:00Z", "2026-10-31T16:00:00Z"));
    assert_eq!(bounds("\"this year\""), some("2025-12-31T16:00:00Z", "2026-12-31T16:00:00Z"));
    assert_eq!(
        bounds(r#"{"from":"2026-11-01","to":"2026-11-02"}"#),
        some("2026-10-31T16:00:00Z", "2026-11-02T16:00:00Z")
    );
    assert_eq!(
        bounds(r#"{"before":"2026-11-01T00:00:00Z"}"#),
        (None, Some("2026-11-01T00:00:00Z".to_owned()))
    );
    assert!(Period::Word("someday".into()).bounds(now, &shanghai()).is_err());
}

fn rows() -> Vec<Row> {
    let row = |number: &str, values: &str| Row::new(number, at("2026-11-22T01:00:00Z"), values);
    vec![
        row("1", r#"{"area":"城南","amount":10.10}"#),
        row("2", r#"{"area":"城北","amount":5}"#),
        row("3", r#"{"area":"城南","amount":null}"#),
        row("4", r#"{"area":"城南","amount":0.20}"#),
    ]
}

fn found_text(with: &str) -> String {
    found(&rows(), &Wanted::of(&Find::read(with).unwrap()).unwrap()).unwrap()
}

fn find(with: &str) -> serde_json::Value {
    serde_json::from_str(&found_text(with)).unwrap()
}

#[test]
fn figures_are_exact_and_what_is_empty_counts_for_nothing() {
    let all = find(r#"{"register":"x","show":{"total":"sum(amount)","typical":"mean(amount)","n":"count"}}"#);
    assert_eq!(all["figures"].to_string(), r#"{"total":15.3,"typical":5.1,"n":4}"#);
    let groups = found_text(
        r#"{"register":"x","by":"area","show":{"total":"sum(amount)","most":"max(amount)"},"order":"-total"}"#,
    );
    assert_eq!(
        groups,
        r#"{"count":4,"figures":null,"rows":[{"area":"城南","total":10.3,"most":10.10},{"area":"城北","total":5,"most":5}]}"#
    );
}

#[test]
fn entries_come_in_order_and_what_is_empty_comes_last_both_ways() {
    let numbers = |with: &str| -> Vec<String> {
        find(with)["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["number"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(numbers(r#"{"register":"x"}"#), ["1", "2", "3", "4"]);
    assert_eq!(numbers(r#"{"register":"x","order":"amount"}"#), ["4", "2", "1", "3"]);
    assert_eq!(numbers(r#"{"register":"x","order":["area","-amount"],"first":3}"#), ["2", "1", "4"]);
    assert_eq!(find(r#"{"register":"x","order":"amount","first":1}"#)["entry"]["number"], "4");
}

#[test]
fn a_field_called_number_goes_before_the_entrys_own() {
    let row = Row::new("LD1", at("2026-11-22T01:00:00Z"), r#"{"number":"A-7"}"#);
    assert_eq!(row.json(), r#"{"at":"2026-11-22T01:00:00Z","number":"A-7"}"#);
    assert_eq!(Row::new("1", Millis(0), "{}").json(), r#"{"number":"1","at":"1970-01-01T00:00:00Z"}"#);
}

#[test]
fn a_condition_holds_up_to_its_bound() {
    let append = |only_if: &str| {
        Append::read(&format!(r#"{{"register":"x","entry":{{}},"only_if":{only_if}}}"#)).unwrap().conditions()
    };
    let fewer = append(r#"{"where":{"a":1},"fewer":50}"#).unwrap();
    assert!(meets(&fewer[0], 49) && !meets(&fewer[0], 50));
    let least = append(r#"[{"register":"y","at_least":1}]"#).unwrap();
    assert!(meets(&least[0], 1) && !meets(&least[0], 0));
    assert!(append(r#"{"where":{"a":1}}"#).is_err());
    assert!(append("null").unwrap().is_empty());
}
