//! Stories of whoever begins cases and follows them in the browser.

use serde_json::json;

use super::client::{Client, EN, FORM, OUR_PAGE, Reply};
use super::place::{Place, place};
use super::rights::{session, token};
use yizhan_workflow::people::rights::Role;

/// Li Na may begin it: she is of the group.
const FAULT: &str = r#"
title = "报修"
note = "用水故障"
key = "{{ input.meter }}"
[input]
meter = { label = "户号" }
what = { label = "情况", min = 2 }
[trigger.desk]
by_hand = ["group:热线"]
[step.visit]
title = "上门"
ask = "person:wang.wei"
form.done = { label = "修好了", type = "yesno" }
"#;

/// Whose forms are for nobody by name.
const PLAN: &str = r#"
title = "检修计划"
[step.go]
use = "play.fail"
with = { to = "chen@example.com", text = "换阀 <b>" }
[step.last]
ask = "person:wang.wei"
form.ok = { label = "好", type = "yesno" }
"#;

async fn open(client: &Client, path: &str) -> Reply {
    client.send("GET", path, &[EN], vec![]).await
}

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, OUR_PAGE, EN], body.into_bytes()).await
}

/// The value of a hidden field.
fn hidden<'p>(page: &'p Reply, name: &str) -> &'p str {
    let start = format!("name=\"{name}\" value=\"");
    let at = page.body.find(&start).unwrap_or_else(|| panic!("no `{name}`: {}", page.body)) + start.len();
    page.body[at..].split('"').next().unwrap()
}

fn led(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.header("location").unwrap().to_owned()
}

/// Fills in the form and sends it.
async fn begun(client: &Client, meter: &str) -> Reply {
    let form = open(client, "/new/fault/desk").await;
    assert_eq!(form.status, 200, "{}", form.body);
    let once = hidden(&form, "once");
    send(client, "/new/fault/desk", &[("once", once), ("f.meter", meter), ("f.what", "爆管")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_finds_the_forms_that_name_them_begins_a_case_and_follows_it() {
    let place = place(&[("fault", FAULT), ("plan", PLAN)]).await;
    let (li_na, wang_wei) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let list = open(&li_na, "/new").await;
    assert!(
        list.body.contains("href=\"/new/fault/desk\"") && list.body.contains("用水故障"),
        "{}",
        list.body
    );
    assert!(!list.body.contains("检修计划"), "it names nobody, and she has no right to it");
    assert!(open(&wang_wei, "/new").await.body.contains("There is nothing that you may begin."));
    assert_eq!(open(&wang_wei, "/new/fault/desk").await.status, 403);
    assert_eq!(send(&wang_wei, "/new/fault/desk", &[("f.meter", "1"), ("f.what", "爆管")]).await.status, 403);
    assert_eq!(open(&li_na, "/new/plan").await.status, 403);
    assert_eq!(open(&li_na, "/new/nothing").await.status, 404);

    let form = open(&li_na, "/new/fault/desk").await;
    let once = hidden(&form, "once");
    let wrong =
        send(&li_na, "/new/fault/desk", &[("once", once), ("f.meter", "0<5>"), ("f.what", "x")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("value=\"0&lt;5&gt;\"") && hidden(&wrong, "once") == once, "{}", wrong.body);

    let run =
        led(&send(&li_na, "/new/fault/desk", &[("once", once), ("f.meter", "05"), ("f.what", "爆管")]).await);
    assert!(run.starts_with("/runs/run_"), "{run}");
    let again =
        send(&li_na, "/new/fault/desk", &[("once", once), ("f.meter", "05"), ("f.what", "爆管")]).await;
    assert_eq!(led(&again), run, "two clicks are one case");
    let case = open(&li_na, &run).await;
    for part in ["报修 · 05", "爆管", "上门", "李娜", "<svg", "waits for somebody"] {
        assert!(case.body.contains(part), "{part}: {}", case.body);
    }
    assert!(!case.body.contains("Cancel the case"), "that is for operators");
    for list in ["/new", "/runs", "/runs?mine=true"] {
        assert!(open(&li_na, list).await.body.contains(&format!("href=\"{run}\"")), "{list}");
    }
    assert_eq!(open(&wang_wei, &run).await.status, 404, "who began it may look at it, others may not");
    assert!(open(&wang_wei, "/runs").await.body.contains("Nothing was found."));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_a_case_is_told_of_the_open_one_with_its_key_before_there_is_another() {
    let rejects = FAULT.replace("[input]", "on_duplicate = \"reject\"\n[input]").replace("报修", "拒收");
    let joins = FAULT.replace("[input]", "on_duplicate = \"join\"\n[input]").replace("报修", "并入");
    let place = place(&[("fault", FAULT), ("rejects", &rejects), ("joins", &joins)]).await;
    let li_na = session(&place, "li.na", 0).await;
    let count = async || place.socket.get("/api/v1/runs").await.json()["items"].as_array().unwrap().len();
    let first = led(&begun(&li_na, "05").await);
    let told = begun(&li_na, "05").await;
    assert_eq!(
        (told.status, count().await),
        (409, 1),
        "nothing begins before she has seen it: {}",
        told.body
    );
    assert!(told.body.contains("There is an open case of this already: 05."), "{}", told.body);
    assert!(told.body.contains(&format!("href=\"{first}\"")) && told.body.contains("爆管"), "{}", told.body);
    let fields = [
        ("once", hidden(&told, "once")),
        ("anyway", hidden(&told, "anyway")),
        ("f.meter", "05"),
        ("f.what", "爆管"),
    ];
    assert_ne!(led(&send(&li_na, "/new/fault/desk", &fields).await), first);
    assert_eq!(count().await, 2);
    // What was confirmed is that one case: of another that came meanwhile she is told anew.
    let other = [("once", "x"), ("anyway", "run_0000000000001"), ("f.meter", "05"), ("f.what", "爆管")];
    assert_eq!(send(&li_na, "/new/fault/desk", &other).await.status, 409);

    for (workflow, says) in [("rejects", "takes no second one"), ("joins", "is added to it")] {
        let path = format!("/new/{workflow}/desk");
        let fields = [("once", workflow), ("f.meter", "07"), ("f.what", "爆管")];
        let run = led(&send(&li_na, &path, &fields).await);
        let next = [("once", "second"), ("f.meter", "07"), ("f.what", "又爆了")];
        let told = send(&li_na, &path, &next).await;
        assert!(told.status == 409 && told.body.contains(says), "{workflow}: {}", told.body);
        let sure = [&next[..], &[("anyway", hidden(&told, "anyway"))]].concat();
        let sent = send(&li_na, &path, &sure).await;
        match workflow {
            "rejects" => assert!(sent.status == 409 && sent.body.contains(says), "{}", sent.body),
            _ => assert_eq!(led(&sent), run),
        }
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_finds_a_failed_case_sees_what_went_out_and_acts_on_it() {
    let plan = PLAN
        .replace("[step.go]", "[input]\nnr = { label = \"号\" }\n[step.go]")
        .replace("title = \"检修", "key = \"{{ input.nr }}\"\ntitle = \"检修");
    let place = place(&[("plan", &plan), ("fault", FAULT)]).await;
    let failed = place.start("plan", json!({"nr": "A-17"})).await;
    place.start("fault", json!({"meter": "05", "what": "爆管"})).await;
    place.run_until(&failed, |run| run["waits"] == "time" || run["state"] == "failed").await;
    let operator = token(&place, "ops of plans", Role::Operator, &["plan"], None).await;
    let list = open(&operator, "/runs?text=A-1&state=open&since=2026-11-22&until=2026-11-22").await;
    assert!(list.body.contains(&failed) && list.body.contains("A-17"), "{}", list.body);
    assert!(!open(&operator, "/runs").await.body.contains("报修"), "of another department");
    for none in ["/runs?text=A-2", "/runs?since=2026-11-23", "/runs?until=2026-11-21", "/runs?state=done"] {
        assert!(open(&operator, none).await.body.contains("Nothing was found."), "{none}");
    }
    let exact = open(&operator, &format!("/runs?text={failed}")).await;
    assert_eq!(led(&exact), format!("/runs/{failed}"));

    let page = open(&operator, &format!("/runs/{failed}")).await;
    for part in ["chen@example.com", "换阀 &lt;b&gt;", "play.failed", "as was asked for", "Cancel the case"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("<b>"), "what steps give is text");
    let cancel = format!("/runs/{failed}/cancel");
    assert_eq!(led(&send(&operator, &cancel, &[("reason", "不用了")]).await), format!("/runs/{failed}"));
    place.run_until(&failed, |run| run["state"] == "cancelled").await;
    let over = open(&operator, &format!("/runs/{failed}")).await;
    assert!(over.body.contains("不用了") && over.body.contains(">Retry<"), "{}", over.body);
    let refused = send(&operator, &cancel, &[("reason", "再来")]).await;
    assert!(refused.status == 409 && refused.body.contains("role=\"alert\""), "{}", refused.body);
    let retried = send(&operator, &format!("/runs/{failed}/retry"), &[("from", "go")]).await;
    assert_eq!(led(&retried), format!("/runs/{failed}"));
    place.run_until(&failed, |run| run["state"] == "open").await;

    let viewer = token(&place, "looks at plans", Role::Viewer, &["plan"], None).await;
    assert!(!open(&viewer, &format!("/runs/{failed}")).await.body.contains("Cancel the case"));
    assert_eq!(send(&viewer, &cancel, &[("reason", "x")]).await.status, 403);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_stops_and_moves_the_clock_of_a_step_with_a_reason() {
    let timed = FAULT.replace("ask = \"person:wang.wei\"", "ask = \"person:wang.wei\"\ndue = \"4h\"");
    let place = place(&[("fault", &timed)]).await;
    let run = place.start("fault", json!({"meter": "05", "what": "爆管"})).await;
    let (operator, path) = (place.token.clone(), format!("/runs/{run}"));
    let moved = [("step", "visit"), ("to", "2026-11-30T18:00"), ("reason", "等配件")];
    assert_eq!(led(&send(&operator, &format!("{path}/due"), &moved).await), path);
    let page = open(&operator, &path).await;
    assert!(page.body.contains("Due 11-30 18:00") && page.body.contains("等配件"), "{}", page.body);
    assert_eq!(
        led(&send(&operator, &format!("{path}/pause"), &[("step", "visit"), ("reason", "用户不在")]).await),
        path
    );
    let page = open(&operator, &path).await;
    assert!(page.body.contains("用户不在") && page.body.contains("Let it go on"), "{}", page.body);
    let none =
        send(&operator, &format!("{path}/due"), &[("step", "visit"), ("to", "soon"), ("reason", "x")]).await;
    assert_eq!(none.status, 400);
    assert_eq!(
        led(&send(&operator, &format!("{path}/resume"), &[("step", "visit"), ("reason", "回来了")]).await),
        path
    );
    place.stop().await;
}

/// Two have to sign, each by a time of their own.
const SIGNED: &str = r#"
title = "会签"
[step.sign]
ask     = ["person:li.na", "person:wang.wei"]
approve = "all"
due     = "8h"
on.refused = { go = "done:refused" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_sign_each_has_a_clock_that_is_stopped_from_the_page() {
    let place = place(&[("signed", SIGNED)]).await;
    let run = place.start("signed", json!({})).await;
    let (operator, path) = (place.token.clone(), format!("/runs/{run}"));
    let page = open(&operator, &path).await.body;
    for item in ["sign[0]", "sign[1]"] {
        for own in ["item-", "to.", "reason.due."].map(|kind| format!("id=\"{kind}{item}\"")) {
            assert_eq!(page.matches(&own).count(), 1, "{own}: {page}");
        }
    }
    let stopped = send(&operator, &format!("{path}/pause"), &[("step", "sign[1]"), ("reason", "出差")]).await;
    assert_eq!(led(&stopped), path);
    let shown = place.socket.get(&format!("/api/v1/runs/{run}")).await.json();
    let stands = |item: usize| shown["steps"][0]["items"][item]["clock"].to_string().contains("出差");
    assert_eq!([stands(0), stands(1)], [false, true], "{shown}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_private_is_not_on_the_page_of_whoever_may_not_read_it() {
    let private = FAULT.replace("label = \"情况\"", "label = \"情况\", private = true");
    let place = place(&[("fault", &private)]).await;
    let run = place.start("fault", json!({"meter": "05", "what": "身份证 310104"})).await;
    let viewer = token(&place, "looks", Role::Viewer, &["fault"], None).await;
    let page = open(&viewer, &format!("/runs/{run}")).await;
    assert!(page.status == 200 && !page.body.contains("310104"), "{}", page.body);
    let owner = session(&place, "wang.wei", 0).await;
    assert_eq!(
        open(&owner, &format!("/runs/{run}")).await.status,
        404,
        "without a right, a task shows them the case"
    );
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_has_pages_that_keep_what_was_looked_for() {
    let place: Place = place(&[("fault", FAULT)]).await;
    for number in 0..51 {
        place.start("fault", json!({"meter": format!("M{number}"), "what": "爆管"})).await;
    }
    let first = open(&place.token, "/runs?workflow=fault&text=M").await;
    assert_eq!(first.body.matches("<tr").count(), 51, "fifty and the head");
    let at = first.body.find("/runs?text=M&amp;workflow=fault&amp;cursor=").expect("a next page");
    let next = first.body[at..].split('"').next().unwrap().replace("&amp;", "&");
    let second = open(&place.token, &next).await;
    assert!(second.body.matches("<tr").count() == 2 && second.body.contains("M0"), "{}", second.body);
    assert!(!second.body.contains("rel=\"next\""));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_the_name_of_a_form_out_is_led_to_the_one_that_names_them() {
    let place = place(&[("fault", FAULT), ("plan", PLAN)]).await;
    let (li_na, wang_wei) =
        (session(&place, "li.na", place.now()).await, session(&place, "wang.wei", place.now()).await);
    assert_eq!(led(&open(&li_na, "/new/fault").await), "/new/fault/desk");
    let zh = [("accept-language", "zh-CN"), ("accept", "text/html")];
    for (client, path, why) in [
        (&li_na, "/new/plan", "这里需要“发起办件”的权限"),
        (&wang_wei, "/new/fault", "这里需要“发起办件”的权限"),
        (&wang_wei, "/new/fault/desk", "王伟 不在可以发起的人里:热线"),
    ] {
        let page = client.send("GET", path, &zh, vec![]).await;
        assert!(page.status == 403 && page.body.contains(why), "{path}: {}", page.body);
    }
    place.stop().await;
}
