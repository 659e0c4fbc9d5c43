//! Every address there is, with what it needs of its caller.

use std::sync::Arc;

use axum::Router;

use crate::api::{
    access, artifacts, clock, doctor, drafts, events, health, plugins, query, registers, runs, tasks,
    triggers, workflows,
};
use crate::desk::Desk;
use crate::pages::{self, door};
use crate::rights::{Admin, Anyone, Author, HouseOperator, Known, Near, Operator, Routes, Viewer};
use crate::{hooks, links, metrics};

pub(crate) fn router(desk: &Arc<Desk>) -> Router {
    routes(desk).into_parts().0
}

pub(crate) fn routes(desk: &Arc<Desk>) -> Routes {
    for_browsers(for_accounts(for_programs(Routes::new(desk))))
}

fn for_programs(routes: Routes) -> Routes {
    routes
        .get("/health/live", Anyone, health::live)
        .get("/health/ready", Anyone, health::ready)
        .get("/metrics", Near, metrics::metrics)
        .get("/api/v1/health", Anyone, health::health)
        .get("/api/v1/doctor", HouseOperator, doctor::doctor)
        .get("/api/v1/workflows", Viewer, workflows::list)
        .get("/api/v1/workflows/{name}", Viewer, workflows::show)
        .post("/api/v1/workflows/{name}/runs", Known, runs::start)
        .get("/api/v1/texts/{hash}", Author, workflows::text)
        .post("/api/v1/reload", Author, workflows::reload)
        .get("/api/v1/runs", Viewer, runs::list)
        .get("/api/v1/runs/{id}", Viewer, runs::show)
        .get("/api/v1/runs/{id}/journal", Viewer, runs::journal)
        .get("/api/v1/runs/{id}/why", Viewer, runs::why)
        .get("/api/v1/runs/{id}/wait", Viewer, runs::wait)
        .get("/api/v1/runs/{id}/files/{sha256}", Viewer, artifacts::of_run)
        .post("/api/v1/runs/{id}/cancel", Operator, runs::cancel)
        .post("/api/v1/runs/{id}/retry", Operator, runs::retry)
        .post("/api/v1/runs/{id}/migrate", Operator, runs::migrate)
        .post("/api/v1/runs/{id}/pause", Operator, clock::pause)
        .post("/api/v1/runs/{id}/resume", Operator, clock::resume)
        .post("/api/v1/runs/{id}/due", Operator, clock::due)
        .post("/api/v1/runs/{id}/extend", Operator, clock::extend)
        .get("/api/v1/tasks", Known, tasks::list)
        .get("/api/v1/tasks/{id}", Known, tasks::show)
        .get("/api/v1/tasks/{id}/files/{sha256}", Known, artifacts::of_task)
        .post("/api/v1/tasks/{id}/claim", Known, tasks::claim)
        .post("/api/v1/tasks/{id}/release", Known, tasks::release)
        .post("/api/v1/tasks/{id}/hand-over", Known, tasks::hand_over)
        .post("/api/v1/tasks/{id}/comment", Known, tasks::comment)
        .post("/api/v1/tasks/{id}/pause", Known, clock::pause)
        .post("/api/v1/tasks/{id}/resume", Known, clock::resume)
        .post("/api/v1/tasks/{id}/due", Known, clock::due)
        .post("/api/v1/tasks/{id}/extend", Known, clock::extend)
        .put("/api/v1/tasks/{id}/draft", Known, drafts::put)
        .post("/api/v1/tasks/{id}/answer", Known, tasks::answer)
        .post("/api/v1/tasks/{id}/settle", Known, tasks::settle)
        .post("/api/v1/events", HouseOperator, events::publish)
        .get("/api/v1/plugins", HouseOperator, plugins::list)
        .get("/api/v1/plugins/{id}", HouseOperator, plugins::show)
        .get("/api/v1/registers", HouseOperator, registers::list)
        .post("/api/v1/verify", HouseOperator, registers::verify)
        .get("/api/v1/registers/{name}/lines", Known, registers::lines)
        .post("/api/v1/registers/{name}/find", Known, registers::find)
        .post("/api/v1/registers/{name}/by-hand/{action}", HouseOperator, registers::keep)
        .post("/api/v1/query/{what}", HouseOperator, query::ask)
        .get("/api/v1/triggers", Viewer, triggers::list)
        .post("/api/v1/artifacts", Known, artifacts::put)
        .post("/hooks/{workflow}/{trigger}", Anyone, hooks::receive)
}

fn for_accounts(routes: Routes) -> Routes {
    routes
        .get("/api/v1/accounts", Admin, access::accounts)
        .post("/api/v1/accounts/{id}/invite", Admin, access::invite)
        .post("/api/v1/accounts/{id}/shut-out", Admin, access::shut_out)
        .get("/api/v1/sessions", Admin, access::sessions)
        .post("/api/v1/sessions/{id}/end", Admin, access::end_session)
        .get("/api/v1/tokens", Admin, access::tokens)
        .post("/api/v1/tokens", Admin, access::make_token)
        .post("/api/v1/tokens/{name}/revoke", Admin, access::revoke)
        .get("/api/v1/audit", Admin, access::audit)
        .get("/api/v1/audit/verify", Admin, access::verify)
}

/// Pages, and the links in mails.
fn for_browsers(routes: Routes) -> Routes {
    for_those_who_run_it(routes)
        .get("/m/{token}", Anyone, links::show)
        .post("/m/{token}", Anyone, links::answer)
        .get("/", Known, pages::home)
        .get("/tasks", Known, pages::tasks::list)
        .get("/tasks/{id}", Known, pages::tasks::show)
        .post("/tasks/{id}/answer", Known, pages::tasks::answer)
        .post("/tasks/{id}/draft", Known, pages::tasks::draft)
        .post("/tasks/{id}/settle", Known, pages::tasks::settle)
        .post("/tasks/{id}/claim", Known, pages::tasks::claim)
        .post("/tasks/claim", Known, pages::tasks::claim_all)
        .post("/tasks/{id}/extend", Known, pages::tasks::extend)
        .post("/tasks/{id}/release", Known, pages::tasks::release)
        .post("/tasks/{id}/comment", Known, pages::tasks::comment)
        .post("/tasks/{id}/hand-over", Known, pages::tasks::hand_over)
        .get("/new", Known, pages::cases::list)
        .get("/new/{workflow}", Known, pages::cases::show)
        .post("/new/{workflow}", Known, pages::cases::begin)
        .get("/new/{workflow}/{trigger}", Known, pages::cases::show_of)
        .post("/new/{workflow}/{trigger}", Known, pages::cases::begin_of)
        .get("/runs", Known, pages::runs::list)
        .get("/runs/{id}", Known, pages::run::show)
        .post("/runs/{id}/cancel", Operator, pages::run::cancel)
        .post("/runs/{id}/retry", Operator, pages::run::retry)
        .post("/runs/{id}/pause", Operator, pages::run::pause)
        .post("/runs/{id}/resume", Operator, pages::run::resume)
        .post("/runs/{id}/due", Operator, pages::run::due)
        .get("/sign-in", Anyone, door::sign_in)
        .post("/sign-in", Anyone, door::signed_in)
        .post("/sign-out", Known, door::sign_out)
        .get("/invitation/{word}", Anyone, door::invitation)
        .post("/invitation/{word}", Anyone, door::accepted)
        .get("/assets/page.css", Anyone, pages::style)
}

/// Pages of workflows, and of the system itself.
fn for_those_who_run_it(routes: Routes) -> Routes {
    routes
        .get("/workflows", Viewer, pages::workflows::list)
        .get("/workflows/{name}", Viewer, pages::workflows::show)
        .get("/workflows/{name}/trial", Viewer, pages::workflows::trial::ask)
        .post("/workflows/{name}/trial", Viewer, pages::workflows::trial::walk)
        .get("/system", HouseOperator, pages::system::show)
        .get("/system/accounts", Admin, pages::system::accounts)
        .post("/system/accounts/{id}/invite", Admin, pages::system::invite)
        .post("/system/accounts/{id}/shut-out", Admin, pages::system::shut_out)
        .post("/system/sessions/{id}/end", Admin, pages::system::end_session)
        .post("/system/tokens", Admin, pages::system::make_token)
        .post("/system/tokens/{name}/revoke", Admin, pages::system::revoke)
        .get("/system/audit", Admin, pages::system::audit)
}
