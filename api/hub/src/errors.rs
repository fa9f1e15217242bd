//! The error of this dialect, in the shapes of Django REST framework, and the only status codes of the room.
//!
//! A wrong body is an object of lists of sentences by field; everything else is a `detail`, to which a refused token adds `code` and
//! `messages`.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use capstan_api_http::{Operation, Problem, Scheme, Unproven, advise};
use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::field_errors::FieldErrors;

/// Why the whole request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It cannot be read, or asks for what cannot be.
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    /// The state of the thing does not allow it now.
    Conflict,
    TooLarge,
    UnsupportedMedia,
    /// Understood, allowed, and not something this host can do.
    Unsupported,
    Busy,
    /// The storage behind a bucket failed.
    Storage,
    Unavailable,
    TimedOut,
    NoSpace,
    /// The host's own fault.
    Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub reason: Reason,
    // Boxed: an error is rare, and every answer's `Result` carries its size.
    said: Box<Said>,
    pub retry_after_seconds: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Fields(FieldErrors),
    Detail(String),
    /// About a token; whether it was the one that proves the caller.
    Token {
        proving: bool,
    },
}

/// What is said of every token that is refused, so that nobody learns more about it than that.
const TOKEN_REFUSED: &str = "Token is invalid or expired";

impl Error {
    /// A failure of the whole request, with a sentence for people.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self::say(reason, Said::Detail(detail.into()))
    }

    /// One field is wrong; `and` adds further ones. `path` is such as `profile.phone` or `paths[3].size`.
    pub fn field(path: &str, message: impl Into<String>) -> Self {
        let mut errors = FieldErrors::default();
        errors.add(path, message);
        Self::fields(errors)
    }

    /// Refused for what it asks, but for no single field.
    pub fn non_field(message: impl Into<String>) -> Self {
        Self::field("", message)
    }

    /// Adds a field that is wrong to an error that is about fields; leaves any other as it is.
    #[must_use]
    pub fn and(mut self, path: &str, message: impl Into<String>) -> Self {
        if let Said::Fields(errors) = &mut *self.said {
            errors.add(path, message);
        }
        self
    }

    /// `noun` is one of them, such as `bucket`.
    pub fn not_found(noun: &str) -> Self {
        Self::new(Reason::NotFound, format!("No {noun} matches the given query."))
    }

    pub fn forbidden() -> Self {
        Self::new(Reason::Forbidden, "You do not have permission to perform this action.")
    }

    /// Nobody who may come in has this name and password.
    pub fn no_account() -> Self {
        Self::new(Reason::Unauthenticated, "No active account found with the given credentials")
    }

    /// A token that was given in a body is refused.
    pub fn token_refused() -> Self {
        Self::say(Reason::Unauthenticated, Said::Token { proving: false })
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_seconds = seconds;
        self
    }

    pub(crate) fn invalid_page() -> Self {
        Self::new(Reason::NotFound, "Invalid page.")
    }

    /// There has to be something wrong.
    pub(crate) fn fields(errors: FieldErrors) -> Self {
        Self::say(Reason::Invalid, Said::Fields(errors))
    }

    fn say(reason: Reason, said: Said) -> Self {
        Self { reason, said: Box::new(said), retry_after_seconds: None }
    }

    fn body(&self) -> Value {
        match &*self.said {
            Said::Fields(errors) => errors.body(),
            Said::Detail(detail) => json!({ "detail": detail }),
            Said::Token { proving: false } => json!({ "detail": TOKEN_REFUSED, "code": "token_not_valid" }),
            Said::Token { proving: true } => json!({
                "detail": "Given token not valid for any token type",
                "code": "token_not_valid",
                "messages": [{ "token_class": "AccessToken", "token_type": "access", "message": TOKEN_REFUSED }],
            }),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let message = problem.to_string();
        match problem {
            Problem::WrongTypes(wrong) => {
                let mut errors = FieldErrors::default();
                for one in wrong {
                    errors.add(&one.attribute, one.message);
                }
                Self::fields(errors)
            }
            Problem::Malformed(why) => Self::new(Reason::Invalid, format!("JSON parse error - {why}")),
            Problem::Unauthenticated(Unproven::Missing) => {
                Self::new(Reason::Unauthenticated, "Authentication credentials were not provided.")
            }
            Problem::Unauthenticated(Unproven::Refused(Scheme::Bearer)) => {
                Self::say(Reason::Unauthenticated, Said::Token { proving: true })
            }
            Problem::Unauthenticated(Unproven::Refused(Scheme::Basic)) => {
                Self::new(Reason::Unauthenticated, "Invalid username/password.")
            }
            Problem::Unauthenticated(Unproven::Refused(Scheme::ApiKey | Scheme::Key)) => {
                Self::new(Reason::Unauthenticated, "Invalid client key.")
            }
            Problem::Forbidden { .. } => Self::forbidden(),
            Problem::NotFound => Self::new(Reason::NotFound, "Not found."),
            Problem::MethodNotAllowed => Self::new(Reason::MethodNotAllowed, "Method not allowed."),
            Problem::TooLarge { .. } => Self::new(Reason::TooLarge, message),
            Problem::TooSlow => Self::new(Reason::TooSlow, message),
            Problem::UnsupportedMedia(found) => {
                Self::new(Reason::UnsupportedMedia, format!("Unsupported media type \"{found}\" in request."))
            }
            Problem::Busy => Self::new(Reason::Busy, message).retry_after(Some(1)),
            Problem::Unavailable(_) => Self::new(Reason::Unavailable, message),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = (self.reason.status(), Json(self.body())).into_response();
        if self.reason == Reason::Unauthenticated {
            // Not the challenge of the other doors: it would make browsers ask for a password on top of the client's own form.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"api\""));
        }
        advise(response.headers_mut(), false, self.retry_after_seconds);
        response
    }
}

impl Reason {
    fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Storage => StatusCode::BAD_GATEWAY,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = error_detail)]
struct ErrorDetail {
    detail: String,
    /// With a refused token.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// With a refused token, what is wrong with it by each kind of token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<BTreeMap<String, String>>>)]
    messages: Option<Vec<BTreeMap<String, String>>>,
}

/// By field, sentences or the same again for the fields inside of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = error_fields)]
struct ErrorFields(BTreeMap<String, Vec<String>>);

/// The error answers that every operation of the dialect has.
pub(crate) fn document(mut operation: Operation) -> Operation {
    operation = operation
        .answers::<ErrorFields>(400, "A field of the body or a parameter is wrong, or the body is not JSON.")
        .answers::<ErrorDetail>(401, "Credentials are missing or wrong, or a token is.")
        .answers::<ErrorDetail>(403, "The caller has no permission to do this.");
    if operation.has_path_values() {
        operation = operation.answers::<ErrorDetail>(404, "What the path names does not exist.");
    }
    if operation.has_body() {
        operation = operation
            .answers::<ErrorDetail>(413, "The body is too large.")
            .answers::<ErrorDetail>(415, "The body is of another type.");
    }
    operation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_told_by_its_code() {
        let error = Error::from(Problem::Unauthenticated(Unproven::Refused(Scheme::Bearer)));
        assert_eq!(error.body()["code"], "token_not_valid");
        assert_eq!(error.body()["messages"][0]["token_type"], "access");
        assert_eq!(Error::token_refused().body(), json!({ "detail": TOKEN_REFUSED, "code": "token_not_valid" }));
    }

    #[test]
    fn fields_are_added_to_errors_about_fields_only() {
        let error = Error::field("name", "a").and("site", "b").and("", "c");
        assert_eq!(error.body(), json!({ "name": ["a"], "site": ["b"], "non_field_errors": ["c"] }));
        assert_eq!(Error::not_found("job").and("a", "b").body(), json!({ "detail": "No job matches the given query." }));
    }
}
