//! One connection to a drive that is called: requests are served beside each other, a bounded number at a time.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::CalledDrive;
use crate::limits;
use crate::transmission::allocation::CONTEXT;
use crate::transmission::reply;
use crate::transmission::request::HEAD;
use crate::transmission::{Agreed, Error, Request, Verdict};
use crate::wire::{command, command_flag as flag};

/// Bytes of a request and its answer that are counted as one of the bytes in flight.
const UNIT: usize = 4 << 10;

/// Serves a connection to its end.
pub(crate) async fn serve<S>(drive: &Arc<CalledDrive>, stream: S, agreed: Agreed) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (input, output) = tokio::io::split(stream);
    let input = BufReader::with_capacity(64 << 10, input);
    let mut running = JoinSet::new();
    let served = receive(drive, input, &Arc::new(Mutex::new(output)), agreed, &mut running).await;
    // What was taken on is done, whether somebody waits for it or not.
    while running.join_next().await.is_some() {}
    served
}

/// Takes requests on, up to the end of the connection.
async fn receive<S>(
    drive: &Arc<CalledDrive>,
    mut input: BufReader<ReadHalf<S>>,
    output: &Arc<Mutex<WriteHalf<S>>>,
    agreed: Agreed,
    running: &mut JoinSet<()>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let bytes = Arc::new(Semaphore::new(limits::IN_FLIGHT_BYTES / UNIT));
    let mut head = [0; HEAD];
    loop {
        match input.read_exact(&mut head).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        };
        let Some(request) = Request::read(&head) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client sent what is no request"));
        };
        let verdict = request.judge(drive.size(), drive.is_read_only(), agreed);
        if verdict == Verdict::End || request.command == command::DISCONNECT {
            return Ok(());
        }
        let room = room(&bytes, &request).await?;
        let mut payload = vec![0; request.payload()];
        input.read_exact(&mut payload).await?;
        while running.len() >= limits::IN_FLIGHT {
            running.join_next().await.transpose().map_err(io::Error::other)?;
        }
        while let Some(ended) = running.try_join_next() {
            ended.map_err(io::Error::other)?;
        }
        let (drive, output) = (Arc::clone(drive), Arc::clone(output));
        running.spawn(async move {
            let answer = match verdict {
                Verdict::Refuse(error) => Err(error),
                _ => perform(&drive, agreed, &request, payload.into()).await,
            };
            let answer = answer.unwrap_or_else(|error| {
                let mut failed = Vec::new();
                reply::failed(&mut failed, agreed, &request, error);
                (failed, Bytes::new())
            });
            send(&output, answer).await;
            drop(room);
        });
    }
}

/// Waits until the request's bytes have room in memory.
async fn room(bytes: &Arc<Semaphore>, request: &Request) -> io::Result<OwnedSemaphorePermit> {
    let held = match request.command {
        command::READ | command::WRITE => request.length.min(limits::REQUEST_BYTES) as usize,
        _ => 0,
    };
    let units = u32::try_from(held.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
    Arc::clone(bytes).acquire_many_owned(units).await.map_err(io::Error::other)
}

async fn send<W: AsyncWrite + Unpin>(output: &Mutex<W>, (head, body): (Vec<u8>, Bytes)) {
    let mut output = output.lock().await;
    let sent = async {
        output.write_all_buf(&mut Buf::chain(Bytes::from(head), body)).await?;
        output.flush().await
    };
    // A client that is gone shows where the connection is read.
    if let Err(cause) = sent.await {
        tracing::debug!(%cause, "an answer could not be sent");
    }
}

async fn perform(drive: &CalledDrive, agreed: Agreed, request: &Request, payload: Bytes) -> Result<(Vec<u8>, Bytes), Error> {
    let mut answer = Vec::new();
    let performed = match request.command {
        command::READ => match drive.read(request.offset, u64::from(request.length)).await {
            Ok(bytes) => {
                reply::read_head(&mut answer, agreed, request);
                return Ok((answer, bytes));
            }
            Err(failure) => Err(failure),
        },
        command::BLOCK_STATUS => match drive.allocation(request).await {
            Ok(ranges) => {
                reply::allocation(&mut answer, request, CONTEXT, &ranges);
                return Ok((answer, Bytes::new()));
            }
            Err(failure) => Err(failure),
        },
        command::WRITE => drive.write(request.offset, payload).await,
        command::FLUSH => drive.flush().await,
        command::TRIM => drive.trim(request).await,
        command::WRITE_ZEROES => drive.zero(request).await,
        // Nothing is kept here that could be filled.
        command::CACHE => Ok(()),
        _ => return Err(Error::Invalid),
    };
    let mut performed = performed;
    if performed.is_ok() && request.changes() && request.has(flag::FUA) {
        performed = drive.flush().await;
    }
    match performed {
        Ok(()) => {
            reply::done(&mut answer, request);
            Ok((answer, Bytes::new()))
        }
        Err(failure) => {
            tracing::warn!(%failure, command = request.command, "a request of an attached drive failed");
            Err(Error::from(&failure))
        }
    }
}
