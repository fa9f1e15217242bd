//! An iSCSI target (RFC 7143): one name, one portal group, one connection a session, error recovery level 0.
//!
//! At that level every broken PDU ends its session (section 7.1): the initiator logs in anew. A reader hands commands to their units
//! and one writer gives every answer its StatSN, so a unit that takes minutes holds up no other.

mod chap;
mod command;
mod connection;
mod header;
mod limits;
mod login;
pub(crate) mod lun;
mod negotiation;
mod outgoing;
mod reader;
mod security;
mod session;
mod sessions;
mod task_management;
mod tasks;
mod text;
mod transfer;
mod unit;
mod window;
mod writer;

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use self::chap::Chap;
pub use self::limits::MOST_TRANSFER;
use self::sessions::Sessions;
use crate::devices::Devices;

/// One target node.
pub struct Target {
    name: String,
    chap: Option<Chap>,
    devices: Arc<dyn Devices>,
    sessions: Sessions,
}

impl Target {
    /// `name`: its iSCSI name. With `chap` an initiator has to prove that it knows the secret, in sessions of discovery too.
    pub fn new(name: impl Into<String>, chap: Option<Chap>, devices: Arc<dyn Devices>) -> Self {
        Self { name: name.into(), chap, devices, sessions: Sessions::default() }
    }

    /// Serves connections until it is dropped; more than 64 at a time wait in the kernel's queue.
    ///
    /// # Errors
    /// The listener's own.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let room = Arc::new(Semaphore::new(limits::MOST_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
            let (stream, _) = listener.accept().await?;
            let target = Arc::clone(&self);
            tokio::spawn(async move {
                // However it ended, the initiator sees a closed connection.
                let _ = connection::serve(&target, stream).await;
                drop(place);
            });
        }
    }
}
