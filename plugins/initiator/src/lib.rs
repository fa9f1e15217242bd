//! One iSCSI session over the host's connections.
//!
//! A [`Link`] logs in, gives commands and says what became of each. A connection that is lost is opened again, under the same name, so that the
//! target ends what it still has of the lost one; the commands that were under way end with it, and whoever gave them knows whether they may
//! be given again.
//!
//! What a session asks of whatever is around it is an [`Outside`]: [`Host`] in a plugin, something of the tests' own in native tests. Who the
//! target is, and how a plugin's user knows it, stands in a [`Login`].
//!
//! Source: RFC 7143 by way of `capstan-iscsi`.

mod digests;
mod host;
mod link;
mod login;
#[cfg(feature = "native")]
pub mod native;
mod outside;
mod trouble;

pub use digests::Digests;
pub use host::Host;
pub use link::Link;
pub use login::{Login, Patience, Secret, Words};
pub use outside::Outside;
pub use trouble::{LOST, lost};
