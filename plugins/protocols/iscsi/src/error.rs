//! Why a connection is of no more use, and why a request is not taken.

use std::fmt;

/// Ends the connection. The session may go on over another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Bytes that are no PDU, or no text; what was looked for.
    Malformed(&'static str),
    /// A checksum that does not hold, of the header or of the data (RFC 7143, section 7.8: at level 0 the session ends).
    Digest(&'static str),
    /// A well-formed PDU that has no place here; what is wrong with it.
    Protocol(&'static str),
    /// More than a bound allows; of what.
    TooMuch(&'static str),
    /// A key whose answer cannot be lived with.
    Negotiation(String),
    /// The target does not let us in.
    LoginRefused(LoginStatus),
    /// The target is to be looked for elsewhere: `host:port`, with a portal group behind a comma, as the target gives it.
    Redirected { address: String, permanent: bool },
    /// The target did not prove who it is, or cannot be talked to in the way that is demanded.
    Authentication(&'static str),
    /// The target rejects what was sent; its reason (section 11.17.1).
    Rejected(u8),
    /// Nothing is open, or it was closed.
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::Digest(what) => write!(f, "the digest of the {what} does not hold"),
            Self::Protocol(what) => write!(f, "against the protocol: {what}"),
            Self::TooMuch(what) => write!(f, "more than is taken: {what}"),
            Self::Negotiation(key) => write!(f, "no agreement on {key}"),
            Self::LoginRefused(status) => write!(f, "login refused: {}", status.name()),
            Self::Redirected { address, .. } => write!(f, "the target is now at {address}"),
            Self::Authentication(what) => write!(f, "authentication: {what}"),
            Self::Rejected(reason) => write!(f, "rejected by the target, reason {reason:#04x}"),
            Self::Closed => f.write_str("no connection"),
        }
    }
}

impl std::error::Error for Error {}

/// Status-Class and Status-Detail of a login (section 11.13.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginStatus {
    pub class: u8,
    pub detail: u8,
}

impl LoginStatus {
    /// In the words of the RFC's table.
    pub fn name(self) -> String {
        let name = match (self.class, self.detail) {
            (2, 0) => "initiator error",
            (2, 1) => "authentication failure",
            (2, 2) => "authorization failure",
            (2, 3) => "not found",
            (2, 4) => "target removed",
            (2, 5) => "unsupported version",
            (2, 6) => "too many connections",
            (2, 7) => "missing parameter",
            (2, 8) => "cannot include in session",
            (2, 9) => "session type not supported",
            (2, 10) => "session does not exist",
            (2, 11) => "invalid request during login",
            (3, 0) => "target error",
            (3, 1) => "service unavailable",
            (3, 2) => "out of resources",
            (class, detail) => return format!("login status {class:#04x}{detail:02x}"),
        };
        name.to_owned()
    }

    /// The name or the secret is wrong.
    pub fn is_authentication(self) -> bool {
        self.class == 2 && self.detail == 1
    }

    /// The same login may succeed later.
    pub fn is_transient(self) -> bool {
        self.class == 3
    }
}

/// A caller asks for what cannot be. Nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Beyond a bound; of what.
    TooMuch(&'static str),
    /// Cannot be said in the protocol; what.
    Invalid(&'static str),
    /// Not now: nothing is open, or the session is of the other kind; what is missing.
    NotNow(&'static str),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuch(what) => write!(f, "more than is taken: {what}"),
            Self::Invalid(what) => write!(f, "cannot be: {what}"),
            Self::NotNow(what) => write!(f, "not now: {what}"),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_status_is_told_as_the_rfc_does() {
        let status = LoginStatus { class: 2, detail: 1 };
        assert!(status.is_authentication() && !status.is_transient());
        assert_eq!(Error::LoginRefused(status).to_string(), "login refused: authentication failure");
        assert!(LoginStatus { class: 3, detail: 2 }.is_transient());
        assert_eq!(LoginStatus { class: 9, detail: 1 }.name(), "login status 0x0901");
    }
}
