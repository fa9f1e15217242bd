//! A host for native tests: sockets of this process, a state that instances share. An instance is a thread.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use capstan_initiator::native::{self, Socket};
use capstan_initiator::{Digests, Link, Login, Outside, Patience, Secret, Words};
use capstan_iscsi::{Answered, Command, Data, Outcome as Ended};
use capstan_sdk::failure::unavailable;
use capstan_sdk::scsi::{Answer, GONE, RESET, Transfer};
use capstan_sdk::tcp::Line;
use capstan_sdk::{NamedValue, Outcome};

use super::Shared;
use crate::config::Config;
use crate::vtl::Vtl;

thread_local! {
    pub(crate) static SHARED: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
    /// Connections of this instance, which end with it.
    static LINES: RefCell<Vec<Socket>> = const { RefCell::new(Vec::new()) };
}

/// The instance is over.
pub(crate) async fn end() {
    for line in LINES.take() {
        // It may have ended by itself.
        let _ = line.finish().await;
    }
}

fn shared() -> Arc<Shared> {
    SHARED.with_borrow(|shared| shared.clone()).unwrap()
}

pub(crate) fn config() -> Outcome<Config> {
    capstan_sdk::config::parse(&shared().configuration)
}

/// The sessions' side.
pub(crate) struct Host;

impl Outside for Host {
    type Line = Socket;

    async fn connect(host: String, port: u16, extras: Vec<NamedValue>) -> Outcome<Socket> {
        let line = native::connect(&host, port, &extras)?;
        LINES.with_borrow_mut(|lines| lines.push(line.clone()));
        Ok(line)
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

    fn challenged(_name: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
        native::challenged(&shared().secret, algorithm, identifier, challenge)
    }
}

/// A device of the host, as far as a test can have one: a unit of the real target, in a session of its own, which the library's nexus is then.
pub(crate) struct Device {
    link: RefCell<Box<Link<Host>>>,
    lun: u64,
}

/// `/dev/sgN`: unit N.
pub(crate) async fn open(path: String) -> Outcome<Device> {
    let number = path.strip_prefix("/dev/sg").and_then(|number| number.parse().ok());
    let lun = number.and_then(Command::lun).ok_or_else(|| unavailable(format!("there is no device at {path}")).code(GONE))?;
    let shared = shared();
    let (port, target) = shared.portal.clone();
    let login = Login {
        host: "127.0.0.1".to_owned(),
        port,
        target,
        initiator: "iqn.2026-11.capstan:kernel".to_owned(),
        digests: Digests::Off,
        chap: Some((Vtl::USER.to_owned(), Secret::Told(shared.secret.clone()))),
        patience: Patience::Long,
        words: Words { peer: "the library", secrets: "", admission: "", target: None },
    };
    Ok(Device { link: RefCell::new(Box::new(Link::open(login).await?)), lun })
}

impl Device {
    /// One call at a time: nobody else holds the session.
    #[allow(clippy::await_holding_refcell_ref, reason = "an instance's thread does one thing at a time with a device")]
    pub(crate) async fn execute(&self, cdb: Vec<u8>, data: Transfer, timeout_ms: u32) -> Outcome<Answer> {
        assert!(timeout_ms > 0);
        let data = match data {
            Transfer::None => Data::None,
            Transfer::ToDevice(bytes) => Data::Out(bytes),
            Transfer::FromDevice(most) => Data::In(most),
        };
        match self.link.borrow_mut().give(self.lun, &cdb, data).await? {
            Ended::Answered(Answered { status, sense, data, .. }) => Ok(Answer { status, sense, data }),
            _ => Err(unavailable("the device was reset").code(RESET).maybe_done()),
        }
    }
}

pub(crate) fn cancelled() -> bool {
    false
}

pub(crate) async fn wait(milliseconds: u64) {
    native::wait(milliseconds);
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
