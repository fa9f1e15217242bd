//! Successful answers that are not plain 200: each says by its type what became of the request.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::errors::Error;
use crate::link::{Link, Noun};

/// What the traits of this crate give back.
pub type Answer<T> = Result<T, Error>;

/// One window of a list and the number of all matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub count: u64,
    pub items: Vec<T>,
}

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { count: 0, items: Vec::new() }
    }
}

#[derive(Debug)]
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// Begun, not done: the body says what to ask about.
#[derive(Debug)]
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

/// Done, and there is nothing to show.
#[derive(Debug)]
pub(crate) struct Nothing;

impl IntoResponse for Nothing {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A job to ask about.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = job_reference)]
pub(crate) struct JobReference {
    id: i64,
    url: Link,
}

impl JobReference {
    pub(crate) fn to(job: i64) -> Self {
        Self { id: job, url: Link::to(Noun::Job, job) }
    }
}

/// A task that does what was asked; `task_id` is the one that `/tasks/?task_id=` finds it by.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = task_reference)]
pub(crate) struct TaskReference {
    pub(crate) task_id: String,
}

/// A sentence for people.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = detail)]
pub(crate) struct Detail {
    pub(crate) detail: &'static str,
}
