//! Routes that say what they are, and the document that they make together.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::handler::Handler;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::extensions::{Extensions, ExtensionsBuilder};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, Info, ObjectBuilder, OpenApi, Paths, Ref, Required,
    ResponseBuilder as Answered,
};

use super::{Gives, JSON, Making, Schemas, Shape, Tells, any};
use crate::caller::COOKIE;
use crate::desk::Desk;
use crate::refusal::Problem;
use crate::rights::{Anyone, Near, Needs, Routes};

/// What the API is, for whoever reads the document first.
const ABOUT: &str = "\
Workflows, runs, tasks and registers of a house.\n\n\
Whoever asks sends `Authorization: Bearer <token>`, has signed in with a browser, or asks over the home's socket, which only \
its owner can open. `x-needs` of an operation says which role it takes: `known` (anybody who is), `bringer` (the same but for tokens that only look), `viewer`, `worker`, \
`operator` (of the workflow that it is about), `house operator`, `author`, `admin` (of all workflows).\n\n\
Times are instants of RFC 3339 in UTC, or milliseconds since 1970 where they are whole numbers. Lists are pages: `next` of \
one is the `cursor` of the next. Every refusal is `application/problem+json` with a `code` that `yizhan explain` explains. \
Fields are added to answers, never removed: pass over those that you do not know.\n\n\
Each operation that changes something says in `x-repeated` what becomes of the same request sent again.";

const BEARER: &str = "bearer";
const SESSION: &str = "session";
const REFUSED: &str = "Refused";
const FAILED: &str = "Failed";

/// Routes of the API in the making: one that does not say what it does, takes and gives does not compile.
pub(crate) struct Described {
    routes: Routes,
    paths: Paths,
    schemas: Schemas,
}

impl Described {
    pub(crate) fn new(desk: &Arc<Desk>) -> Self {
        Self { routes: Routes::new(desk), paths: Paths::new(), schemas: Schemas::new() }
    }

    pub(crate) fn get<N, H, T>(mut self, path: &'static str, needs: N, handler: H, does: &str) -> Self
    where
        N: Needs,
        H: Handler<T, Arc<Desk>> + Tells<T>,
        T: 'static,
    {
        self.describe::<N, H, T>(HttpMethod::Get, path, (does, None));
        Self { routes: self.routes.get(path, needs, handler), ..self }
    }

    /// `repeated`: what becomes of the same request sent again, so that each route has thought of it.
    pub(crate) fn post<N, H, T>(
        mut self,
        path: &'static str,
        needs: N,
        handler: H,
        (does, repeated): (&str, &str),
    ) -> Self
    where
        N: Needs,
        H: Handler<T, Arc<Desk>> + Tells<T>,
        T: 'static,
    {
        self.describe::<N, H, T>(HttpMethod::Post, path, (does, Some(repeated)));
        Self { routes: self.routes.post(path, needs, handler), ..self }
    }

    /// A look that brings along what has no place in an address. It changes nothing and is no act.
    pub(crate) fn look<N, H, T>(mut self, path: &'static str, needs: N, handler: H, does: &str) -> Self
    where
        N: Needs,
        H: Handler<T, Arc<Desk>> + Tells<T>,
        T: 'static,
    {
        let repeated = "nothing is changed by it, however often";
        self.describe::<N, H, T>(HttpMethod::Post, path, (does, Some(repeated)));
        Self { routes: self.routes.look(path, needs, handler), ..self }
    }

    pub(crate) fn put<N, H, T>(
        mut self,
        path: &'static str,
        needs: N,
        handler: H,
        (does, repeated): (&str, &str),
    ) -> Self
    where
        N: Needs,
        H: Handler<T, Arc<Desk>> + Tells<T>,
        T: 'static,
    {
        self.describe::<N, H, T>(HttpMethod::Put, path, (does, Some(repeated)));
        Self { routes: self.routes.put(path, needs, handler), ..self }
    }

    fn describe<N: Needs, H: Tells<T>, T>(
        &mut self,
        method: HttpMethod,
        path: &str,
        (does, repeated): (&str, Option<&str>),
    ) {
        let mut making = Making {
            schemas: &mut self.schemas,
            parameters: named_in(path),
            body: None,
            answers: BTreeMap::new(),
        };
        H::tell(&mut making);
        let Making { parameters, body, answers, .. } = making;
        let mut operation = OperationBuilder::new()
            .summary(Some(does))
            .operation_id(Some(id_of(&method, path)))
            .tag(tag_of(path))
            .parameters(Some(parameters))
            .request_body(body)
            .securities(Some(lets_in::<N>()))
            .extensions(Some(beside(N::NAME, repeated)))
            .build();
        operation.responses.responses.extend(answers.into_iter().map(|(code, one)| (code, one.into())));
        refuses(&mut operation);
        self.paths.add_path_operation(path, vec![method], operation);
    }

    /// The routes, with one for the document of them all.
    pub(crate) fn into_routes(self, desk: &Desk) -> Routes {
        let Self { routes, paths, schemas } =
            self.get("/api/v1/openapi.json", Anyone, document, "This document");
        let whole = serde_json::to_vec(&whole(paths, schemas)).unwrap_or_default();
        // Whoever makes the routes of one desk twice makes the same document.
        drop(desk.document.set(whole.into()));
        routes
    }
}

/// The document as it is sent.
pub(crate) struct Document(Bytes);

async fn document(State(desk): State<Arc<Desk>>) -> Document {
    Document(desk.document.get().cloned().unwrap_or_default())
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, JSON)], self.0).into_response()
    }
}

impl Gives for Document {
    fn give(making: &mut Making<'_>) {
        let schema = any("An OpenAPI document.");
        making.gives(StatusCode::OK, JSON, schema, "The document.");
    }
}

fn whole(paths: Paths, mut schemas: Schemas) -> OpenApi {
    let problem = Problem::shape(&mut schemas);
    let refusal = |what: &str| {
        let content = ContentBuilder::new().schema(Some(problem.clone())).build();
        Answered::new().description(what).content("application/problem+json", content)
    };
    let mut components = Components::new();
    components.schemas = schemas;
    components.responses = BTreeMap::from([
        (
            REFUSED.to_owned(),
            refusal("Refused: `code` and `detail` say why, `help` what to do.").build().into(),
        ),
        (
            FAILED.to_owned(),
            refusal("Not done now. With `Retry-After` it is worth trying again.").build().into(),
        ),
    ]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer
        .description(Some("A token of `[http] tokens`, or one that `yizhan account token` made."))
        .build();
    let cookie = ApiKeyValue::with_description(COOKIE, "A session, which a browser has after signing in.");
    components.security_schemes = BTreeMap::from([
        (BEARER.to_owned(), SecurityScheme::Http(bearer)),
        (SESSION.to_owned(), SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
    ]);
    let mut info = Info::new("Yizhan", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut whole = OpenApi::new(info, paths);
    whole.components = Some(components);
    whole
}

/// What the routes under one word have in common: `runs`.
fn tag_of(path: &str) -> &str {
    path.strip_prefix("/api/v1/").unwrap_or(path).split('/').find(|part| !part.is_empty()).unwrap_or(path)
}

/// `post_runs_id_cancel`.
fn id_of(method: &HttpMethod, path: &str) -> String {
    let method = match method {
        HttpMethod::Get => "get",
        HttpMethod::Put => "put",
        HttpMethod::Post
        | HttpMethod::Delete
        | HttpMethod::Options
        | HttpMethod::Head
        | HttpMethod::Patch
        | HttpMethod::Trace => "post",
    };
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let words = path.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}

/// The names in a path, as parameters.
fn named_in(path: &str) -> Vec<Parameter> {
    let parts: Vec<&str> = path.split('/').collect();
    let name = |part: &str| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned());
    let parameter = |(at, part): (usize, &&str)| {
        let name = name(part)?;
        let of = at.checked_sub(1).map_or("", |before| parts[before]);
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let parameter = ParameterBuilder::new().name(&name).parameter_in(ParameterIn::Path);
        let parameter = parameter.required(Required::True).description(Some(meaning(of, &name)));
        Some(parameter.schema(Some(schema)).build())
    };
    parts.iter().enumerate().filter_map(parameter).collect()
}

fn meaning(of: &str, name: &str) -> String {
    let meaning = match of {
        "runs" => "A run: its whole id, or the first characters of it where no other run has them.",
        "tasks" => "A task's id, as lists show it.",
        "workflows" | "hooks" | "triggers" => "A workflow's name: that of its file without `.toml`.",
        "registers" => "A register's name in `config/registers.toml`.",
        "by-hand" => "`append`, `amend`, `void` or `erase`.",
        "query" => "`runs` or `tasks`.",
        "texts" => "The hash of a workflow's text, as runs show it.",
        "files" => "SHA-256 of the file, 64 figures in hexadecimal.",
        "accounts" => "Somebody of `config/people.toml`, with or without `person:`.",
        "sessions" => "A session's id, as lists show it.",
        "tokens" => "The name that the token was made with.",
        "plugins" => "A plugin's id.",
        _ => return format!("The {name}."),
    };
    meaning.to_owned()
}

fn lets_in<N: Needs>() -> Vec<SecurityRequirement> {
    let scopes: [&str; 0] = [];
    let known = [BEARER, SESSION].map(|scheme| SecurityRequirement::new(scheme, scopes));
    match N::NAME {
        Anyone::NAME => vec![],
        // Or nothing, on this machine.
        Near::NAME => [SecurityRequirement::default()].into_iter().chain(known).collect(),
        _ => known.to_vec(),
    }
}

fn beside(needs: &str, repeated: Option<&str>) -> Extensions {
    let mut beside = ExtensionsBuilder::new().add("x-needs", needs);
    if let Some(repeated) = repeated {
        beside = beside.add("x-repeated", repeated);
    }
    beside.build()
}

fn refuses(operation: &mut Operation) {
    for (codes, answer) in [("4XX", REFUSED), ("5XX", FAILED)] {
        let answer = Ref::from_response_name(answer);
        operation.responses.responses.insert(codes.to_owned(), answer.into());
    }
}
