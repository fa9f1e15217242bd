//! The operational keys (RFC 7143, section 13): what is offered, which answers are allowed, what then holds.

use std::ops::RangeInclusive;

use crate::bounds::SEGMENT;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::settings::{DigestUse, Settings};
use crate::text::{Text, number};

const SECONDS: RangeInclusive<u32> = 0..=3600;
const COUNT: RangeInclusive<u32> = 1..=65_535;
const LEVEL: RangeInclusive<u32> = 0..=2;

/// How an answer follows from an offer (section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// One of a list.
    Digest(DigestUse),
    /// Yes if either says so.
    Or(bool),
    /// Yes if both say so.
    And(bool),
    /// The lesser of the two.
    Least(u32, RangeInclusive<u32>),
    /// The greater.
    Greatest(u32, RangeInclusive<u32>),
    /// Each says its own; there is no answer.
    Declared(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Flag(bool),
    Number(u32),
}

#[derive(Clone, Debug)]
struct Offer {
    key: &'static str,
    rule: Rule,
    answered: bool,
}

/// One login's offers, and what came of them.
#[derive(Debug)]
pub(crate) struct Keys {
    offers: Vec<Offer>,
    /// Keys with which the target declared something of its own.
    declared: Vec<&'static str>,
    pub(crate) agreed: Parameters,
    /// What the target asks and we have to answer.
    pub(crate) replies: Text,
}

impl Keys {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut rules = vec![
            ("HeaderDigest", Rule::Digest(settings.header_digest)),
            ("DataDigest", Rule::Digest(settings.data_digest)),
            ("MaxRecvDataSegmentLength", Rule::Declared(settings.receive_segment)),
            ("DefaultTime2Wait", Rule::Greatest(0, SECONDS)),
            ("DefaultTime2Retain", Rule::Least(0, SECONDS)),
            ("ErrorRecoveryLevel", Rule::Least(0, LEVEL)),
        ];
        // Of no meaning where no data moves.
        if settings.target.is_some() {
            rules.extend([
                ("MaxConnections", Rule::Least(1, COUNT)),
                ("InitialR2T", Rule::Or(settings.initial_r2t)),
                ("ImmediateData", Rule::And(settings.immediate_data)),
                ("MaxBurstLength", Rule::Least(settings.max_burst, SEGMENT)),
                ("FirstBurstLength", Rule::Least(settings.first_burst, SEGMENT)),
                ("MaxOutstandingR2T", Rule::Least(u32::from(settings.outstanding_r2t), COUNT)),
                ("DataPDUInOrder", Rule::Or(true)),
                ("DataSequenceInOrder", Rule::Or(true)),
            ]);
        }
        let offers = rules.into_iter().map(|(key, rule)| Offer { key, rule, answered: false }).collect();
        Self { offers, declared: Vec::new(), agreed: Parameters::default(), replies: Text::default() }
    }

    pub(crate) fn offers(&self) -> Text {
        let mut text = Text::default();
        for offer in &self.offers {
            let value = match &offer.rule {
                Rule::Digest(DigestUse::Off) => "None".to_owned(),
                Rule::Digest(DigestUse::Preferred) => "CRC32C,None".to_owned(),
                Rule::Digest(DigestUse::Required) => "CRC32C".to_owned(),
                Rule::Or(flag) | Rule::And(flag) => if *flag { "Yes" } else { "No" }.to_owned(),
                Rule::Least(number, _) | Rule::Greatest(number, _) | Rule::Declared(number) => number.to_string(),
            };
            text.pair(offer.key, &value);
        }
        text
    }

    /// A key that the target says. A key may be said once in a login (section 6.3).
    pub(crate) fn take(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if let Some(declared) = Self::declaration(key) {
            if self.declared.contains(&declared) {
                return Err(Error::Protocol("a key twice"));
            }
            self.declared.push(declared);
            return declare(&mut self.agreed, declared, value);
        }
        let Some(offer) = self.offers.iter_mut().find(|offer| offer.key == key) else {
            // What answers nothing wants an answer, unless it is one.
            if !["NotUnderstood", "Reject", "Irrelevant"].contains(&value) {
                self.replies.pair(key, "NotUnderstood");
            }
            return Ok(());
        };
        if std::mem::replace(&mut offer.answered, true) {
            return Err(Error::Protocol("a key twice"));
        }
        match (value, offer.rule.allows(value)) {
            // As the RFC's own value then holds, only that may stand against it what was demanded.
            ("Irrelevant" | "NotUnderstood", _) if offer.rule != Rule::Digest(DigestUse::Required) => Ok(()),
            (_, Some(value)) => {
                agree(&mut self.agreed, offer.key, value);
                Ok(())
            }
            _ => Err(Error::Negotiation(format!("{key}={value}"))),
        }
    }

    fn declaration(key: &str) -> Option<&'static str> {
        ["MaxRecvDataSegmentLength", "TargetPortalGroupTag", "TargetAlias", "TargetAddress"]
            .into_iter()
            .find(|known| *known == key)
    }

    /// All is said. A digest that is demanded was granted in words.
    pub(crate) fn finish(&self) -> Result<Parameters, Error> {
        match self.offers.iter().find(|offer| offer.rule == Rule::Digest(DigestUse::Required) && !offer.answered) {
            Some(offer) => Err(Error::Negotiation(offer.key.to_owned())),
            None => Ok(self.agreed),
        }
    }
}

impl Rule {
    fn allows(&self, value: &str) -> Option<Value> {
        let flag = || match value {
            "Yes" => Some(true),
            "No" => Some(false),
            _ => None,
        };
        let within = |range: &RangeInclusive<u32>| number(value).filter(|number| range.contains(number));
        match self {
            Self::Digest(wanted) => match value {
                "CRC32C" if *wanted != DigestUse::Off => Some(Value::Flag(true)),
                "None" if *wanted != DigestUse::Required => Some(Value::Flag(false)),
                _ => None,
            },
            Self::Or(offered) => flag().filter(|answer| *answer || !offered).map(Value::Flag),
            Self::And(offered) => flag().filter(|answer| !*answer || *offered).map(Value::Flag),
            Self::Least(offered, range) => within(range).filter(|answer| answer <= offered).map(Value::Number),
            Self::Greatest(offered, range) => within(range).filter(|answer| answer >= offered).map(Value::Number),
            Self::Declared(_) => None,
        }
    }
}

/// What the target says of itself; also outside of a login (section 13.12).
pub(crate) fn declare(agreed: &mut Parameters, key: &str, value: &str) -> Result<(), Error> {
    let wrong = || Error::Negotiation(format!("{key}={value}"));
    match key {
        "MaxRecvDataSegmentLength" => {
            agreed.target_segment = number(value).filter(|length| SEGMENT.contains(length)).ok_or_else(wrong)?;
        }
        "TargetPortalGroupTag" => {
            agreed.portal_group = Some(number(value).and_then(|tag| u16::try_from(tag).ok()).ok_or_else(wrong)?);
        }
        _ => {}
    }
    Ok(())
}

fn agree(agreed: &mut Parameters, key: &str, value: Value) {
    // The rules let numbers through that fit.
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    match (key, value) {
        ("HeaderDigest", Value::Flag(flag)) => agreed.header_digest = flag,
        ("DataDigest", Value::Flag(flag)) => agreed.data_digest = flag,
        ("InitialR2T", Value::Flag(flag)) => agreed.initial_r2t = flag,
        ("ImmediateData", Value::Flag(flag)) => agreed.immediate_data = flag,
        ("MaxBurstLength", Value::Number(number)) => agreed.max_burst = number,
        ("FirstBurstLength", Value::Number(number)) => agreed.first_burst = number,
        ("MaxOutstandingR2T", Value::Number(number)) => agreed.outstanding_r2t = short(number),
        ("DefaultTime2Wait", Value::Number(number)) => agreed.time_to_wait = short(number),
        ("DefaultTime2Retain", Value::Number(number)) => agreed.time_to_retain = short(number),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Isid;

    fn settings() -> Settings {
        Settings::new("iqn.a", "iqn.b", Isid::random([0; 3], 0))
    }

    fn answered(settings: &Settings, answers: &[(&str, &str)]) -> Result<Parameters, Error> {
        let mut keys = Keys::new(settings);
        answers.iter().try_for_each(|(key, value)| keys.take(key, value))?;
        keys.finish()
    }

    #[test]
    fn answers_within_the_offers_hold() {
        let settings = Settings { data_digest: DigestUse::Preferred, ..settings() };
        let agreed = answered(
            &settings,
            &[
                ("DataDigest", "CRC32C"),
                ("InitialR2T", "Yes"),
                ("ImmediateData", "No"),
                ("MaxBurstLength", "0x10000"),
                ("FirstBurstLength", "4096"),
                ("DefaultTime2Wait", "2"),
                ("MaxRecvDataSegmentLength", "65536"),
                ("TargetPortalGroupTag", "1"),
                ("MaxConnections", "Irrelevant"),
            ],
        )
        .unwrap();
        assert!(agreed.data_digest && !agreed.header_digest && agreed.initial_r2t && !agreed.immediate_data);
        assert_eq!((agreed.max_burst, agreed.first_burst, agreed.target_segment), (65_536, 4096, 65_536));
        assert_eq!((agreed.time_to_wait, agreed.portal_group), (2, Some(1)));
    }

    #[test]
    fn answers_that_no_rule_allows_end_the_login() {
        for (key, value) in [
            ("HeaderDigest", "CRC32C"),
            ("HeaderDigest", "Reject"),
            ("ImmediateData", "Maybe"),
            ("DataPDUInOrder", "No"),
            ("MaxBurstLength", "16777215"),
            ("MaxBurstLength", "511"),
            ("MaxBurstLength", "-5"),
            ("DefaultTime2Wait", "3601"),
            ("MaxOutstandingR2T", "0"),
            ("ErrorRecoveryLevel", "1"),
            ("MaxRecvDataSegmentLength", "0"),
            ("TargetPortalGroupTag", "65536"),
        ] {
            assert_eq!(answered(&settings(), &[(key, value)]), Err(Error::Negotiation(format!("{key}={value}"))));
        }
    }

    #[test]
    fn a_key_is_said_once() {
        for key in ["MaxBurstLength", "MaxRecvDataSegmentLength"] {
            assert_eq!(answered(&settings(), &[(key, "4096"), (key, "4096")]), Err(Error::Protocol("a key twice")));
        }
    }

    #[test]
    fn a_digest_that_is_demanded_is_granted_in_words() {
        let strict = Settings { header_digest: DigestUse::Required, ..settings() };
        assert!(answered(&strict, &[("HeaderDigest", "CRC32C")]).unwrap().header_digest);
        for answers in [&[][..], &[("HeaderDigest", "None")], &[("HeaderDigest", "NotUnderstood")]] {
            assert!(answered(&strict, answers).is_err(), "{answers:?}");
        }
    }

    #[test]
    fn keys_that_nobody_knows_are_answered_so() {
        let mut keys = Keys::new(&settings());
        keys.take("X-com.vendor.speed", "9").unwrap();
        keys.take("X-other", "NotUnderstood").unwrap();
        assert_eq!(keys.replies.bytes(), b"X-com.vendor.speed=NotUnderstood\0");
    }

    #[test]
    fn a_discovery_offers_nothing_about_data() {
        let text = Keys::new(&Settings::discovery("iqn.a", Isid::random([0; 3], 0))).offers();
        let text = String::from_utf8(text.bytes().to_vec()).unwrap();
        assert!(text.contains("HeaderDigest=None\0") && !text.contains("Burst"));
    }
}
