//! Track 0.1 of the contract.

mod convert;
pub mod drives;
pub mod files;
pub mod media;
pub mod objects;
mod provided;
pub mod target;
pub mod uploads;

mod generated {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "made by bindgen!")]
    wasmtime::component::bindgen!({
        path: ["../../wit/capstan-host/0.1", "../../wit/capstan-target/0.1"],
        inline: "
            package capstan:bind;
            world base {
                include capstan:target/imports@0.1.0;
                import capstan:target/types@0.1.0;
            }
        ",
        world: "capstan:bind/base",
        imports: {
            // Making a stream needs the store itself.
            "capstan:host/content.[method]content.open": store | trappable,
            // Which call asks, and so for which job, only the store can tell.
            "capstan:host/job.progress": store | trappable,
            "capstan:host/job.cancelled": store | trappable,
            "capstan:host/log.write": store | trappable,
            default: trappable,
        },
        with: { "capstan:host/content.content": crate::content::HeldContent },
        require_store_data_send: true,
    });
}

pub use convert::attachment;
pub use provided::{PROVIDED, Provided};

/// The interfaces a plugin may import: `Host` traits to implement, `add_to_linker` for each.
pub use generated::capstan::host;
/// The records of the exports.
pub use generated::capstan::target::types;

/// The contract's failure; `From` both ways to the domain's.
pub type WitFailure = host::types::Failure;

/// Name of the track, as catalogue and messages show it.
pub const TRACK: &str = "0.1";
/// The exact version of both packages that this build was made from.
pub const VERSION: &str = "0.1.0";
