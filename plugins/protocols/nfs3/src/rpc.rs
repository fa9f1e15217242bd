//! Remote procedure calls (RFC 5531) over a byte stream: records, call headers, answers.

use std::fmt;

use crate::xdr::{Malformed, Reader, Writer, padding};

/// Groups that AUTH_SYS has room for (RFC 5531, appendix A).
pub const GROUPS: usize = 16;
/// Bytes of a verifier (RFC 5531, section 8.2).
const AUTH_BYTES: usize = 400;
const LAST_FRAGMENT: u32 = 0x8000_0000;

/// One procedure of a program: how it is asked, how its answer is read.
pub trait Procedure {
    const PROGRAM: u32;
    const VERSION: u32;
    const NUMBER: u32;
    const NAME: &'static str;
    type Answer;

    fn ask(&self, out: &mut Writer);
    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Malformed>;
}

/// Who asks, ready to stand in every call.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Vec<u8>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// AUTH_SYS: whoever the client says it is. Groups beyond the sixteenth are left out, as the format has no room for them.
    pub fn unix(machine: &str, uid: u32, gid: u32, groups: &[u32]) -> Self {
        let mut body = Writer::default();
        body.u32(0);
        body.opaque(machine.as_bytes());
        body.u32(uid);
        body.u32(gid);
        let groups = groups.get(..GROUPS).unwrap_or(groups);
        body.u32(u32::try_from(groups.len()).unwrap_or(0));
        for group in groups {
            body.u32(*group);
        }
        let mut all = Writer::default();
        all.u32(1);
        all.opaque(&body.into_bytes());
        Self(all.into_bytes())
    }

    /// AUTH_NONE.
    pub fn none() -> Self {
        Self(vec![0; 8])
    }
}

/// The record of a call whose arguments end with `payload` bytes that the caller sends itself, and the padding behind them.
pub fn call<P: Procedure>(xid: u32, credentials: &Credentials, procedure: &P, payload: usize) -> Vec<u8> {
    let mut out = Writer::default();
    out.u32(0);
    for word in [xid, 0, 2, P::PROGRAM, P::VERSION, P::NUMBER] {
        out.u32(word);
    }
    out.fixed(&credentials.0);
    // The verifier: AUTH_NONE.
    out.u64(0);
    procedure.ask(&mut out);
    let mut record = out.into_bytes();
    let length = record.len() - 4 + payload + padding(payload);
    let header = LAST_FRAGMENT | u32::try_from(length).unwrap_or(0);
    for (to, from) in record.iter_mut().zip(header.to_be_bytes()) {
        *to = from;
    }
    record
}

/// Why a server did not carry a call out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The program is not there, or not in this version.
    Program,
    Procedure,
    /// The server could not read the arguments.
    Arguments,
    System,
    /// `auth_stat` of RFC 5531, section 9.
    Credentials(u32),
}

impl Refusal {
    /// As the RFC spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Program => "PROG_UNAVAIL",
            Self::Procedure => "PROC_UNAVAIL",
            Self::Arguments => "GARBAGE_ARGS",
            Self::System => "SYSTEM_ERR",
            Self::Credentials(1) => "AUTH_BADCRED",
            Self::Credentials(2) => "AUTH_REJECTEDCRED",
            Self::Credentials(5) => "AUTH_TOOWEAK",
            Self::Credentials(_) => "AUTH_ERROR",
        }
    }
}

/// The number of the call that a record answers.
pub fn xid(record: &[u8]) -> Result<u32, Malformed> {
    let mut reader = Reader::new(record);
    let xid = reader.u32("xid")?;
    if reader.u32("direction")? == 1 { Ok(xid) } else { Err(Malformed("an answer")) }
}

/// The results in an answer. The outer error: it is none.
pub fn results(record: &[u8]) -> Result<Result<Reader<'_>, Refusal>, Malformed> {
    let mut reader = Reader::new(record);
    reader.u64("xid and direction")?;
    match reader.u32("reply status")? {
        0 => {
            reader.u32("verifier")?;
            reader.opaque(AUTH_BYTES, "verifier")?;
            Ok(match reader.u32("accept status")? {
                0 => Ok(reader),
                1 | 2 => Err(Refusal::Program),
                3 => Err(Refusal::Procedure),
                4 => Err(Refusal::Arguments),
                _ => Err(Refusal::System),
            })
        }
        1 => Ok(Err(match reader.u32("reject status")? {
            1 => Refusal::Credentials(reader.u32("auth status")?),
            _ => Refusal::Program,
        })),
        _ => Err(Malformed("reply status")),
    }
}

/// Puts records together from the pieces in which a stream hands them over (RFC 5531, section 11).
#[derive(Debug, Default)]
pub struct Records {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Bytes of the current fragment still to come; none: its header comes first.
    wanted: Option<(usize, bool)>,
}

impl Records {
    /// Takes from the front of `piece` what belongs to the current record; answers the record when it is whole. `most`: bytes of one.
    pub fn take(&mut self, piece: &mut &[u8], most: usize) -> Result<Option<Vec<u8>>, Malformed> {
        while !piece.is_empty() {
            let (missing, last) = match self.wanted {
                Some(wanted) => wanted,
                None => {
                    let (front, rest) = piece.split_at(piece.len().min(4 - self.head.len()));
                    self.head.extend_from_slice(front);
                    *piece = rest;
                    let Ok(header) = <[u8; 4]>::try_from(self.head.as_slice()) else { continue };
                    self.head.clear();
                    let header = u32::from_be_bytes(header);
                    let length = (header & !LAST_FRAGMENT) as usize;
                    if length > most.saturating_sub(self.body.len()) {
                        return Err(Malformed("a record of an allowed length"));
                    }
                    self.body.reserve(length);
                    (length, header & LAST_FRAGMENT != 0)
                }
            };
            let (front, rest) = piece.split_at(piece.len().min(missing));
            self.body.extend_from_slice(front);
            *piece = rest;
            let missing = missing - front.len();
            if missing > 0 {
                self.wanted = Some((missing, last));
                return Ok(None);
            }
            self.wanted = None;
            if last {
                return Ok(Some(std::mem::take(&mut self.body)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Null;
    impl Procedure for Null {
        const PROGRAM: u32 = 100_003;
        const VERSION: u32 = 3;
        const NUMBER: u32 = 0;
        const NAME: &'static str = "NULL";
        type Answer = ();
        fn ask(&self, _out: &mut Writer) {}
        fn read(_answer: &mut Reader<'_>) -> Result<(), Malformed> {
            Ok(())
        }
    }

    #[test]
    fn a_call_says_who_asks_and_how_long_it_is_with_what_follows() {
        let record = call(9, &Credentials::unix("me", 1000, 100, &[5; 20]), &Null, 5);
        let length = u32::from_be_bytes(record[..4].try_into().unwrap());
        assert_eq!(length & !LAST_FRAGMENT, u32::try_from(record.len() - 4 + 8).unwrap());
        // stamp, "me" and its length, uid, gid, and sixteen groups with their number
        assert_eq!(record[28..36], [0, 0, 0, 1, 0, 0, 0, 4 * (1 + 2 + 2 + 1 + 16)]);
        let record = call(9, &Credentials::none(), &Null, 0);
        assert_eq!(record.len(), 4 + 6 * 4 + 16);
    }

    #[test]
    fn records_come_out_whole_however_they_are_cut() {
        let mut stream = Vec::new();
        for (length, last) in [(5, true), (3, false), (4, true), (0, true)] {
            stream.extend_from_slice(&(length | if last { LAST_FRAGMENT } else { 0 }).to_be_bytes());
            stream.extend((0..length).map(|at| u8::try_from(at).unwrap()));
        }
        for cut in 1..stream.len() {
            let (mut records, mut found) = (Records::default(), Vec::new());
            for mut piece in stream.chunks(cut) {
                loop {
                    let before = piece.len();
                    match records.take(&mut piece, 100).unwrap() {
                        Some(record) => found.push(record),
                        None if piece.len() == before || piece.is_empty() => break,
                        None => {}
                    }
                }
            }
            assert_eq!(found, [vec![0, 1, 2, 3, 4], vec![0, 1, 2, 0, 1, 2, 3], vec![]], "{cut}");
        }
    }

    #[test]
    fn a_record_longer_than_allowed_is_refused_before_it_is_kept() {
        // What an HTTP server says first, read as the length of a fragment.
        assert!(Records::default().take(&mut &b"HTTP/1.1 400"[..], 4 << 20).is_err());
        let mut twice = Records::default();
        assert!(twice.take(&mut &b"\0\0\0\x02ab\0\0\0\x02cd"[..], 3).is_err());
    }

    #[test]
    fn refusals_are_told_apart_from_nonsense() {
        let accepted =
            |status: u32| [&[0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &status.to_be_bytes()].concat();
        assert!(results(&accepted(0)).unwrap().is_ok());
        assert_eq!(results(&accepted(2)).unwrap().unwrap_err(), Refusal::Program);
        let denied = [0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5];
        assert_eq!(results(&denied).unwrap().unwrap_err().name(), "AUTH_TOOWEAK");
        assert!(results(b"").is_err());
        assert_eq!(xid(&denied).unwrap(), 9);
        assert!(xid(&[0, 0, 0, 9, 0, 0, 0, 0]).is_err());
    }
}
