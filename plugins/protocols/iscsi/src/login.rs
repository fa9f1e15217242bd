//! The login (RFC 7143, section 6.3): first who we are, then how we talk, then the full feature phase.

use crate::bounds::{LOGIN_ROUNDS, LOGIN_SEGMENT, LOGIN_TEXT_BYTES};
use crate::chap::{self, ChapQuestion, Exchange, OwnChallenge};
use crate::error::{Error, LoginStatus};
use crate::header::{CONTINUED, FINAL};
use crate::keys::Keys;
use crate::parameters::Parameters;
use crate::response::LoginResponse;
use crate::settings::Settings;
use crate::text::{Text, pairs};

/// CSG and NSG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Security = 0,
    Operational = 1,
    FullFeature = 3,
}

/// The part of a Login Request that a login decides on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginRequest {
    pub(crate) flags: u8,
    pub(crate) text: Text,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(LoginRequest),
    Ask(ChapQuestion),
    Done(Parameters),
}

#[derive(Debug)]
pub(crate) struct Login {
    stage: Stage,
    keys: Keys,
    /// With CHAP: what to begin with, once the target agreed to it; then the exchange.
    wanted: Option<(Exchange, Text)>,
    exchange: Option<Exchange>,
    /// Whether the target has said that the stage is over.
    transits: bool,
    /// Of an answer that comes in several pieces.
    pieces: Vec<u8>,
    rounds: u32,
}

impl Login {
    pub(crate) fn begin(settings: &Settings, own: Option<OwnChallenge>) -> (Self, LoginRequest) {
        let mut text = Text::default();
        text.pair("InitiatorName", &settings.initiator);
        match &settings.target {
            Some(target) => {
                text.pair("SessionType", "Normal");
                text.pair("TargetName", target);
            }
            None => text.pair("SessionType", "Discovery"),
        }
        // Never both: who has a secret does not let itself be talked out of it.
        text.pair("AuthMethod", if settings.chap.is_some() { "CHAP" } else { "None" });
        let wanted = settings.chap.clone().map(|chap| Exchange::begin(chap, own));
        let transits = wanted.is_none();
        let login = Self {
            stage: Stage::Security,
            keys: Keys::new(settings),
            wanted,
            exchange: None,
            transits: false,
            pieces: Vec::new(),
            rounds: 0,
        };
        let request = LoginRequest { flags: login.flags(transits), text };
        (login, request)
    }

    fn flags(&self, transits: bool) -> u8 {
        let next = match self.stage {
            Stage::Security => Stage::Operational,
            Stage::Operational | Stage::FullFeature => Stage::FullFeature,
        };
        let stage = (self.stage as u8) << 2;
        if transits { FINAL | stage | next as u8 } else { stage }
    }

    fn send(&self, transits: bool, text: Text) -> Result<Step, Error> {
        if text.bytes().len() > LOGIN_SEGMENT {
            return Err(Error::TooMuch("keys to be answered in a login"));
        }
        Ok(Step::Send(LoginRequest { flags: self.flags(transits), text }))
    }

    pub(crate) fn take(&mut self, response: &LoginResponse, data: &[u8]) -> Result<Step, Error> {
        match response.status {
            LoginStatus { class: 0, .. } => {}
            LoginStatus { class: 1, detail } => return Err(redirected(data, detail == 2)),
            status => return Err(Error::LoginRefused(status)),
        }
        if response.version != 0 {
            return Err(Error::Protocol("a version of the protocol that is not 0"));
        }
        self.rounds += 1;
        if self.rounds > LOGIN_ROUNDS {
            return Err(Error::TooMuch("steps of a login"));
        }
        let (transits, continued) = (response.flags & FINAL != 0, response.flags & CONTINUED != 0);
        if response.flags >> 2 & 3 != self.stage as u8 || (transits && continued) {
            return Err(Error::Protocol("a login in another stage"));
        }
        if transits && response.flags & 3 != self.flags(true) & 3 {
            return Err(Error::Protocol("a stage that was not asked for"));
        }
        if self.pieces.len() + data.len() > LOGIN_TEXT_BYTES {
            return Err(Error::TooMuch("text of a login"));
        }
        self.pieces.extend_from_slice(data);
        if continued {
            return self.send(false, Text::default());
        }
        let text = std::mem::take(&mut self.pieces);
        let pairs = pairs(&text)?;
        self.transits = transits;
        match self.stage {
            Stage::Security => self.security(&pairs),
            Stage::Operational | Stage::FullFeature => {
                pairs.iter().try_for_each(|(key, value)| self.keys.take(key, value))?;
                if !transits {
                    let replies = std::mem::take(&mut self.keys.replies);
                    return self.send(true, replies);
                }
                if response.tsih == 0 {
                    return Err(Error::Protocol("a session without a handle"));
                }
                self.stage = Stage::FullFeature;
                self.keys.finish().map(Step::Done)
            }
        }
    }

    fn security(&mut self, pairs: &[(&str, &str)]) -> Result<Step, Error> {
        let method = pairs.iter().find(|(key, _)| *key == "AuthMethod").map(|(_, value)| *value);
        for (key, value) in pairs.iter().filter(|(key, _)| *key != "AuthMethod" && !key.starts_with("CHAP_")) {
            self.keys.take(key, value)?;
        }
        if let Some((exchange, text)) = self.wanted.take() {
            if method != Some("CHAP") || self.transits {
                return Err(Error::Authentication("the target does not agree to CHAP"));
            }
            self.exchange = Some(exchange);
            return self.send(false, text);
        }
        match &mut self.exchange {
            None if method.is_some_and(|method| method != "None") => {
                Err(Error::Authentication("the target asks for a name and a secret"))
            }
            Some(exchange) if !exchange.is_done() => {
                let next = exchange.take(pairs)?;
                self.proceed(next)
            }
            _ => self.leave(),
        }
    }

    /// The digest that the caller was asked for.
    pub(crate) fn digest(&mut self, digest: &[u8]) -> Result<Step, Error> {
        let exchange = self.exchange.as_mut().ok_or(Error::Protocol("nobody asked"))?;
        let next = exchange.digest(digest)?;
        self.proceed(next)
    }

    /// Bytes of the digest that is asked for; none: nobody asks.
    pub(crate) fn digest_bytes(&self) -> Option<usize> {
        self.exchange.as_ref().and_then(Exchange::digest_bytes)
    }

    fn proceed(&mut self, next: chap::Next) -> Result<Step, Error> {
        match next {
            // A target cannot be through with us before it has seen our digest.
            chap::Next::Ask(question) if question.purpose == chap::Purpose::Prove && self.transits => {
                Err(Error::Protocol("CHAP ended before its time"))
            }
            chap::Next::Ask(question) => Ok(Step::Ask(question)),
            chap::Next::Send { text, last } => self.send(last, text),
            chap::Next::Done => self.leave(),
        }
    }

    /// All is said in this stage; the target may want it confirmed.
    fn leave(&mut self) -> Result<Step, Error> {
        if !self.transits {
            let replies = std::mem::take(&mut self.keys.replies);
            return self.send(true, replies);
        }
        self.stage = Stage::Operational;
        let offers = self.keys.offers();
        self.send(true, offers)
    }
}

/// Section 11.13.5: where the target is now.
fn redirected(data: &[u8], permanent: bool) -> Error {
    let address = pairs(data).ok().and_then(|pairs| pairs.into_iter().find(|(key, _)| *key == "TargetAddress"));
    match address {
        Some((_, address)) if !address.is_empty() => Error::Redirected { address: address.to_owned(), permanent },
        _ => Error::Malformed("the address of a target that moved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chap::{Algorithm, Purpose};
    use crate::settings::{Chap, Isid};

    const TO_OPERATIONAL: u8 = 0x81;
    const TO_FULL: u8 = 0x87;

    fn settings() -> Settings {
        Settings::new("iqn.a", "iqn.b", Isid::random([0; 3], 0))
    }

    fn with_chap() -> Settings {
        Settings { chap: Some(Chap { name: "me".to_owned(), algorithms: vec![Algorithm::Md5] }), ..settings() }
    }

    fn response(flags: u8) -> LoginResponse {
        LoginResponse { flags, version: 0, tsih: 1, status: LoginStatus { class: 0, detail: 0 } }
    }

    fn sent(step: Result<Step, Error>) -> LoginRequest {
        match step {
            Ok(Step::Send(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_name_two_steps_lead_to_the_full_feature_phase() {
        let (mut login, first) = Login::begin(&settings(), None);
        assert_eq!(first.flags, TO_OPERATIONAL);
        assert_eq!(first.text.bytes(), b"InitiatorName=iqn.a\0SessionType=Normal\0TargetName=iqn.b\0AuthMethod=None\0");
        let second = sent(login.take(&response(TO_OPERATIONAL), b"AuthMethod=None\0TargetPortalGroupTag=1\0"));
        assert_eq!(second.flags, TO_FULL);
        let Ok(Step::Done(agreed)) = login.take(&response(TO_FULL), b"InitialR2T=No\0") else { panic!() };
        assert_eq!((agreed.portal_group, agreed.initial_r2t), (Some(1), false));
    }

    #[test]
    fn chap_is_agreed_on_asked_for_and_proved() {
        let (mut login, first) = Login::begin(&with_chap(), None);
        assert_eq!(first.flags, 0);
        let second = sent(login.take(&response(0), b"AuthMethod=CHAP\0"));
        assert_eq!((second.flags, second.text.bytes()), (0, &b"CHAP_A=5\0"[..]));
        let step = login.take(&response(0), b"CHAP_A=5\0CHAP_I=1\0CHAP_C=0x01\0").unwrap();
        assert!(matches!(step, Step::Ask(ChapQuestion { purpose: Purpose::Prove, .. })));
        let third = sent(login.digest(&[0; 16]));
        assert_eq!(third.flags, TO_OPERATIONAL);
        assert_eq!(sent(login.take(&response(TO_OPERATIONAL), b"")).flags, TO_FULL);
    }

    #[test]
    fn a_target_cannot_talk_us_out_of_chap_or_into_it() {
        for (flags, text) in [(TO_OPERATIONAL, &b"AuthMethod=None\0"[..]), (0, b"AuthMethod=Reject\0"), (TO_OPERATIONAL, b"")] {
            let (mut login, _) = Login::begin(&with_chap(), None);
            assert!(matches!(login.take(&response(flags), text), Err(Error::Authentication(_))), "{text:?}");
        }
        let (mut login, _) = Login::begin(&settings(), None);
        assert!(matches!(login.take(&response(0), b"AuthMethod=CHAP\0"), Err(Error::Authentication(_))));
    }

    #[test]
    fn a_target_that_skips_the_proof_of_itself_is_refused() {
        let own = OwnChallenge { identifier: 1, challenge: vec![1; 16] };
        let (mut login, _) = Login::begin(&with_chap(), Some(own));
        login.take(&response(0), b"AuthMethod=CHAP\0").unwrap();
        login.take(&response(0), b"CHAP_A=5\0CHAP_I=1\0CHAP_C=0x02\0").unwrap();
        login.digest(&[0; 16]).unwrap();
        assert_eq!(login.take(&response(TO_OPERATIONAL), b""), Err(Error::Authentication("CHAP_N")));
    }

    #[test]
    fn text_in_pieces_is_put_together() {
        let (mut login, _) = Login::begin(&settings(), None);
        let request = sent(login.take(&response(CONTINUED), b"AuthMeth"));
        assert_eq!((request.flags, request.text.bytes()), (0, &b""[..]));
        assert_eq!(sent(login.take(&response(TO_OPERATIONAL), b"od=None\0")).flags, TO_FULL);
    }

    #[test]
    fn a_target_that_never_comes_to_an_end_is_left() {
        let (mut login, _) = Login::begin(&settings(), None);
        let end = (0..=LOGIN_ROUNDS).find_map(|_| login.take(&response(0), b"").err());
        assert_eq!(end, Some(Error::TooMuch("steps of a login")));
        let (mut login, _) = Login::begin(&settings(), None);
        let end = (0..LOGIN_ROUNDS).find_map(|_| login.take(&response(CONTINUED), &[b'a'; 8192]).err());
        assert_eq!(end, Some(Error::TooMuch("text of a login")));
    }

    #[test]
    fn refusals_and_new_addresses_are_told() {
        let said = |class, detail, text: &[u8]| {
            let (mut login, _) = Login::begin(&settings(), None);
            login.take(&LoginResponse { status: LoginStatus { class, detail }, ..response(0) }, text).unwrap_err()
        };
        assert_eq!(said(2, 3, b""), Error::LoginRefused(LoginStatus { class: 2, detail: 3 }));
        let address = "10.0.0.1:3260,1".to_owned();
        assert_eq!(said(1, 2, b"TargetAddress=10.0.0.1:3260,1\0"), Error::Redirected { address, permanent: true });
        assert!(matches!(said(1, 1, b""), Error::Malformed(_)));
    }

    #[test]
    fn stages_are_not_jumped_over() {
        for flags in [0x83, 0x87, 0x82, 0xc1, 0x04] {
            let (mut login, _) = Login::begin(&settings(), None);
            assert!(matches!(login.take(&response(flags), b""), Err(Error::Protocol(_))), "{flags:#x}");
        }
    }
}
