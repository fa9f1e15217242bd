//! What a plugin for Capstan is written with: the contract as Rust types and the few habits every backend needs.
//!
//! A plugin implements the `Guest` traits of its world and names its type to that world's export macro:
//!
//! ```ignore
//! mod world {
//!     capstan_sdk::exports!("capstan:target/upload-target", "../../wit");
//! }
//! use world::exports::capstan::target::{objects, target, uploads};
//!
//! struct Plugin;
//! impl target::Guest for Plugin { /* describe, validate, probe, usage */ }
//! impl objects::Guest for Plugin { /* put, get, list, ... */ }
//! impl uploads::Guest for Plugin { /* begin, put_part, ... */ }
//! world::export!(Plugin with_types_in world);
//! ```
//!
//! Bytes stay out of the plugin: hand `content.open()` to `http`, and the stream of a response back to the host, and the host
//! moves them natively. Everything that answers, answers with a `Failure` that says whether asking again helps and who has to
//! act; `failure` has a constructor a kind.

mod bell;
pub mod bindings;
pub mod checksum;
pub mod config;
pub mod drive;
pub mod endpoint;
pub mod failure;
pub mod finding;
pub mod gather;
pub mod http;
mod kept;
pub mod log;
pub mod names;
pub mod probe;
pub mod range;
pub mod retry;
pub mod scsi;
pub mod signature;
pub mod tcp;
pub mod text;
pub mod time;
pub mod turn;
pub mod whole_file;
#[cfg(feature = "xml")]
pub mod xml;

pub use bindings::capstan::host::{clock, content, crypto, files, job, secrets, state, types as host_types};
pub use bindings::capstan::target::types;
pub use failure::{Failure, Fault, Outcome};
pub use host_types::{Blame, NamedValue, OtherFault, Retry};
pub use kept::Kept;
#[doc(hidden)]
pub use wit_bindgen;
pub use wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter, spawn_local};

/// A named value, as open sets are lists of them.
pub fn named(name: &str, value: impl Into<String>) -> NamedValue {
    NamedValue { name: name.to_owned(), value: value.into() }
}

/// The value of that name, if it is there.
pub fn find<'a>(values: &'a [NamedValue], name: &str) -> Option<&'a str> {
    values.iter().find(|value| value.name == name).map(|value| value.value.as_str())
}
