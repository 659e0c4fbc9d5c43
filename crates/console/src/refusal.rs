//! What a caller is told when we say no: `application/problem+json` with our code and the next step.

pub(crate) mod language;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_engine::intake::IntakeError;
use yizhan_engine::library::TextError;
use yizhan_engine::live::LoadError;
use yizhan_engine::store::StoreError;
use yizhan_engine::{ActError, PublishError, StartError};
use yizhan_workflow::form::FieldFault;
use yizhan_workflow::id::RunId;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::Refusal as RunRefusal;

/// The body of every error, as it is sent and as a client reads it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// The run that holds the key, or that an earlier request with this id started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    pub field: String,
    pub code: String,
    pub message: String,
    /// What the words name, for whoever says them in another language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

/// Why a request was not done. Inner errors are logged, never sent.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the request cannot be read: {0}")]
    Unreadable(String),
    /// The address brings something that is not right: the cursor of another list, a day that is none.
    #[error("the request cannot be read: {0}")]
    Address(String),
    #[error("this needs a token, and none that is known was sent")]
    Unknown,
    #[error("this is answered on this machine only, or with a token")]
    Far,
    #[error("this needs the role {role}{}", .on.as_ref().map_or_else(String::new, |on| format!(" for `{on}`")))]
    NoRight { role: Role, on: Option<String> },
    #[error("this came from a page of somebody else")]
    CrossSite,
    #[error("name or password is not right")]
    NotKnown,
    #[error("too many tries; the next is in {0} s")]
    Guessing(u64),
    #[error("there is nothing at `{0}`")]
    NoSuchPage(String),
    #[error("`{0}` is not done here")]
    NotDoneHere(String),
    #[error("there is no {kind} `{name}`")]
    NoSuch { kind: &'static str, name: String },
    #[error("the body has more than {most} bytes")]
    TooLarge { most: usize },
    #[error("a body of type `{0}` is not taken here")]
    WrongType(String),
    /// Of one sender within a day.
    #[error("of one sender {files} files and {megabytes} MB are taken within a day, and this would be more")]
    TooManyFiles { files: u64, megabytes: u64 },
    #[error("the body did not come in time")]
    TooSlow,
    #[error("several runs begin with `{0}`")]
    Ambiguous(String),
    #[error("the key is held by {}", .0.map_or_else(|| "another run".to_owned(), |run| run.to_string()))]
    KeyHeld(Option<RunId>),
    #[error("this has been dealt with: {0}")]
    DealtWith(String),
    #[error("{}", said(.0))]
    Fields(Vec<FieldFault>),
    #[error("{message}")]
    Expression { code: String, message: String },
    #[error("{0}")]
    NotYours(String),
    #[error("{0}")]
    NotNow(String),
    #[error("the signature is not right: {0}")]
    WrongSignature(&'static str),
    #[error("the message is {0} s away from our clock")]
    OutOfWindow(u64),
    #[error("this webhook has no secret yet by which a delivery could be known")]
    NoSecret,
    #[error("`Idempotency-Key` cannot be read: {0}")]
    BadKey(&'static str),
    #[error("this `Idempotency-Key` came before with another body")]
    OtherPayload { run: Option<RunId> },
    #[error("a request with this id is still under way")]
    UnderWay,
    #[error("too much is waiting")]
    Busy,
    #[error("this trigger is paused since {0}")]
    Paused(String),
    #[error("{most} streams of events are open, and no more are opened")]
    TooManyStreams { most: usize },
    #[error("the disk is full; nothing is taken in until there is space")]
    DiskFull,
    #[error("the daemon is stopping")]
    Stopping,
    #[error("the daemon is not ready: {0}")]
    NotReady(String),
    #[error("the workflow `{0}` has faults and no text that was ever good")]
    Faulty(String),
    /// Said to the log with its cause.
    #[error("the store could not be read")]
    Store,
    #[error("the accounts could not be read or written, so nothing was done")]
    Accounts,
    #[error("something here is wrong, and it is not your request")]
    Bug,
}

fn said(fields: &[FieldFault]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refusal {
    pub(crate) fn bug(what: &'static str, cause: &dyn Display) -> Self {
        tracing::error!(%cause, "{what}");
        Self::Bug
    }

    fn kind(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Unreadable(_) | Self::Address(_) => (S::BAD_REQUEST, "YZ0400"),
            Self::Unknown => (S::UNAUTHORIZED, "YZ0401"),
            Self::Far => (S::UNAUTHORIZED, "YZ0402"),
            Self::NoSuchPage(_) => (S::NOT_FOUND, "YZ0403"),
            Self::NoSuch { .. } => (S::NOT_FOUND, "YZ0404"),
            Self::NotDoneHere(_) => (S::METHOD_NOT_ALLOWED, "YZ0405"),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "YZ0406"),
            Self::WrongType(_) => (S::UNSUPPORTED_MEDIA_TYPE, "YZ0407"),
            Self::TooSlow => (S::REQUEST_TIMEOUT, "YZ0408"),
            Self::KeyHeld(_) => (S::CONFLICT, "YZ0409"),
            Self::DealtWith(_) => (S::CONFLICT, "YZ0410"),
            Self::Ambiguous(_) => (S::BAD_REQUEST, "YZ0411"),
            Self::Fields(_) => (S::UNPROCESSABLE_ENTITY, "YZ0412"),
            Self::Expression { .. } => (S::UNPROCESSABLE_ENTITY, "YZ0413"),
            Self::NotYours(_) => (S::FORBIDDEN, "YZ0414"),
            Self::NotNow(_) => (S::CONFLICT, "YZ0415"),
            Self::WrongSignature(_) => (S::UNAUTHORIZED, "YZ0416"),
            Self::OutOfWindow(_) => (S::UNAUTHORIZED, "YZ0417"),
            Self::NoSecret => (S::SERVICE_UNAVAILABLE, "YZ0418"),
            Self::BadKey(_) => (S::BAD_REQUEST, "YZ0419"),
            Self::OtherPayload { .. } => (S::UNPROCESSABLE_ENTITY, "YZ0420"),
            Self::UnderWay => (S::CONFLICT, "YZ0421"),
            Self::Busy => (S::SERVICE_UNAVAILABLE, "YZ0422"),
            Self::DiskFull => (S::SERVICE_UNAVAILABLE, "YZ0423"),
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "YZ0424"),
            Self::NotReady(_) => (S::SERVICE_UNAVAILABLE, "YZ0425"),
            Self::Faulty(_) => (S::CONFLICT, "YZ0426"),
            Self::Store => (S::INTERNAL_SERVER_ERROR, "YZ0427"),
            Self::Bug => (S::INTERNAL_SERVER_ERROR, "YZ0428"),
            Self::NoRight { .. } => (S::FORBIDDEN, "YZ0430"),
            Self::CrossSite => (S::FORBIDDEN, "YZ0431"),
            Self::NotKnown => (S::UNAUTHORIZED, "YZ0432"),
            Self::Guessing(_) => (S::TOO_MANY_REQUESTS, "YZ0433"),
            Self::Accounts => (S::SERVICE_UNAVAILABLE, "YZ0434"),
            Self::TooManyStreams { .. } => (S::SERVICE_UNAVAILABLE, "YZ0435"),
            Self::Paused(_) => (S::SERVICE_UNAVAILABLE, "YZ0436"),
            Self::TooManyFiles { .. } => (S::TOO_MANY_REQUESTS, "YZ0437"),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.kind().0
    }

    /// The next step for whoever reads it.
    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Unknown | Self::Far => {
                "use the home's socket, send `Authorization: Bearer <token>`, or sign in".to_owned()
            }
            Self::NoSuchPage(_) => {
                "the API begins at /api/v1, webhooks at /hooks/<workflow>/<trigger>".to_owned()
            }
            Self::NoSuch { kind: "run", .. } => {
                "copy the id from `yizhan runs`; the first characters are enough if no other run has them"
                    .to_owned()
            }
            Self::NoSuch { kind: "task", .. } => {
                "it may have been answered, withdrawn or overtaken".to_owned()
            }
            Self::NoSuch { kind: "workflow", .. } => {
                "`yizhan check` says what is wrong with a file".to_owned()
            }
            Self::NoSuch { kind: "artifact", .. } => {
                "send it to POST /api/v1/artifacts first: a file is named by whoever sent it, or sees it in the task".to_owned()
            }
            Self::TooManyFiles { .. } => {
                "send it tomorrow, or have `uploads_a_day` and `upload_bytes_a_day` in `yizhan.toml` raised".to_owned()
            }
            Self::Ambiguous(_) => "write more of the id".to_owned(),
            Self::KeyHeld(Some(run)) => format!("look at it: `yizhan show {run}`"),
            Self::KeyHeld(None) => "take another key, or wait until that one is over".to_owned(),
            Self::TooLarge { .. } => "send large things to POST /api/v1/artifacts and name them".to_owned(),
            Self::WrongType(_) => "send `application/json`".to_owned(),
            Self::NoSecret => "whoever runs the house sees in `yizhan doctor` what is missing; send it again later".to_owned(),
            Self::OutOfWindow(_) => "set the sender's clock, and sign each delivery anew".to_owned(),
            Self::OtherPayload { .. } => "take a new key for a new request".to_owned(),
            Self::Busy | Self::DiskFull | Self::Stopping | Self::NotReady(_) | Self::UnderWay => {
                "try again shortly; nothing was taken in".to_owned()
            }
            Self::TooManyStreams { .. } => {
                "close a page that shows what changes, or ask for the list when you want to see it".to_owned()
            }
            Self::Paused(_) => "send it again later; nothing was taken in".to_owned(),
            Self::Faulty(name) => format!("mend the file; `yizhan check` says what is wrong with `{name}`"),
            Self::Store | Self::Bug | Self::Accounts => "the daemon's log has the cause".to_owned(),
            Self::NoRight { .. } => {
                "an administrator gives it in `config/people.toml`: `[right.<name>]` with who, may, on"
                    .to_owned()
            }
            Self::CrossSite => "open the page from here, and send it again".to_owned(),
            Self::NotKnown => "whoever forgot theirs asks an administrator for a new invitation".to_owned(),
            Self::Guessing(_) => "wait so long; the right password counts from then on".to_owned(),
            Self::Unreadable(_)
            | Self::Address(_)
            | Self::NotDoneHere(_)
            | Self::NoSuch { .. }
            | Self::TooSlow
            | Self::DealtWith(_)
            | Self::Fields(_)
            | Self::Expression { .. }
            | Self::NotYours(_)
            | Self::NotNow(_)
            | Self::WrongSignature(_)
            | Self::BadKey(_) => return None,
        })
    }

    fn fields(&self) -> Vec<FieldProblem> {
        let Self::Fields(faults) = self else { return vec![] };
        faults
            .iter()
            .map(|fault| FieldProblem {
                field: fault.field.clone(),
                code: fault.code.to_string(),
                message: fault.message.clone(),
                names: fault.names.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            })
            .collect()
    }

    fn run(&self) -> Option<String> {
        self.named().map(|run| run.to_string())
    }

    /// The run that stands in the way.
    pub(crate) fn named(&self) -> Option<RunId> {
        if let Self::KeyHeld(run) | Self::OtherPayload { run } = self { *run } else { None }
    }

    /// For whoever may not look at the run that stands in the way.
    pub(crate) fn unnamed(mut self) -> Self {
        if let Self::KeyHeld(run) | Self::OtherPayload { run } = &mut self {
            *run = None;
        }
        self
    }

    pub(crate) fn problem(&self) -> Problem {
        let (status, code) = self.kind();
        // An expression's own code says more than that one failed.
        let code = if let Self::Expression { code: own, .. } = self
            && !own.is_empty()
        {
            own
        } else {
            code
        };
        Problem {
            kind: format!("urn:yizhan:{code}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: self.to_string(),
            help: self.help(),
            fields: self.fields(),
            run: self.run(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, _) = self.kind();
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // What somebody paused does not go on in a moment.
            let after = if matches!(self, Self::Paused(_)) { "300" } else { "2" };
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(after));
        }
        if matches!(self, Self::Unknown | Self::Far) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // A page says it in its reader's words.
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            // The only thing of a reading that comes from outside is the cursor.
            StoreError::Failed(message) if message.contains("cursor") => Self::Address(message),
            StoreError::Full(_) | StoreError::Broken(_) | StoreError::Failed(_) => {
                tracing::error!(%error, "the store could not be read");
                Self::Store
            }
        }
    }
}

impl From<TextError> for Refusal {
    fn from(error: TextError) -> Self {
        tracing::error!(%error, "a run's text could not be read");
        Self::Store
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRun(run) => Self::NoSuch { kind: "run", name: run.to_string() },
            LoadError::Damaged { .. } => {
                tracing::error!(%error, "a run could not be read");
                Self::Store
            }
            LoadError::Text(error) => error.into(),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::NotAnObject(_) | IntakeError::TooLarge { .. } => Self::Unreadable(error.to_string()),
            IntakeError::Fields(faults) => Self::Fields(faults),
            IntakeError::Expression(error) => {
                Self::Expression { code: error.code.to_string(), message: error.message.to_string() }
            }
            IntakeError::LeftOut => Self::NotNow(error.to_string()),
            IntakeError::NoSuchTrigger(name) => Self::NoSuch { kind: "trigger", name },
        }
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        match error {
            StartError::NoSuchWorkflow(name) => Self::NoSuch { kind: "workflow", name },
            StartError::Intake(error) => error.into(),
            StartError::KeyHeld { by } => Self::KeyHeld(Some(by)),
            StartError::Gathered { .. } => Self::Busy,
            StartError::FiredBefore { .. } => Self::DealtWith(error.to_string()),
            StartError::Act(error) => error.into(),
        }
    }
}

impl From<ActError> for Refusal {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NoSuchRun(run) => Self::NoSuch { kind: "run", name: run.to_string() },
            ActError::Refused(refusal) => refusal.into(),
            ActError::Unreadable(why) => {
                tracing::error!(%why, "a run could not be read");
                Self::Store
            }
            ActError::Busy => Self::Busy,
            ActError::DiskFull => Self::DiskFull,
            ActError::Stopping => Self::Stopping,
            ActError::Paused(since) => Self::Paused(since.to_string()),
        }
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Act(error) => error.into(),
            PublishError::Name { .. } | PublishError::Key | PublishError::TooLarge(_) => {
                Self::Unreadable(error.to_string())
            }
        }
    }
}

impl From<RunRefusal> for Refusal {
    fn from(refusal: RunRefusal) -> Self {
        match refusal {
            RunRefusal::Echo(why) => Self::DealtWith(why.to_owned()),
            RunRefusal::Form(faults) => Self::Fields(faults),
            RunRefusal::NobodyCalled(_) | RunRefusal::NoWords | RunRefusal::TooManyWords => {
                Self::Unreadable(refusal.to_string())
            }
            RunRefusal::NotYours { .. }
            | RunRefusal::ClaimedBy(_)
            | RunRefusal::HasSigned(_)
            | RunRefusal::Excluded { .. } => Self::NotYours(refusal.to_string()),
            RunRefusal::NoSuchStep(step) => Self::NoSuch { kind: "step", name: step.to_string() },
            RunRefusal::NotRetriable(_)
            | RunRefusal::FromRequired { .. }
            | RunRefusal::ParentDecides(_)
            | RunRefusal::DoesNotMap(_)
            | RunRefusal::NoClock
            | RunRefusal::NoExtend
            | RunRefusal::TooLateToAsk(_)
            | RunRefusal::AskedAlready
            | RunRefusal::NotMoreTime { .. }
            | RunRefusal::NoReason
            | RunRefusal::DuePast(_)
            | RunRefusal::StandsByFile(_)
            | RunRefusal::WrongVerdict => Self::NotNow(refusal.to_string()),
            RunRefusal::Expression { .. } => {
                Self::Expression { code: String::new(), message: refusal.to_string() }
            }
            RunRefusal::Impossible(why) => Self::bug("a run was told the impossible", &why),
        }
    }
}
