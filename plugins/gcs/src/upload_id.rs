//! The name of an upload as the host keeps it: whether it is staged, the mark its object gets, and the service's own id.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_sdk::failure::not_found;
use capstan_sdk::text::hex;
use capstan_sdk::{Outcome, crypto};

use crate::client::Place;
use crate::staging::ROOM;

/// Hexadecimal digits of a mark.
const MARK: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UploadId {
    /// It lies under a key of its own until its condition was seen to hold.
    pub(crate) staged: bool,
    /// No other upload has it.
    pub(crate) mark: String,
    /// The service's.
    pub(crate) upload: String,
}

impl UploadId {
    /// Without the service's id, which it has not given yet.
    pub(crate) fn new((location, key): Place<'_>, attempt: &str, staged: bool) -> Outcome<Self> {
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
        let digest = crypto::digest("sha256", format!("{location}\0{key}\0{attempt}\0{moment}").as_bytes())?;
        let mark = hex(&digest).chars().take(MARK).collect();
        Ok(Self { staged, mark, upload: String::new() })
    }

    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let whole = Self::asked_for(text).filter(|id| !id.upload.is_empty());
        whole.ok_or_else(|| not_found("there is no such upload").code("NoSuchUpload"))
    }

    /// One whose own id the service may not have told yet.
    pub(crate) fn asked_for(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        let (mark, upload) = rest.split_once('.')?;
        let plain = mark.len() == MARK && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
        (plain && matches!(kind, "d" | "s")).then(|| Self {
            staged: kind == "s",
            mark: mark.to_owned(),
            upload: upload.to_owned(),
        })
    }

    /// The key its parts belong to.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.staged { format!("{ROOM}{}", self.mark) } else { key.to_owned() }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}.{}", if self.staged { 's' } else { 'd' }, self.mark, self.upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_and_says_where_its_parts_lie() {
        for (staged, key) in [(false, "a/b".to_owned()), (true, format!("{ROOM}{}", "0f".repeat(16)))] {
            let id = UploadId { staged, mark: "0f".repeat(16), upload: "VXB.sb2Fk".to_owned() };
            assert_eq!(UploadId::parse(&id.to_string()).unwrap(), id);
            assert_eq!(id.key("a/b"), key);
            let asked_for = UploadId { upload: String::new(), ..id };
            assert_eq!(UploadId::asked_for(&asked_for.to_string()).unwrap(), asked_for);
        }
    }

    #[test]
    fn what_is_none_of_ours_is_no_upload() {
        for text in ["", "d", "x.y", "d.y", "dzz.y", &format!("d{}.", "0".repeat(32)), &format!("x{}.u", "0".repeat(32)), "ü.u"]
        {
            assert!(matches!(UploadId::parse(text), Err(capstan_sdk::Failure::NotFound(_))), "{text}");
        }
    }
}
