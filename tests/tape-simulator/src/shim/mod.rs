//! Units as SCSI generic devices: one Unix socket a unit, for programs that run with the library of `shim/`.
//!
//! Each connection is a nexus of its own, as if each opened descriptor were an initiator. Its commands are executed one after the other.

mod connection;
mod frame;
mod units;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::devices::{Devices, Nexus};

/// Descriptors that are open at a time, of one unit.
const MOST_CONNECTIONS: usize = 64;

/// The sockets `sg0`, `sg1`, … of a directory, in the order of logical unit numbers. They go with this.
pub struct Nodes {
    nodes: Vec<Node>,
    devices: Arc<dyn Devices>,
}

struct Node {
    lun: u64,
    listener: UnixListener,
    place: Place,
}

/// Removes the socket when nobody listens any more.
struct Place(PathBuf);

impl Nodes {
    /// Asks the library for its units and listens for each. Sockets of an earlier run are replaced.
    ///
    /// # Errors
    /// The directory's and the sockets' own; a library that does not say which units it has.
    pub async fn listen(devices: Arc<dyn Devices>, directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        // The name that a program sees behind its descriptor.
        let directory = directory.canonicalize()?;
        let mut nodes = Vec::new();
        for (number, lun) in units::of(&*devices).await?.into_iter().enumerate() {
            let path = directory.join(format!("sg{number}"));
            match std::fs::remove_file(&path) {
                Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(failure),
                _ => {}
            }
            nodes.push(Node { lun, listener: UnixListener::bind(&path)?, place: Place(path) });
        }
        Ok(Self { nodes, devices })
    }

    /// Serves until it is dropped.
    ///
    /// # Errors
    /// A listener's own.
    pub async fn serve(self) -> io::Result<()> {
        let mut serving = JoinSet::new();
        for node in self.nodes {
            serving.spawn(node.serve(Arc::clone(&self.devices)));
        }
        match serving.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(failure)) => Err(io::Error::other(failure)),
            None => Ok(()),
        }
    }
}

impl Node {
    async fn serve(self, devices: Arc<dyn Devices>) -> io::Result<()> {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(open) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
            let (stream, _) = self.listener.accept().await?;
            let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
            let nexus = Nexus(format!("{}#{number}", self.place.0.display()));
            let devices = Arc::clone(&devices);
            tokio::spawn(async move {
                connection::serve(devices, nexus, self.lun, stream).await;
                drop(open);
            });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing is lost with one that stays: the next run replaces it.
        let _ = std::fs::remove_file(&self.0);
    }
}
