//! A peer that would let write, behind an export for reading only: requests that change something are refused here, and the peer
//! never sees them, nor any that the protocol does not know.
//!
//! Requests are looked at one by one. Answers go on as they come, many at once or a part of one; they are followed from head to
//! head for the sake of refusals, whose place is between two of them. The rest of a long one goes through the kernel alone.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::answers::Walk;
use super::duplex::both_ways;
use super::splice::{Pipe, prompt};
use crate::limits;
use crate::socket::{receive, send_all};
use crate::transmission::input::Input;
use crate::transmission::request::HEAD;
use crate::transmission::{Agreed, Error, Request, Verdict, reply};
use crate::wire::command;

/// Bytes of answers that are taken at once. An answer of which more is to come goes through a pipe from there on.
const PIECE: usize = 128 << 10;
/// Bytes of requests that are sent on together.
const TOGETHER: usize = 4 << 10;
/// Reads whose simple answers are awaited. One more ends the connection.
const AWAITED: usize = 4096;

/// Where the stream to the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Between two answers of the peer: who holds this may send one of their own.
    Between,
    Within,
    /// The peer sends no more.
    Ended,
}

struct Guard<'s> {
    client: BorrowedFd<'s>,
    peer: BorrowedFd<'s>,
    /// Bytes of the drive.
    size: u64,
    agreed: Agreed,
    turn: Mutex<Turn>,
    turned: Condvar,
    /// Lengths of what was asked for, by cookie: a simple answer does not tell its own.
    awaited: Mutex<HashMap<u64, u32>>,
}

/// Between two sockets, which block; each direction has a thread. Ends when both have ended.
pub(crate) fn guarded(client: &OwnedFd, peer: &OwnedFd, size: u64, agreed: Agreed) -> io::Result<()> {
    let (client, peer) = (client.as_fd(), peer.as_fd());
    let (turn, turned, awaited) = (Mutex::new(Turn::Between), Condvar::new(), Mutex::default());
    let guard = Guard { client, peer, size, agreed, turn, turned, awaited };
    let answers = || {
        let ended = guard.answers();
        guard.turn_to(Turn::Ended);
        ended
    };
    both_ways(client, peer, || guard.requests(), answers)
}

impl Guard<'_> {
    fn requests(&self) -> io::Result<()> {
        let mut input = Input::new(self.client);
        let mut onward = Vec::with_capacity(TOGETHER);
        loop {
            if input.ready() < HEAD || onward.len() >= TOGETHER {
                send_all(self.peer, &onward)?;
                onward.clear();
            }
            if !input.await_bytes(HEAD)? {
                return Ok(());
            }
            let head = input.take(HEAD);
            let request = Request::read(head).ok_or_else(|| invalid("the client sent what is no request"))?;
            match request.judge(self.size, true, self.agreed) {
                Verdict::Serve => {
                    self.expect(&request)?;
                    onward.extend_from_slice(head);
                    if request.command == command::DISCONNECT {
                        return send_all(self.peer, &onward);
                    }
                }
                Verdict::Refuse(error) => {
                    // The refusal may have to wait for the answers to these.
                    send_all(self.peer, &onward)?;
                    onward.clear();
                    if !input.skip(request.payload())? {
                        return Ok(());
                    }
                    self.refuse(&request, error)?;
                }
                Verdict::End => return Err(invalid("the client wrote more than a request may")),
            }
        }
    }

    /// Two reads of one cookie would leave open how long the answer to either is.
    fn expect(&self, request: &Request) -> io::Result<()> {
        if request.command != command::READ || self.agreed.structured {
            return Ok(());
        }
        let mut awaited = self.awaited();
        if awaited.len() >= AWAITED {
            return Err(invalid("the client has more requests under way than are kept in mind"));
        }
        match awaited.insert(request.cookie, request.length) {
            None => Ok(()),
            Some(_) => Err(invalid("the client has two requests of one cookie under way")),
        }
    }

    fn refuse(&self, request: &Request, error: Error) -> io::Result<()> {
        let mut refusal = Vec::new();
        reply::failed(&mut refusal, self.agreed, request, error);
        let waited = self.turned.wait_timeout_while(self.turn(), limits::PLACE, |turn| *turn == Turn::Within);
        let (turn, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match *turn {
            Turn::Between => send_all(self.client, &refusal),
            Turn::Within => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer left an answer half sent")),
            Turn::Ended => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the peer sends no more")),
        }
    }

    fn answers(&self) -> io::Result<()> {
        let (mut buffer, pipe, mut walk) = (vec![0; PIECE], Pipe::new()?, Walk::new(self.agreed));
        loop {
            let came = receive(self.peer, &mut buffer)?;
            if came == 0 {
                return if walk.is_between() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            prompt(self.peer);
            let bytes = buffer.get(..came).unwrap_or_default();
            walk.over(bytes, |cookie| self.awaited().remove(&cookie))?;
            let mut turn = self.turn();
            send_all(self.client, bytes)?;
            *turn = if walk.is_between() { Turn::Between } else { Turn::Within };
            drop(turn);
            self.turned.notify_all();
            if walk.rest() >= PIECE as u64 {
                self.carry(&pipe, &mut walk)?;
                self.turn_to(Turn::Between);
            }
        }
    }

    /// The rest of an answer.
    fn carry(&self, pipe: &Pipe, walk: &mut Walk) -> io::Result<()> {
        while walk.rest() > 0 {
            let carried = pipe.carry(self.peer, self.client, usize::try_from(walk.rest()).unwrap_or(usize::MAX))?;
            if carried == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            walk.pass(carried);
        }
        Ok(())
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_to(&self, turn: Turn) {
        *self.turn() = turn;
        self.turned.notify_all();
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
