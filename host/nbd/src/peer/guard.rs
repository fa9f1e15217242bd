//! A peer that would let write, behind an export for reading only: requests that change something are refused here, and the peer
//! never sees them. So answers are taken apart too, to have a place between two of them for the refusal.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex as Quick, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::limits::REQUEST_BYTES;
use crate::transmission::request::HEAD;
use crate::transmission::{Agreed, Error, Request, reply};
use crate::wire::{self, Reader, command};

/// Reads whose simple answers are awaited. One more ends the connection.
const AWAITED: usize = 4096;

/// Lengths of what was asked for, by cookie: a simple answer does not tell its own.
type Awaited = Quick<HashMap<u64, u32>>;

pub(crate) async fn guarded<S: AsyncRead + AsyncWrite>(client: S, mut peer: TcpStream, agreed: Agreed) -> io::Result<()> {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_peer, to_peer) = peer.split();
    let to_client = Mutex::new(to_client);
    let awaited = Awaited::default();
    tokio::select! {
        ended = requests(BufReader::new(from_client), to_peer, &to_client, &awaited, agreed) => ended,
        ended = answers(BufReader::with_capacity(256 << 10, from_peer), &to_client, &awaited) => ended,
    }
}

async fn requests(
    mut client: impl AsyncRead + Unpin,
    mut peer: impl AsyncWrite + Unpin,
    to_client: &Mutex<impl AsyncWrite + Unpin>,
    awaited: &Awaited,
    agreed: Agreed,
) -> io::Result<()> {
    let mut head = [0; HEAD];
    loop {
        client.read_exact(&mut head).await?;
        let request = Request::read(&head).ok_or_else(|| invalid("the client sent what is no request"))?;
        if request.changes() {
            if request.payload() > REQUEST_BYTES as usize {
                return Err(invalid("the client wrote more than a request may"));
            }
            let payload = request.payload() as u64;
            if tokio::io::copy(&mut (&mut client).take(payload), &mut tokio::io::sink()).await? < payload {
                return Ok(());
            }
            let mut refusal = Vec::new();
            reply::failed(&mut refusal, agreed, &request, Error::NotPermitted);
            to_client.lock().await.write_all(&refusal).await?;
            continue;
        }
        if request.command == command::READ && !agreed.structured {
            let mut awaited = awaited.lock().unwrap_or_else(PoisonError::into_inner);
            awaited.insert(request.cookie, request.length);
            if awaited.len() > AWAITED {
                return Err(invalid("the client has more requests under way than are kept in mind"));
            }
        }
        peer.write_all(&head).await?;
    }
}

async fn answers(
    mut peer: impl AsyncRead + Unpin,
    to_client: &Mutex<impl AsyncWrite + Unpin>,
    awaited: &Awaited,
) -> io::Result<()> {
    let mut head = Vec::with_capacity(20);
    loop {
        head.clear();
        head.resize(16, 0);
        peer.read_exact(&mut head).await?;
        let mut told = Reader(&head);
        let length = match told.u32() {
            Some(wire::SIMPLE_REPLY) => {
                let (error, cookie) = told.u32().zip(told.u64()).ok_or_else(|| invalid("an answer is too short"))?;
                let asked = awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(&cookie);
                asked.filter(|_| error == 0).unwrap_or_default()
            }
            Some(wire::STRUCTURED_REPLY) => {
                let length = peer.read_u32().await?;
                head.extend_from_slice(&length.to_be_bytes());
                length
            }
            _ => return Err(invalid("the peer sent what is no answer")),
        };
        let mut client = to_client.lock().await;
        client.write_all(&head).await?;
        let length = u64::from(length);
        if tokio::io::copy(&mut (&mut peer).take(length), &mut *client).await? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        client.flush().await?;
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
