//! What a page of somebody else has a signed-in browser send: nothing of it is taken, on no route.

use axum::http::Method;

use super::place::place;
use super::rights::{FROM_OUR_PAGE, session, table_of};

/// How a browser, or what pretends to be one, says where a request comes from.
const ELSEWHERE: [&[(&str, &str)]; 8] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "none")],
    &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost")],
    &[("origin", "https://evil.example")],
    &[("origin", "http://sub.localhost")],
    &[("origin", "null")],
    &[],
];

/// These have no session that could be misused: a delivery is signed, a link of a mail holds its own secret.
fn has_no_session(path: &str) -> bool {
    path.starts_with("/hooks/") || path == "/m/{token}"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_that_changes_something_takes_what_another_site_has_a_browser_send() {
    let place = place(&[]).await;
    let li_na = session(&place, "li.na", 0).await;
    let mut asked = 0;
    for route in table_of(&place) {
        if route.method == Method::GET || has_no_session(route.path) {
            continue;
        }
        let parts = route.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let sends = async |headers: &[(&str, &str)]| {
            let form = ("content-type", "application/x-www-form-urlencoded");
            let headers: Vec<_> = headers.iter().copied().chain([form, ("accept-language", "en")]).collect();
            li_na.send(route.method.as_str(), &path, &headers, b"name=li.na".to_vec()).await
        };
        for headers in ELSEWHERE {
            let reply = sends(headers).await;
            let said = reply.body.contains("YZ0431") || reply.body.contains("page of somebody else");
            assert!(
                reply.status == 403 && said,
                "{} {path} {headers:?}: {} {}",
                route.method,
                reply.status,
                reply.body
            );
            asked += 1;
        }
        // Whatever else becomes of it, it is not refused for where it comes from.
        if path != "/sign-out" {
            let reply = sends(&FROM_OUR_PAGE).await;
            let ours = &reply.body;
            assert!(!ours.contains("YZ0431") && !ours.contains("page of somebody else"), "{path}: {ours}");
            let leads_out = reply.header("location").is_some_and(|to| to.starts_with("/sign-in"));
            let lets_in = path == "/sign-in" || reply.status != 401 && !leads_out;
            assert!(lets_in, "{path}: she is signed in: {reply:?}");
        }
    }
    assert!(asked > 8 * 60, "{asked} requests were made");
    place.stop().await;
}
