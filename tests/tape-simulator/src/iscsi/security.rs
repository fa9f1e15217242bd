//! The security stage of a login (RFC 7143, section 12).

use super::chap::{Challenge, Chap};
use super::login::Refusal;
use super::text;

pub(super) enum Security<'a> {
    /// Nothing to prove.
    Open,
    /// Asked for a method, or to be asked.
    Closed(&'a Chap),
    Challenged(&'a Chap, Challenge),
    Proven,
}

impl<'a> Security<'a> {
    pub(super) fn new(chap: Option<&'a Chap>) -> Self {
        chap.map_or(Self::Open, Self::Closed)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Open | Self::Proven)
    }

    /// Takes what a request says of it, and puts the answer behind `answers`.
    pub(super) fn answer(&mut self, keys: &[(&str, &str)], answers: &mut Vec<u8>) -> Result<(), Refusal> {
        let value = |name: &str| keys.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        if let Some(methods) = value("AuthMethod") {
            let method = if self.is_done() { "None" } else { "CHAP" };
            if !methods.split(',').any(|offer| offer == method) {
                return Err(Refusal::Authentication);
            }
            text::push(answers, "AuthMethod", method);
        }
        match self {
            Self::Closed(chap) => {
                let Some(algorithms) = value("CHAP_A") else { return Ok(()) };
                let challenge = Challenge::ask(algorithms).ok_or(Refusal::Authentication)?;
                for (key, value) in challenge.keys() {
                    text::push(answers, key, &value);
                }
                *self = Self::Challenged(chap, challenge);
            }
            Self::Challenged(chap, challenge) => {
                let (Some(name), Some(response)) = (value("CHAP_N"), value("CHAP_R")) else {
                    return Err(Refusal::Authentication);
                };
                // With a challenge of its own the initiator wants a proof that this target cannot give.
                if value("CHAP_C").is_some() || !chap.knows(challenge, name, response) {
                    return Err(Refusal::Authentication);
                }
                *self = Self::Proven;
            }
            Self::Open | Self::Proven => {}
        }
        Ok(())
    }
}
