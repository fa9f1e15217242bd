//! What every REST dialect needs before it can say its first word: who calls, with what right, and with which bytes.
//!
//! A dialect declares each of its operations once (`Operation`) and gets the route, the check of the caller's right and the
//! OpenAPI entry from that one declaration (`Routes`), so that the three cannot drift apart. What goes wrong before a handler runs
//! is a `Problem`; the dialect turns it into its own error shape, and no status code stands in this crate.
//!
//! Nothing here knows the host: an `Authenticator` is given from outside, and a `Caller` is data.

mod advice;
mod authenticator;
mod body;
mod caller;
mod credentials;
mod document;
mod given;
mod guard;
mod operation;
mod path;
mod problem;
mod query;
mod request_id;
mod routes;
mod secret;

pub use advice::advise;
pub use authenticator::{Authenticator, NotAuthenticated};
pub use body::{BODY_LIMIT_BYTES, BODY_READ_LIMIT, BodyLimit, Json, parse, read_as};
pub use caller::{Caller, Rights};
pub use credentials::{Credentials, Scheme};
pub use document::Document;
pub use given::Given;
pub use operation::{Access, Kind, Operation};
pub use path::{PathOf, Reference};
pub use problem::{Problem, Unproven, WrongType};
pub use query::pairs;
pub use request_id::{REQUEST_ID_HEADER, RequestId};
pub use routes::Routes;
pub use secret::Secret;
