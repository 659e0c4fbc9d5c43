//! Stories of those who run the house, in the browser: workflows with their faults and versions, a walk through, the system,
//! accounts and the audit.

use serde_json::json;

use super::client::{Client, EN, FORM, OUR_PAGE, Reply};
use super::place::place;
use super::rights::{session, token};
use yizhan_workflow::people::rights::Role;

const FAULT: &str = r#"
title = "报修"
owner = "person:wang.wei"
[input]
meter = { label = "户号" }
[trigger.night]
schedule = "30 17 * * *"
with = { meter = "0" }
[step.visit]
title = "上门 {{ input.meter }}"
ask = "person:li.na"
due = "1 workday"
form.done = { label = "修好了", type = "yesno" }
on.done.no = { go = "fail:没修好" }
"#;

/// Whose check is never passed.
const ROUND: &str = r#"
title = "兜圈子"
[step.work]
use = "play.say"
[step.look]
check = "false"
on.no = { back_to = "work", most = 1000 }
"#;

async fn open(client: &Client, path: &str) -> Reply {
    client.send("GET", path, &[EN], vec![]).await
}

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, OUR_PAGE, EN], body.into_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_shows_its_state_its_sentences_what_starts_it_and_which_texts_are_in_use() {
    let place = place(&[("fault", FAULT), ("broken", "title = \"坏 <文件>\"\n# wrong on purpose")]).await;
    place.start("fault", json!({"meter": "05"})).await;
    place
        .load(&[("fault", &FAULT.replace("上门", "登门")), ("broken", "title = 1\n# wrong on purpose")])
        .await;
    place.start("fault", json!({"meter": "06"})).await;
    let viewer = token(&place, "looks", Role::Viewer, &["fault"], None).await;
    let list = open(&viewer, "/workflows").await;
    assert!(list.body.contains("/workflows/fault") && list.body.contains("schedule"), "{}", list.body);
    assert!(!list.body.contains("/workflows/broken"), "not theirs");
    assert_eq!(open(&viewer, "/workflows/broken").await.status, 403);
    let whole = open(&place.token, "/workflows").await;
    assert!(
        whole.body.contains("1 with faults")
            && whole.body.contains("not in force")
            && whole.body.contains("王伟"),
        "{}",
        whole.body
    );
    let broken = open(&place.token, "/workflows/broken").await;
    assert!(broken.body.contains("<pre class=\"caret bad\" tabindex=\"0\">YZ"), "{}", broken.body);

    let page = open(&viewer, "/workflows/fault").await;
    assert!(
        page.body.contains("“李娜”") && !page.body.contains("“li.na”"),
        "people have names: {}",
        page.body
    );
    for part in ["登门", "户号", "<svg", "every day at 17:30", "Next: today 17:30, tomorrow 17:30"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert_eq!(page.body.matches("1 open cases").count(), 2, "one under each of two texts: {}", page.body);
    let open_ones = "href=\"/runs?state=open&amp;workflow=fault\">2 open cases</a>";
    assert!(page.body.contains(open_ones), "what it counts it leads to: {}", page.body);
    assert!(page.body.contains("href=\"/runs?workflow=fault\">All cases</a>"), "{}", page.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_through_says_what_would_happen_by_when_and_does_nothing() {
    let place = place(&[("fault", FAULT), ("round", ROUND)]).await;
    let viewer = token(&place, "looks", Role::Viewer, &["fault", "round"], None).await;
    let path = "/workflows/fault/trial";
    assert!(open(&viewer, path).await.body.contains("nothing is done"));
    let wrong = send(&viewer, path, &[("f.meter", "")]).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    // Friday afternoon: the next working day is Monday.
    let walked = send(&viewer, path, &[("f.meter", "05"), ("at", "2026-11-27T16:55")]).await;
    assert_eq!(walked.status, 200, "{}", walked.body);
    for part in ["上门 05", "asks 李娜", "Due 2026-11-30 18:00 Monday", "taken to be answered"] {
        assert!(walked.body.contains(part), "{part}: {}", walked.body);
    }
    // Whoever reads it chooses what people answer, and how long they take.
    let form = open(&viewer, path).await.body;
    assert!(form.contains("name=\"o.visit.done\"") && form.contains("three working days"), "{form}");
    assert!(
        form.contains("<legend>上门 …</legend>") && !form.contains("{{"),
        "its title has no values yet: {form}"
    );
    let fields =
        [("f.meter", "05"), ("at", "2026-11-27T16:55"), ("o.visit.done", "no"), ("t.visit", "4 workhours")];
    let chosen = send(&viewer, path, &fields).await;
    assert!(chosen.body.contains("没修好") && chosen.body.contains("2026-11-30"), "{}", chosen.body);
    assert!(!chosen.body.contains("taken to be answered"), "{}", chosen.body);
    assert!(!walked.body.contains("没修好"), "which it does not say by itself");
    assert_eq!(place.socket.get("/api/v1/runs").await.json()["items"], json!([]));
    // What stops a walk is said in the reader's language.
    let zh = [FORM, OUR_PAGE, ("accept-language", "zh")];
    let round = viewer.send("POST", "/workflows/round/trial", &zh, vec![]).await;
    assert!(round.body.contains("同样的答复已经走了"), "{}", round.body);
    assert_eq!(send(&viewer, path, &[("f.meter", "05"), ("at", "soon")]).await.status, 400);
    let other = token(&place, "looks elsewhere", Role::Viewer, &["refund"], None).await;
    assert_eq!(send(&other, path, &[("f.meter", "05")]).await.status, 403);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_says_how_it_is_what_plugins_do_and_which_slots_did_not_go_as_they_should() {
    let place = place(&[("fault", FAULT)]).await;
    place.start("fault", json!({"meter": "05"})).await;
    let operator = token(&place, "ops of all", Role::Operator, &[], None).await;
    let page = open(&operator, "/system").await;
    for part in
        ["All is well.", "play", "1.0.0", "every day at 17:30", "14 times within a fortnight", "Cases · open"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    // What calls of a plugin cost, as far as it is known.
    for part in
        ["failed: 2", "half within 1.5 ms", "95% within 230 ms", "4.2 s of processor", "12 MiB of memory"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(
        page.body.contains(&format!("<code>{}</code>", "ab".repeat(32))),
        "all of its sum: {}",
        page.body
    );
    assert!(!page.body.contains("\"></td>"), "no place is left empty: {}", page.body);
    assert!(!page.body.contains("/system/accounts"), "that is for administrators");
    let narrow = token(&place, "ops of one", Role::Operator, &["fault"], None).await;
    assert_eq!(open(&narrow, "/system").await.status, 403);
    assert!(!open(&narrow, "/runs").await.body.contains("href=\"/system\""), "and nothing leads there");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_invites_shuts_out_makes_tokens_and_reads_what_was_done() {
    let place = place(&[("fault", FAULT)]).await;
    let admin = place.token.clone();
    let li_na = session(&place, "li.na", 0).await;
    let page = open(&admin, "/system/accounts").await;
    assert!(page.body.contains("李娜") && page.body.contains("Firefox"), "{}", page.body);
    let invited = send(&admin, "/system/accounts/wang.wei/invite", &[]).await;
    assert!(invited.status == 200 && invited.body.contains("/invitation/"), "{}", invited.body);
    assert!(!open(&admin, "/system/accounts").await.body.contains("/invitation/"), "it is shown once");
    assert_eq!(send(&admin, "/system/accounts/nobody/invite", &[]).await.status, 404);

    let new = [("name", "crm"), ("may", "viewer"), ("on", "fault, refund"), ("person", ""), ("days", "30")];
    let made = send(&admin, "/system/tokens", &new).await;
    assert!(made.status == 200 && made.body.contains("is shown this once"), "{}", made.body);
    let again = send(&admin, "/system/tokens", &new).await;
    assert!(again.status == 409 && again.body.contains("role=\"alert\""), "{}", again.body);
    assert!(open(&admin, "/system/accounts").await.body.contains("viewer · fault, refund"));
    assert_eq!(send(&admin, "/system/tokens/crm/revoke", &[]).await.status, 303);
    assert!(!open(&admin, "/system/accounts").await.body.contains("viewer · fault"));

    assert_eq!(open(&li_na, "/tasks").await.status, 200);
    assert_eq!(send(&admin, "/system/accounts/li.na/shut-out", &[]).await.status, 303);
    assert_eq!(open(&li_na, "/tasks").await.status, 303, "she is led to the door");

    let audit = open(&admin, "/system/audit?verify=true").await;
    for part in ["invited somebody", "王伟", "token ops", "none missing and none changed"] {
        assert!(audit.body.contains(part), "{part}: {}", audit.body);
    }
    let author = token(&place, "author", Role::Author, &[], None).await;
    for path in ["/system/accounts", "/system/audit"] {
        assert_eq!(open(&author, path).await.status, 403, "{path}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_tokens_are_found_by_name_come_in_pages_and_somebody_is_signed_out_everywhere() {
    let place = place(&[]).await;
    let (one, two) = (session(&place, "li.na", 0).await, session(&place, "li.na", 0).await);
    let other = session(&place, "wang.wei", 0).await;
    for name in ["crm-a", "crm-b", "report"] {
        token(&place, name, Role::Viewer, &[], None).await;
    }
    let names = async |path: &str, of: &str| -> Vec<String> {
        let all = place.token.get(path).await.json();
        all["items"].as_array().unwrap().iter().map(|one| one[of].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/api/v1/accounts?text=%E6%9D%8E", "id").await, ["li.na"], "by a part of the name");
    assert_eq!(names("/api/v1/accounts?text=WANG", "id").await, ["wang.wei"], "by a part of the id");
    assert_eq!(names("/api/v1/sessions?text=li.na", "person").await, ["li.na", "li.na"]);
    assert_eq!(names("/api/v1/tokens?text=crm", "name").await, ["crm-a", "crm-b"]);
    let first = place.token.get("/api/v1/tokens?text=crm&limit=1").await.json();
    let next = first["next"].as_str().unwrap();
    assert_eq!(names(&format!("/api/v1/tokens?text=crm&limit=1&cursor={next}"), "name").await, ["crm-b"]);
    let page = open(&place.token, "/system/accounts?text=crm").await.body;
    assert!(page.contains("crm-a") && !page.contains("report") && !page.contains("/system/accounts/li.na"));
    // Out everywhere, and the others stay.
    assert_eq!(send(&place.token, "/system/accounts/li.na/end-sessions", &[]).await.status, 303);
    for gone in [&one, &two] {
        assert_eq!(open(gone, "/tasks").await.status, 303, "led to the door");
    }
    assert_eq!(open(&other, "/tasks").await.status, 200);
    // Nobody of that name was signed out.
    for act in ["end-sessions", "shut-out"] {
        let nobody = place.token.post(&format!("/api/v1/accounts/li.nah/{act}"), &json!({})).await;
        assert_eq!((nobody.status, nobody.code()), (404, "YZ0404".to_owned()), "{act}");
    }
    place.stop().await;
}
