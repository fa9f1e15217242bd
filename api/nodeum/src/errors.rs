//! The error of this dialect: attributes with codes, sentences for people, and the only status codes of the room.
//!
//! Every answer that is not a success has this shape, also where the published reference leaves the body open (400, 401, 403).

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use capstan_api_http::{Operation, Problem, advise};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    Blank,
    Frozen,
    GreaterThan,
    GreaterThanOrEqualTo,
    Invalid,
    LessThan,
    LessThanOrEqualTo,
    OccurrenceLessThan,
    OccurrenceLessThanOrEqualTo,
    QuotaOnCache,
    Taken,
    TooLong,
    TooShort,
    NotFound,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = attribute_error)]
pub struct AttributeError {
    pub error: Code,
    /// The value that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The bound that was overstepped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = error)]
pub struct ErrorBody {
    pub details: BTreeMap<String, Vec<AttributeError>>,
    pub messages: Vec<String>,
}

/// Why the whole request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Malformed,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    TooLarge,
    UnsupportedMedia,
    /// The request is understood and refused for what it asks.
    Invalid,
    /// Understood, allowed, and not something this host can do.
    Unsupported,
    Busy,
    /// The storage behind a connector failed.
    Storage,
    Unavailable,
    StorageTimedOut,
    NoSpace,
    /// The host's own fault.
    Fault,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    pub reason: Reason,
    // Boxed: an error is rare, and every answer's `Result` carries its size.
    pub body: Box<ErrorBody>,
    pub retry_after_seconds: Option<u64>,
}

/// The attribute of what belongs to no attribute.
const WHOLE: &str = "base";

impl Error {
    /// A failure of the whole request.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let body = ErrorBody { details: BTreeMap::new(), messages: vec![message.into()] };
        Self { reason, body: Box::new(body), retry_after_seconds: None }
    }

    /// One attribute is wrong; `and` adds further ones.
    pub fn attribute(attribute: &str, code: Code) -> Self {
        Self { reason: Reason::Invalid, body: Box::default(), retry_after_seconds: None }.and(attribute, code, None, None)
    }

    /// One attribute is wrong, and the usual sentence would not say why.
    pub fn because(attribute: &str, code: Code, message: impl Into<String>) -> Self {
        let mut error = Self::attribute(attribute, code);
        error.body.messages = vec![message.into()];
        error
    }

    /// Refused for what it asks, but for no single attribute.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::because(WHOLE, code, message)
    }

    pub fn not_found(attribute: &str, value: &str) -> Self {
        let mut error = Self::attribute(attribute, Code::NotFound);
        error.reason = Reason::NotFound;
        error.body.messages = vec![format!("There is no {} {value}", words(attribute.strip_suffix("_id").unwrap_or(attribute)))];
        if let Some(first) = error.body.details.get_mut(attribute).and_then(|errors| errors.first_mut()) {
            first.value = Some(value.into());
        }
        error
    }

    #[must_use]
    pub fn and(mut self, attribute: &str, code: Code, value: Option<serde_json::Value>, count: Option<i64>) -> Self {
        self.body.messages.push(sentence(attribute, code, count));
        self.body.details.entry(attribute.to_owned()).or_default().push(AttributeError { error: code, value, count });
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_seconds = seconds;
        self
    }

    /// All that is wrong with a request, in one answer.
    pub(crate) fn all(found: Vec<Self>) -> Result<(), Self> {
        let mut found = found.into_iter();
        let Some(mut first) = found.next() else { return Ok(()) };
        for more in found {
            first.body.messages.extend(more.body.messages);
            for (attribute, errors) in more.body.details {
                first.body.details.entry(attribute).or_default().extend(errors);
            }
        }
        Err(first)
    }
}

fn words(attribute: &str) -> String {
    attribute.replace(['_', '.'], " ")
}

fn sentence(attribute: &str, code: Code, count: Option<i64>) -> String {
    let count = count.unwrap_or_default();
    let text = match code {
        Code::Blank => "must be given".to_owned(),
        Code::Frozen => "can no longer be changed".to_owned(),
        Code::GreaterThan => format!("must be greater than {count}"),
        Code::GreaterThanOrEqualTo => format!("must be {count} or more"),
        Code::Invalid => "is not valid".to_owned(),
        Code::LessThan => format!("must be less than {count}"),
        Code::LessThanOrEqualTo => format!("must be {count} or less"),
        Code::OccurrenceLessThan => format!("must be given fewer than {count} times"),
        Code::OccurrenceLessThanOrEqualTo => format!("must be given {count} times or fewer"),
        Code::QuotaOnCache => "is larger than the whole quota".to_owned(),
        Code::Taken => "is already in use".to_owned(),
        Code::TooLong => format!("is longer than {count}"),
        Code::TooShort => format!("is shorter than {count}"),
        Code::NotFound => "does not exist".to_owned(),
    };
    let name = words(attribute);
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{} {text}", letters.as_str())
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let message = problem.to_string();
        match problem {
            Problem::WrongTypes(wrong) => {
                let mut error = Self { reason: Reason::Invalid, body: Box::default(), retry_after_seconds: None };
                for one in wrong {
                    let attribute = if one.attribute == "." { WHOLE } else { &one.attribute };
                    let entry = AttributeError { error: Code::Invalid, value: None, count: None };
                    error.body.messages.push(format!("{}: {}", sentence(attribute, Code::Invalid, None), one.message));
                    error.body.details.entry(attribute.to_owned()).or_default().push(entry);
                }
                error
            }
            Problem::Malformed(_) => Self::new(Reason::Malformed, message),
            Problem::Unauthenticated(_) => Self::new(Reason::Unauthenticated, message),
            Problem::Forbidden { .. } => Self::new(Reason::Forbidden, message),
            Problem::NotFound => Self::new(Reason::NotFound, message),
            Problem::MethodNotAllowed => Self::new(Reason::MethodNotAllowed, message),
            Problem::TooLarge { .. } => Self::new(Reason::TooLarge, message),
            Problem::TooSlow => Self::new(Reason::TooSlow, message),
            Problem::UnsupportedMedia(_) => Self::new(Reason::UnsupportedMedia, message),
            Problem::Busy => Self::new(Reason::Busy, message).retry_after(Some(1)),
            Problem::Unavailable(_) => Self::new(Reason::Unavailable, message),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = (self.reason.status(), Json(self.body)).into_response();
        advise(response.headers_mut(), self.reason == Reason::Unauthenticated, self.retry_after_seconds);
        response
    }
}

impl Reason {
    fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Storage => StatusCode::BAD_GATEWAY,
            Self::StorageTimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The error answers that every operation of the dialect has.
pub(crate) fn document(mut operation: Operation) -> Operation {
    operation = operation
        .answers::<ErrorBody>(401, "Credentials are missing or wrong.")
        .answers::<ErrorBody>(403, "The credentials do not have the scope of this call.");
    if operation.has_path_values() {
        operation = operation.answers::<ErrorBody>(404, "What the path names does not exist.");
    }
    if operation.has_body() {
        operation = operation
            .answers::<ErrorBody>(400, "The body is not JSON.")
            .answers::<ErrorBody>(413, "The body is too large.")
            .answers::<ErrorBody>(415, "The body is of another type.");
    }
    operation.answers::<ErrorBody>(422, "Refused, with an entry for each attribute that is wrong.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_errors_come_in_one_answer() {
        let error = Error::all(vec![Error::attribute("name", Code::Blank), Error::attribute("url", Code::Invalid)]).unwrap_err();
        assert_eq!(
            serde_json::to_value(&*error.body).unwrap(),
            serde_json::json!({
                "details": { "name": [{ "error": "blank" }], "url": [{ "error": "invalid" }] },
                "messages": ["Name must be given", "Url is not valid"],
            })
        );
        assert!(Error::all(Vec::new()).is_ok());
    }

    #[test]
    fn what_is_not_found_is_named() {
        let error = Error::not_found("pool_id", "tapes");
        assert_eq!(error.reason, Reason::NotFound);
        assert_eq!(error.body.messages, ["There is no pool tapes"]);
        assert_eq!(
            serde_json::to_value(&error.body.details).unwrap(),
            serde_json::json!({ "pool_id": [{ "error": "not_found", "value": "tapes" }] })
        );
    }
}
