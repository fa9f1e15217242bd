//! Objects of numbers that count, put and read again; and what answers say beside them.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use capstan_conformance::content::{counting, same};
use capstan_domain::ports::{GetOptions, NamedValues, Objects, PutOptions};

pub(crate) async fn put(port: &dyn Objects, location: &str, key: &str, size: u64) {
    port.put(location, key, counting(size), &format!("put {key}"), PutOptions::default()).await.unwrap();
}

pub(crate) async fn holds(port: &dyn Objects, location: &str, key: &str, size: u64) {
    let (object, body) = port.get(location, key, None, GetOptions::default()).await.unwrap();
    assert_eq!(object.size, size);
    same(body, 0, size).await.unwrap();
}

pub(crate) fn extra<'a>(extras: &'a NamedValues, name: &str) -> Option<&'a str> {
    extras.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
