//! Checksums in `x-goog-hash`: every object has a CRC32C, one that came in a single request an MD5 as well.
//!
//! The service holds what arrives against the sums that go along, so every put and every part carries its CRC32C. What the host knows already
//! costs nothing; else the data is read once more, at several gigabytes a second.

use capstan_sdk::Outcome;
use capstan_sdk::Retry;
use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, corrupt};
use capstan_sdk::http::Headers;
use capstan_sdk::text::{base64, unbase64};
use capstan_sdk::types::{Checksum, PutOptions};

const HEADER: &str = "x-goog-hash";
const CRC32C: &str = "crc32c";
const MD5: &str = "md5";

/// The CRC32C of a range, from what the caller or the host knows, or by one read.
pub(crate) async fn of(content: &Content, offset: u64, length: u64, options: Option<&PutOptions>) -> Outcome<Checksum> {
    if let Some(given) = options.and_then(|options| capstan_sdk::checksum::given(options, CRC32C)) {
        return Ok(given);
    }
    capstan_sdk::checksum::of(content, CRC32C, offset, length).await
}

pub(crate) fn add_header(checksum: &Checksum, headers: &mut Headers) {
    headers.push((HEADER.to_owned(), format!("{}={}", checksum.algorithm, base64(&checksum.value))));
}

/// Several may stand in one header, or each in one of its own.
pub(crate) fn from_headers(headers: &[(String, String)]) -> Vec<Checksum> {
    headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(HEADER))
        .flat_map(|(_, value)| value.split(','))
        .filter_map(|pair| {
            let (algorithm, value) = pair.trim().split_once('=')?;
            let width = match algorithm {
                CRC32C => 4,
                MD5 => 16,
                _ => return None,
            };
            let value = unbase64(value).filter(|value| value.len() == width)?;
            Some(Checksum { algorithm: algorithm.to_owned(), value })
        })
        .collect()
}

/// What the service says it stored is what was sent.
pub(crate) fn check(sent: &Checksum, headers: &[(String, String)], what: &str) -> Outcome<()> {
    let differs = |stored: &Checksum| stored.algorithm == sent.algorithm && stored.value != sent.value;
    if from_headers(headers).iter().any(differs) {
        return Err(spoiled(what));
    }
    Ok(())
}

fn spoiled(what: &str) -> Failure {
    corrupt(format!("the service stored other data for {what} than was sent")).retry(Retry::AtOnce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> Headers {
        values.iter().map(|value| ("X-Goog-Hash".to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn both_spellings_of_several_sums_are_read() {
        let (crc, md5) = ("crc32c=AAAAAQ==", "md5=1B2M2Y8AsgTpgAmY7PhCfg==");
        for answer in [headers(&[crc, md5]), headers(&[&format!("{crc},{md5}")])] {
            let sums = from_headers(&answer);
            assert_eq!(sums.iter().map(|sum| sum.algorithm.as_str()).collect::<Vec<_>>(), ["crc32c", "md5"]);
            assert_eq!(sums[0].value, [0, 0, 0, 1]);
        }
        assert!(from_headers(&headers(&["sha1=AAAA", "crc32c=AA", "nonsense"])).is_empty());
    }

    #[test]
    fn other_data_than_was_sent_is_told_and_an_answer_without_a_sum_is_not() {
        let sent = Checksum { algorithm: "crc32c".to_owned(), value: vec![0, 0, 0, 1] };
        check(&sent, &headers(&["crc32c=AAAAAQ=="]), "o").unwrap();
        check(&sent, &headers(&[]), "o").unwrap();
        assert!(matches!(check(&sent, &headers(&["crc32c=AAAAAg=="]), "o"), Err(Failure::Corrupt(_))));
    }
}
