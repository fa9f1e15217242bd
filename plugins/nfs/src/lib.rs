//! An export of an NFS server, over NFS version 3.
//!
//! One target is one export, and it is one location. Calls do not share connections: each has one to itself while it runs and leaves
//! it for the next, so that a call may have many requests under way and a lost connection takes nobody along. Bytes to the server go
//! natively from the host; bytes from it pass through here.
//!
//! What is left where a call dies, and who finds it:
//!
//! | the process or the answer is lost | what is there | the next try of the attempt |
//! |---|---|---|
//! | while a file is written | a temporary file that no listing shows | cuts and fills it; without one, a listing removes it |
//! | after WRITE, before COMMIT answered | the same; the server may forget the bytes | the same; a changed verifier within one try is noticed |
//! | in RENAME over the final name | the file before, or the whole new one | writes it once more, to the same end |
//! | between LINK and REMOVE (a file that must be new) | the whole file, and its temporary name | knows its mark and removes that name |
//! | between LINK and REMOVE (a rename that must not replace) | the file under both names | sees one file and removes the old name |
//! | in REMOVE, RMDIR, MKDIR, SYMLINK | done or not | takes what it finds done for done |
//! | in RENAME of a caller | done or not | says `maybe-done` when the old name is gone and the new one there |

mod attributes;
mod backend;
mod config;
mod description;
mod failures;
mod lane;
mod link;
mod lister;
mod path;
mod reader;
mod remembered;
mod session;
mod sweeper;
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
    type Component = super::Nfs;
}

use capstan_sdk::content::Content;
use capstan_sdk::failure::unsupported;
use capstan_sdk::types::{
    Attributes, ByteRange, Consumption, Description, Location, Node, NodePage, Problem, PutOptions, Report,
};
use capstan_sdk::{Failure, FutureReader, Outcome, StreamReader};

use crate::path::{place, place_to_change};
use crate::world::exports::capstan::target::{files, target};

/// The component.
#[derive(Debug)]
pub struct Nfs;

impl target::Guest for Nfs {
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

impl files::Guest for Nfs {
    async fn list_locations() -> Outcome<Vec<Location>> {
        backend::locations()
    }

    async fn stat(location: String, path: String) -> Outcome<Node> {
        reader::stat(&place(&location, &path)?).await
    }

    async fn read_directory(location: String, path: String, after: Option<String>, limit: u32) -> Outcome<NodePage> {
        lister::page(&place(&location, &path)?, after.as_deref(), limit).await
    }

    async fn read(
        location: String,
        path: String,
        range: Option<ByteRange>,
    ) -> Outcome<(Node, StreamReader<u8>, FutureReader<Result<(), Failure>>)> {
        reader::read(&place(&location, &path)?, range).await
    }

    async fn write(location: String, path: String, content: &Content, attempt: String, options: PutOptions) -> Outcome<Node> {
        writer::write(&place_to_change(&location, &path)?, content, &attempt, &options).await
    }

    async fn make_directory(location: String, path: String, _attempt: String) -> Outcome<()> {
        tree::make_directories(&place_to_change(&location, &path)?).await
    }

    async fn remove(location: String, path: String, _attempt: String) -> Outcome<()> {
        tree::remove(&place_to_change(&location, &path)?).await
    }

    async fn rename(location: String, path: String, to: String, replace: bool, _attempt: String) -> Outcome<()> {
        tree::rename(&place_to_change(&location, &path)?, &place_to_change(&location, &to)?, replace).await
    }

    async fn set_attributes(location: String, path: String, attributes: Attributes, _attempt: String) -> Outcome<Node> {
        attributes::set(&place_to_change(&location, &path)?, &attributes).await
    }

    async fn make_link(location: String, path: String, target: String, _attempt: String) -> Outcome<Node> {
        tree::make_link(&place_to_change(&location, &path)?, &target).await
    }

    async fn get_xattrs(_location: String, _path: String) -> Outcome<Vec<(String, Vec<u8>)>> {
        Err(unsupported("NFS version 3 has no extended attributes"))
    }

    async fn set_xattr(
        _location: String,
        _path: String,
        _name: String,
        _value: Option<Vec<u8>>,
        _attempt: String,
    ) -> Outcome<()> {
        Err(unsupported("NFS version 3 has no extended attributes"))
    }

    async fn get_acl(_location: String, _path: String) -> Outcome<String> {
        Err(unsupported("NFS version 3 shows no access control lists"))
    }

    async fn set_acl(_location: String, _path: String, _acl: String, _attempt: String) -> Outcome<()> {
        Err(unsupported("NFS version 3 keeps no access control lists"))
    }

    async fn sync(location: String, path: String) -> Outcome<()> {
        tree::sync(&place(&location, &path)?).await
    }
}
