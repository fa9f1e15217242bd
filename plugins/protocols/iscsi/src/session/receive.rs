//! What a session does with what it receives.

use super::{Asked, Phase, Session};
use crate::bounds::{EVENTS, REQUESTS, TEXT_BYTES, TEXT_ROUNDS};
use crate::command::{Answered, Outcome, Tag};
use crate::discovery;
use crate::error::Error;
use crate::event::{Event, Function, FunctionResult};
use crate::frames::Frame;
use crate::header::{Header, NONE, at, opcode};
use crate::keys::declare;
use crate::request::Request;
use crate::response::{Numbers, Response, Status, read};
use crate::serial::before;
use crate::text::{Text, pairs};

use super::task::Burst;

/// Why a PDU is rejected (RFC 7143, section 11.17.1): its data came damaged, and a status says so.
const DATA_DIGEST: u8 = 0x02;

impl Session {
    /// Takes bytes as they come, however they are cut. After an error the connection is to be closed, and `lost` or `connect` called.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &self.phase {
            Phase::Down => return Err(Error::Closed),
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Login { .. } | Phase::Full => {}
        }
        let mut piece = bytes;
        // Whatever comes behind the answer to a logout belongs to nobody.
        while !matches!(self.phase, Phase::Down) {
            let taken = self.frames.take(&mut piece).and_then(|frame| match frame {
                Some(frame) => self.handle(frame).map(|()| true),
                None => Ok(false),
            });
            match taken {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return Err(self.fail(error)),
            }
        }
        Ok(())
    }

    fn handle(&mut self, frame: Frame) -> Result<(), Error> {
        let (response, numbers) = read(frame)?;
        match &self.phase {
            Phase::Login { .. } => self.login(response, numbers)?,
            _ => {
                self.window.update(numbers.expected, numbers.most);
                if let Some(number) = numbers.status {
                    self.statuses.take(number)?;
                }
                self.respond(response)?;
            }
        }
        if self.events.len() > EVENTS {
            return Err(Error::TooMuch("events that nobody takes"));
        }
        Ok(())
    }

    fn login(&mut self, response: Response, numbers: Numbers) -> Result<(), Error> {
        let Phase::Login { login, tag, answered } = &mut self.phase else { return Err(Error::Closed) };
        let tag = *tag;
        let (response, text) = match response {
            Response::Login { tag: of, login, text } if of == tag => (login, text),
            Response::Reject { reason, .. } => return Err(Error::Rejected(reason)),
            _ => return Err(Error::Protocol("what is no answer to a login")),
        };
        if let Some(number) = numbers.status {
            if std::mem::replace(answered, true) {
                self.statuses.take(number)?;
            } else {
                self.statuses.expected = number.wrapping_add(1);
            }
        }
        let step = login.take(&response, &text)?;
        if numbers.status.is_some() {
            self.window.update(numbers.expected, numbers.most);
        }
        self.step(tag, step);
        Ok(())
    }

    fn respond(&mut self, response: Response) -> Result<(), Error> {
        match response {
            Response::Scsi { tag, status: Ok(status) } => self.answer(tag, status),
            Response::Scsi { tag, status: Err(code) } => {
                self.known(tag)?;
                self.finish(tag, Outcome::Failed(code));
                Ok(())
            }
            Response::DataIn { tag, number, offset, data, status } => {
                if !self.known(tag)? {
                    return Ok(());
                }
                if let Some(task) = self.tasks.get_mut(&tag) {
                    task.take_data(number, offset, &data)?;
                }
                status.map_or(Ok(()), |status| self.answer(tag, status))
            }
            Response::R2t { tag, transfer_tag, lun, number, offset, length } => {
                if !self.known(tag)? {
                    return Ok(());
                }
                let (max_burst, ahead) = (self.agreed.max_burst, self.agreed.outstanding_r2t);
                if let Some(task) = self.tasks.get_mut(&tag) {
                    let (from, end) = task.take_request(number, offset, length, max_burst, ahead)?;
                    self.bursts.push_back(Burst { tag, lun, transfer_tag, number: 0, from, end });
                }
                Ok(())
            }
            Response::NopIn { tag, transfer_tag, lun } => self.nop_in(tag, transfer_tag, lun),
            Response::Management { tag, response } => self.managed(tag, FunctionResult::read(response)),
            Response::Text { tag, transfer_tag, lun, last, text } => self.text(tag, transfer_tag, lun, last, &text),
            Response::Logout { tag, response } => match self.asked.remove(&tag) {
                Some(Asked::Logout) => {
                    self.events.push_back(Event::LoggedOut { response });
                    self.lost();
                    Ok(())
                }
                _ => Err(Error::Protocol("a logout that nobody asked for")),
            },
            Response::Async { event, lun, parameters, sense } => self.message(event, lun, parameters, sense),
            Response::Reject { reason, header } => self.rejected(reason, &header),
            Response::Login { .. } => Err(Error::Protocol("a login after the login")),
        }
    }

    /// Whether a task is under way; not, if it was ended before its time.
    fn known(&self, tag: u32) -> Result<bool, Error> {
        if self.tasks.get(&tag).is_some_and(|task| task.number.is_some()) {
            return Ok(true);
        }
        if self.forgotten.contains(&tag) { Ok(false) } else { Err(Error::Protocol("the tag of no task")) }
    }

    fn answer(&mut self, tag: u32, status: Status) -> Result<(), Error> {
        if !self.known(tag)? {
            return Ok(());
        }
        if let Some(task) = self.tasks.get_mut(&tag) {
            let data = std::mem::take(&mut task.data);
            let Status { status, residual, sense } = status;
            self.finish(tag, Outcome::Answered(Answered { status, sense, data, residual }));
        }
        Ok(())
    }

    fn nop_in(&mut self, tag: u32, transfer_tag: u32, lun: u64) -> Result<(), Error> {
        if tag != NONE {
            return match self.asked.remove(&tag) {
                Some(Asked::Ping) => {
                    self.events.push_back(Event::Pong(Tag(tag)));
                    Ok(())
                }
                _ => Err(Error::Protocol("an answer to no ping")),
            };
        }
        if transfer_tag == NONE {
            return Ok(());
        }
        if self.requests.len() >= REQUESTS {
            return Err(Error::TooMuch("pings"));
        }
        self.requests.push_back(Request::pong(lun, transfer_tag));
        Ok(())
    }

    fn managed(&mut self, tag: u32, result: FunctionResult) -> Result<(), Error> {
        let Some(Asked::Management(function, first_after)) = self.asked.remove(&tag) else {
            return Err(Error::Protocol("task management that nobody asked for"));
        };
        let ended: Vec<u32> = match (function, result) {
            (Function::AbortTask(task), FunctionResult::Complete | FunctionResult::NoTask) => vec![task.0],
            (
                Function::AbortTaskSet { lun } | Function::ClearTaskSet { lun } | Function::LogicalUnitReset { lun },
                FunctionResult::Complete,
            ) => self.sent_before(first_after, Some(lun)),
            (Function::TargetWarmReset | Function::TargetColdReset, FunctionResult::Complete) => {
                self.sent_before(first_after, None)
            }
            _ => Vec::new(),
        };
        for task in ended {
            self.forget(task, Outcome::Aborted);
        }
        self.events.push_back(Event::Managed(Tag(tag), result));
        Ok(())
    }

    fn sent_before(&self, number: u32, lun: Option<u64>) -> Vec<u32> {
        let concerned = |task: &super::Task| {
            task.number.is_some_and(|sent| before(sent, number)) && lun.is_none_or(|lun| lun == task.command.lun)
        };
        self.tasks.iter().filter(|(_, task)| concerned(task)).map(|(tag, _)| *tag).collect()
    }

    fn text(&mut self, tag: u32, transfer_tag: u32, lun: u64, last: bool, piece: &[u8]) -> Result<(), Error> {
        let Some(Asked::Text { text, rounds, discovery }) = self.asked.get_mut(&tag) else {
            return Err(Error::Protocol("text that nobody asked for"));
        };
        *rounds += 1;
        if text.len() + piece.len() > TEXT_BYTES || *rounds > TEXT_ROUNDS {
            return Err(Error::TooMuch("text"));
        }
        text.extend_from_slice(piece);
        if !last {
            if transfer_tag == NONE {
                return Err(Error::Protocol("text that goes on without a tag"));
            }
            self.requests.push_back(Request::text(tag, lun, transfer_tag, b""));
            return Ok(());
        }
        let (text, discovery) = (std::mem::take(text), *discovery);
        self.asked.remove(&tag);
        if discovery {
            self.events.push_back(Event::Targets(Tag(tag), discovery::targets(&text)?));
        } else {
            // Of what may change in the full feature phase, this is the one thing that concerns us (section 13.12).
            for (key, value) in pairs(&text)?.into_iter().filter(|(key, _)| *key == "MaxRecvDataSegmentLength") {
                declare(&mut self.agreed, key, value)?;
            }
        }
        Ok(())
    }

    /// Section 11.9.1.
    fn message(&mut self, event: u8, lun: u64, [_, second, third]: [u16; 3], sense: Vec<u8>) -> Result<(), Error> {
        match event {
            0 => self.events.push_back(Event::UnitEvent { lun, sense }),
            1 => {
                self.draining = true;
                self.events.push_back(Event::LogoutWanted { seconds: third });
            }
            2 | 3 => {
                self.draining = true;
                self.events.push_back(Event::Dropping { wait: second });
            }
            // The target wants to negotiate: it is given the word.
            4 if self.asked.len() >= REQUESTS => return Err(Error::TooMuch("wishes to negotiate")),
            4 => {
                self.say(&Text::default(), false);
            }
            _ => {}
        }
        Ok(())
    }

    fn rejected(&mut self, reason: u8, header: &Header) -> Result<(), Error> {
        let tag = header.u32(at::TASK_TAG);
        match header.u8(0) {
            // The status follows (section 7.8).
            opcode::SCSI_COMMAND if reason == DATA_DIGEST => Ok(()),
            opcode::DATA_OUT => Ok(()),
            opcode::SCSI_COMMAND => {
                self.known(tag)?;
                self.forget(tag, Outcome::Rejected(reason));
                Ok(())
            }
            opcode::NOP_OUT if tag == NONE => Ok(()),
            opcode::NOP_OUT | opcode::TASK_MANAGEMENT | opcode::TEXT => match self.asked.remove(&tag) {
                Some(asked) => {
                    self.unanswered(tag, &asked);
                    Ok(())
                }
                None => Err(Error::Rejected(reason)),
            },
            _ => Err(Error::Rejected(reason)),
        }
    }
}
