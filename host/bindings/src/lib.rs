//! The contract with plugins, as the host's side of it sees it.
//!
//! One module a contract track. A module holds what `bindgen!` makes of the WIT text (imports for the host to implement, records
//! that both sides use), a typed description of every function a plugin may export, and the conversion of records to the domain's
//! nouns. Code above this room says `latest` and speaks in domain types; only this room knows a version.

pub mod content;
pub mod function;
pub mod v0_1;

pub use v0_1 as latest;
