//! CHAP (RFC 7143, section 12.1.3, after RFC 1994): each side shows that it knows a secret by a digest over it and a challenge.
//!
//! The digest is computed by the caller: `H(identifier || secret || challenge)`. So the secret may stay where it is kept.

use crate::bounds::CHALLENGE;
use crate::error::{Error, Refused};
use crate::settings::Chap;
use crate::text::{Text, binary, hex, number};

/// CHAP_A, by the numbers of IANA's registry of PPP authentication algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha3_256,
}

impl Algorithm {
    /// The best first.
    pub const ALL: [Self; 4] = [Self::Sha3_256, Self::Sha256, Self::Sha1, Self::Md5];

    pub fn number(self) -> u32 {
        match self {
            Self::Md5 => 5,
            Self::Sha1 => 6,
            Self::Sha256 => 7,
            Self::Sha3_256 => 8,
        }
    }

    pub fn digest_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sha3_256 => 32,
        }
    }
}

/// What the digest is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To show who we are: over our own secret.
    Prove,
    /// To see who the target is: over the target's secret. The target's answer is held against it.
    Verify,
}

/// Asks for `H(identifier || secret || challenge)`; answered with `Session::chap_digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChapQuestion {
    pub purpose: Purpose,
    pub algorithm: Algorithm,
    pub identifier: u8,
    pub challenge: Vec<u8>,
    /// Who says that it knows the secret: ours, or the name that the target gives itself.
    pub name: String,
}

/// With what the target is challenged in turn: random, and new for every login. Its secret is another than ours (section 12.1.3): with one
/// for both, who answers could be answering with what we computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnChallenge {
    pub identifier: u8,
    pub challenge: Vec<u8>,
}

impl OwnChallenge {
    pub(crate) fn check(&self) -> Result<(), Refused> {
        CHALLENGE
            .contains(&self.challenge.len())
            .then_some(())
            .ok_or(Refused::Invalid("a challenge shorter than 16 bytes or longer than 1024"))
    }
}

/// The target's side of a mutual exchange.
#[derive(Debug)]
struct Theirs {
    name: String,
    digest: Vec<u8>,
}

#[derive(Debug)]
enum Step {
    /// The algorithms were said.
    Asked,
    /// The caller computes our digest.
    Proving,
    /// Our digest went out.
    Proved,
    /// The caller computes what the target's digest has to be.
    Verifying(Theirs),
    Done,
}

/// The exchange behind `AuthMethod=CHAP`.
#[derive(Debug)]
pub(crate) struct Exchange {
    chap: Chap,
    own: Option<OwnChallenge>,
    algorithm: Option<Algorithm>,
    proof: Vec<u8>,
    step: Step,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This text goes out; `last`: with it all is said that the target has to know.
    Send {
        text: Text,
        last: bool,
    },
    Ask(ChapQuestion),
    Done,
}

impl Exchange {
    /// The first text: what we can compute.
    pub(crate) fn begin(chap: Chap, own: Option<OwnChallenge>) -> (Self, Text) {
        let mut text = Text::default();
        let algorithms: Vec<String> = chap.algorithms.iter().map(|algorithm| algorithm.number().to_string()).collect();
        text.pair("CHAP_A", &algorithms.join(","));
        (Self { chap, own, algorithm: None, proof: Vec::new(), step: Step::Asked }, text)
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    /// The keys of an answer that belong to the exchange.
    pub(crate) fn take(&mut self, pairs: &[(&str, &str)]) -> Result<Next, Error> {
        let value = |key: &'static str| {
            let mut found = pairs.iter().filter(|(name, _)| *name == key).map(|(_, value)| *value);
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(Error::Authentication(key)),
            }
        };
        match self.step {
            Step::Asked => {
                let number_said = number(value("CHAP_A")?);
                let algorithm = self.chap.algorithms.iter().find(|algorithm| Some(algorithm.number()) == number_said);
                let algorithm = *algorithm.ok_or(Error::Authentication("CHAP_A"))?;
                let identifier = identifier(value("CHAP_I")?)?;
                let challenge = binary(value("CHAP_C")?)?;
                // Section 12.1.3: a target that gives our challenge back wants us to answer in its place.
                if self.own.as_ref().is_some_and(|own| own.challenge == challenge) {
                    return Err(Error::Authentication("our own challenge came back"));
                }
                self.algorithm = Some(algorithm);
                self.step = Step::Proving;
                let name = self.chap.name.clone();
                Ok(Next::Ask(ChapQuestion { purpose: Purpose::Prove, algorithm, identifier, challenge, name }))
            }
            Step::Proved => {
                let (Some(own), Some(algorithm)) = (&self.own, self.algorithm) else {
                    self.step = Step::Done;
                    return Ok(Next::Done);
                };
                let name = value("CHAP_N")?.to_owned();
                let digest = binary(value("CHAP_R")?)?;
                if digest == self.proof {
                    return Err(Error::Authentication("our own answer came back"));
                }
                let question = ChapQuestion {
                    purpose: Purpose::Verify,
                    algorithm,
                    identifier: own.identifier,
                    challenge: own.challenge.clone(),
                    name: name.clone(),
                };
                self.step = Step::Verifying(Theirs { name, digest });
                Ok(Next::Ask(question))
            }
            Step::Proving | Step::Verifying(_) | Step::Done => Err(Error::Protocol("CHAP out of turn")),
        }
    }

    /// The caller's answer to the question that is open.
    pub(crate) fn digest(&mut self, digest: &[u8]) -> Result<Next, Error> {
        match &self.step {
            Step::Proving => {
                let mut text = Text::default();
                text.pair("CHAP_N", &self.chap.name);
                text.pair("CHAP_R", &hex(digest));
                if let Some(own) = &self.own {
                    text.pair("CHAP_I", &own.identifier.to_string());
                    text.pair("CHAP_C", &hex(&own.challenge));
                }
                self.proof = digest.to_vec();
                self.step = Step::Proved;
                Ok(Next::Send { text, last: true })
            }
            Step::Verifying(theirs) if is_same(&theirs.digest, digest) && !theirs.name.is_empty() => {
                self.step = Step::Done;
                Ok(Next::Done)
            }
            Step::Verifying(_) => Err(Error::Authentication("the target does not know its secret")),
            Step::Asked | Step::Proved | Step::Done => Err(Error::Protocol("nobody asked")),
        }
    }

    /// Bytes that the open question wants.
    pub(crate) fn digest_bytes(&self) -> Option<usize> {
        match self.step {
            Step::Proving | Step::Verifying(_) => self.algorithm.map(Algorithm::digest_bytes),
            Step::Asked | Step::Proved | Step::Done => None,
        }
    }
}

fn identifier(value: &str) -> Result<u8, Error> {
    number(value).and_then(|number| u8::try_from(number).ok()).ok_or(Error::Authentication("CHAP_I"))
}

/// In a time that says nothing about where they differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(own: bool) -> Exchange {
        let chap = Chap { name: "me".to_owned(), algorithms: vec![Algorithm::Sha256, Algorithm::Md5] };
        let own = own.then(|| OwnChallenge { identifier: 9, challenge: vec![3; 16] });
        let (exchange, text) = Exchange::begin(chap, own);
        assert_eq!(text.bytes(), b"CHAP_A=7,5\0");
        exchange
    }

    const CHALLENGED: [(&str, &str); 3] = [("CHAP_A", "5"), ("CHAP_I", "200"), ("CHAP_C", "0x0102")];

    #[test]
    fn the_caller_is_asked_for_the_digest_and_it_goes_out() {
        let mut exchange = begin(false);
        let Next::Ask(question) = exchange.take(&CHALLENGED).unwrap() else { panic!() };
        assert_eq!((question.purpose, question.algorithm, question.identifier), (Purpose::Prove, Algorithm::Md5, 200));
        assert_eq!((question.challenge, question.name, exchange.digest_bytes()), (vec![1, 2], "me".to_owned(), Some(16)));
        let Next::Send { text, last: true } = exchange.digest(&[0xab; 16]).unwrap() else { panic!() };
        assert_eq!(text.bytes(), format!("CHAP_N=me\0CHAP_R=0x{}\0", "ab".repeat(16)).as_bytes());
        assert_eq!(exchange.take(&[]).unwrap(), Next::Done);
        assert!(exchange.is_done());
    }

    #[test]
    fn a_target_is_believed_when_it_knows_its_secret() {
        for (digest, known) in [(5, true), (6, false)] {
            let mut exchange = begin(true);
            exchange.take(&CHALLENGED).unwrap();
            let Next::Send { text, .. } = exchange.digest(&[1; 16]).unwrap() else { panic!() };
            assert!(String::from_utf8_lossy(text.bytes()).contains("CHAP_I=9\0CHAP_C=0x0303"));
            let answer = hex(&[5; 16]);
            let Next::Ask(question) = exchange.take(&[("CHAP_N", "disk"), ("CHAP_R", &answer)]).unwrap() else { panic!() };
            assert_eq!((question.purpose, question.identifier, &question.name[..]), (Purpose::Verify, 9, "disk"));
            assert_eq!(exchange.digest(&[digest; 16]).is_ok(), known);
        }
    }

    #[test]
    fn a_target_that_mirrors_is_refused() {
        let mut exchange = begin(true);
        let ours = hex(&[3; 16]);
        assert!(exchange.take(&[("CHAP_A", "5"), ("CHAP_I", "9"), ("CHAP_C", &ours)]).is_err());
        let mut exchange = begin(true);
        exchange.take(&CHALLENGED).unwrap();
        exchange.digest(&[1; 16]).unwrap();
        assert!(exchange.take(&[("CHAP_N", "disk"), ("CHAP_R", &hex(&[1; 16]))]).is_err());
    }

    #[test]
    fn a_target_that_is_to_prove_itself_and_says_nothing_is_refused() {
        let mut exchange = begin(true);
        exchange.take(&CHALLENGED).unwrap();
        exchange.digest(&[1; 16]).unwrap();
        assert_eq!(exchange.take(&[]), Err(Error::Authentication("CHAP_N")));
    }

    #[test]
    fn what_was_not_offered_or_is_missing_is_refused() {
        for answer in [
            &[("CHAP_A", "6"), ("CHAP_I", "1"), ("CHAP_C", "0x01")][..],
            &[("CHAP_A", "5"), ("CHAP_I", "256"), ("CHAP_C", "0x01")],
            &[("CHAP_A", "5"), ("CHAP_I", "1"), ("CHAP_C", "01")],
            &[("CHAP_A", "5"), ("CHAP_A", "5"), ("CHAP_I", "1"), ("CHAP_C", "0x01")],
            &[("CHAP_A", "Reject")],
            &[],
        ] {
            assert!(begin(false).take(answer).is_err(), "{answer:?}");
        }
        assert!(begin(false).digest(&[0; 16]).is_err());
    }
}
