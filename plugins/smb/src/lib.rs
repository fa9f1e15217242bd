//! Shares of SMB servers (CIFS, as it was once called): SMB 2.1 to 3.1.1, signed or encrypted, signed in to by NTLMv2.
//!
//! The protocol is the crate smb2's, over the host's connections and with the AES of the host's processor; which requests go out, together
//! with which others, and what their answers mean stands here. Nothing is cached: no oplocks, no leases. Links of a DFS namespace are not
//! followed. Kerberos is not spoken: the crate asks its tickets of a domain controller by itself, over UDP and a name service, which a
//! plugin has not, and at an address that nobody configured and so nobody granted.
//!
//! What a small file costs: requests, and round trips, which are what counts over any distance.
//!
//! | | requests | round trips |
//! |---|---|---|
//! | put: CREATE WRITE SETINFO(moment) FLUSH, SETINFO(name) CLOSE | 6 | 2 |
//! | put that must be the first of its name: SETINFO(mark) beside the moment | 7 | 2 |
//! | put over a file: then CREATE QUERY_DIRECTORY CLOSE of the directory, CREATE SETINFO(name) CLOSE | 12 | 4 |
//! | get up to 64 KiB: CREATE READ CLOSE | 3 | 1 |
//! | get up to 256 KiB: the same once more, for all of it | 6 | 2 |
//! | stat: CREATE CLOSE | 2 | 1 |
//! | remove: CREATE CLOSE; of a directory CREATE SETINFO(gone) CLOSE behind them | 2; 5 | 1; 2 |
//! | set-attributes: CREATE SETINFO CLOSE | 3 | 1 |
//!
//! A put without a moment is a SETINFO less. One is dressed by its put, and a get that says it stood still needs no look after it, so that
//! a put that is read back is 9 requests in 3 round trips.

mod attributes;
mod budget;
mod chain;
mod cipher;
mod config;
mod description;
mod error;
mod executor;
mod finish;
mod information;
mod link;
mod links;
mod lister;
mod moment;
mod names;
mod node;
mod payload;
mod place;
mod pour;
mod prober;
mod ranged;
mod reader;
mod reparse;
mod sibling;
mod source;
mod status;
mod sweeper;
mod tree;
mod window;
mod wire;
mod writer;

/// The ABI's side, generated.
mod world {
    #![allow(clippy::all, clippy::unwrap_used, clippy::panic, reason = "generated code")]
    #![allow(unsafe_code, unreachable_pub, unused, reason = "generated code")]
    capstan_sdk::exports!("capstan:target/file-target", env!("CAPSTAN_WIT"));
    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);
    #[cfg(target_family = "wasm")]
    type Component = super::Smb;
}

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::failure::unsupported;
use capstan_sdk::types::{
    Attributes, ByteRange, Consumption, Description, Location, Node, NodePage, Problem, PutOptions, Report,
};

use crate::links::{Links, links};
use crate::place::Place;
use crate::reader::Download;
use crate::world::exports::capstan::target::{files, target};

/// The component.
#[derive(Debug)]
pub struct Smb;

fn place(links: &Links, location: &str, path: &str) -> Outcome<Place> {
    Place::new(&links.config, location, path)
}

impl target::Guest for Smb {
    fn describe() -> Description {
        description::describe()
    }

    async fn validate(configuration: String) -> Outcome<Vec<Problem>> {
        Ok(config::problems(&configuration))
    }

    async fn probe() -> Outcome<Report> {
        prober::probe(&*links()?).await
    }

    async fn usage(location: Option<String>) -> Outcome<Consumption> {
        prober::usage(&*links()?, location.as_deref()).await
    }
}

impl files::Guest for Smb {
    async fn list_locations() -> Outcome<Vec<Location>> {
        Ok(prober::locations(&links()?.config))
    }

    async fn stat(location: String, path: String) -> Outcome<Node> {
        let links = links()?;
        reader::stat(&links, &place(&links, &location, &path)?).await
    }

    async fn read_directory(location: String, path: String, after: Option<String>, limit: u32) -> Outcome<NodePage> {
        let links = links()?;
        lister::page(&links, &place(&links, &location, &path)?, after, limit).await
    }

    async fn read(location: String, path: String, range: Option<ByteRange>) -> Outcome<Download> {
        let links = links()?;
        reader::read(&links, &place(&links, &location, &path)?, range).await
    }

    async fn write(location: String, path: String, content: &Content, attempt: String, options: PutOptions) -> Outcome<Node> {
        let links = links()?;
        writer::write(&links, &place(&links, &location, &path)?, content, &attempt, &options).await
    }

    async fn make_directory(location: String, path: String, _attempt: String) -> Outcome<()> {
        let links = links()?;
        tree::make_directory(&links, &place(&links, &location, &path)?).await
    }

    async fn remove(location: String, path: String, _attempt: String) -> Outcome<()> {
        let links = links()?;
        tree::remove(&links, &place(&links, &location, &path)?).await
    }

    async fn rename(location: String, path: String, to: String, replace: bool, _attempt: String) -> Outcome<()> {
        let links = links()?;
        tree::rename(&links, &place(&links, &location, &path)?, &place(&links, &location, &to)?, replace).await
    }

    async fn set_attributes(location: String, path: String, attributes: Attributes, _attempt: String) -> Outcome<Node> {
        let links = links()?;
        attributes::set(&links, &place(&links, &location, &path)?, &attributes).await
    }

    async fn make_link(_location: String, _path: String, _target: String, _attempt: String) -> Outcome<Node> {
        Err(unsupported("links are not made over SMB"))
    }

    async fn get_xattrs(_location: String, _path: String) -> Outcome<Vec<(String, Vec<u8>)>> {
        Err(unsupported("servers of SMB do not keep the names of extended attributes as they are given"))
    }

    async fn set_xattr(
        _location: String,
        _path: String,
        _name: String,
        _value: Option<Vec<u8>>,
        _attempt: String,
    ) -> Outcome<()> {
        Err(unsupported("servers of SMB do not keep the names of extended attributes as they are given"))
    }

    async fn get_acl(_location: String, _path: String) -> Outcome<String> {
        Err(unsupported("this target shows no access control lists"))
    }

    async fn set_acl(_location: String, _path: String, _acl: String, _attempt: String) -> Outcome<()> {
        Err(unsupported("this target keeps no access control lists"))
    }

    async fn sync(location: String, path: String) -> Outcome<()> {
        let links = links()?;
        tree::sync(&links, &place(&links, &location, &path)?).await
    }
}
