//! What was agreed on.

use crate::bounds::SEND_SEGMENT;

/// The values that hold for a session once its login is over (RFC 7143, section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub header_digest: bool,
    pub data_digest: bool,
    pub initial_r2t: bool,
    pub immediate_data: bool,
    /// Bytes of one sequence of data.
    pub max_burst: u32,
    /// Bytes of data that goes without being asked for.
    pub first_burst: u32,
    /// Bytes of data in one PDU that the target takes; that we send is also bounded by `bounds::SEND_SEGMENT`.
    pub target_segment: u32,
    pub outstanding_r2t: u16,
    /// Seconds after a connection was lost before a new one is tried, and for which the target remembers the old one.
    pub time_to_wait: u16,
    pub time_to_retain: u16,
    /// TargetPortalGroupTag.
    pub portal_group: Option<u16>,
}

impl Default for Parameters {
    /// Those of the RFC, for keys that nobody spoke of.
    fn default() -> Self {
        Self {
            header_digest: false,
            data_digest: false,
            initial_r2t: true,
            immediate_data: true,
            max_burst: 262_144,
            first_burst: 65_536,
            target_segment: 8192,
            outstanding_r2t: 1,
            time_to_wait: 2,
            time_to_retain: 20,
            portal_group: None,
        }
    }
}

impl Parameters {
    /// Bytes of data in one PDU that we send.
    pub(crate) fn segment(&self) -> usize {
        self.target_segment.min(SEND_SEGMENT) as usize
    }

    /// Whether data of so many bytes goes in the PDU of its command. A target that waits for data may begin what comes behind it before.
    pub fn goes_whole(&self, bytes: usize) -> bool {
        self.unasked(bytes).0 == bytes
    }

    /// Of `total` bytes: how many go with the command, and up to where they go unasked (section 13.14).
    pub(crate) fn unasked(&self, total: usize) -> (usize, usize) {
        let first = total.min(self.first_burst.min(self.max_burst) as usize);
        let immediate = if self.immediate_data { first.min(self.segment()) } else { 0 };
        (immediate, if self.initial_r2t { immediate } else { first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_unasked_as_far_as_was_agreed() {
        let agreed = Parameters::default();
        assert_eq!(agreed.unasked(100_000), (8192, 8192));
        assert!(agreed.goes_whole(0) && agreed.goes_whole(8192) && !agreed.goes_whole(8193));
        assert_eq!(Parameters { initial_r2t: false, ..agreed }.unasked(100_000), (8192, 65_536));
        assert_eq!(Parameters { initial_r2t: false, ..agreed }.unasked(5000), (5000, 5000));
        assert_eq!(Parameters { immediate_data: false, ..agreed }.unasked(100_000), (0, 0));
        assert_eq!(Parameters { immediate_data: false, initial_r2t: false, ..agreed }.unasked(100), (0, 100));
        assert_eq!(Parameters { first_burst: 512, target_segment: 1 << 23, ..agreed }.unasked(1 << 20), (512, 512));
    }
}
