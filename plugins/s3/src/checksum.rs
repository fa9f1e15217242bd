//! The checksum a service checks arriving data against.
//!
//! `auto` sends what the probe saw the service refuse when it was wrong; a service that checks nothing is sent nothing, since
//! the host reads back what it must be sure of. What the host knows already costs nothing; else the data is read once more.
//! Only MD5 is claimed for every endpoint: `Content-MD5` is as old as the protocol, the rest depends on who speaks it.

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::finding::Finding;
use capstan_sdk::http::Headers;
use capstan_sdk::text::{base64, unbase64};
use capstan_sdk::types::{Checksum, PutOptions};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    None,
    Md5,
    Crc32c,
    Crc64Nvme,
    Sha256,
}

/// Those a probe tries: computed faster than anything is sent. The others halve the speed, so they are chosen by hand.
pub(crate) const PROBED: [Mode; 2] = [Mode::Crc64Nvme, Mode::Crc32c];

impl Mode {
    /// The contract's name of the algorithm.
    pub(crate) fn algorithm(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Md5 => Some("md5"),
            Self::Crc32c => Some("crc32c"),
            Self::Crc64Nvme => Some("crc64-nvme"),
            Self::Sha256 => Some("sha256"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.algorithm().unwrap_or("none")
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::None, Self::Md5, Self::Crc32c, Self::Crc64Nvme, Self::Sha256].into_iter().find(|mode| mode.name() == name)
    }

    /// The header that carries it.
    pub(crate) fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Md5 => Some("content-md5"),
            Self::Crc32c => Some("x-amz-checksum-crc32c"),
            Self::Crc64Nvme => Some("x-amz-checksum-crc64nvme"),
            Self::Sha256 => Some("x-amz-checksum-sha256"),
        }
    }

    /// What an upload in parts is begun with.
    pub(crate) fn upload_algorithm(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Md5 => None,
            Self::Crc32c => Some("CRC32C"),
            Self::Crc64Nvme => Some("CRC64NVME"),
            Self::Sha256 => Some("SHA256"),
        }
    }

    /// The element that carries a part's in the request that completes an upload.
    pub(crate) fn element(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Md5 => None,
            Self::Crc32c => Some("ChecksumCRC32C"),
            Self::Crc64Nvme => Some("ChecksumCRC64NVME"),
            Self::Sha256 => Some("ChecksumSHA256"),
        }
    }

    /// What the caller says that the whole content has.
    pub(crate) fn given(self, options: &PutOptions) -> Option<Checksum> {
        capstan_sdk::checksum::given(options, self.algorithm()?)
    }

    /// The checksum of a range, from the host's knowledge or by one read.
    pub(crate) async fn of(self, content: &Content, offset: u64, length: u64) -> Outcome<Option<Checksum>> {
        let Some(algorithm) = self.algorithm() else { return Ok(None) };
        capstan_sdk::checksum::of(content, algorithm, offset, length).await.map(Some)
    }
}

pub(crate) fn add_header(mode: Mode, checksum: Option<&Checksum>, headers: &mut Headers) {
    if let (Some(name), Some(checksum)) = (mode.header(), checksum) {
        headers.push((name.to_owned(), base64(&checksum.value)));
    }
}

/// The checksums an answer carries of the whole object; a composite one ("…-3") says nothing of the bytes and is left out.
pub(crate) fn from_headers(headers: &[(String, String)]) -> Vec<Checksum> {
    if capstan_sdk::http::header(headers, "x-amz-checksum-type").is_some_and(|kind| kind.eq_ignore_ascii_case("COMPOSITE")) {
        return Vec::new();
    }
    [Mode::Crc32c, Mode::Crc64Nvme, Mode::Sha256]
        .into_iter()
        .filter_map(|mode| {
            let value = unbase64(capstan_sdk::http::header(headers, mode.header()?)?)?;
            Some(Checksum { algorithm: mode.algorithm()?.to_owned(), value })
        })
        .collect()
}

/// What the probe found this service to check.
static FOUND: Finding = Finding::new("checksum-mode");

/// What was found of this target, if anything was yet.
pub(crate) async fn found() -> Option<Mode> {
    Mode::by_name(&FOUND.get().await?)
}

/// Until a probe finds it out, or this instance ends.
pub(crate) fn assume_none() {
    FOUND.assume(Mode::None.name());
}

pub(crate) async fn remember(mode: Mode) {
    FOUND.remember(mode.name()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_found_by_its_name() {
        for mode in [Mode::None, Mode::Md5, Mode::Crc32c, Mode::Crc64Nvme, Mode::Sha256] {
            assert_eq!(Mode::by_name(mode.name()), Some(mode));
        }
    }

    #[test]
    fn a_composite_checksum_is_not_taken_for_the_objects() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let full = vec![header("x-amz-checksum-crc32c", "AAAAAQ=="), header("x-amz-checksum-type", "FULL_OBJECT")];
        assert_eq!(from_headers(&full)[0].value, [0, 0, 0, 1]);
        let composite = vec![header("x-amz-checksum-crc32c", "AAAAAQ=="), header("x-amz-checksum-type", "COMPOSITE")];
        assert!(from_headers(&composite).is_empty());
        assert!(from_headers(&[header("x-amz-checksum-sha256", "AAAA-3")]).is_empty());
    }
}
