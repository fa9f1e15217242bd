//! An export that is being served: its listener, its connections, its end.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capstan_domain::{Failure, Outcome};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::address::Address;
use crate::export::{Backend, Export};
use crate::limits;
use crate::listener::Listener;
use crate::negotiation::{Encryption, Negotiation, Step};
use crate::peer::PeerDrive;
use crate::socket::{Cut, Socket, blocking};
use crate::tls::Tls;
use crate::{calls, file, peer};

/// An address that is taken, and where nobody is answered yet.
pub struct Bound {
    listener: Listener,
    address: Address,
    tls: Option<Tls>,
}

/// Ends when it is stopped; one that is dropped takes no more connections.
pub struct Server {
    address: Address,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    export: Export,
    tls: Option<Tls>,
    encryption: Encryption,
    connections: Mutex<Connections>,
    /// How many there are.
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct Connections {
    standing: HashMap<u64, Cut>,
    last: u64,
    closed: bool,
}

impl Bound {
    /// Beyond this machine clients have to encrypt.
    pub async fn to(address: &Address, tls: Option<Tls>) -> Outcome<Self> {
        let listener = Listener::bind(address, tls.as_ref()).await?;
        let address = listener.address().map_err(|cause| Failure::host("a listener does not know its address", cause))?;
        Ok(Self { listener, address, tls })
    }

    /// With the port that was taken.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Clients are answered from now on, on the runtime that this is called on.
    pub fn serve(self, export: Export) -> Server {
        let Self { listener, address, tls } = self;
        let encryption = match (&tls, &address) {
            (None, _) => Encryption::None,
            (Some(_), Address::Tcp(address)) if !address.ip().is_loopback() => Encryption::Required,
            (Some(_), _) => Encryption::Offered,
        };
        let shared = Arc::new(Shared { export, tls, encryption, connections: Mutex::default(), count: watch::Sender::new(0) });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Server { address, shared, accepting }
    }
}

impl Server {
    /// Listens from now on.
    pub async fn start(export: Export, address: &Address, tls: Option<Tls>) -> Outcome<Self> {
        Ok(Bound::to(address, tls).await?.serve(export))
    }

    /// Where it listens, with the port that was taken.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn name(&self) -> &str {
        self.shared.export.name()
    }

    /// How many clients there are.
    pub fn connections(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Takes no more connections, ends those that stand, and waits until nothing is done for them any more. What was written is
    /// flushed.
    pub async fn stop(mut self) -> Outcome<()> {
        self.accepting.abort();
        // When this has ended the listener is gone, and its socket.
        let _ = (&mut self.accepting).await;
        {
            let mut connections = self.shared.connections();
            connections.closed = true;
            connections.standing.values().for_each(Cut::now);
        }
        let mut count = self.shared.count.subscribe();
        if tokio::time::timeout(limits::END, count.wait_for(|count| *count == 0)).await.is_err() {
            tracing::warn!(export = self.name(), "requests of an ended export are still under way");
        }
        let Backend::File(drive) = &self.shared.export.backend else { return Ok(()) };
        let drive = Arc::clone(drive);
        let flushed = tokio::task::spawn_blocking(move || drive.flush()).await;
        match flushed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Failure::new(capstan_domain::Kind::Corrupt, "the drive's file could not be flushed to the disk")),
            Err(cause) => Err(Failure::host("a flush did not end", cause)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None: there are enough, or the export is at its end.
    fn admit(self: &Arc<Self>, socket: &Socket) -> io::Result<Option<Standing>> {
        let cut = socket.cut()?;
        let mut connections = self.connections();
        if connections.closed || connections.standing.len() >= limits::CONNECTIONS {
            return Ok(None);
        }
        connections.last += 1;
        let number = connections.last;
        connections.standing.insert(number, cut);
        self.count.send_replace(connections.standing.len());
        Ok(Some(Standing { number, shared: Arc::clone(self) }))
    }
}

/// A connection as long as anything is done for it.
struct Standing {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        let mut connections = self.shared.connections();
        if let Some(cut) = connections.standing.remove(&self.number) {
            // Whatever still holds the socket, the client hears of the end.
            cut.now();
        }
        self.shared.count.send_replace(connections.standing.len());
    }
}

async fn accept(listener: Listener, shared: Arc<Shared>) {
    loop {
        let socket = match listener.accept().await {
            Ok(socket) => socket,
            Err(cause) => {
                // Out of handles, mostly: others have to end first.
                tracing::warn!(%cause, export = shared.export.name(), "a connection could not be taken");
                tokio::time::sleep(limits::TRY_PAUSE).await;
                continue;
            }
        };
        match shared.admit(&socket) {
            Ok(Some(standing)) => {
                tokio::spawn(async move {
                    if let Err(cause) = serve(&standing, socket).await {
                        tracing::debug!(%cause, export = standing.shared.export.name(), "a connection ended");
                    }
                });
            }
            Ok(None) => tracing::warn!(export = shared.export.name(), "a connection too many was closed"),
            Err(cause) => tracing::warn!(%cause, "a connection could not be taken"),
        }
    }
}

async fn serve(standing: &Standing, mut socket: Socket) -> io::Result<()> {
    let shared = &standing.shared;
    let mut negotiation = Negotiation::new(&shared.export, shared.encryption);
    let deadline = tokio::time::Instant::now() + limits::NEGOTIATION;
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the client took too long to agree");
    let first = async {
        negotiation.greet(&mut socket).await?;
        negotiation.haggle(&mut socket).await
    };
    match (tokio::time::timeout_at(deadline, first).await.map_err(late)??, &shared.tls) {
        (Step::Begin, _) => transmit_plain(negotiation, &shared.export, socket).await,
        (Step::Encrypt, Some(tls)) => {
            let again = async {
                let mut stream = tls.acceptor.accept(socket).await?;
                let step = negotiation.haggle(&mut stream).await?;
                io::Result::Ok((stream, step))
            };
            let (stream, step) = tokio::time::timeout_at(deadline, again).await.map_err(late)??;
            match step {
                Step::Begin => transmit_encrypted(negotiation, &shared.export, stream).await,
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

async fn transmit_plain(negotiation: Negotiation<'_>, export: &Export, socket: Socket) -> io::Result<()> {
    let agreed = negotiation.agreed;
    match &export.backend {
        Backend::File(drive) => {
            let (drive, socket) = (Arc::clone(drive), socket.into_blocking()?);
            on_thread(move || file::serve(&drive, &socket, agreed)).await
        }
        Backend::Calls(drive) => calls::serve(drive, socket, agreed).await,
        Backend::Peer(drive) => {
            let Some((peer, guard)) = behind(drive, negotiation) else { return Ok(()) };
            let (client, peer) = (socket.into_blocking()?, blocking(peer)?);
            match guard {
                Some(size) => on_thread(move || peer::guarded(&client, &peer, size, agreed)).await,
                None => on_thread(move || peer::spliced(&client, &peer)).await,
            }
        }
    }
}

async fn transmit_encrypted<S>(negotiation: Negotiation<'_>, export: &Export, stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let agreed = negotiation.agreed;
    match &export.backend {
        Backend::File(drive) => {
            let drive = Arc::clone(drive);
            decrypted(stream, move |client| file::serve(&drive, &client, agreed)).await
        }
        Backend::Calls(drive) => calls::serve(drive, stream, agreed).await,
        Backend::Peer(drive) => {
            let Some((peer, guard)) = behind(drive, negotiation) else { return Ok(()) };
            let Some(size) = guard else { return peer::through(stream, peer).await };
            let peer = blocking(peer)?;
            decrypted(stream, move |client| peer::guarded(&client, &peer, size, agreed)).await
        }
    }
}

/// The peer that was agreed with. Where it would let write what is for reading: with the drive's size, to refuse that here.
fn behind(drive: &PeerDrive, negotiation: Negotiation<'_>) -> Option<(TcpStream, Option<u64>)> {
    let upstream = negotiation.upstream;
    let guard = (drive.is_read_only() && !upstream.refuses_writes()).then(|| upstream.size());
    Some((upstream.into_stream()?, guard))
}

/// For threads: they see a plain socket, and what goes through it is encrypted here.
async fn decrypted<S>(stream: S, work: impl FnOnce(OwnedFd) -> io::Result<()> + Send + 'static) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (inner, outer) = Pair::pair()?;
    outer.set_nonblocking(true)?;
    let outer = UnixStream::from_std(outer)?;
    let working = on_thread(move || work(inner.into()));
    let (worked, copied) = tokio::join!(working, peer::through(stream, outer));
    worked.and(copied)
}

/// On a thread of its own: a connection may last for days.
async fn on_thread(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let (done, end) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("capstan-nbd".to_owned()).spawn(move || {
        let _ = done.send(work());
    })?;
    end.await.map_err(io::Error::other)?
}
