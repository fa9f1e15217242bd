//! One connection to a file, on a thread of its own.
//!
//! Requests that the kernel serves from memory are served as they come, and their answers are sent together when no request is
//! left in the buffer. What may have to wait for the disk goes to the crew, so that requests behind it do not wait too; answers
//! then come in another order, as the protocol allows.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::FileDrive;
use super::crew::{Crew, Errand};
use super::output::{Answers, Output, TOGETHER};
use crate::transmission::allocation::CONTEXT;
use crate::transmission::input::Input;
use crate::transmission::reply;
use crate::transmission::request::HEAD;
use crate::transmission::{Agreed, Error, Request, Verdict};
use crate::wire::{command, command_flag as flag};

/// A read up to so many bytes may be answered from memory at once.
const SMALL: usize = TOGETHER;

/// Serves a connection to its end. The socket blocks.
pub(crate) fn serve(drive: &Arc<FileDrive>, socket: &OwnedFd, agreed: Agreed) -> io::Result<()> {
    let connection = Connection { drive, output: Output::new(socket.as_fd()), crew: Crew::default(), agreed };
    std::thread::scope(|scope| {
        let served = connection.receive(Input::new(socket.as_fd()), |errand| {
            if connection.crew.hand_over(errand) {
                let named = std::thread::Builder::new().name("capstan-nbd-io".to_owned());
                let started = named.spawn_scoped(scope, || connection.work());
                // With one thread fewer it takes longer; with none it would never end.
                if let Err(cause) = started
                    && !connection.crew.one_less()
                {
                    return Err(cause);
                }
            }
            Ok(())
        });
        connection.crew.close();
        served
    })
}

struct Connection<'s> {
    drive: &'s FileDrive,
    output: Output<'s>,
    crew: Crew,
    agreed: Agreed,
}

impl Connection<'_> {
    fn receive(&self, mut input: Input<'_>, mut hand_over: impl FnMut(Errand) -> io::Result<()>) -> io::Result<()> {
        let mut answers = Answers::default();
        loop {
            if input.ready() < HEAD || answers.len() >= TOGETHER {
                self.output.send(&mut answers)?;
            }
            if !input.await_bytes(HEAD)? {
                return Ok(());
            }
            let Some(request) = Request::read(input.take(HEAD)) else {
                self.output.send(&mut answers)?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the client sent what is no request"));
            };
            let verdict = request.judge(self.drive.size(), self.drive.is_read_only(), self.agreed);
            if verdict == Verdict::End || request.command == command::DISCONNECT {
                return self.output.send(&mut answers);
            }
            let payload = request.payload();
            if input.ready() < payload {
                self.output.send(&mut answers)?;
            }
            let at_once = matches!(verdict, Verdict::Refuse(_)) || !request.has(flag::FUA);
            if payload > 0 && !(at_once && Input::fits(payload)) {
                let Some(payload) = input.take_owned(payload)? else { return Ok(()) };
                match verdict {
                    Verdict::Refuse(error) => reply::failed(&mut answers, self.agreed, &request, error),
                    _ => hand_over(Errand { request, payload })?,
                }
                continue;
            }
            if !input.await_bytes(payload)? {
                return Ok(());
            }
            let payload = input.take(payload);
            match verdict {
                Verdict::Refuse(error) => reply::failed(&mut answers, self.agreed, &request, error),
                _ if !self.at_once(&request, payload, &mut answers) => hand_over(Errand { request, payload: Vec::new() })?,
                _ => {}
            }
        }
    }

    /// Answers what needs no waiting. False: it was not answered.
    fn at_once(&self, request: &Request, payload: &[u8], answers: &mut Answers) -> bool {
        let before = answers.len();
        let length = request.length as usize;
        let result = match request.command {
            command::READ if length <= SMALL => {
                reply::read_head(answers, self.agreed, request);
                self.drive.read_at_once(answers.room(length), request.offset)
            }
            command::WRITE => {
                let written = self.drive.write(payload, request.offset);
                written.map(|()| reply::done(answers, request)).map(|()| true)
            }
            command::BLOCK_STATUS => self.drive.allocation(request).map(|ranges| {
                reply::allocation(answers, request, CONTEXT, &ranges);
                true
            }),
            _ => Ok(false),
        };
        match result {
            Ok(true) => true,
            Ok(false) => {
                answers.back_to(before);
                false
            }
            Err(error) => {
                answers.back_to(before);
                reply::failed(answers, self.agreed, request, error);
                true
            }
        }
    }

    /// A thread of the crew.
    fn work(&self) {
        let mut answers = Answers::default();
        while let Some(errand) = self.crew.next() {
            let request = &errand.request;
            let result = self.perform(request, &errand.payload, &mut answers);
            if let Err(error) = result {
                answers.back_to(0);
                reply::failed(&mut answers, self.agreed, request, error);
            }
            // A client that is gone shows where the connection is read.
            let sent = self.output.send(&mut answers);
            self.crew.finished(&errand);
            if let Err(cause) = sent {
                tracing::debug!(%cause, "an answer could not be sent");
                answers.back_to(0);
            }
        }
    }

    fn perform(&self, request: &Request, payload: &[u8], answers: &mut Answers) -> Result<(), Error> {
        match request.command {
            command::READ => {
                reply::read_head(answers, self.agreed, request);
                return self.drive.read(answers.room(request.length as usize), request.offset);
            }
            command::WRITE => self.drive.write(payload, request.offset)?,
            command::FLUSH => self.drive.flush()?,
            command::TRIM => self.drive.trim(request)?,
            command::WRITE_ZEROES => self.drive.zero(request)?,
            command::CACHE => self.drive.cache(request)?,
            _ => return Err(Error::Invalid),
        }
        if request.changes() && request.has(flag::FUA) {
            self.drive.flush()?;
        }
        reply::done(answers, request);
        Ok(())
    }
}
