//! A host for native tests: sockets of this process, a state that instances share. An instance is a thread.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use capstan_sdk::failure::{invalid, timed_out, unavailable};
use capstan_sdk::{NamedValue, Outcome, find};

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

pub(crate) fn challenged(_name: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
    digest(algorithm, &[&[identifier], shared().secret.as_bytes(), challenge].concat())
}

pub(crate) fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
    use md5::Digest;
    match algorithm {
        "md5" => Ok(md5::Md5::digest(data).to_vec()),
        "crc32c" => Ok(capstan_iscsi::crc32c(data).to_be_bytes().to_vec()),
        "sha1" => Ok(sha1::Sha1::digest(data).to_vec()),
        other => Err(invalid(other)),
    }
}

pub(crate) fn random() -> [u8; 8] {
    use std::hash::BuildHasher;
    std::collections::hash_map::RandomState::new().hash_one(0_u8).to_le_bytes()
}

pub(crate) fn cancelled() -> bool {
    false
}

pub(crate) async fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

pub(crate) struct Connection(RefCell<TcpStream>);

pub(crate) async fn connect(host: String, port: u16, extras: Vec<NamedValue>) -> Outcome<Connection> {
    let stream = TcpStream::connect((host.as_str(), port)).map_err(|why| unavailable(why.to_string()).code("unreachable"))?;
    let silence = find(&extras, "read-timeout-ms").unwrap().parse().unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(silence))).unwrap();
    stream.set_nodelay(true).unwrap();
    Ok(Connection(RefCell::new(stream)))
}

impl Connection {
    pub(crate) async fn read(&self, limit: u32) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; limit as usize];
        match self.0.borrow_mut().read(&mut bytes) {
            Ok(read) => {
                bytes.truncate(read);
                Ok(bytes)
            }
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => Err(timed_out("silence")),
            Err(why) => Err(unavailable(why.to_string()).code("connection-lost")),
        }
    }

    pub(crate) async fn write(&self, data: Vec<u8>) -> Outcome<()> {
        self.0.borrow_mut().write_all(&data).map_err(|why| unavailable(why.to_string()).code("connection-ended"))
    }
}

pub(crate) mod state {
    use capstan_sdk::Outcome;
    pub(crate) use capstan_sdk::state::Value;

    use super::shared;

    pub(crate) async fn get(key: String) -> Outcome<Option<Value>> {
        let shared = shared();
        let state = shared.state.lock().unwrap();
        Ok(state.get(&key).map(|data| Value { data: data.clone(), version: 1 }))
    }

    pub(crate) async fn set(key: String, data: Vec<u8>, _expect: Option<u64>) -> Outcome<u64> {
        shared().state.lock().unwrap().insert(key, data);
        Ok(1)
    }
}
