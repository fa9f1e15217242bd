//! A host for native tests: sockets of this process, a state that instances share. An instance is a thread.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use capstan_initiator::Outside;
use capstan_initiator::native::{self, Socket};
use capstan_sdk::failure::{unauthenticated, unavailable};
use capstan_sdk::http::{Body, Reply, Request};
use capstan_sdk::{NamedValue, Outcome};

use super::Shared;
use crate::config::Config;

thread_local! {
    pub(crate) static SHARED: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

fn shared() -> Arc<Shared> {
    SHARED.with_borrow(|shared| shared.clone()).unwrap()
}

pub(crate) fn config() -> Outcome<Config> {
    capstan_sdk::config::parse(&shared().configuration)
}

pub(crate) fn secret(name: &str) -> Outcome<String> {
    shared().secrets.get(name).cloned().ok_or_else(|| unauthenticated(format!("there is no {name}")))
}

/// The sessions' side.
pub(crate) struct Host;

impl Outside for Host {
    type Line = Socket;

    async fn connect(host: String, port: u16, extras: Vec<NamedValue>) -> Outcome<Socket> {
        native::connect(&host, port, &extras)
    }

    async fn wait(milliseconds: u64) {
        native::wait(milliseconds);
    }

    fn cancelled() -> bool {
        cancelled()
    }

    fn random() -> [u8; 8] {
        RandomState::new().hash_one(0_u8).to_le_bytes()
    }

    fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
        native::digest(algorithm, data)
    }

    fn challenged(name: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
        native::challenged(&secret(name)?, algorithm, identifier, challenge)
    }
}

pub(crate) fn cancelled() -> bool {
    false
}

pub(crate) async fn wait(milliseconds: u64) {
    native::wait(milliseconds);
}

/// One request a connection, as the simulator wants it.
pub(crate) async fn exchange(request: Request, body: Body, limit: u32) -> Outcome<Reply> {
    asked(&request, body, limit).map_err(|why| unavailable(why.to_string()).maybe_done())
}

fn asked(request: &Request, body: Body, limit: u32) -> std::io::Result<Reply> {
    let rest = request.url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let body = match body {
        Body::Bytes(bytes) => bytes,
        Body::Empty => Vec::new(),
        Body::Stream(_) => panic!("nothing here streams"),
    };
    let mut stream = TcpStream::connect(authority)?;
    let mut head = format!("{} /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {}\r\n", request.method, body.len());
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&body)?;
    let mut bytes = Vec::new();
    stream.take(u64::from(limit)).read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| std::io::Error::other("the answer was lost"))?;
    let status = String::from_utf8_lossy(&bytes[9..12]).parse().unwrap();
    Ok(Reply { status, headers: Vec::new(), body: bytes[end + 4..].to_vec() })
}

pub(crate) mod state {
    use capstan_sdk::Outcome;
    use capstan_sdk::failure::conflict;
    pub(crate) use capstan_sdk::state::Value;

    use super::shared;

    pub(crate) async fn get(key: String) -> Outcome<Option<Value>> {
        let shared = shared();
        let state = shared.state.lock().unwrap();
        Ok(state.get(&key).map(|(data, version)| Value { data: data.clone(), version: *version }))
    }

    pub(crate) async fn set(key: String, data: Vec<u8>, expect: Option<u64>) -> Outcome<u64> {
        let shared = shared();
        let mut state = shared.state.lock().unwrap();
        let now = state.get(&key).map_or(0, |(_, version)| *version);
        if expect.is_some_and(|expect| expect != now) {
            return Err(conflict("another version"));
        }
        state.insert(key, (data, now + 1));
        Ok(now + 1)
    }

    pub(crate) async fn remove(key: String, expect: Option<u64>) -> Outcome<()> {
        let shared = shared();
        let mut state = shared.state.lock().unwrap();
        let now = state.get(&key).map_or(0, |(_, version)| *version);
        if expect.is_some_and(|expect| expect != now) {
            return Err(conflict("another version"));
        }
        state.remove(&key);
        Ok(())
    }

    pub(crate) async fn keys(prefix: String, after: Option<String>, limit: u32) -> Outcome<Vec<String>> {
        let shared = shared();
        let state = shared.state.lock().unwrap();
        let behind = |key: &&String| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after);
        Ok(state.keys().filter(behind).take(limit as usize).cloned().collect())
    }
}
