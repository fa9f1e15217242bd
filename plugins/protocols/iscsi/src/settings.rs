//! What a session is to be: who asks, for what, and what is offered.

use crate::bounds::{IN_FLIGHT, NAME_BYTES, OUTSTANDING_R2T, SEGMENT};
use crate::chap::Algorithm;
use crate::error::Refused;
use crate::name::is_name;

/// The initiator's part of the session's name (RFC 7143, section 11.12.5). A login with the name, the ISID and the target portal group
/// of a session that still exists takes that session's place, and ends whatever it had under way (section 6.3.5). So it stays the same
/// for one user of a volume over reconnects and restarts, and differs between users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isid(pub [u8; 6]);

impl Isid {
    /// The form for those without a number from IEEE or IANA: three random bytes, and what tells sessions of one user apart.
    pub fn random(random: [u8; 3], qualifier: u16) -> Self {
        let ([a, b, c], [d, e]) = (random, qualifier.to_be_bytes());
        Self([0x80, a, b, c, d, e])
    }
}

/// Whether PDUs carry a digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DigestUse {
    #[default]
    Off,
    /// If the target can.
    Preferred,
    /// Or there is no session.
    Required,
}

/// Login by name. Without it no authentication is offered; with it, no login without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chap {
    /// CHAP_N.
    pub name: String,
    /// What is offered, the best first. The target takes the first that it knows. Some old ones (tgt) take SHA-256's number, 7, for another
    /// SHA-1, and then refuse the answer: to those it is not offered.
    pub algorithms: Vec<Algorithm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// InitiatorName: `iqn.`, `eui.` or `naa.` and what belongs behind it.
    pub initiator: String,
    /// TargetName; none: a discovery session, which carries no commands.
    pub target: Option<String>,
    pub isid: Isid,
    pub chap: Option<Chap>,
    pub header_digest: DigestUse,
    pub data_digest: DigestUse,
    /// MaxRecvDataSegmentLength: bytes of data in one PDU that we take.
    pub receive_segment: u32,
    /// Bytes of one sequence of data, asked for or not (MaxBurstLength), and of what is sent unasked (FirstBurstLength).
    pub max_burst: u32,
    pub first_burst: u32,
    /// InitialR2T: data beyond the immediate waits until it is asked for.
    pub initial_r2t: bool,
    /// ImmediateData: data goes in the PDU of its command.
    pub immediate_data: bool,
    /// MaxOutstandingR2T: sequences of one command that the target may ask for ahead.
    pub outstanding_r2t: u16,
    /// Commands that are under way at once, as far as the target's window lets them.
    pub in_flight: usize,
}

impl Settings {
    /// The usual offers: data goes unasked where the target lets it, no digests, as TCP has its checksum.
    pub fn new(initiator: impl Into<String>, target: impl Into<String>, isid: Isid) -> Self {
        Self {
            initiator: initiator.into(),
            target: Some(target.into()),
            isid,
            chap: None,
            header_digest: DigestUse::Off,
            data_digest: DigestUse::Off,
            receive_segment: 256 << 10,
            max_burst: 1 << 20,
            first_burst: 1 << 20,
            initial_r2t: false,
            immediate_data: true,
            outstanding_r2t: 1,
            in_flight: 32,
        }
    }

    /// A session that only asks which targets there are.
    pub fn discovery(initiator: impl Into<String>, isid: Isid) -> Self {
        Self { target: None, ..Self::new(initiator, "", isid) }
    }

    pub(crate) fn check(&self) -> Result<(), Refused> {
        is_name(&self.initiator).then_some(()).ok_or(Refused::Invalid("the initiator's name"))?;
        if self.target.as_ref().is_some_and(|target| !is_name(target)) {
            return Err(Refused::Invalid("the target's name"));
        }
        for length in [self.receive_segment, self.max_burst, self.first_burst] {
            if !SEGMENT.contains(&length) {
                return Err(Refused::Invalid("a length of data outside 512 to 2^24 - 1"));
            }
        }
        if self.first_burst > self.max_burst {
            return Err(Refused::Invalid("a first burst above the longest"));
        }
        if !(1..=OUTSTANDING_R2T).contains(&self.outstanding_r2t) {
            return Err(Refused::TooMuch("sequences asked for ahead"));
        }
        if !(1..=IN_FLIGHT).contains(&self.in_flight) {
            return Err(Refused::TooMuch("commands at once"));
        }
        match &self.chap {
            Some(chap) if chap.name.is_empty() || chap.name.len() > NAME_BYTES || chap.name.contains('\0') => {
                Err(Refused::Invalid("the name for CHAP"))
            }
            Some(chap) if chap.algorithms.is_empty() || chap.algorithms.len() > Algorithm::ALL.len() => {
                Err(Refused::Invalid("the algorithms for CHAP"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_is_refused_before_anything_is_sent() {
        let good = Settings::new("iqn.2026-01.test:a", "iqn.2026-01.test:b", Isid::random([1, 2, 3], 4));
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.isid.0, [0x80, 1, 2, 3, 0, 4]);
        let chap = |name: &str, algorithms: &[Algorithm]| Some(Chap { name: name.to_owned(), algorithms: algorithms.to_vec() });
        for bad in [
            Settings { initiator: "host".to_owned(), ..good.clone() },
            Settings { target: Some("iqn.a b".to_owned()), ..good.clone() },
            Settings { target: Some("iqn.a\0AuthMethod=None".to_owned()), ..good.clone() },
            Settings { initiator: format!("iqn.{}", "x".repeat(220)), ..good.clone() },
            Settings { receive_segment: 511, ..good.clone() },
            Settings { first_burst: 2 << 20, ..good.clone() },
            Settings { outstanding_r2t: 0, ..good.clone() },
            Settings { in_flight: IN_FLIGHT + 1, ..good.clone() },
            Settings { chap: chap("", &[Algorithm::Md5]), ..good.clone() },
            Settings { chap: chap("me", &[]), ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
