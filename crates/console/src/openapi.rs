//! The document of the API, OpenAPI 3.1: made of the very types that handlers take and give, so that it cannot say otherwise.

mod document;
mod shapes;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder, Schema};

pub(crate) use document::Described;
pub(crate) use shapes::{Shape, any};

use crate::body::{Answer, Asked, Created, File, Given, Named, TakenIn};
use crate::caller::{Asker, Caller};
use crate::refusal::Refusal;

pub(crate) const JSON: &str = "application/json";

/// Types by the names that the document has for them.
pub(crate) type Schemas = BTreeMap<String, RefOr<Schema>>;

/// What is known of an operation so far.
pub(crate) struct Making<'d> {
    pub schemas: &'d mut Schemas,
    pub parameters: Vec<Parameter>,
    pub body: Option<RequestBody>,
    pub answers: BTreeMap<String, Response>,
}

impl Making<'_> {
    pub(crate) fn takes(&mut self, media: &str, schema: RefOr<Schema>, description: &str) {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body = self.body.get_or_insert_default();
        body.description = Some(description.to_owned());
        body.content.insert(media.to_owned(), content);
    }

    pub(crate) fn gives(&mut self, status: StatusCode, media: &str, schema: RefOr<Schema>, what: &str) {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let answer = ResponseBuilder::new().description(what).content(media, content).build();
        self.answers.insert(status.as_str().to_owned(), answer);
    }
}

/// Something of a request that a handler takes.
pub(crate) trait Asks {
    fn ask(_: &mut Making<'_>) {}
}

/// What a handler answers.
pub(crate) trait Gives {
    fn give(_: &mut Making<'_>);
}

/// A handler, which says what it takes and gives. `T` is as in `axum::handler::Handler`.
pub(crate) trait Tells<T> {
    fn tell(_: &mut Making<'_>);
}

macro_rules! tells {
    ($($given:ident)*) => {
        impl<F, Answered, Future, M, $($given,)*> Tells<(M, $($given,)*)> for F
        where
            F: FnOnce($($given),*) -> Future,
            Future: std::future::Future<Output = Answered>,
            Answered: Gives,
            $($given: Asks,)*
        {
            fn tell(making: &mut Making<'_>) {
                $($given::ask(making);)*
                Answered::give(making);
            }
        }
    };
}

tells! {}
tells! { A }
tells! { A B }
tells! { A B C }
tells! { A B C D }
tells! { A B C D E }

impl<S> Asks for axum::extract::State<S> {}

impl Asks for Caller {}

impl Asks for Asker {}

/// The names of a path are told by the path.
impl<T> Asks for Named<T> {}

impl<T: IntoParams> Asks for Asked<T> {
    fn ask(making: &mut Making<'_>) {
        making.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
    }
}

impl<T: Shape> Asks for Given<T> {
    fn ask(making: &mut Making<'_>) {
        let schema = T::shape(making.schemas);
        making.takes(JSON, schema, "No body at all is an empty object.");
    }
}

impl Asks for File {
    fn ask(making: &mut Making<'_>) {
        making.takes("application/octet-stream", any("The bytes, of whatever type."), "The file as it is.");
    }
}

impl<T: Shape> Gives for Answer<T> {
    fn give(making: &mut Making<'_>) {
        let schema = T::shape(making.schemas);
        making.gives(StatusCode::OK, JSON, schema, "Done.");
    }
}

impl<T: Shape> Gives for Created<T> {
    fn give(making: &mut Making<'_>) {
        let schema = T::shape(making.schemas);
        making.gives(StatusCode::CREATED, JSON, schema, "It is there now.");
    }
}

impl<T: Shape> Gives for TakenIn<T> {
    fn give(making: &mut Making<'_>) {
        let schema = T::shape(making.schemas);
        making.gives(StatusCode::ACCEPTED, JSON, schema.clone(), "Taken in, and on disk.");
        making.gives(StatusCode::OK, JSON, schema, "It came before; nothing was done anew.");
    }
}

impl<T: Gives> Gives for Result<T, Refusal> {
    fn give(making: &mut Making<'_>) {
        T::give(making);
    }
}
