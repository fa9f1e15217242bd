//! What stands between a plugin and its server when something is to go wrong there.
//!
//! Both fronts listen on loopback and pass everything on until they are told otherwise. `http` reads requests and answers, so it can
//! answer itself, cut in the middle of a body, or eat the answer to a request that was carried out. `wire` knows bytes and their direction
//! only, and serves every protocol.

mod endpoint;
pub mod http;
mod listener;
mod message;
mod trigger;
pub mod wire;

pub use endpoint::Endpoint;
pub use trigger::Times;
