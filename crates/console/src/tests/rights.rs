//! Every route by every way in.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::Method;

use super::place::place;
use crate::desk::Desk;
use crate::routes::routes;
use crate::{App, HttpSettings};

/// What a way in may reach: whatever else a handler says, it does not say that the caller is unknown.
const UNKNOWN: u16 = 401;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_lets_in_those_whom_it_needs_and_nobody_else() {
    let place = place(&[]).await;
    let (_, closes) = tokio::sync::watch::channel(false);
    let house = Arc::new(super::watching::Nothing);
    let app = App { engine: place.engine.clone(), house, settings: HttpSettings::default() };
    let (_, table) = routes(&Arc::new(Desk::new(app, closes))).into_parts();
    assert!(table.len() > 25, "the table is the routes' own");
    for entry in &table {
        let path = entry.path.replace("{id}", "x").replace("{name}", "x").replace("{sha256}", "x");
        let path = path.replace("{workflow}", "x").replace("{trigger}", "x").replace("{token}", "x");
        let method = entry.method.as_str();
        let ask = async |client: &super::client::Client| client.send(method, &path, &[], vec![]).await.status;
        let got = (
            ask(&place.stranger).await != UNKNOWN,
            ask(&place.wrong).await != UNKNOWN,
            ask(&place.token).await != UNKNOWN,
            ask(&place.socket).await != UNKNOWN,
        );
        // All of these come over loopback, so whoever is near is let in.
        let open = matches!(entry.needs, "anyone" | "near");
        assert_eq!(got, (open, open, true, true), "{method} {path} needs {}", entry.needs);
    }
    let open: BTreeSet<_> =
        table.iter().filter(|entry| entry.needs != "operator").map(|entry| entry.path).collect();
    let meant = [
        "/api/v1/health",
        "/assets/page.css",
        "/health/live",
        "/health/ready",
        "/hooks/{workflow}/{trigger}",
        "/m/{token}",
        "/metrics",
    ];
    assert_eq!(open, meant.into(), "what strangers may ask for is a short list, and changing it is meant");
    assert!(table.iter().all(|entry| entry.method == Method::GET || entry.method == Method::POST));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_does_not_learn_what_the_api_has() {
    let place = place(&[]).await;
    for path in ["/api/v1/nothing", "/api", "/api/v1/runs/"] {
        let answer = place.stranger.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "YZ0401"), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(place.token.get(path).await.status, 404, "{path}");
    }
    let wrong_way = place.stranger.send("DELETE", "/api/v1/runs", &[], vec![]).await;
    assert_eq!(wrong_way.code(), "YZ0401");
    assert_eq!(place.socket.send("DELETE", "/api/v1/runs", &[], vec![]).await.code(), "YZ0405");
    assert_eq!(place.stranger.get("/favicon.ico").await.code(), "YZ0403");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_for_this_machine_and_not_for_whom_it_speaks() {
    let place = place(&[]).await;
    for (name, value) in [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")] {
        let refused = place.stranger.send("GET", "/metrics", &[(name, value)], vec![]).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "YZ0402"), "{name}");
        assert_eq!(place.token.send("GET", "/metrics", &[(name, value)], vec![]).await.status, 200);
    }
    for (host, status) in
        [("evil.example", 401), ("localhost.evil.example:1", 401), ("[::1]:8080", 200), ("127.0.0.1", 200)]
    {
        let answer = place.stranger.under(host).get("/metrics").await;
        assert_eq!(answer.status, status, "{host}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_learn_that_we_are_well_and_no_figures() {
    let place = place(&[]).await;
    let figures = place.token.get("/api/v1/health").await.json();
    assert_eq!(figures["figures"]["home"], "/srv/yizhan");
    let answer = place.stranger.get("/api/v1/health").await;
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "ready": true, "disk_full": false, "broken": null, "figures": {}
        })
    );
    assert_eq!(place.stranger.get("/health/ready").await.status, 200);
    place.stop().await;
}
