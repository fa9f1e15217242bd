//! The login phase (RFC 7143, sections 6.3, 11.12 and 11.13).

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};

use super::header::{self, Header};
use super::limits::{LOGIN_REQUESTS, SEGMENT_BY_DEFAULT, TEXT, WINDOW};
use super::negotiation::Parameters;
use super::reader::Reader;
use super::security::Security;
use super::writer::Writer;
use super::{Target, text};

/// An initiator that was let in.
pub(super) struct LoggedIn {
    pub(super) initiator: String,
    pub(super) isid: [u8; 6],
    pub(super) discovery: bool,
    pub(super) parameters: Parameters,
    /// Of its next command.
    pub(super) command_sn: u32,
    /// Of the next answer.
    pub(super) stat_sn: u32,
}

/// Why not: status class and detail (section 11.13.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Initiator = 0x0200,
    Authentication = 0x0201,
    NotFound = 0x0203,
    Version = 0x0205,
    Missing = 0x0207,
    SessionType = 0x0209,
    NoSession = 0x020a,
}

const TRANSIT: u8 = 0x80;
const CONTINUE: u8 = 0x40;
const SECURITY: u8 = 0;
const OPERATIONAL: u8 = 1;
const FULL_FEATURE: u8 = 3;

const ISID: usize = 8;
const SESSION_HANDLE: usize = 14;
const STATUS: usize = 36;

static SESSIONS: AtomicU16 = AtomicU16::new(1);

struct Login<'a> {
    target: &'a Target,
    security: Security<'a>,
    stage: Option<u8>,
    parameters: Parameters,
    /// From its first request; the target's name is checked.
    initiator: Option<String>,
    discovery: bool,
    declared: bool,
    /// Operational keys that were answered: none is negotiated twice.
    settled: Vec<String>,
    text: Vec<u8>,
}

/// Leads a connection to full feature phase; none: it was refused, or the initiator left.
///
/// # Errors
/// The connection's own.
pub(super) async fn log_in<R, W>(target: &Target, reader: &mut Reader<R>, writer: &mut Writer<W>) -> io::Result<Option<LoggedIn>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut login = Login::new(target);
    for stat_sn in 1.. {
        let Some(request) = reader.header().await? else { return Ok(None) };
        let length = request.data_length();
        let most = usize::try_from(SEGMENT_BY_DEFAULT).unwrap_or(usize::MAX);
        if request.opcode() != header::LOGIN || length > most || login.text.len() + length > TEXT {
            return Ok(None);
        }
        reader.data(length, &mut login.text).await?;
        let mut answers = Vec::new();
        let outcome = match usize::try_from(stat_sn) {
            Ok(requests) if requests <= LOGIN_REQUESTS => login.answer(&request, &mut answers),
            _ => Err(Refusal::Initiator),
        };
        let command_sn = request.number(header::COMMAND_SN);
        let mut response = Header::new(header::LOGIN_RESPONSE, outcome.unwrap_or(request.flags() & 0x0c));
        response.set(ISID, &request.bytes::<6>(ISID));
        response.set_number(header::TASK_TAG, request.task_tag());
        response.set_number(header::STAT_SN, stat_sn);
        response.set_number(header::EXPECTED_COMMAND_SN, command_sn);
        response.set_number(header::MAXIMUM_COMMAND_SN, command_sn.wrapping_add(WINDOW - 1));
        let flags = match outcome {
            Ok(flags) => flags,
            Err(refusal) => {
                response.set(STATUS, &(refusal as u16).to_be_bytes());
                writer.send(response, &[]).await?;
                return Ok(None);
            }
        };
        let ended = flags & TRANSIT != 0 && flags & 3 == FULL_FEATURE;
        if ended {
            // Zero stands for none.
            response.set(SESSION_HANDLE, &SESSIONS.fetch_add(1, Ordering::Relaxed).max(1).to_be_bytes());
        }
        writer.send(response, &answers).await?;
        if ended {
            let initiator = login.initiator.take().unwrap_or_default();
            login.parameters.settle();
            return Ok(Some(LoggedIn {
                initiator,
                isid: request.bytes(ISID),
                discovery: login.discovery,
                parameters: login.parameters,
                command_sn,
                stat_sn: stat_sn.wrapping_add(1),
            }));
        }
    }
    Ok(None)
}

impl<'a> Login<'a> {
    fn new(target: &'a Target) -> Self {
        Self {
            target,
            security: Security::new(target.chap.as_ref()),
            stage: None,
            parameters: Parameters::default(),
            initiator: None,
            discovery: false,
            declared: false,
            settled: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Flags of the response to one request, and its text.
    fn answer(&mut self, request: &Header, answers: &mut Vec<u8>) -> Result<u8, Refusal> {
        let (current, next) = (request.flags() >> 2 & 3, request.flags() & 3);
        let transit = request.flags() & TRANSIT != 0;
        // The lowest version that the initiator speaks.
        if request.byte(3) != 0 {
            return Err(Refusal::Version);
        }
        if request.number(SESSION_HANDLE) >> 16 != 0 {
            return Err(Refusal::NoSession);
        }
        let expected = *self.stage.get_or_insert(current);
        if current != expected || ![SECURITY, OPERATIONAL].contains(&current) {
            return Err(Refusal::Initiator);
        }
        if request.flags() & CONTINUE != 0 {
            return if transit { Err(Refusal::Initiator) } else { Ok(current << 2) };
        }
        let text = std::mem::take(&mut self.text);
        let keys = text::pairs(&text).ok_or(Refusal::Initiator)?;
        if self.initiator.is_none() {
            self.meet(&keys, answers)?;
        }
        if current == SECURITY {
            self.security.answer(&keys, answers)?;
        } else if !self.security.is_done() {
            return Err(Refusal::Authentication);
        } else {
            self.negotiate(&keys, answers)?;
        }
        if !transit || !self.security.is_done() {
            return Ok(current << 2);
        }
        if next <= current || next == 2 {
            return Err(Refusal::Initiator);
        }
        self.stage = Some(next);
        Ok(TRANSIT | current << 2 | next)
    }

    /// Who it is and whom it wants.
    fn meet(&mut self, keys: &[(&str, &str)], answers: &mut Vec<u8>) -> Result<(), Refusal> {
        let value = |name: &str| keys.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let initiator = value("InitiatorName").filter(|name| !name.is_empty()).ok_or(Refusal::Missing)?;
        self.discovery = match value("SessionType") {
            None | Some("Normal") => false,
            Some("Discovery") => true,
            Some(_) => return Err(Refusal::SessionType),
        };
        match value("TargetName") {
            Some(name) if name.eq_ignore_ascii_case(&self.target.name) => {}
            Some(_) => return Err(Refusal::NotFound),
            None if self.discovery => {}
            None => return Err(Refusal::Missing),
        }
        self.initiator = Some(initiator.to_owned());
        if !self.discovery {
            text::push(answers, "TargetPortalGroupTag", "1");
        }
        Ok(())
    }

    fn negotiate(&mut self, keys: &[(&str, &str)], answers: &mut Vec<u8>) -> Result<(), Refusal> {
        for (key, value) in keys {
            if self.settled.iter().any(|settled| settled == key) {
                return Err(Refusal::Initiator);
            }
            self.settled.push((*key).to_owned());
            if let Some(answer) = self.parameters.answer(key, value, self.discovery) {
                text::push(answers, key, &answer);
            }
        }
        if !self.declared {
            self.declared = true;
            let (key, value) = self.parameters.declare();
            text::push(answers, key, &value);
        }
        Ok(())
    }
}
