//! Every address there is, with what it needs of its caller.

use std::sync::Arc;

use axum::Router;

use crate::api::{
    access, artifacts, attempts, audit, clock, doctor, drafts, events, health, log, past, pausing, pictures,
    plugins, query, registers, runs, same, stream, tasks, trial, triggers, workflows,
};
use crate::desk::Desk;
use crate::openapi::Described;
use crate::pages::{self, door};
use crate::rights::{Admin, Anyone, Author, Bringer, HouseOperator, Known, Near, Operator, Routes, Viewer};
use crate::{hooks, links, metrics};

pub(crate) fn router(desk: &Arc<Desk>) -> Router {
    routes(desk).into_parts().0
}

pub(crate) fn routes(desk: &Arc<Desk>) -> Routes {
    let house = for_accounts(for_registers(for_starts(for_house(Described::new(desk)))));
    for_browsers(for_clocks_of_tasks(for_tasks(for_retries(for_runs(house)))).into_routes(desk))
}

/// What becomes of a request that comes again. Nobody who lost an answer on the way needs to fear asking once more.
mod again {
    pub(super) const KEY: &str =
        "with the same `Idempotency-Key`: nothing new, the first answer; without one: once more";
    pub(super) const ID: &str = "with the same `id`: nothing new, and the answer says so";
    pub(super) const SAME: &str = "the same comes of it";
    pub(super) const REFUSED: &str = "refused with 409: it has been dealt with";
    pub(super) const NOTHING: &str = "nothing is changed by it, however often";
    pub(super) const HANDED: &str =
        "refused with 403 where whoever gave it does not have it any more, else once more";
    pub(super) const SAID: &str = "nothing new, where it is the last word on the task";
    pub(super) const MOVED: &str = "the same comes of it, with another line in the journal";
}

fn for_house(routes: Described) -> Described {
    routes
        .get("/health/live", Anyone, health::live, "Whether the daemon answers")
        .get("/health/ready", Anyone, health::ready, "Whether it takes in and does what it is asked")
        .get(
            "/metrics",
            Near,
            metrics::metrics,
            "Figures for Prometheus; on this machine nobody is asked who they are",
        )
        .get(
            "/api/v1/health",
            Anyone,
            health::health,
            "Whether all is well, and for viewers of the house how much there is",
        )
        .get(
            "/api/v1/doctor",
            HouseOperator,
            doctor::doctor,
            "Looks whether the store is whole and every journal gives its state",
        )
        .get("/api/v1/workflows", Viewer, workflows::list, "Workflows with their files' state and faults")
        .get("/api/v1/workflows/{name}", Viewer, workflows::show, "A workflow with its steps and start form")
        .get("/api/v1/workflows/{name}/picture", Viewer, pictures::picture, "A workflow as a picture")
        .get(
            "/api/v1/workflows/{name}/reading",
            Viewer,
            pictures::reading,
            "What a workflow says, in sentences",
        )
        .look(
            "/api/v1/workflows/{name}/trial",
            Viewer,
            trial::walk,
            "What a case would do and by when; nothing is done",
        )
        .get(
            "/api/v1/texts/{hash}",
            Author,
            workflows::text,
            "A text that a run goes by, with the files that are part of it",
        )
        .post(
            "/api/v1/reload",
            Author,
            workflows::reload,
            ("Reads workflows, people and settings again", again::SAME),
        )
        .get("/api/v1/plugins", HouseOperator, plugins::list, "Plugins as they stand")
        .get("/api/v1/plugins/{id}", HouseOperator, plugins::show, "A plugin with its actions")
        .post(
            "/api/v1/plugins/{id}/release",
            HouseOperator,
            plugins::release,
            ("Lets a plugin that was put aside after too many crashes try again", again::SAME),
        )
}

/// What starts workflows, and what is made known.
fn for_starts(routes: Described) -> Described {
    routes
        .get("/api/v1/triggers", Viewer, triggers::list, "What fires when, and what became of what fired")
        .post(
            "/api/v1/triggers/{workflow}/{trigger}/pause",
            Operator,
            pausing::pause,
            ("Has a trigger start nothing until it is resumed", again::REFUSED),
        )
        .post(
            "/api/v1/triggers/{workflow}/{trigger}/resume",
            Operator,
            pausing::resume,
            ("Has a paused trigger go on, with what was missed as its file says", again::REFUSED),
        )
        .get(
            "/api/v1/workflows/{name}/draft",
            Known,
            drafts::of_start,
            "What one has filled in of a start form and not sent",
        )
        .put(
            "/api/v1/workflows/{name}/draft",
            Known,
            drafts::put_of_start,
            ("Keeps what is filled in of a start form and not sent; nothing throws it away", again::SAME),
        )
        .look(
            "/api/v1/workflows/{name}/same",
            Known,
            same::look,
            "Whether there is an open case already with the key that a new one would have",
        )
        .get("/api/v1/events", Known, stream::watch, "What changes of what one may see, as it changes")
        .post(
            "/api/v1/events",
            HouseOperator,
            events::publish,
            ("Makes something known to runs and triggers that wait for it", again::ID),
        )
        .post(
            "/hooks/{workflow}/{trigger}",
            Anyone,
            hooks::receive,
            (
                "A delivery of somebody else's system, signed as the trigger says",
                "with the same `webhook-id` (or what the signature scheme names): nothing new",
            ),
        )
}

fn for_runs(routes: Described) -> Described {
    routes
        .post("/api/v1/workflows/{name}/runs", Known, runs::start, ("Starts a run", again::KEY))
        .get("/api/v1/runs", Viewer, runs::list, "Runs, the newest first")
        .get(
            "/api/v1/runs/{id}",
            Viewer,
            runs::show,
            "A run with its steps, what they were given and what came of them",
        )
        .get("/api/v1/runs/{id}/journal", Viewer, runs::journal, "What happened in a run, line by line")
        .get(
            "/api/v1/runs/{id}/attempts",
            Viewer,
            attempts::list,
            "Every attempt at the steps of a run: what was sent, what came back, which failure",
        )
        .get("/api/v1/runs/{id}/picture", Viewer, pictures::of_run, "A run as a picture of its workflow")
        .get("/api/v1/runs/{id}/why", Viewer, runs::why, "Why a run is where it is, in sentences")
        .get(
            "/api/v1/runs/{id}/wait",
            Viewer,
            runs::wait,
            "The run once it is over, or as it stands when the time is up",
        )
        .get(
            "/api/v1/runs/{id}/files/{sha256}",
            Viewer,
            artifacts::of_run,
            "A file of a run, for whoever sees it there",
        )
        .post(
            "/api/v1/runs/{id}/cancel",
            Operator,
            runs::cancel,
            ("Cancels a run; what its file has for that is done", again::REFUSED),
        )
        .post(
            "/api/v1/runs/{id}/migrate",
            Operator,
            runs::migrate,
            ("Lets a run go on under another text of its workflow", again::SAME),
        )
        .post(
            "/api/v1/runs/{id}/pause",
            Operator,
            clock::pause,
            ("Stops the clock of a run or of a step in it", again::REFUSED),
        )
        .post("/api/v1/runs/{id}/resume", Operator, clock::resume, ("Lets a clock go on", again::REFUSED))
        .post("/api/v1/runs/{id}/due", Operator, clock::due, ("Gives a clock another due time", again::MOVED))
        .post("/api/v1/runs/{id}/extend", Operator, clock::extend, ("Asks for more time", again::REFUSED))
}

/// What opens a run again that is over.
fn for_retries(routes: Described) -> Described {
    routes
        .get(
            "/api/v1/runs/{id}/retry",
            Operator,
            runs::again::show,
            "What a retry would do once more, and what of it others would see",
        )
        .post("/api/v1/runs/{id}/retry", Operator, runs::retry, ("Opens a failed run again", again::REFUSED))
}

fn for_tasks(routes: Described) -> Described {
    routes
        .get(
            "/api/v1/tasks",
            Known,
            tasks::list,
            "Tasks: all for whoever may see them, else one's own; what is due first comes first",
        )
        .get("/api/v1/tasks/{id}", Known, tasks::show, "A task with its form and its case")
        .get("/api/v1/tasks/{id}/past", Known, past::show, "What became of a task that is over")
        .get("/api/v1/answers", Known, past::list, "The tasks that one answered, the newest first")
        .post("/api/v1/tasks/{id}/claim", Known, tasks::claim, ("Takes a task for oneself", again::REFUSED))
        .post(
            "/api/v1/tasks/{id}/release",
            Known,
            tasks::release,
            ("Gives a task back to all that it is for", again::REFUSED),
        )
        .post(
            "/api/v1/tasks/{id}/hand-over",
            Known,
            tasks::hand_over,
            ("Gives a task to somebody else", again::HANDED),
        )
        .post(
            "/api/v1/tasks/{id}/comment",
            Known,
            tasks::comment,
            ("Says something about a task", again::SAID),
        )
        .put(
            "/api/v1/tasks/{id}/draft",
            Known,
            drafts::put,
            ("Keeps what is filled in and not sent; nothing throws it away", again::SAME),
        )
        .post("/api/v1/tasks/{id}/answer", Known, tasks::answer, ("Answers a task", again::REFUSED))
        .post(
            "/api/v1/tasks/{id}/settle",
            Known,
            tasks::settle,
            ("Says what is true of a step of which nobody knew whether it happened", again::REFUSED),
        )
        .post(
            "/api/v1/artifacts",
            Bringer,
            artifacts::put,
            ("Keeps a file, to be named in inputs and answers by its hash", again::SAME),
        )
        .get(
            "/api/v1/tasks/{id}/files/{sha256}",
            Known,
            artifacts::of_task,
            "A file of a task, for whoever sees it there",
        )
}

fn for_clocks_of_tasks(routes: Described) -> Described {
    routes
        .post("/api/v1/tasks/{id}/pause", Known, clock::pause, ("Stops a task's clock", again::REFUSED))
        .post(
            "/api/v1/tasks/{id}/resume",
            Known,
            clock::resume,
            ("Lets a task's clock go on", again::REFUSED),
        )
        .post("/api/v1/tasks/{id}/due", Known, clock::due, ("Gives a task another due time", again::MOVED))
        .post(
            "/api/v1/tasks/{id}/extend",
            Known,
            clock::extend,
            ("Asks for more time for a task", again::REFUSED),
        )
}

fn for_registers(routes: Described) -> Described {
    routes
        .get(
            "/api/v1/registers",
            HouseOperator,
            registers::list,
            "Registers with their columns and how many lines they have",
        )
        .get(
            "/api/v1/registers/{name}/lines",
            Known,
            registers::lines,
            "Lines of a register as they were written, in order",
        )
        .post(
            "/api/v1/registers/{name}/find",
            Known,
            registers::find,
            ("Entries of a register, or figures of them", again::NOTHING),
        )
        .post(
            "/api/v1/registers/{name}/by-hand/{action}",
            HouseOperator,
            registers::keep,
            ("Writes into a register without a run", again::ID),
        )
        .post(
            "/api/v1/verify",
            HouseOperator,
            registers::verify,
            ("Looks for what was changed in registers, taken out or put in", again::NOTHING),
        )
        .post("/api/v1/query/{what}", HouseOperator, query::ask, ("Figures of runs or tasks", again::NOTHING))
}

fn for_accounts(routes: Described) -> Described {
    routes
        .get(
            "/api/v1/accounts",
            Admin,
            access::accounts,
            "People of the house, and who of them comes in with a password",
        )
        .post(
            "/api/v1/accounts/{id}/invite",
            Admin,
            access::invite,
            (
                "Makes a link under which somebody chooses a password",
                "a new link; the one before it is good no more",
            ),
        )
        .post(
            "/api/v1/accounts/{id}/shut-out",
            Admin,
            access::shut_out,
            ("Takes somebody's password and sessions away", again::SAME),
        )
        .post(
            "/api/v1/accounts/{id}/end-sessions",
            Admin,
            access::end_sessions,
            ("Signs somebody out everywhere; they can come in again", again::SAME),
        )
        .get("/api/v1/sessions", Admin, access::sessions, "Who is signed in, from where")
        .post(
            "/api/v1/sessions/{id}/end",
            Admin,
            access::end_session,
            ("Signs a session out", "refused with 404: there is no such session any more"),
        )
        .get("/api/v1/tokens", Admin, access::tokens, "Tokens, without the words that let in")
        .post(
            "/api/v1/tokens",
            Admin,
            access::make_token,
            ("Makes a token", "refused with 409: there is one of that name"),
        )
        .post(
            "/api/v1/tokens/{name}/revoke",
            Admin,
            access::revoke,
            ("Takes a token back", "refused with 404: there is no such token any more"),
        )
        .get(
            "/api/v1/audit",
            Admin,
            audit::list,
            "Who did what, to what, from where, and what was before and after; the newest first",
        )
        .get("/api/v1/log", Admin, log::show, "The last lines of the daemon's log, the newest first")
        .get("/api/v1/audit/verify", Admin, audit::verify, "Whether the audit is as it was written")
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
        .look("/new/{workflow}/{trigger}/same", Known, pages::cases::look)
        .post("/new/{workflow}/{trigger}/keep", Known, pages::cases::keep)
        .post("/new/{workflow}/{trigger}/drop", Known, pages::cases::throw_away)
        .get("/runs", Known, pages::runs::list)
        .get("/runs/{id}", Known, pages::run::show)
        .get("/runs/{id}/attempts", Known, pages::run::attempts::show)
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
        .get("/assets/{name}", Anyone, pages::assets::serve)
}

/// Pages of workflows, and of the system itself.
fn for_those_who_run_it(routes: Routes) -> Routes {
    routes
        .get("/workflows", Viewer, pages::workflows::list)
        .get("/workflows/{name}", Viewer, pages::workflows::show)
        .post("/workflows/{workflow}/triggers/{trigger}/pause", Operator, pages::workflows::pause)
        .post("/workflows/{workflow}/triggers/{trigger}/resume", Operator, pages::workflows::resume)
        .get("/workflows/{name}/trial", Viewer, pages::workflows::trial::ask)
        .post("/workflows/{name}/trial", Viewer, pages::workflows::trial::walk)
        .get("/registers", Viewer, pages::registers::show)
        .get("/system", HouseOperator, pages::system::show)
        .get("/system/accounts", Admin, pages::system::accounts)
        .post("/system/accounts/{id}/invite", Admin, pages::system::invite)
        .post("/system/accounts/{id}/shut-out", Admin, pages::system::shut_out)
        .post("/system/accounts/{id}/end-sessions", Admin, pages::system::end_sessions)
        .post("/system/sessions/{id}/end", Admin, pages::system::end_session)
        .post("/system/tokens", Admin, pages::system::make_token)
        .post("/system/tokens/{name}/revoke", Admin, pages::system::revoke)
        .get("/system/audit", Admin, pages::system::audit)
        .get("/system/log", Admin, pages::system::log)
}
