//! Stories of people who sign in, and of some who should not.

use serde_json::json;

use super::client::{Client, FORM, OUR_PAGE, Reply};
use super::place::{Place, place, place_with};
use crate::HttpSettings;

const PASSWORD: &str = "seven green pumps";

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    send_from(client, path, fields, OUR_PAGE).await
}

async fn send_from(client: &Client, path: &str, fields: &[(&str, &str)], from: (&str, &str)) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, from], body.into_bytes()).await
}

/// The path of a new invitation.
async fn invited(place: &Place, person: &str) -> String {
    let answer = place.socket.post(&format!("/api/v1/accounts/{person}/invite"), &json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let link = answer.json()["link"].as_str().unwrap().to_owned();
    link[link.find("/invitation/").unwrap()..].to_owned()
}

async fn with_password(place: &Place) -> String {
    let path = invited(place, "li.na").await;
    let chosen = send(&place.stranger, &path, &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, Some("/")));
    cookie(&chosen);
    path
}

fn cookie(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {reply:?}"));
    for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(cookie.starts_with("__Host-yizhan=") && !cookie.contains("Domain"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invited_person_chooses_a_password_signs_in_works_and_signs_out() {
    let place = place(&[]).await;
    let path = invited(&place, "person:li.na").await;
    let page = place.stranger.get(&path).await;
    assert!(page.status == 200 && page.body.contains("李娜"), "{page:?}");
    // Whatever keeps passwords is told for which name this one is.
    assert!(page.body.contains("value=\"li.na\" autocomplete=\"username\" readonly"), "{}", page.body);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    for (first, second) in
        [("short", "short"), (PASSWORD, "seven green pimps"), ("password1234", "password1234")]
    {
        let again = send(&place.stranger, &path, &[("password", first), ("again", second)]).await;
        assert_eq!(again.status, 422, "{first}");
        assert!(again.body.contains("role=\"alert\"") && !again.body.contains(first), "{}", again.body);
    }
    send(&place.stranger, &path, &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!(place.stranger.get(&path).await.status, 410, "good once");
    let signed_in = send(&place.stranger, "/sign-in", &[("name", "li.na"), ("password", PASSWORD)]).await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/")), "{signed_in:?}");
    let li_na = place.stranger.with("cookie", &cookie(&signed_in));
    assert_eq!(li_na.get("/api/v1/tasks").await.status, 200);
    let listed = place.socket.get("/api/v1/accounts").await.json();
    let account =
        listed["items"].as_array().unwrap().iter().find(|one| one["id"] == "li.na").unwrap().clone();
    assert_eq!(account["sessions"], 2, "whoever chose a password is in with it; and signed in once more");
    let out = send(&li_na, "/sign-out", &[]).await;
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"), "{out:?}");
    assert_eq!(li_na.get("/api/v1/tasks").await.code(), "YZ0401", "the word is of no more use");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_an_unknown_name_are_told_alike_and_guessing_is_slowed_down() {
    let place = place(&[]).await;
    with_password(&place).await;
    let ask = async |name: &str, password: &str| {
        let reply = send(&place.stranger, "/sign-in", &[("name", name), ("password", password)]).await;
        (reply.status, reply.body.replace(name, "…"), reply.header("set-cookie").is_some())
    };
    let (status, wrong, cookie) = ask("li.na", "seven green pimps").await;
    assert_eq!((status, cookie), (401, false));
    assert_eq!(ask("nobody", PASSWORD).await, (401, wrong, false));
    for _ in 0..4 {
        assert_eq!(ask("li.na", "guess").await.0, 401);
    }
    assert_eq!(ask("li.na", PASSWORD).await.0, 429, "also the right one has to wait");
    place.pass(60_000).await;
    assert_eq!(ask("li.na", PASSWORD).await.0, 303);
    let lines = place.socket.get("/api/v1/audit?limit=500").await.json().to_string();
    assert!(lines.contains("\"stranger\"") && lines.contains("/sign-in"), "{lines}");
    assert!(!lines.contains(PASSWORD) && !lines.contains("pimps"), "{lines}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_nobody_is_shut_out_by_the_guesses_of_others_and_the_audit_says_from_where() {
    let settings = HttpSettings { behind_proxy: true, ..HttpSettings::default() };
    let place = place_with(&[], settings).await;
    with_password(&place).await;
    // What the first of them says before it may be anybody's word; what the proxy adds comes last.
    let from = async |address: &str, password: &str| {
        let client = place.stranger.with("x-forwarded-for", &format!("198.51.100.1, {address}"));
        send(&client, "/sign-in", &[("name", "li.na"), ("password", password)]).await.status
    };
    for guess in 0..31 {
        let status = from(&format!("192.0.2.{guess}"), "guess").await;
        assert_eq!(status, 401, "{guess}");
    }
    assert_eq!(from("203.0.113.5", PASSWORD).await, 303);
    for _ in 0..6 {
        from("203.0.113.6", "guess").await;
    }
    assert_eq!(from("203.0.113.6", PASSWORD).await, 429, "whoever guesses waits");
    let lines = place.socket.get("/api/v1/audit?limit=500").await.json().to_string();
    assert!(lines.contains("192.0.2.30") && lines.contains("203.0.113.5"), "{lines}");
    assert!(!lines.contains("198.51.100.1"), "{lines}");
    // A proxy that says nothing of whom it speaks for does not make anybody near.
    assert_eq!(place.stranger.get("/metrics").await.status, 401);
    assert_eq!(place.socket.get("/metrics").await.status, 200);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_sends_nobody_on_to_another_house_and_takes_no_form_of_one() {
    let place = place(&[]).await;
    with_password(&place).await;
    let to = async |to: &str| {
        let fields = [("name", "li.na"), ("password", PASSWORD), ("to", to)];
        send(&place.stranger, "/sign-in", &fields).await.header("location").unwrap().to_owned()
    };
    assert_eq!(to("/tasks/tsk_1?x=1").await, "/tasks/tsk_1?x=1");
    for elsewhere in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil", ""]
    {
        assert_eq!(to(elsewhere).await, "/", "{elsewhere}");
    }
    let fields = [("name", "li.na"), ("password", PASSWORD)];
    for from in [("sec-fetch-site", "cross-site"), ("origin", "null"), ("x-none", "")] {
        let refused = send_from(&place.stranger, "/sign-in", &fields, from).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "{from:?}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_shut_out_is_out_at_once_and_a_forged_invitation_opens_nothing() {
    let place = place(&[]).await;
    with_password(&place).await;
    let signed_in = send(&place.stranger, "/sign-in", &[("name", "li.na"), ("password", PASSWORD)]).await;
    let li_na = place.stranger.with("cookie", &cookie(&signed_in));
    assert_eq!(li_na.get("/api/v1/tasks").await.status, 200);
    assert_eq!(place.socket.post("/api/v1/accounts/li.na/shut-out", &json!({})).await.status, 200);
    assert_eq!(li_na.get("/api/v1/tasks").await.code(), "YZ0401");
    assert_eq!(
        send(&place.stranger, "/sign-in", &[("name", "li.na"), ("password", PASSWORD)]).await.status,
        401
    );
    assert_eq!(place.stranger.get("/invitation/yzi_forged").await.status, 410);
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(send(&place.stranger, "/invitation/yzi_forged", &fields).await.status, 410);
    assert_eq!(place.socket.post("/api/v1/accounts/nobody/invite", &json!({})).await.code(), "YZ0404");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_made_shown_once_and_taken_back() {
    let place = place(&[]).await;
    let made = place.socket.post("/api/v1/tokens", &json!({"name": "crm", "may": "viewer", "days": 1})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let word = made.json()["token"].as_str().unwrap().to_owned();
    let crm = place.stranger.with("authorization", &format!("Bearer {word}"));
    assert_eq!(crm.get("/api/v1/runs").await.status, 200);
    assert_eq!(crm.get("/api/v1/tokens").await.code(), "YZ0430");
    let listed = place.socket.get("/api/v1/tokens").await;
    assert!(listed.body.contains("\"crm\"") && !listed.body.contains(&word), "{}", listed.body);
    for (wrong, code) in [
        (json!({"name": "crm", "may": "viewer"}), "YZ0415"),
        (json!({"name": "no spaces", "may": "viewer"}), "YZ0400"),
        (json!({"name": "a", "may": "king"}), "YZ0400"),
        (json!({"name": "a", "may": "viewer", "days": 9999}), "YZ0400"),
        (json!({"name": "a", "may": "viewer", "person": "nobody"}), "YZ0404"),
    ] {
        assert_eq!(place.socket.post("/api/v1/tokens", &wrong).await.code(), code, "{wrong}");
    }
    assert_eq!(place.socket.post("/api/v1/tokens/crm/revoke", &json!({})).await.status, 200);
    assert_eq!(crm.get("/api/v1/runs").await.code(), "YZ0401");
    place.stop().await;
}
