//! The error of this dialect: always a list, each item with a type, a message and the field at fault. Clients read all three members,
//! and one of them fails on an object where it expects the list. The only status codes of the room stand here.

use axum::response::{IntoResponse, Response};
use capstan_api_http::{Operation, Problem, advise};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Shown;

/// Errors that are named at once, and characters of a message; more would only repeat what the client sent.
const ERRORS_NAMED: usize = 32;
const MESSAGE_LIMIT: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = error_type)]
pub enum ErrorType {
    Validation,
    Notexist,
    Backend,
    Permission,
    Database,
    Concurrency,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = error_item)]
pub struct ErrorItem {
    pub error_type: ErrorType,
    pub error_message: String,
    /// The field at fault; null when it is no single field.
    pub error_point: Option<String>,
}

/// The body of every answer that is not a success.
#[derive(Debug, ToSchema)]
#[schema(as = error)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
pub(crate) struct ErrorBody(Vec<ErrorItem>);

/// Why the whole request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It cannot be read, or asks for what cannot be.
    Invalid,
    Unauthenticated,
    /// The caller may not do this, or nobody can in the state that the object is in.
    NotPermitted,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    TooSlow,
    TooLarge,
    UnsupportedMedia,
    /// Somebody else changes the same object, or too many ask at once.
    Concurrency,
    /// No healthy storage of the type that was asked for, or no room on it.
    NoCapacity,
    /// The storage behind failed or cannot be reached.
    Unavailable,
    /// The catalogue failed.
    Database,
    /// The host's own fault.
    Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub reason: Reason,
    pub items: Vec<ErrorItem>,
    pub retry_after_seconds: Option<u64>,
}

impl Error {
    /// A failure of the whole request.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, items: vec![reason.item(None, message.into())], retry_after_seconds: None }
    }

    /// One field is wrong.
    pub fn invalid(point: &str, message: impl Into<String>) -> Self {
        Self::all(vec![ErrorItem::invalid(point, message)])
    }

    /// All that is wrong with a request; there has to be something.
    pub(crate) fn all(mut items: Vec<ErrorItem>) -> Self {
        items.truncate(ERRORS_NAMED);
        Self { reason: Reason::Invalid, items, retry_after_seconds: None }
    }

    /// `noun` is one of them, such as `drive`.
    pub fn not_found(noun: &str, name: impl std::fmt::Display) -> Self {
        Self::new(Reason::NotFound, format!("There is no {noun} {name}"))
    }

    /// The object is in a state that does not allow it, or the caller has no right to it.
    pub fn not_permitted(message: impl Into<String>) -> Self {
        Self::new(Reason::NotPermitted, message)
    }

    /// In the words that clients know.
    pub fn no_capacity(storage_type: &str) -> Self {
        Self::new(Reason::NoCapacity, format!("We currently cannot provide enough resources to create a {storage_type} drive"))
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_seconds = seconds;
        self
    }
}

impl ErrorItem {
    pub(crate) fn invalid(point: &str, message: impl Into<String>) -> Self {
        Reason::Invalid.item(Some(point).filter(|point| !point.is_empty()), message.into())
    }

    /// In the words that clients know.
    pub(crate) fn required(point: &str) -> Self {
        Self::invalid(point, "This field is required")
    }
}

impl Reason {
    fn item(self, point: Option<&str>, mut message: String) -> ErrorItem {
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_LIMIT) {
            message.truncate(end);
            message.push('…');
        }
        ErrorItem { error_type: self.kind(), error_message: message, error_point: point.map(str::to_owned) }
    }

    fn kind(self) -> ErrorType {
        match self {
            Self::Invalid | Self::NotAcceptable | Self::TooSlow | Self::TooLarge | Self::UnsupportedMedia => {
                ErrorType::Validation
            }
            Self::Unauthenticated | Self::NotPermitted | Self::MethodNotAllowed => ErrorType::Permission,
            Self::NotFound => ErrorType::Notexist,
            Self::Concurrency => ErrorType::Concurrency,
            Self::NoCapacity | Self::Unavailable | Self::Fault => ErrorType::Backend,
            Self::Database => ErrorType::Database,
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NotPermitted => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Concurrency | Self::NoCapacity | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database | Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let message = problem.to_string();
        match problem {
            Problem::WrongTypes(wrong) => Self::all(
                wrong
                    .into_iter()
                    .map(|one| ErrorItem::invalid(if one.attribute == "." { "" } else { &one.attribute }, one.message))
                    .collect(),
            ),
            Problem::Malformed(_) => Self::new(Reason::Invalid, message),
            Problem::Unauthenticated(_) => Self::new(Reason::Unauthenticated, message),
            Problem::Forbidden { .. } => Self::new(Reason::NotPermitted, message),
            Problem::NotFound => Self::new(Reason::NotFound, message),
            Problem::MethodNotAllowed => Self::new(Reason::MethodNotAllowed, message),
            Problem::TooLarge { .. } => Self::new(Reason::TooLarge, message),
            Problem::TooSlow => Self::new(Reason::TooSlow, message),
            Problem::UnsupportedMedia(_) => Self::new(Reason::UnsupportedMedia, message),
            Problem::Busy => Self::new(Reason::Concurrency, message).retry_after(Some(1)),
            Problem::Unavailable(_) => Self::new(Reason::Unavailable, message),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Shown(self.reason.status(), self.items).into_response();
        advise(response.headers_mut(), self.reason == Reason::Unauthenticated, self.retry_after_seconds);
        response
    }
}

/// The error answers that every operation of the dialect has.
pub(crate) fn document(mut operation: Operation) -> Operation {
    operation = operation
        .answers::<ErrorBody>(400, "It cannot be read, or a field of it is wrong.")
        .answers::<ErrorBody>(401, "Credentials are missing or wrong.")
        .answers::<ErrorBody>(403, "These credentials do not allow it, or the state of the object does not.")
        .answers::<ErrorBody>(406, "The answer can only be JSON.")
        .answers::<ErrorBody>(503, "Somebody else changes it, there is no capacity, or the storage does not answer.");
    if operation.has_path_values() {
        operation = operation.answers::<ErrorBody>(404, "What the path names does not exist.");
    }
    if operation.has_body() {
        operation = operation
            .answers::<ErrorBody>(413, "The body is too large.")
            .answers::<ErrorBody>(415, "The body is of another type.");
    }
    operation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_list_whose_items_have_all_three_members() {
        assert_eq!(
            serde_json::to_value(Error::not_found("drive", "x").items).unwrap(),
            serde_json::json!([{ "error_type": "notexist", "error_message": "There is no drive x", "error_point": null }])
        );
        assert_eq!(
            serde_json::to_value([ErrorItem::required("size")]).unwrap(),
            serde_json::json!([{ "error_type": "validation", "error_message": "This field is required", "error_point": "size" }])
        );
    }

    #[test]
    fn what_a_client_sent_does_not_come_back_in_full() {
        let error = Error::invalid("name", "é".repeat(10_000));
        assert_eq!(error.items[0].error_message.chars().count(), MESSAGE_LIMIT + 1);
        assert_eq!(Error::all(vec![ErrorItem::required("a"); 1_000]).items.len(), ERRORS_NAMED);
    }
}
