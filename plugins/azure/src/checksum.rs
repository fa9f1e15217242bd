//! The checksum the service checks arriving data against.
//!
//! Azure checks MD5 and a CRC of 64 bits, which is CRC-64/NVME with its bytes in little-endian order; an emulator checks less.
//! `auto` sends what the probe saw refused when it was wrong, since the host reads back what it must be sure of.

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::finding::Finding;
use capstan_sdk::http::{Headers, header};
use capstan_sdk::text::{base64, unbase64};
use capstan_sdk::types::{Checksum, PutOptions};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    None,
    Md5,
    Crc64Nvme,
}

impl Mode {
    /// The contract's name of the algorithm.
    pub(crate) fn algorithm(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Md5 => Some("md5"),
            Self::Crc64Nvme => Some("crc64-nvme"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.algorithm().unwrap_or("none")
    }

    fn by_name(name: &str) -> Option<Self> {
        [Self::None, Self::Md5, Self::Crc64Nvme].into_iter().find(|mode| mode.name() == name)
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

/// The header the service holds a body against.
pub(crate) fn add_header(checksum: Option<&Checksum>, headers: &mut Headers) {
    let Some(checksum) = checksum else { return };
    match checksum.algorithm.as_str() {
        "md5" => headers.push(("content-md5".to_owned(), base64(&checksum.value))),
        "crc64-nvme" => {
            let little: Vec<u8> = checksum.value.iter().rev().copied().collect();
            headers.push(("x-ms-content-crc64".to_owned(), base64(&little)));
        }
        _ => {}
    }
}

/// What the service keeps of a whole blob: its MD5, if it was put in one piece or its writer said it. A ranged answer has the
/// whole blob's under another name.
pub(crate) fn kept(headers: &[(String, String)]) -> Vec<Checksum> {
    let ranged = header(headers, "content-range").is_some();
    let value = header(headers, if ranged { "x-ms-blob-content-md5" } else { "content-md5" }).and_then(unbase64);
    let md5 = value.filter(|value| value.len() == 16);
    md5.map(|value| Checksum { algorithm: "md5".to_owned(), value }).into_iter().collect()
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
        for mode in [Mode::None, Mode::Md5, Mode::Crc64Nvme] {
            assert_eq!(Mode::by_name(mode.name()), Some(mode));
        }
    }

    /// The check value of CRC-64/NVME ("123456789"), as Microsoft's own checksum extension writes it: little-endian.
    #[test]
    fn a_crc_is_sent_with_its_lowest_byte_first() {
        let crc = Checksum { algorithm: "crc64-nvme".to_owned(), value: 0xae8b_1486_0a79_9888_u64.to_be_bytes().to_vec() };
        let mut headers = Headers::new();
        add_header(Some(&crc), &mut headers);
        assert_eq!(headers, [("x-ms-content-crc64".to_owned(), base64(&0xae8b_1486_0a79_9888_u64.to_le_bytes()))]);
    }

    #[test]
    fn a_ranges_own_md5_is_not_taken_for_the_blobs() {
        let header = |name: &str, byte: u8| (name.to_owned(), base64(&[byte; 16]));
        let ranged = [
            header("content-md5", 1),
            header("x-ms-blob-content-md5", 2),
            ("content-range".to_owned(), "bytes 0-1/9".to_owned()),
        ];
        assert_eq!(kept(&ranged)[0].value, [2; 16]);
        assert_eq!(kept(&ranged[..1])[0].value, [1; 16]);
        assert!(kept(&[("content-md5".to_owned(), "short".to_owned())]).is_empty());
    }
}
