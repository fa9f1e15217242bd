//! A directory tree of the host, through the one directory the target was granted.
//!
//! The host holds the door (no path and no link leads out); this plugin adds what makes a file store of it: whole files or none,
//! durable before the answer, attempts that can be made twice.

mod attributes;
mod backend;
mod config;
mod description;
mod lister;
mod reader;
mod tree;
mod writer;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/file-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Posix;
}

use capstan_sdk::content::Content;
use capstan_sdk::failure::unsupported;
use capstan_sdk::types::{
    Attributes, ByteRange, Consumption, Description, Location, Node, NodePage, Problem, PutOptions, Report,
};
use capstan_sdk::{Failure, FutureReader, Outcome, StreamReader};

use crate::backend::place;
use crate::world::exports::capstan::target::{files, target};

/// The component.
#[derive(Debug)]
pub struct Posix;

impl target::Guest for Posix {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        backend::probe().await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        backend::usage(location.as_deref()).await
    }
}

impl files::Guest for Posix {
    async fn list_locations() -> Outcome<Vec<Location>> {
        backend::locations()
    }

    async fn stat(location: String, path: String) -> Outcome<Node> {
        reader::stat(&place(&location, &path)?).await
    }

    async fn read_directory(location: String, path: String, after: Option<String>, limit: u32) -> Outcome<NodePage> {
        lister::page(&place(&location, &path)?, after, limit).await
    }

    async fn read(
        location: String,
        path: String,
        range: Option<ByteRange>,
    ) -> Outcome<(Node, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        reader::read(&place(&location, &path)?, range).await
    }

    async fn write(location: String, path: String, content: &Content, attempt: String, options: PutOptions) -> Outcome<Node> {
        writer::write(&place(&location, &path)?, content, &attempt, &options).await
    }

    async fn make_directory(location: String, path: String, _attempt: String) -> Outcome<()> {
        tree::make_directories(&place(&location, &path)?).await
    }

    async fn remove(location: String, path: String, _attempt: String) -> Outcome<()> {
        tree::remove(&place(&location, &path)?).await
    }

    async fn rename(location: String, path: String, to: String, replace: bool, _attempt: String) -> Outcome<()> {
        tree::rename(&place(&location, &path)?, &place(&location, &to)?, replace).await
    }

    async fn set_attributes(location: String, path: String, attributes: Attributes, _attempt: String) -> Outcome<Node> {
        attributes::set(&place(&location, &path)?, &attributes).await
    }

    async fn make_link(location: String, path: String, target: String, _attempt: String) -> Outcome<Node> {
        tree::make_link(&place(&location, &path)?, target).await
    }

    async fn get_xattrs(location: String, path: String) -> Outcome<Vec<(String, Vec<u8>)>> {
        attributes::xattrs(&place(&location, &path)?).await
    }

    async fn set_xattr(location: String, path: String, name: String, value: Option<Vec<u8>>, _attempt: String) -> Outcome<()> {
        attributes::set_xattr(&place(&location, &path)?, name, value).await
    }

    async fn get_acl(_location: String, _path: String) -> Outcome<String> {
        Err(unsupported("this target shows no access control lists"))
    }

    async fn set_acl(_location: String, _path: String, _acl: String, _attempt: String) -> Outcome<()> {
        Err(unsupported("this target keeps no access control lists"))
    }

    async fn sync(location: String, path: String) -> Outcome<()> {
        tree::sync(&place(&location, &path)?).await
    }
}
