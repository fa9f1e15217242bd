//! The contract as Rust: everything a plugin may call and every record, generated once.
//!
//! The exports of a world are generated in the plugin's own crate, by `capstan_sdk::exports!`, over these same types. So an
//! `Object` made for one facet is an `Object` for all of them, and a library can be written without knowing which world it
//! ends in.

#![allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::todo,
    clippy::unimplemented,
    reason = "generated code"
)]
#![allow(unsafe_code, unreachable_pub, missing_docs, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit/capstan-host/0.1", "../../wit/capstan-target/0.1"],
    inline: "package capstan:sdk; world library { include capstan:target/imports@0.1.0; import capstan:target/types@0.1.0; }",
    world: "capstan:sdk/library",
    generate_all,
    generate_unused_types: true,
    additional_type_attributes: {
        "capstan:host/types@0.1.0/named-value": [#[derive(PartialEq, Eq)]],
        "capstan:host/types@0.1.0/fault": [#[derive(PartialEq, Eq)]],
        "capstan:host/types@0.1.0/other-fault": [#[derive(PartialEq, Eq)]],
        "capstan:host/types@0.1.0/failure": [#[derive(PartialEq, Eq)]],
        "capstan:host/scsi@0.1.0/transfer": [#[derive(PartialEq, Eq)]],
        "capstan:host/scsi@0.1.0/answer": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/problem": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/consumption": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/location": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/checksum": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/object": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/entry": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/page": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/byte-range": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/outcome": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/upload": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/part": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/node": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/drive": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/drive-page": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/drive-limits": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/snapshot": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/snapshot-page": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/extent": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/extent-page": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/attachment": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/library": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/element": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/element-page": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/tape-drive": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/partition": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/medium": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/alert": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/health": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/place": [#[derive(PartialEq, Eq)]],
        "capstan:target/types@0.1.0/written": [#[derive(PartialEq, Eq)]],
    },
});

/// Generates the export traits of a world and the macro that makes a type the component:
///
/// ```ignore
/// mod world {
///     capstan_sdk::exports!("capstan:target/upload-target", "../../wit");
/// }
/// use world::exports::capstan::target::{objects, target, uploads};
/// // ... impl target::Guest for Plugin, and so on ...
/// world::export!(Plugin with_types_in world);
/// ```
///
/// The path leads from the plugin's manifest to the contract's folder, or stands in an environment variable: `env!("NAME")`.
/// Further options are those of `wit_bindgen::generate`: a library whose users make the component says `pub_export_macro: true`,
/// a name for the macro and the path of its module.
#[macro_export]
macro_rules! exports {
    ($world:literal, env!($variable:literal) $(, $option:ident: $value:tt)* $(,)?) => {
        $crate::exports!(@ $world, [concat!(env!($variable), "/capstan-host/0.1"), concat!(env!($variable), "/capstan-target/0.1")], $($option: $value,)*);
    };
    ($world:literal, $wit:literal $(, $option:ident: $value:tt)* $(,)?) => {
        $crate::exports!(@ $world, [concat!($wit, "/capstan-host/0.1"), concat!($wit, "/capstan-target/0.1")], $($option: $value,)*);
    };
    (@ $world:literal, $paths:tt, $($option:ident: $value:tt,)*) => {
        $crate::wit_bindgen::generate!({
            path: $paths,
            world: $world,
            $($option: $value,)*
            runtime_path: "::capstan_sdk::wit_bindgen::rt",
            with: {
                "capstan:host/types@0.1.0": ::capstan_sdk::bindings::capstan::host::types,
                "capstan:host/config@0.1.0": ::capstan_sdk::bindings::capstan::host::config,
                "capstan:host/secrets@0.1.0": ::capstan_sdk::bindings::capstan::host::secrets,
                "capstan:host/crypto@0.1.0": ::capstan_sdk::bindings::capstan::host::crypto,
                "capstan:host/scsi@0.1.0": ::capstan_sdk::bindings::capstan::host::scsi,
                "capstan:host/log@0.1.0": ::capstan_sdk::bindings::capstan::host::log,
                "capstan:host/content@0.1.0": ::capstan_sdk::bindings::capstan::host::content,
                "capstan:host/http@0.1.0": ::capstan_sdk::bindings::capstan::host::http,
                "capstan:host/files@0.1.0": ::capstan_sdk::bindings::capstan::host::files,
                "capstan:host/state@0.1.0": ::capstan_sdk::bindings::capstan::host::state,
                "capstan:host/tcp@0.1.0": ::capstan_sdk::bindings::capstan::host::tcp,
                "capstan:host/job@0.1.0": ::capstan_sdk::bindings::capstan::host::job,
                "capstan:host/clock@0.1.0": ::capstan_sdk::bindings::capstan::host::clock,
                "capstan:target/types@0.1.0": ::capstan_sdk::bindings::capstan::target::types,
            },
        });
    };
}
