//! Successful answers that are not plain 200: each says by its type what became of the request.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::errors::Error;

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

/// Begun, not done: the body is a job to ask about.
#[derive(Debug)]
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

/// Begun, and broken off: the body is the job, and says why.
#[derive(Debug)]
pub(crate) struct Broken<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Broken<T> {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, Json(self.0)).into_response()
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
