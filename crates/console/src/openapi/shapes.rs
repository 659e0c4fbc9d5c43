//! The shapes of what is sent: those that utoipa derives, lists of them, and what has no shape of its own.

use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::Schemas;
use crate::view::{Exact, Listing, Shown};

/// How something looks as JSON.
pub(crate) trait Shape {
    /// The place of it in the document, after it was put there with what it consists of.
    fn shape(schemas: &mut Schemas) -> RefOr<Schema>;
}

impl<T: ToSchema> Shape for T {
    fn shape(schemas: &mut Schemas) -> RefOr<Schema> {
        let mut all = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        for (name, schema) in all {
            let before = schemas.insert(name.clone(), schema.clone());
            debug_assert!(before.is_none_or(|before| before == schema), "two types are called `{name}`");
        }
        Ref::from_schema_name(T::name()).into()
    }
}

impl<T: Shape> Shape for Listing<T> {
    fn shape(schemas: &mut Schemas) -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(T::shape(schemas));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("What to ask with as `cursor` for the next page; null: this was the last."));
        let page = ObjectBuilder::new().property("items", items).property("next", next);
        page.required("items").required("next").into()
    }
}

/// What this reader may not see is not in it.
impl<T: Shape> Shape for Shown<T> {
    fn shape(schemas: &mut Schemas) -> RefOr<Schema> {
        T::shape(schemas)
    }
}

/// JSON whose shape somebody else decides: a workflow's file, a plugin, whoever asks.
pub(crate) fn any(description: &str) -> RefOr<Schema> {
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    Schema::Object(any.description(Some(description)).build()).into()
}

impl utoipa::PartialSchema for Exact {
    fn schema() -> RefOr<Schema> {
        any("JSON as it was kept, every number with its digits; the workflow's file says its shape.")
    }
}

impl ToSchema for Exact {}
