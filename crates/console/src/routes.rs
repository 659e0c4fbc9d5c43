//! Every address there is, with what it needs of its caller.

use std::sync::Arc;

use axum::Router;

use crate::api::{
    artifacts, clock, doctor, events, health, plugins, registers, runs, tasks, triggers, workflows,
};
use crate::desk::Desk;
use crate::rights::{Anyone, Near, Operator, Routes};
use crate::{hooks, links, metrics};

pub(crate) fn router(desk: &Arc<Desk>) -> Router {
    routes(desk).into_parts().0
}

pub(crate) fn routes(desk: &Arc<Desk>) -> Routes {
    Routes::new(desk)
        .get("/health/live", Anyone, health::live)
        .get("/health/ready", Anyone, health::ready)
        .get("/metrics", Near, metrics::metrics)
        .get("/api/v1/health", Anyone, health::health)
        .get("/api/v1/doctor", Operator, doctor::doctor)
        .get("/api/v1/workflows", Operator, workflows::list)
        .get("/api/v1/workflows/{name}", Operator, workflows::show)
        .post("/api/v1/workflows/{name}/runs", Operator, runs::start)
        .get("/api/v1/texts/{hash}", Operator, workflows::text)
        .post("/api/v1/reload", Operator, workflows::reload)
        .get("/api/v1/runs", Operator, runs::list)
        .get("/api/v1/runs/{id}", Operator, runs::show)
        .get("/api/v1/runs/{id}/journal", Operator, runs::journal)
        .get("/api/v1/runs/{id}/why", Operator, runs::why)
        .get("/api/v1/runs/{id}/wait", Operator, runs::wait)
        .post("/api/v1/runs/{id}/cancel", Operator, runs::cancel)
        .post("/api/v1/runs/{id}/retry", Operator, runs::retry)
        .post("/api/v1/runs/{id}/migrate", Operator, runs::migrate)
        .get("/api/v1/tasks", Operator, tasks::list)
        .get("/api/v1/tasks/{id}", Operator, tasks::show)
        .post("/api/v1/tasks/{id}/claim", Operator, tasks::claim)
        .post("/api/v1/tasks/{id}/release", Operator, tasks::release)
        .post("/api/v1/tasks/{id}/hand-over", Operator, tasks::hand_over)
        .post("/api/v1/tasks/{id}/comment", Operator, tasks::comment)
        .post("/api/v1/tasks/{id}/pause", Operator, clock::pause)
        .post("/api/v1/tasks/{id}/resume", Operator, clock::resume)
        .post("/api/v1/tasks/{id}/due", Operator, clock::due)
        .post("/api/v1/tasks/{id}/extend", Operator, clock::extend)
        .post("/api/v1/tasks/{id}/answer", Operator, tasks::answer)
        .post("/api/v1/tasks/{id}/settle", Operator, tasks::settle)
        .post("/api/v1/events", Operator, events::publish)
        .get("/api/v1/plugins", Operator, plugins::list)
        .get("/api/v1/plugins/{id}", Operator, plugins::show)
        .get("/api/v1/registers", Operator, registers::list)
        .post("/api/v1/verify", Operator, registers::verify)
        .get("/api/v1/registers/{name}/lines", Operator, registers::lines)
        .post("/api/v1/registers/{name}/find", Operator, registers::find)
        .post("/api/v1/registers/{name}/by-hand/{action}", Operator, registers::keep)
        .get("/api/v1/triggers", Operator, triggers::list)
        .post("/api/v1/artifacts", Operator, artifacts::put)
        .get("/api/v1/artifacts/{sha256}", Operator, artifacts::get)
        .post("/hooks/{workflow}/{trigger}", Anyone, hooks::receive)
        .get("/m/{token}", Anyone, links::show)
        .post("/m/{token}", Anyone, links::answer)
        .get("/assets/page.css", Anyone, links::style)
}
