//! A front of bytes: it knows two directions and nothing of what is said.
//!
//! A fault strikes the next piece of bytes that comes from the server (or, where it says so, from the plugin), on whichever connection
//! that is; `Once` is one piece, `Always` every one until `calm`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::listener::{Listener, reset};
use super::trigger::{Times, Trigger};

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Connections are closed as soon as they are accepted, those that are open now as well.
    ClosedAtAccept,
    /// The same with a reset.
    ResetAtAccept,
    /// What the server says does not arrive any more; the connection stays open.
    Silence,
    /// Half of a piece arrives, then nothing more.
    Stall,
    /// Half of a piece arrives, then the connection is reset.
    ResetInAnswer,
    /// Half of a piece arrives, then the connection ends.
    CutInAnswer,
    /// The server's answer is lost: it was asked, it answered, the connection ends.
    AnswerLost,
    /// A few bytes at a time.
    Drip,
    /// Each piece comes late.
    Late,
    /// A bit in the middle of a piece is another.
    BitFlip,
    /// Other bytes of the same number arrive.
    Garbage,
    /// Bytes that nobody sent come before a piece.
    Stray,
    /// A piece arrives twice.
    Duplicate,
    /// A piece is left out; what comes after it arrives.
    Gap,
    /// The server's side ends, the other stays open.
    HalfClosed,
    /// Half of what the plugin sent reaches the server, then the connection ends.
    RequestCut,
    /// A bit of what the plugin sent is another.
    RequestFlip,
    /// Half of what the plugin sent reaches the server, then both connections are reset.
    RequestReset,
    /// What the plugin sends does not reach the server any more; the connection stays open.
    RequestSilence,
    /// The first bytes of a piece, where most protocols say how long it is, say much more than comes.
    WrongLength,
}

impl Fault {
    fn strikes_requests(self) -> bool {
        matches!(self, Self::RequestCut | Self::RequestFlip | Self::RequestReset | Self::RequestSilence)
    }
}

pub struct Front {
    listener: Listener,
    trigger: Arc<Trigger<Fault>>,
}

/// Between two bytes, or few, of a drip.
const DRIP: Duration = Duration::from_millis(1);
const DRIP_BYTES: usize = 16;
const LATE: Duration = Duration::from_millis(300);
const PIECE: usize = 64 << 10;
/// 8 MiB and a little as a number of four bytes, the greatest first: no piece is that long.
const MUCH: [u8; 4] = [0, 0x80, 0, 0x4c];
/// For a client to read the last bytes before its connection is closed.
const CLOSING: Duration = Duration::from_millis(500);

impl Front {
    /// Before the server at `host:port`.
    pub async fn start(server: &str) -> anyhow::Result<Self> {
        let trigger = Arc::new(Trigger::new());
        let (serving, server) = (Arc::clone(&trigger), server.to_owned());
        let listener = Listener::start(move |stream| {
            let (trigger, server) = (Arc::clone(&serving), server.clone());
            async move { serve(stream, &server, &trigger).await }
        })
        .await?;
        Ok(Self { listener, trigger })
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    pub fn connections(&self) -> u64 {
        self.listener.accepted()
    }

    pub fn arm(&self, fault: Fault, times: Times) {
        self.trigger.arm(fault, times);
    }

    pub fn calm(&self) {
        self.trigger.calm();
    }

    /// How often something was done to bytes.
    pub fn struck(&self) -> u64 {
        self.trigger.struck()
    }
}

/// An address where nobody listens just now.
pub async fn unused_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?)
}

async fn serve(mut client: TcpStream, server: &str, trigger: &Trigger<Fault>) {
    match trigger.pull(|fault| matches!(fault, Fault::ClosedAtAccept | Fault::ResetAtAccept)) {
        Some(Fault::ResetAtAccept) => return reset(client),
        Some(_) => return,
        None => {}
    }
    // A server that is not there closes the connection, as it would without a front.
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = server.set_nodelay(true);
    let end = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let up = pump(client_read, server_write, trigger, true);
        let down = pump(server_read, client_write, trigger, false);
        tokio::pin!(up, down);
        let first = tokio::select! {
            end = &mut up => (end, true),
            end = &mut down => (end, false),
        };
        match first {
            // One side has said all it has to say; the other may go on.
            (End::Plain, true) => down.await,
            (End::Plain | End::HalfClosed, false) => up.await,
            (end, _) => end,
        }
    };
    match end {
        End::Reset => reset(client),
        _ => close(client).await,
    }
}

/// What has become of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Plain,
    Cut,
    Reset,
    HalfClosed,
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    trigger: &Trigger<Fault>,
    of_requests: bool,
) -> End {
    let mut piece = vec![0; PIECE];
    loop {
        let count = match from.read(&mut piece).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return End::Plain;
            }
            Ok(count) => count,
            Err(_) => return End::Reset,
        };
        let Some(bytes) = piece.get_mut(..count) else { return End::Cut };
        let sent = match trigger.pull(|fault| fault.strikes_requests() == of_requests) {
            None => to.write_all(bytes).await,
            Some(fault) => match strike(fault, bytes, &mut from, &mut to).await {
                Ok(None) => Ok(()),
                Ok(Some(end)) => return end,
                Err(failure) => Err(failure),
            },
        };
        if sent.is_err() {
            return End::Cut;
        }
    }
}

/// Does to these bytes what the fault does; tells whether the direction is over.
async fn strike(
    fault: Fault,
    bytes: &mut [u8],
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<Option<End>> {
    let half = bytes.len() / 2;
    let (first, _) = bytes.split_at(half);
    match fault {
        Fault::ClosedAtAccept | Fault::AnswerLost => return Ok(Some(End::Cut)),
        Fault::ResetAtAccept => return Ok(Some(End::Reset)),
        Fault::Silence | Fault::RequestSilence => return swallow(from).await,
        Fault::Stall => {
            to.write_all(first).await?;
            return swallow(from).await;
        }
        Fault::ResetInAnswer | Fault::RequestReset => {
            to.write_all(first).await?;
            return Ok(Some(End::Reset));
        }
        Fault::CutInAnswer | Fault::RequestCut => {
            to.write_all(first).await?;
            to.shutdown().await?;
            return Ok(Some(End::Cut));
        }
        Fault::HalfClosed => {
            to.shutdown().await?;
            return Ok(Some(End::HalfClosed));
        }
        Fault::Drip => {
            for few in bytes.chunks(DRIP_BYTES) {
                to.write_all(few).await?;
                tokio::time::sleep(DRIP).await;
            }
        }
        Fault::Late => {
            tokio::time::sleep(LATE).await;
            to.write_all(bytes).await?;
        }
        Fault::BitFlip | Fault::RequestFlip => {
            if let Some(byte) = bytes.get_mut(half) {
                *byte ^= 1;
            }
            to.write_all(bytes).await?;
        }
        Fault::Garbage => to.write_all(&garbage(bytes.len())).await?,
        Fault::Stray => {
            to.write_all(&garbage(37)).await?;
            to.write_all(bytes).await?;
        }
        Fault::Duplicate => {
            to.write_all(bytes).await?;
            to.write_all(bytes).await?;
        }
        Fault::Gap => {}
        Fault::WrongLength => {
            bytes.iter_mut().zip(MUCH).for_each(|(byte, much)| *byte = much);
            to.write_all(bytes).await?;
        }
    }
    Ok(None)
}

/// Reads on and lets nothing through, until the other side has had enough.
async fn swallow(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<End>> {
    let mut piece = vec![0; PIECE];
    while from.read(&mut piece).await? > 0 {}
    std::future::pending().await
}

/// The same bytes every time; none of them begins an answer of any protocol.
pub(super) fn garbage(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from((at * 89 + 167) % 251).unwrap_or_default() | 0x80).collect()
}

/// Ends the connection with an end, not with a reset: what was sent arrives.
async fn close(mut client: TcpStream) {
    let _ = client.shutdown().await;
    let mut rest = vec![0; PIECE];
    let drain = async { while client.read(&mut rest).await.is_ok_and(|count| count > 0) {} };
    let _ = tokio::time::timeout(CLOSING, drain).await;
}
