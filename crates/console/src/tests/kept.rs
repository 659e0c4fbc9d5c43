//! Stories of forms that were sent when the session was over: nothing typed is lost, and nothing is done unseen.

use serde_json::json;
use yizhan_workflow::id::Millis;

use super::client::{Client, EN, FORM, OUR_PAGE, Reply};
use super::place::{Place, place};
use crate::caller::COOKIE;

const PARTS: (&str, &str) = ("content-type", "multipart/form-data; boundary=XX");
const PASSWORD: &str = "seven green pumps";
const HALF_AN_HOUR: i64 = 31 * 60_000;
const TYPED: &str = "第一行\r\n<script>alert(\"1\")</script> & 'x'";

const REPAIR: &str = r#"
title = "报修"
[input]
where = { label = "地点" }
[trigger.desk]
by_hand = ["group:热线"]
[step.repair]
title = "抢修 {{ input.where }}"
ask = "group:热线"
due = "4h"
form.cause = { label = "原因", min = 2, lines = 4 }
form.photo = { label = "照片", type = "file", required = false }
"#;

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, OUR_PAGE, EN], body.into_bytes()).await
}

/// Somebody with a password, and a session that is over.
async fn gone_to_lunch(place: &Place) -> Client {
    let answer = place.socket.post("/api/v1/accounts/li.na/invite", &json!({})).await.json();
    let link = answer["link"].as_str().unwrap().to_owned();
    let path = &link[link.find("/invitation/").unwrap()..];
    send(&place.stranger, path, &[("password", PASSWORD), ("again", PASSWORD)]).await;
    let word = place.access.begin("li.na", "192.0.2.1", "Firefox", Millis(place.now())).await.unwrap();
    let client = place.stranger.with("cookie", &format!("{COOKIE}={}", word.reveal()));
    place.pass(HALF_AN_HOUR).await;
    client
}

/// Names and values of a page's hidden fields, as a browser reads them.
fn hidden(page: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap();
        let value = rest.split('"').next().unwrap();
        value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    let tags = page.split("<input type=\"hidden\"").skip(1).map(|rest| rest.split_once('>').unwrap().0);
    tags.map(|tag| (attribute(tag, "name"), attribute(tag, "value"))).collect()
}

/// Signs in on the page at which somebody stands.
async fn sign_in(place: &Place, page: &Reply, password: &str) -> Reply {
    let mut fields = hidden(&page.body);
    fields.extend([("name".to_owned(), "李娜".to_owned()), ("password".to_owned(), password.to_owned())]);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    send(&place.stranger, "/sign-in", &fields).await
}

fn with_cookie(place: &Place, reply: &Reply) -> Client {
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap();
    place.stranger.with("cookie", cookie)
}

/// Sends the form of the page that offers what was kept.
async fn go_on(client: &Client, page: &Reply) -> (String, Reply) {
    let (_, rest) =
        page.body.split_once("<form method=\"post\" action=\"").unwrap_or_else(|| panic!("{}", page.body));
    let to = rest.split('"').next().unwrap().to_owned();
    let fields = hidden(&page.body);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reply = send(client, &to, &fields).await;
    (to, reply)
}

async fn state(place: &Place, run: &str) -> String {
    place.socket.get(&format!("/api/v1/runs/{run}")).await.json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_into_a_task_comes_through_the_door_and_is_sent_when_it_was_looked_at() {
    let place = place(&[("repair", REPAIR)]).await;
    let run = place.start("repair", json!({"where": "河东路"})).await;
    let task = place.socket.get("/api/v1/tasks").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let li_na = gone_to_lunch(&place).await;
    let path = format!("/tasks/{task}/answer");
    let door = send(&li_na, &path, &[("f.cause", TYPED)]).await;
    assert_eq!((door.status, door.header("location")), (401, None));
    assert!(door.body.contains("Your session is over") && !door.body.contains("<script>"), "{}", door.body);
    let wrong = sign_in(&place, &door, "seven green pimps").await;
    assert_eq!(wrong.status, 401);
    let offered = sign_in(&place, &wrong, PASSWORD).await;
    assert_eq!((offered.status, offered.header("location")), (200, None), "it is in no address");
    assert!(offered.body.contains("You are 李娜 now."), "{}", offered.body);
    let li_na = with_cookie(&place, &offered);
    let (to, form) = go_on(&li_na, &offered).await;
    assert_eq!((to.as_str(), form.status), (path.as_str(), 200));
    assert!(
        form.body.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; 'x'"),
        "{}",
        form.body
    );
    assert!(form.body.contains("was not sent yet"), "{}", form.body);
    assert_eq!(state(&place, &run).await, "open", "nothing is done unseen");
    assert_eq!(send(&li_na, &path, &[("f.cause", TYPED)]).await.status, 303);
    let log = place.socket.get("/api/v1/audit?limit=500").await.body;
    assert!(!log.contains("第一行"), "{log}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_case_comes_back_filled_in_and_its_files_are_asked_for_again() {
    let place = place(&[("repair", REPAIR), ("photos", &REPAIR.replace("where = { label = \"地点\" }", "where = { label = \"地点\" }\nphoto = { label = \"照片\", type = \"file\", required = false }"))]).await;
    let li_na = gone_to_lunch(&place).await;
    let part = |name: &str, more: &str, text: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{text}\r\n")
    };
    let body = [
        part("once", "", "1-1"),
        part("f.where", "", "河东路 1 号"),
        part("f.photo", "; filename=\"a.png\"", &"x".repeat(600_000)),
        "--XX--\r\n".to_owned(),
    ];
    let door =
        li_na.send("POST", "/new/photos/desk", &[PARTS, OUR_PAGE, EN], body.concat().into_bytes()).await;
    assert_eq!(door.status, 401);
    assert!(door.body.contains("choose the files again") && !door.body.contains("xxxx"), "{}", door.body);
    let offered = sign_in(&place, &door, PASSWORD).await;
    let li_na = with_cookie(&place, &offered);
    let (to, form) = go_on(&li_na, &offered).await;
    assert_eq!((to.as_str(), form.status), ("/new/photos/desk", 200));
    assert!(
        form.body.contains("value=\"河东路 1 号\"") && form.body.contains("type=\"file\""),
        "{}",
        form.body
    );
    assert!(place.socket.get("/api/v1/runs").await.json()["items"].as_array().unwrap().is_empty());
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_said_to_be_lost_and_what_another_site_sends_is_not_carried() {
    let place = place(&[("repair", REPAIR)]).await;
    let li_na = gone_to_lunch(&place).await;
    let long = "长".repeat(100_000);
    let door = send(&li_na, "/new/repair/desk", &[("f.where", &long)]).await;
    assert_eq!(door.status, 401);
    assert!(door.body.contains("too much to be carried") && !door.body.contains("长长"), "{}", door.status);
    let home = sign_in(&place, &door, PASSWORD).await;
    assert_eq!((home.status, home.header("location")), (303, Some("/")));
    let body = b"f.where=theirs".to_vec();
    for from in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("x-none", "")] {
        let away = place.stranger.send("POST", "/new/repair/desk", &[FORM, from, EN], body.clone()).await;
        assert_eq!(away.status, 401, "{from:?}");
        assert!(!away.body.contains("theirs") && hidden(&away.body).is_empty(), "{from:?}: {}", away.body);
    }
    // A door that was made up sends nobody's form elsewhere.
    let fields = [("name", "li.na"), ("password", PASSWORD), ("kept-to", "//evil.example/"), ("kept.a", "b")];
    let led = send(&place.stranger, "/sign-in", &fields).await;
    assert_eq!((led.status, led.header("location")), (303, Some("/")));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_person_typed_is_never_sent_in_the_name_of_another_who_signs_in_there() {
    let place = place(&[("repair", REPAIR)]).await;
    let li_na = gone_to_lunch(&place).await;
    let cookie = |of: &str| {
        let (_, own) = li_na.header().unwrap();
        place.stranger.with("cookie", &format!("{own}; __Host-yizhan-last={of}"))
    };
    let theirs = send(&cookie("wang.wei"), "/new/repair/desk", &[("f.where", "河东路 1 号")]).await;
    assert_eq!(theirs.status, 401);
    let offered = sign_in(&place, &theirs, PASSWORD).await;
    assert_eq!(offered.status, 200);
    assert!(offered.body.contains("is of 王伟") && !offered.body.contains("河东路"), "{}", offered.body);
    let own = send(&cookie("li.na"), "/new/repair/desk", &[("f.where", "河东路 1 号")]).await;
    let offered = sign_in(&place, &own, PASSWORD).await;
    assert!(offered.body.contains("河东路"), "{}", offered.body);
    let kept: Vec<_> =
        offered.headers.get_all("set-cookie").iter().map(|one| one.to_str().unwrap()).collect();
    assert!(kept.iter().any(|one| one.starts_with("__Host-yizhan-last=li.na; ")), "{kept:?}");
    assert!(place.socket.get("/api/v1/runs").await.json()["items"].as_array().unwrap().is_empty());
    place.stop().await;
}
