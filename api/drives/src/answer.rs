//! Successful answers and the envelopes they come in, which are irregular by the published API: one drive that was asked for or edited
//! is bare, one that was created, cloned or resized stands in `objects`.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::{Stream, TryStreamExt};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Ref, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::errors::{Error, Reason};

/// What the traits of this crate give back.
pub type Answer<T> = Result<T, Error>;

/// One window of a list and the number of all matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub total_count: u64,
    pub items: Vec<T>,
}

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { total_count: 0, items: Vec::new() }
    }
}

/// JSON under a status, by the content type that clients of this API know.
#[derive(Debug)]
pub(crate) struct Shown<T>(pub(crate) StatusCode, pub(crate) T);

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(bytes) => (self.0, [(CONTENT_TYPE, JSON)], bytes).into_response(),
            // Nothing of this crate has a form that JSON cannot hold.
            Err(_) => (Reason::Fault.status(), [(CONTENT_TYPE, JSON)], "[]").into_response(),
        }
    }
}

/// 200 with this.
pub(crate) fn shown<T>(value: T) -> Shown<T> {
    Shown(StatusCode::OK, value)
}

/// 200 with JSON text as it comes. What fails on the way breaks it off, so that nobody takes a part for the whole.
pub(crate) fn streamed(pieces: impl Stream<Item = Answer<String>> + Send + 'static) -> Response {
    let pieces = pieces.map_err(|_| std::io::Error::other("the answer cannot be read to its end"));
    (StatusCode::OK, [(CONTENT_TYPE, JSON)], Body::from_stream(pieces)).into_response()
}

/// 202: begun, not done.
pub(crate) fn begun<T>(value: T) -> Shown<T> {
    Shown(StatusCode::ACCEPTED, value)
}

/// `{"objects": […]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Objects<T> {
    pub(crate) objects: Vec<T>,
}

impl<T> Objects<T> {
    pub(crate) fn one(object: T) -> Self {
        Self { objects: vec![object] }
    }
}

/// 201; when it is one thing, its address is in a header too.
pub(crate) struct Created<T> {
    objects: Objects<T>,
    location: Option<HeaderValue>,
}

impl<T> Created<T> {
    pub(crate) fn of(objects: Vec<T>, address: impl Fn(&T) -> String) -> Self {
        let location = match objects.as_slice() {
            [one] => HeaderValue::from_str(&address(one)).ok(),
            _ => None,
        };
        Self { objects: Objects { objects }, location }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Shown(StatusCode::CREATED, self.objects).into_response();
        if let Some(location) = self.location {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// 204; the published API gives even an empty answer a type.
#[derive(Debug)]
pub(crate) struct Gone(&'static str);

impl Gone {
    pub(crate) const DRIVE: Self = Self("text/html; charset=utf-8");
    pub(crate) const OTHER: Self = Self("application/json; charset=utf-8");
}

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        (StatusCode::NO_CONTENT, [(CONTENT_TYPE, self.0)]).into_response()
    }
}

/// The window of a list as it was asked for, and all that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = list_meta)]
pub(crate) struct ListMeta {
    /// 0 is all.
    pub(crate) limit: u32,
    pub(crate) offset: u64,
    /// After filters, before the window.
    pub(crate) total_count: u64,
}

/// `{"meta": {…}, "objects": […]}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Listed<T> {
    pub(crate) meta: ListMeta,
    pub(crate) objects: Vec<T>,
}

type Schemas = Vec<(String, RefOr<Schema>)>;

/// An array of `T`, as a member of an envelope.
pub(crate) fn many<T: ToSchema>() -> ArrayBuilder {
    ArrayBuilder::new().items(RefOr::<Schema>::Ref(Ref::from_schema_name(T::name())))
}

fn with<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

impl<T: ToSchema> PartialSchema for Objects<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().property("objects", many::<T>()).required("objects").into()
    }
}

impl<T: ToSchema> ToSchema for Objects<T> {
    fn name() -> Cow<'static, str> {
        format!("{}_objects", T::name()).into()
    }

    fn schemas(schemas: &mut Schemas) {
        with::<T>(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Listed<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .property("meta", RefOr::<Schema>::Ref(Ref::from_schema_name(ListMeta::name())))
            .required("meta")
            .property("objects", many::<T>())
            .required("objects")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Listed<T> {
    fn name() -> Cow<'static, str> {
        format!("{}_list", T::name()).into()
    }

    fn schemas(schemas: &mut Schemas) {
        with::<ListMeta>(schemas);
        with::<T>(schemas);
    }
}
