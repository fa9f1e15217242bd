//! Operational keys (RFC 7143, section 13).

use super::limits::{BURST, SEGMENT, SEGMENT_BY_DEFAULT};
use super::text::number;

/// What both sides work by.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub(super) header_digest: bool,
    pub(super) data_digest: bool,
    pub(super) initial_r2t: bool,
    pub(super) immediate_data: bool,
    /// Bytes.
    pub(super) burst: u32,
    pub(super) first_burst: u32,
    /// Of a segment that the initiator takes.
    pub(super) sent_segment: u32,
    /// Of a segment that this side takes.
    pub(super) taken_segment: u32,
}

/// What holds where nothing is negotiated.
impl Default for Parameters {
    fn default() -> Self {
        Self {
            header_digest: false,
            data_digest: false,
            initial_r2t: true,
            immediate_data: true,
            burst: 262_144,
            first_burst: 65_536,
            sent_segment: SEGMENT_BY_DEFAULT,
            taken_segment: SEGMENT_BY_DEFAULT,
        }
    }
}

const SEGMENTS: std::ops::RangeInclusive<u32> = 512..=0xff_ffff;
const SECONDS: std::ops::RangeInclusive<u32> = 0..=3600;
const REJECT: &str = "Reject";

impl Parameters {
    /// Takes the initiator's value and gives the answer to it; none where the key only declares.
    pub(super) fn answer(&mut self, key: &str, value: &str, discovery: bool) -> Option<String> {
        let only_normal = ["InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength", "MaxOutstandingR2T"];
        let also_normal = ["MaxConnections", "DataPDUInOrder", "DataSequenceInOrder"];
        if discovery && (only_normal.contains(&key) || also_normal.contains(&key)) {
            return Some("Irrelevant".to_owned());
        }
        let answer = match key {
            "HeaderDigest" => digest(value, &mut self.header_digest),
            "DataDigest" => digest(value, &mut self.data_digest),
            // The initiator's wish is taken: Or, with No on this side; And, with Yes.
            "InitialR2T" => flag(value, &mut self.initial_r2t, |theirs| theirs),
            "ImmediateData" => flag(value, &mut self.immediate_data, |theirs| theirs),
            "DataPDUInOrder" | "DataSequenceInOrder" => flag(value, &mut true, |_| true),
            "IFMarker" | "OFMarker" => flag(value, &mut false, |_| false),
            "MaxBurstLength" => least(value, SEGMENTS, BURST, &mut self.burst),
            "FirstBurstLength" => least(value, SEGMENTS, BURST, &mut self.first_burst),
            "MaxConnections" | "MaxOutstandingR2T" => least(value, 1..=65_535, 1, &mut 1),
            "iSCSIProtocolLevel" => least(value, 0..=31, 1, &mut 1),
            "ErrorRecoveryLevel" => least(value, 0..=2, 0, &mut 0),
            "DefaultTime2Retain" => least(value, SECONDS, 0, &mut 0),
            // The larger one; this side needs no time.
            "DefaultTime2Wait" => number(value).filter(|value| SECONDS.contains(value)).map(|value| value.to_string()),
            "TaskReporting" => value.split(',').find(|offer| *offer == "RFC3720").map(str::to_owned),
            "MaxRecvDataSegmentLength" => match number(value).filter(|value| SEGMENTS.contains(value)) {
                Some(length) => {
                    self.sent_segment = length;
                    return None;
                }
                None => None,
            },
            "InitiatorName" | "InitiatorAlias" | "SessionType" | "TargetName" => return None,
            // This side's to declare, not the initiator's.
            "TargetAlias" | "TargetAddress" | "TargetPortalGroupTag" => None,
            _ => return Some("NotUnderstood".to_owned()),
        };
        Some(answer.unwrap_or_else(|| REJECT.to_owned()))
    }

    /// This side's declaration of what segments it takes.
    pub(super) fn declare(&mut self) -> (&'static str, String) {
        self.taken_segment = SEGMENT;
        ("MaxRecvDataSegmentLength", SEGMENT.to_string())
    }

    /// At the end of a negotiation.
    pub(super) fn settle(&mut self) {
        self.first_burst = self.first_burst.min(self.burst);
    }
}

/// The initiator's first choice of both.
fn digest(value: &str, chosen: &mut bool) -> Option<String> {
    let choice = value.split(',').find(|offer| ["CRC32C", "None"].contains(offer))?;
    *chosen = choice == "CRC32C";
    Some(choice.to_owned())
}

fn flag(value: &str, chosen: &mut bool, with_ours: impl Fn(bool) -> bool) -> Option<String> {
    let theirs = match value {
        "Yes" => true,
        "No" => false,
        _ => return None,
    };
    *chosen = with_ours(theirs);
    Some(if *chosen { "Yes" } else { "No" }.to_owned())
}

fn least(value: &str, allowed: std::ops::RangeInclusive<u32>, ours: u32, chosen: &mut u32) -> Option<String> {
    let theirs = number(value).filter(|value| allowed.contains(value))?;
    *chosen = theirs.min(ours);
    Some(chosen.to_string())
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    #[test]
    fn the_smaller_burst_of_both_sides_is_taken() {
        let mut parameters = Parameters::default();
        assert_eq!(parameters.answer("MaxBurstLength", "16776192", false).as_deref(), Some("1048576"));
        assert_eq!(parameters.answer("MaxBurstLength", "0x10000", false).as_deref(), Some("65536"));
        assert_eq!(parameters.answer("FirstBurstLength", "131072", false).as_deref(), Some("131072"));
        parameters.settle();
        assert_eq!((parameters.burst, parameters.first_burst), (65_536, 65_536));
    }

    #[test]
    fn a_digest_is_the_initiators_first_choice() {
        let mut parameters = Parameters::default();
        assert_eq!(parameters.answer("HeaderDigest", "CRC32C,None", false).as_deref(), Some("CRC32C"));
        assert_eq!(parameters.answer("DataDigest", "None,CRC32C", false).as_deref(), Some("None"));
        assert!(parameters.header_digest && !parameters.data_digest);
        assert_eq!(parameters.answer("DataDigest", "MD5", false).as_deref(), Some("Reject"));
    }

    #[test]
    fn an_unknown_key_is_not_understood_and_a_wrong_value_is_rejected() {
        let mut parameters = Parameters::default();
        assert_eq!(parameters.answer("X-com.example", "1", false).as_deref(), Some("NotUnderstood"));
        assert_eq!(parameters.answer("InitialR2T", "Maybe", false).as_deref(), Some("Reject"));
        assert_eq!(parameters.answer("ErrorRecoveryLevel", "2", false).as_deref(), Some("0"));
        assert_eq!(parameters.answer("MaxBurstLength", "65536", true).as_deref(), Some("Irrelevant"));
    }
}
