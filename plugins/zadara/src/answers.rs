//! What the VPSA answers, as far as it is read. Numbers may come as text; ids go into paths, so they are checked as they come.

use capstan_sdk::failure::malformed;
use capstan_sdk::{Failure, Outcome, time};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What the API calls a GB.
pub(crate) const GIB: u64 = 1 << 30;
/// Letters of an id behind its prefix.
const ID_LETTERS: usize = 32;

/// "volume-0000000a": a kind, and hexadecimal digits.
pub(crate) fn is_id(kind: &str, text: &str) -> bool {
    text.strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|digits| (1..=ID_LETTERS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The id, if it is one of this kind.
pub(crate) fn id<'a>(kind: &str, text: &'a str) -> Outcome<&'a str> {
    if is_id(kind, text) { Ok(text) } else { Err(malformed(format!("the VPSA tells no id of a {kind}"), text)) }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelt {
    Number(f64),
    Text(String),
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(match Option::<Spelt>::deserialize(from)? {
        Some(Spelt::Number(number)) => Some(number),
        Some(Spelt::Text(text)) => text.trim().parse().ok(),
        None => None,
    })
}

/// Absent text and null are the same.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(from)?.unwrap_or_default())
}

/// Bytes of so many GB; none where that is no number of bytes.
pub(crate) fn bytes(gigabytes: Option<f64>) -> Option<u64> {
    let bytes = gigabytes? * GIB as f64;
    (bytes.is_finite() && (0.0..9e18).contains(&bytes)).then_some(bytes as u64)
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Volume {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) cg_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) pool_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) status: String,
    #[serde(default, deserialize_with = "number")]
    virtual_capacity: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    allocated_capacity: Option<f64>,
    #[serde(default, deserialize_with = "text")]
    created_at: String,
}

/// How far the VPSA is with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Ready,
    Working,
    Failed,
}

impl Volume {
    pub(crate) fn size(&self) -> Outcome<u64> {
        bytes(self.virtual_capacity)
            .filter(|size| *size > 0 && size.is_multiple_of(512))
            .ok_or_else(|| malformed("the VPSA tells no size of a volume", format!("{}: {:?}", self.name, self.virtual_capacity)))
    }

    pub(crate) fn used(&self) -> Option<u64> {
        bytes(self.allocated_capacity)
    }

    pub(crate) fn created(&self) -> Option<i64> {
        time::iso(&self.created_at)
    }

    pub(crate) fn cg(&self) -> Outcome<&str> {
        id("cg", &self.cg_name)
    }

    pub(crate) fn progress(&self) -> Progress {
        let status = self.status.to_ascii_lowercase();
        match status.as_str() {
            "available" | "in-use" => Progress::Ready,
            status if status.contains("fail") || status.contains("error") => Progress::Failed,
            _ => Progress::Working,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) display_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) status: String,
}

impl Snapshot {
    pub(crate) fn progress(&self) -> Progress {
        match self.status.to_ascii_lowercase().as_str() {
            "" | "normal" | "available" => Progress::Ready,
            status if status.contains("fail") || status.contains("error") => Progress::Failed,
            _ => Progress::Working,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pool {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "number")]
    capacity: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    available_capacity: Option<f64>,
}

impl Pool {
    pub(crate) fn capacity(&self) -> Option<u64> {
        bytes(self.capacity)
    }

    pub(crate) fn available(&self) -> Option<u64> {
        bytes(self.available_capacity)
    }
}

/// A server of the VPSA; in the list of a volume's, with where the volume is to be found.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Server {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) iqn: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) target: String,
    #[serde(default, deserialize_with = "number")]
    lun: Option<f64>,
}

impl Server {
    pub(crate) fn lun(&self) -> Option<u16> {
        self.lun.filter(|lun| lun.fract() == 0.0 && (0.0..16_384.0).contains(lun)).map(|lun| lun as u16)
    }
}

#[derive(Clone, Deserialize)]
pub(crate) struct Controller {
    #[serde(default, deserialize_with = "text")]
    pub(crate) state: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) target: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) iscsi_ip: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) iscsi_ipv6: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) vpsa_chap_user: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) vpsa_chap_secret: String,
}

/// One object of an answer, under its key.
pub(crate) fn one<T: for<'de> Deserialize<'de>>(answer: &Value, key: &str) -> Outcome<T> {
    let found = answer.get(key).ok_or_else(|| missing(key))?;
    T::deserialize(found).map_err(|wrong| malformed(format!("the VPSA's answer has no usable {key}"), wrong.to_string()))
}

/// Those of a list.
pub(crate) fn many<T: for<'de> Deserialize<'de>>(answer: &Value, key: &str) -> Outcome<Vec<T>> {
    match answer.get(key) {
        // Of nothing, some services make null.
        Some(Value::Null) => Ok(Vec::new()),
        Some(_) => one(answer, key),
        None => Err(missing(key)),
    }
}

fn missing(key: &str) -> Failure {
    malformed(format!("the VPSA's answer has no {key}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_that_would_leave_their_place_in_a_path_are_none() {
        assert!(is_id("volume", "volume-0000000a"));
        for text in ["volume-", "volume-0/1", "volume-0000000g", "cg-00000001", "volume", "volume-00000001?x"] {
            assert!(!is_id("volume", text), "{text}");
        }
    }

    #[test]
    fn numbers_come_as_numbers_or_as_text() {
        let volume = |capacity: Value| {
            one::<Volume>(&json!({ "volume": { "name": "volume-00000001", "virtual_capacity": capacity } }), "volume")
                .unwrap()
                .size()
                .ok()
        };
        assert_eq!(volume(json!(2)), Some(2 * GIB));
        assert_eq!(volume(json!("3.0")), Some(3 * GIB));
        for wrong in [json!(null), json!("many"), json!(-1), json!(0), json!(1e300)] {
            assert_eq!(volume(wrong), None);
        }
    }

    #[test]
    fn what_is_neither_ready_nor_failed_is_under_way() {
        let progress = |status: &str| {
            one::<Volume>(&json!({ "volume": { "name": "volume-00000001", "status": status } }), "volume").unwrap().progress()
        };
        assert_eq!(progress("Available"), Progress::Ready);
        assert_eq!(progress("In-use"), Progress::Ready);
        assert_eq!(progress("Creating"), Progress::Working);
        assert_eq!(progress(""), Progress::Working);
        assert_eq!(progress("Failed"), Progress::Failed);
    }

    #[test]
    fn a_list_that_is_missing_is_no_empty_list() {
        assert!(many::<Pool>(&json!({}), "pools").is_err());
        assert!(many::<Pool>(&json!({ "pools": null }), "pools").unwrap().is_empty());
    }
}
