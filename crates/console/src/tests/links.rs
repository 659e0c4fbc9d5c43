//! Links in mails: opening one decides nothing, using one decides once, and only for whom it was made.

use serde_json::{Value as Json, json};
use yizhan_engine::link::{Choice, Links};
use yizhan_workflow::id::{Millis, RunId, TaskId};

use super::client::{Client, Reply};
use super::place::{LINKS, Place, place};

const LEAVE: &str = r#"
title = "请假"
key = "{{ input.who }}"
[input]
who = { label = "申请人", type = "text" }
phone = { label = "电话", type = "text", required = false, private = true }
[step.sign]
ask = ["person:li.na", "person:wang.wei"]
approve = "one"
title = "{{ input.who }} 请假三天"
due = "24h"
on.refused = { go = "done:refused" }
"#;

const FORM: &str = "application/x-www-form-urlencoded";

/// The address behind the host, as a mail has it.
pub(super) fn link(place: &Place, task: &Json, who: &str, choice: Option<(&str, Json)>) -> String {
    let run: RunId = task["run"].as_str().unwrap().parse().unwrap();
    let id: TaskId = task["id"].as_str().unwrap().parse().unwrap();
    let choice = choice.map(|(field, value)| Choice(field.into(), value));
    Links::new("", LINKS, 86_400_000).address((run, &id), who, choice, Millis(place.now()))
}

async fn tasks(place: &Place, count: usize) -> Vec<Json> {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let list = place.socket.get("/api/v1/tasks").await.json();
        if list["items"].as_array().is_some_and(|items| items.len() == count) {
            return list["items"].as_array().unwrap().clone();
        }
        assert!(tokio::time::Instant::now() < end, "{list:#}");
        tokio::task::yield_now().await;
    }
}

async fn task_of(place: &Place, who: &str, count: usize) -> Json {
    let all = tasks(place, count).await;
    all.into_iter().find(|task| task["who"] == json!([who])).unwrap()
}

/// What stands in the page's hidden field.
fn confirmation(page: &Reply) -> String {
    let (_, rest) = page.body.split_once("name=\"confirm\" value=\"").expect(&page.body);
    rest.split('"').next().unwrap().to_owned()
}

fn sent(fields: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

async fn send(client: &Client, link: &str, fields: &[(&str, &str)]) -> Reply {
    client.send("POST", link, &[("content-type", FORM)], sent(fields)).await
}

/// Opens the page and sends it with these fields, as a browser does.
pub(super) async fn use_link(client: &Client, link: &str, fields: &[(&str, &str)]) -> Reply {
    let page = client.get(link).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let confirm = confirmation(&page);
    let mut all = vec![("confirm", confirm.as_str())];
    all.extend(fields);
    let headers = [("content-type", FORM), ("sec-fetch-site", "same-origin")];
    client.send("POST", link, &headers, sent(&all)).await
}

#[track_caller]
fn is_a_closed_page(page: &Reply) {
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; form-action 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    let rest = [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in rest {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for inline in ["<script>", "<style", "style=\"", "onclick", "http://", "https://"] {
        assert!(!page.body.contains(inline), "{inline}: {}", page.body);
    }
}

/// As any other act: who, when, from where, to what, and what came of it.
async fn is_in_the_audit(place: &Place, (id, run): (&str, &str), token: &str) {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let act = loop {
        let acts = place.socket.get(&format!("/api/v1/audit?lang=en&kind=m&about={id}")).await.json();
        let done = acts["items"].as_array().unwrap().iter().find(|act| act["answered"]["status"] == 200);
        if let Some(act) = done {
            break act.clone();
        }
        assert!(tokio::time::Instant::now() < end, "{acts:#}");
        tokio::task::yield_now().await;
    };
    assert_eq!((&act["by"], &act["what"]), (&json!("李娜"), &json!("answered by the link of a mail")));
    assert_eq!((&act["asked"]["from"], &act["asked"]["act"]), (&json!("127.0.0.1"), &json!("/m/{token}")));
    assert_eq!((&act["about"][0]["id"], &act["about"][1]["id"]), (&json!(id), &json!(run)));
    assert_eq!(act["answered"]["after"]["outcome"], "approved", "{act:#}");
    assert!(!act.to_string().contains(token), "what lets in stands in no line: {act}");
}

/// Mail scanners open links, follow them again, ask for heads, fetch ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_only_opens_a_link_decides_nothing() {
    let place = place(&[("leave", LEAVE)]).await;
    let run = place.start("leave", json!({ "who": "张三" })).await;
    let task = task_of(&place, "person:li.na", 2).await;
    let yes = link(&place, &task, "person:li.na", Some(("approved", json!(true))));
    let journal = async || {
        place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.json()["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let before = journal().await;
    for method in ["GET", "HEAD", "GET"] {
        for headers in
            [&[][..], &[("sec-purpose", "prefetch;prerender")], &[("user-agent", "LinkScanner/1.0")]]
        {
            let page = place.stranger.send(method, &yes, headers, vec![]).await;
            assert_eq!(page.status, 200, "{method}");
            assert_eq!(page.body.is_empty(), method == "HEAD");
        }
    }
    // A sender that only knows the address, another site, an old page of another link.
    let page = place.stranger.get(&yes).await;
    is_a_closed_page(&page);
    let own = confirmation(&page);
    let no = link(&place, &task, "person:li.na", Some(("approved", json!(false))));
    let other = confirmation(&place.stranger.get(&no).await);
    for confirm in ["", "x", &other] {
        let refused = send(&place.stranger, &yes, &[("confirm", confirm)]).await;
        assert_eq!(refused.status, 403, "{confirm}");
        assert_eq!(confirmation(&refused), own, "the person is asked again");
    }
    for site in ["cross-site", "same-site", "none"] {
        let headers = [("content-type", FORM), ("sec-fetch-site", site)];
        let refused = place.stranger.send("POST", &yes, &headers, sent(&[("confirm", &own)])).await;
        assert_eq!(refused.status, 403, "{site}");
    }
    assert_eq!(place.stranger.send("PUT", &yes, &[], vec![]).await.status, 405);
    assert_eq!(journal().await, before, "nothing was written");
    assert_eq!(tasks(&place, 2).await.len(), 2);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_button_decides_once_and_the_links_of_the_others_say_who_decided() {
    let place = place(&[("leave", LEAVE)]).await;
    let run = place.start("leave", json!({ "who": "张三", "phone": "13800000000" })).await;
    let (li, wang) = (task_of(&place, "person:li.na", 2).await, task_of(&place, "person:wang.wei", 2).await);
    let yes = link(&place, &li, "person:li.na", Some(("approved", json!(true))));
    let no = link(&place, &li, "person:li.na", Some(("approved", json!(false))));
    let others = link(&place, &wang, "person:wang.wei", Some(("approved", json!(false))));
    let page = place.stranger.get(&yes).await;
    for part in ["张三 请假三天", "请假 · 张三", "<strong>同意</strong>", "申请人"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("13800000000"), "what is private is not shown");
    let confirm = confirmation(&page);
    let fields = [("confirm", confirm.as_str()), ("f.opinion", "祝好"), ("f.approved", "no")];
    let (first, second) =
        tokio::join!(send(&place.stranger, &yes, &fields), send(&place.stranger, &yes, &fields));
    let mut both = [first.status, second.status];
    both.sort_unstable();
    assert_eq!(both, [200, 410], "two presses of the button are one decision");
    for page in [&first, &second] {
        is_a_closed_page(page);
    }
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    let item = &over["steps"][0]["items"][0];
    assert_eq!((&item["by"], &item["output"]["opinion"]), (&json!("person:li.na"), &json!("祝好")));
    assert_eq!(item["output"]["approved"], true, "a link answers what it was made for, whatever is sent");
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.json();
    let answers: Vec<&Json> =
        journal["items"].as_array().unwrap().iter().filter(|line| line["event"] == "answered").collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["with"]["via"], "link", "{}", answers[0]);
    let token = yes.rsplit('/').next().unwrap();
    is_in_the_audit(&place, (li["id"].as_str().unwrap(), &run), token).await;
    for (link, said) in [(&yes, "您已经答复过了"), (&no, "您已经答复过了"), (&others, "这件事已经有了结果")]
    {
        let page = place.stranger.get(link).await;
        assert_eq!(page.status, 410);
        is_a_closed_page(&page);
        assert!(page.body.contains(said) && page.body.contains("李娜"), "{said}: {}", page.body);
        assert!(page.body.contains("答复:同意"), "{}", page.body);
    }
    let english = place.stranger.send("GET", &others, &[("accept-language", "en-GB,zh;q=0.2")], vec![]).await;
    assert!(english.body.contains("李娜 approved it at 2026-11-22 10:00"), "{}", english.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_forged_late_withdrawn_or_anothers_says_so_and_changes_nothing() {
    let place = place(&[("leave", LEAVE)]).await;
    let run = place.start("leave", json!({ "who": "张三" })).await;
    let task = task_of(&place, "person:li.na", 2).await;
    let choice = || Some(("approved", json!(true)));
    let yes = link(&place, &task, "person:li.na", choice());
    // Signed by this house, for somebody who may not: as after the task was given to others.
    let others = link(&place, &task, "person:wang.wei", choice());
    let stranger = link(&place, &task, "mail:x@example.com", choice());
    let page = |link: String| {
        let client = place.stranger.clone();
        async move {
            let page = client.get(&link).await;
            is_a_closed_page(&page);
            let fields = [("confirm", "x"), ("f.approved", "yes")];
            let posted = send(&client, &link, &fields).await;
            assert_eq!(posted.status, page.status, "{}", posted.body);
            is_a_closed_page(&posted);
            page
        }
    };
    for link in [others, stranger] {
        let page = page(link).await;
        assert_eq!(page.status, 403);
        assert!(page.body.contains("不归您办"), "{}", page.body);
    }
    let another_house = Links::new("", [9; 32], 86_400_000);
    let (id, run_id) = (task["id"].as_str().unwrap().parse().unwrap(), run.parse().unwrap());
    let foreign = another_house.address((run_id, &id), "person:li.na", None, Millis(place.now()));
    for forged in [
        foreign,
        format!("{yes}x"),
        yes[..yes.len() - 1].to_owned(),
        "/m/x".to_owned(),
        format!("/m/{}", "A".repeat(5_000)),
    ] {
        let page = page(forged).await;
        assert_eq!(page.status, 404);
        assert!(page.body.contains("链接不对"), "{}", page.body);
    }
    place.pass(86_400_000).await;
    let late = page(yes.clone()).await;
    assert_eq!(late.status, 410);
    assert!(late.body.contains("已经过期"), "{}", late.body);
    assert_eq!(tasks(&place, 2).await.len(), 2, "the tasks are as they were");
    let new = link(&place, &task, "person:li.na", choice());
    assert_eq!(place.socket.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.status, 200);
    place.run_until(&run, |run| run["state"] == "cancelled").await;
    let gone = page(new).await;
    assert_eq!(gone.status, 410);
    assert!(gone.body.contains("已经取消"), "{}", gone.body);
    place.stop().await;
}

const AGAIN: &str = r#"
title = "退改"
[step.fill]
ask = "person:li.na"
due = "24h"
form.fine = { type = "yesno" }
[step.look]
ask = "person:wang.wei"
due = "24h"
form.fine = { type = "yesno" }
on.fine.no = { back_to = "fill", most = 1 }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_of_an_earlier_opening_is_void() {
    let place = place(&[("again", AGAIN)]).await;
    place.start("again", json!({})).await;
    let first = task_of(&place, "person:li.na", 1).await;
    let old = link(&place, &first, "person:li.na", Some(("fine", json!(true))));
    assert_eq!(use_link(&place.stranger, &old, &[]).await.status, 200);
    let look = task_of(&place, "person:wang.wei", 1).await;
    let no = link(&place, &look, "person:wang.wei", Some(("fine", json!(false))));
    assert_eq!(use_link(&place.stranger, &no, &[]).await.status, 200);
    let second = task_of(&place, "person:li.na", 1).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(place.stranger.get(&old).await.status, 410, "it is open anew, and not for this link");
    let new = link(&place, &second, "person:li.na", Some(("fine", json!(true))));
    assert_eq!(use_link(&place.stranger, &new, &[]).await.status, 200);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_claimed_is_not_answered_by_link() {
    let file = AGAIN.replace("ask = \"person:li.na\"", "ask = [\"person:li.na\", \"person:wang.wei\"]");
    let place = place(&[("again", &file)]).await;
    place.start("again", json!({})).await;
    let task = tasks(&place, 1).await.remove(0);
    let yes = link(&place, &task, "person:li.na", Some(("fine", json!(true))));
    let path = format!("/api/v1/tasks/{}/claim", task["id"].as_str().unwrap());
    assert_eq!(place.socket.post(&path, &json!({ "by": "wang.wei" })).await.status, 200);
    let page = place.stranger.get(&yes).await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("王伟 已经认领"), "{}", page.body);
    place.stop().await;
}

const OUTSIDE: &str = r#"
title = "请补材料"
[input]
note = { label = "说明", type = "text" }
[step.send]
ask = "mail:zhang@example.com"
title = "请补 {{ input.note }}"
due = "3 days"
form.note  = { label = "缺什么", type = "text", value = "{{ input.note }}" }
form.count = { label = "份数", type = "whole", min = 1 }
form.day   = { label = "寄出日期", type = "date", required = false }
form.way   = { label = "寄法", type = "choice", options = { post = "邮寄", self = "自取" } }
form.parts = { label = "附了什么", type = "checklist", options = { id = "身份证", deed = "房产证" } }
form.scan  = { label = "扫描件", type = "files", kinds = ["pdf"] }
form.words = { label = "留言", type = "text", lines = 4, required = false }
[step.send.form.goods]
label = "清单"
type = "table"
required = false
[step.send.form.goods.fields]
name  = { label = "名称" }
price = { label = "金额", type = "money" }
"#;

fn part(name: &str, text: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
}

fn file(name: &str, file: &str, content: &str) -> String {
    format!(
        "--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\ncontent-type: application/pdf\r\n\r\n{content}\r\n"
    )
}

async fn the_whole_form_is_in_the_run(place: &Place, run: &str, note: &str) {
    let over = place.run_until(run, |run| run["state"] == "done").await;
    let item = &over["steps"][0]["items"][0];
    assert_eq!(item["by"], "mail:zhang@example.com");
    let output = &item["output"];
    assert_eq!(
        (&output["note"], &output["count"], &output["day"]),
        (&json!(note), &json!(2), &json!("2026-11-23"))
    );
    assert_eq!((&output["parts"]["done"], &output["parts"]["missing"]), (&json!(["id"]), &json!(["deed"])));
    // Money keeps the places that it was written with.
    assert_eq!(output["goods"].to_string(), r#"[{"name":"水表","price":12.50}]"#);
    let scan = &output["scan"][0];
    assert_eq!(
        (&scan["name"], &scan["size"], &output["scan"][1]),
        (&json!("身份证.pdf"), &json!(6), &Json::Null)
    );
    let scan = scan["artifact"].as_str().unwrap();
    let kept = place.token.get(&format!("/api/v1/runs/{run}/files/{scan}")).await;
    assert_eq!(kept.body, "%PDF-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_not_of_the_house_fills_in_a_whole_form_by_link() {
    let place = place(&[("outside", OUTSIDE)]).await;
    let hostile = "<script>alert(1)</script>\" onload=\"x";
    let run = place.start("outside", json!({ "note": hostile })).await;
    let task = tasks(&place, 1).await.remove(0);
    let address = link(&place, &task, "mail:zhang@example.com", None);
    let page = place.stranger.get(&address).await;
    is_a_closed_page(&page);
    assert!(
        page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("说明"), "the case is not told to outsiders beyond the form");
    let confirm = confirmation(&page);
    let send = |parts: Vec<String>| {
        let (client, address) = (place.stranger.clone(), address.clone());
        let body = format!("{}{}--b--\r\n", part("confirm", &confirm), parts.concat());
        let headers = [("content-type", "multipart/form-data; boundary=b")];
        async move { client.send("POST", &address, &headers, body.into_bytes()).await }
    };
    let wrong = send(vec![
        part("f.count", "many"),
        part("f.way", "post"),
        part("f.parts", "id"),
        part("f.words", "<b>急</b>"),
        file("f.scan", "../a.exe", "MZ"),
    ]);
    let wrong = wrong.await;
    assert_eq!(wrong.status, 422);
    is_a_closed_page(&wrong);
    for kept in [
        "value=\"many\"",
        "&lt;b&gt;急&lt;/b&gt;",
        "value=\"post\" checked",
        "value=\"id\" checked",
        "文件请重新选择",
    ] {
        assert!(wrong.body.contains(kept), "{kept}: {}", wrong.body);
    }
    assert_eq!(wrong.body.matches("class=\"fault\"").count(), 2, "the count and the file: {}", wrong.body);
    let right = send(vec![
        part("f.note", "not asked"),
        part("f.count", "2"),
        part("f.day", "2026-11-23"),
        part("f.way", "post"),
        part("f.parts", "id"),
        file("f.scan", "身份证.pdf", "%PDF-1"),
        file("f.scan", "", ""),
        part("f.goods.0.name", ""),
        part("f.goods.1.name", "水表"),
        part("f.goods.1.price", "12.5"),
    ]);
    let right = right.await;
    assert_eq!(right.status, 200, "{}", right.body);
    the_whole_form_is_in_the_run(&place, &run, hostile).await;
    let again = place.stranger.get(&address).await;
    assert_eq!(again.status, 410);
    assert!(again.body.contains("您已经答复过了"), "{}", again.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_too_large_or_no_form_is_refused_and_can_be_sent_again() {
    let place = place(&[("leave", LEAVE)]).await;
    place.start("leave", json!({ "who": "张三" })).await;
    let task = task_of(&place, "person:li.na", 2).await;
    let yes = link(&place, &task, "person:li.na", Some(("approved", json!(true))));
    let large = vec![b'x'; 1024 * 1024 + 1];
    let answer = place.stranger.send("POST", &yes, &[("content-type", FORM)], large).await;
    assert_eq!(answer.status, 413);
    is_a_closed_page(&answer);
    assert!(answer.body.contains("1024 KB"), "{}", answer.body);
    for (media, body) in [
        ("application/json", "{}"),
        ("text/plain", "confirm=x"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "--b\r\n"),
    ] {
        let answer = place.stranger.send("POST", &yes, &[("content-type", media)], body.into()).await;
        assert!([400, 415].contains(&answer.status), "{media}: {}", answer.status);
        is_a_closed_page(&answer);
    }
    assert_eq!(use_link(&place.stranger, &yes, &[]).await.status, 200);
    place.stop().await;
}

const FAMILY: &str = r#"
title = "家庭补助"
key = "{{ input.card }}"
[input]
card = { label = "证件号", type = "text", private = true }
[input.family]
label = "家属"
type = "table"
[input.family.fields]
name = { label = "姓名" }
card = { label = "证件号", private = true }
[step.sign]
ask = ["person:li.na", "person:wang.wei"]
approve = "one"
due = "24h"
on.refused = { go = "done:refused" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_shows_no_private_column_and_no_private_key_of_the_case() {
    let place = place(&[("family", FAMILY)]).await;
    let family = json!([{ "name": "张小妹", "card": "330102201505050022" }]);
    place.start("family", json!({ "card": "110101199003070011", "family": family })).await;
    let task = task_of(&place, "person:li.na", 2).await;
    let page = place.stranger.get(&link(&place, &task, "person:li.na", None)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("张小妹"), "{}", page.body);
    assert!(!page.body.contains("330102201505050022"), "{}", page.body);
    assert!(!page.body.contains("110101199003070011"), "{}", page.body);
    place.stop().await;
}
