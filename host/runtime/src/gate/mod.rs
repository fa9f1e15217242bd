//! The load gate: what a file must pass before it is a plugin.
//!
//! In order: size, digest, signature, a copy in the vault, the whole binary parsed, the contract compared, compiled, linked, instantiated, every
//! function's type checked, `describe` answered in time. No configuration, no secret and no grant is in reach of a component that is
//! still in here. Whatever is refused is refused with a reason that a vendor can act on, and with all that was learned before it.

mod contract;
mod describe;
mod outline;
mod signature;

pub(crate) use contract::facets;
pub(crate) use describe::describe;
pub(crate) use outline::outline;

pub(crate) use contract::compare;
pub(crate) use signature::Verifier;
pub use signature::{SIGNATURE_BYTES, SignaturePolicy, Signatures};
