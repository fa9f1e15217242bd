//! What can be wrong with a request before a handler sees it. Each dialect has a `From<Problem>` for its own error.

use std::fmt;

use crate::credentials::Scheme;

/// A member of a body that has the wrong type or an unknown value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongType {
    /// Dotted, as in `storage_extra_data.data`.
    pub attribute: String,
    pub message: String,
}

/// Why it is not known who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// No credentials came, or none that any scheme explains.
    Missing,
    /// Those that came prove nobody.
    Refused(Scheme),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not JSON, or a query that cannot be decoded.
    Malformed(String),
    /// JSON of the wrong types.
    WrongTypes(Vec<WrongType>),
    Unauthenticated(Unproven),
    /// The caller is known but has no right to this.
    Forbidden {
        noun: &'static str,
        verb: &'static str,
    },
    /// No such route, or a path value that can name nothing.
    NotFound,
    MethodNotAllowed,
    TooLarge {
        limit_bytes: usize,
    },
    /// The body was not sent in time.
    TooSlow,
    /// The body is not JSON by its own content type.
    UnsupportedMedia(String),
    Busy,
    Unavailable(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(message) => write!(f, "The request cannot be read: {message}"),
            Self::WrongTypes(_) => f.write_str("The request has members of the wrong type"),
            Self::Unauthenticated(_) => f.write_str("Credentials are missing or wrong"),
            Self::Forbidden { noun, verb } => {
                write!(f, "This needs the scope {noun}/{verb}, which these credentials do not have")
            }
            Self::NotFound => f.write_str("There is nothing under this path"),
            Self::MethodNotAllowed => f.write_str("The path exists, but not with this method"),
            Self::TooLarge { limit_bytes } => write!(f, "The body is larger than the {limit_bytes} bytes that are accepted"),
            Self::TooSlow => f.write_str("The body did not arrive in time"),
            Self::UnsupportedMedia(found) => write!(f, "The body has to be application/json, not {found}"),
            Self::Busy => f.write_str("Too many requests are being checked; ask again in a moment"),
            Self::Unavailable(message) => f.write_str(message),
        }
    }
}
