//! What a request asks for: its words, its fields, whichever way they came.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::relay::Request;

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) key: Option<String>,
    /// Of the query and of the body.
    fields: BTreeMap<String, String>,
}

impl Asked {
    pub(super) fn new(request: &Request) -> Self {
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let mut fields = form(query);
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(members)) => fields.extend(members.into_iter().filter_map(|(name, value)| {
                let text = match value {
                    Value::Null => return None,
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                Some((name, text))
            })),
            _ => fields.extend(form(&String::from_utf8_lossy(&request.body))),
        }
        let key = request.field("x-access-key").map(str::to_owned).or_else(|| fields.get("access_key").cloned());
        Self { method: request.method().to_owned(), path: path.to_owned(), key, fields }
    }

    /// The words between `/api/` and `.json`.
    pub(super) fn words(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("/api/").unwrap_or_default();
        path.strip_suffix(".json").unwrap_or_default().split('/').collect()
    }

    /// The first of these fields that is there.
    pub(super) fn field(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.fields.get(*name)).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn says_yes(&self, name: &str) -> bool {
        self.field(&[name]) == Some("YES")
    }

    /// GB, as "10G" or 10.
    pub(super) fn capacity(&self) -> Option<u64> {
        self.field(&["capacity"])?.trim_end_matches('G').parse().ok().filter(|capacity| *capacity > 0)
    }

    /// The part of a list that is asked for. A limit of 0 is none.
    pub(super) fn page<T>(&self, rows: Vec<T>) -> Vec<T> {
        let number = |name: &str| self.field(&[name]).and_then(|text| text.parse().ok()).unwrap_or(0);
        let limit = match number("limit") {
            0 => usize::MAX,
            limit => limit,
        };
        rows.into_iter().skip(number("start")).take(limit).collect()
    }
}

fn form(text: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decode(name), decode(value)))
    };
    text.split('&').filter_map(pair).collect()
}

fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let mut nibble = || ahead.next().and_then(|byte| char::from(byte).to_digit(16));
        match (byte, nibble(), nibble()) {
            (b'+', ..) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(head: &str, body: &str) -> Asked {
        Asked::new(&Request { head: head.to_owned(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn fields_of_json_and_of_forms_are_the_same() {
        let json = asked(
            "POST /api/volumes.json HTTP/1.1\r\nX-Access-Key: k\r\n",
            r#"{"name": "a b", "capacity": "10G", "timeout": 15}"#,
        );
        let form = asked("POST /api/volumes.json?access_key=k HTTP/1.1\r\n", "name=a+b&capacity=10&volume_name%5B%5D=volume-1");
        for one in [&json, &form] {
            assert_eq!((one.field(&["name"]), one.capacity(), one.key.as_deref()), (Some("a b"), Some(10), Some("k")));
        }
        assert_eq!(form.field(&["volume_name", "volume_name[]"]), Some("volume-1"));
        assert_eq!(json.words(), ["volumes"]);
    }

    #[test]
    fn a_limit_of_nought_is_none() {
        let page = |query: &str| asked(&format!("GET /api/pools.json?{query} HTTP/1.1\r\n"), "").page(vec![1, 2, 3]);
        assert_eq!(page("page=1&start=0&limit=0"), [1, 2, 3]);
        assert_eq!(page("start=1&limit=1"), [2]);
    }
}
