//! From what a target said of a drive's bytes to bytes that the host itself reaches, as far as the target's grants go.

use std::sync::Arc;

use capstan_domain::drive::Drive;
use capstan_domain::ports::{self, Attachment};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::Grants;
use capstan_nbd::{Backend, CalledDrive, FileDrive, PeerDrive};
use capstan_services::files::Directory;
use tokio::sync::Semaphore;

/// What an attachment rests on.
pub(super) enum Rest {
    Directory {
        root: String,
        path: String,
        write: bool,
    },
    Connection {
        host: String,
        port: u16,
    },
    /// The target's own calls, which are held to its grants each time.
    Calls,
}

impl Rest {
    /// Whether it is granted still.
    pub(super) fn stands(&self, grants: &Grants) -> bool {
        match self {
            Self::Directory { root, path, write } => {
                grants.directory(root).is_ok_and(|grant| grant.path() == path && (grant.writable() || !*write))
            }
            Self::Connection { host, port } => grants.may_connect(host, *port).is_ok(),
            Self::Calls => true,
        }
    }
}

pub(super) async fn reached(
    grants: &Grants,
    facet: Arc<dyn ports::Drives>,
    drive: &Drive,
    peer: Attachment,
    read_only: bool,
) -> Outcome<(Backend, Rest)> {
    match peer {
        Attachment::File { root, path } => {
            let grant = grants.directory(&root)?;
            let directory = Directory::open(&grant, Arc::new(Semaphore::new(1)))?;
            let file = FileDrive::new(directory.lend(&path, !read_only).await?, read_only)?;
            as_large(drive, file.size())?;
            let rest = Rest::Directory { root, path: grant.path().to_owned(), write: !read_only };
            Ok((Backend::File(Arc::new(file)), rest))
        }
        Attachment::Nbd { host, port, export } => {
            let peer = PeerDrive::new(grants.may_connect(&host, port)?, export, read_only)?;
            as_large(drive, peer.check().await?)?;
            Ok((Backend::Peer(Arc::new(peer)), Rest::Connection { host, port }))
        }
        Attachment::Calls => {
            let block = facet.limits(&drive.location).await?.block;
            let called = CalledDrive::new(facet, &*drive.location, drive.volume(), drive.size, block, read_only)?;
            Ok((Backend::Calls(Arc::new(called)), Rest::Calls))
        }
    }
}

/// A peer of another size has other bytes.
fn as_large(drive: &Drive, found: u64) -> Outcome<()> {
    if found == drive.size {
        return Ok(());
    }
    let message = format!("the drive has {} bytes, and what its target attached has {found}", drive.size);
    Err(Failure::new(Kind::PluginFault, message).with_code("size-mismatch"))
}
