//! A simulator of a Zadara VPSA: its REST API, before a real iSCSI target.
//!
//! No VPSA can be had for a test. What it is asked and what it answers is written after the operations that two independent clients
//! send, `zadarapy` and OpenStack's driver, and takes both their spellings: JSON and forms, "10G" and 10. The bytes of its volumes
//! are no simulation: they lie in files behind tgt, which asks for CHAP and can do digests. Numbers of refusals other than 5, 10081
//! and 10086 are its own.
//!
//! What a VPSA does by itself takes a moment here too: a volume is `Creating`, `Expanding`, `Deleting` before it is what was asked.
//! It can be made to refuse, to be slow, to act and not to answer, and to lose its target.

mod answers;
mod asked;
mod snapshots;
mod store;
mod target;
mod volumes;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::answers::{Answer, refusal};
use self::asked::Asked;
use self::store::Store;
use self::target::Target;
use crate::relay::{Listener, Request};

/// How long a client may be silent in the middle of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long things take that the VPSA does by itself.
const MOMENT: Duration = Duration::from_millis(150);
/// The status of an operation that this simulator has not.
const NOT_KNOWN: i64 = 20_000;
/// Sizes of the pools, GB.
const POOLS: [u64; 2] = [1024, 8];

/// The simulator with its target; both stop when it is dropped.
#[derive(Debug)]
pub struct Vpsa {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub endpoint: String,
    pub port: u16,
    pub access_key: String,
    /// Of the iSCSI portal.
    pub iscsi_port: u16,
    shared: Arc<Mutex<Simulated>>,
    _listener: Listener,
    _data: TempDir,
}

#[derive(Debug)]
struct Simulated {
    access_key: String,
    store: Store,
    target: Target,
    faults: Vec<Fault>,
    /// Requests that changed something, or tried to: method and path.
    changes: Vec<String>,
}

/// What goes wrong with the next requests of this method whose path ends so.
#[derive(Debug)]
struct Fault {
    method: String,
    end: String,
    left: u64,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    Refuse(i64, String),
    Http(u16),
    /// Does it and does not answer.
    Silent,
}

impl Vpsa {
    /// A pool of 1 TB, and one that is soon full.
    pub const POOL: &str = "pool-00000001";
    pub const SMALL_POOL: &str = "pool-00000002";

    pub fn start() -> anyhow::Result<Self> {
        let data = TempDir::with_prefix("capstan-vpsa-")?;
        let target = Target::start(data.path())?;
        let iscsi_port = target.port;
        let access_key = "VPSAKEY0SIMULATED0KEY".to_owned();
        let store = Store::new(data.path(), &POOLS, MOMENT);
        let simulated = Simulated { access_key: access_key.clone(), store, target, faults: Vec::new(), changes: Vec::new() };
        let shared = Arc::new(Mutex::new(simulated));
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serve(&serving, stream))?;
        let port = listener.address.port();
        Ok(Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            port,
            access_key,
            iscsi_port,
            shared,
            _listener: listener,
            _data: data,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Simulated> {
        lock(&self.shared)
    }

    /// Name and secret that the target asks for.
    pub fn chap(&self) -> (String, String) {
        (target::USER.to_owned(), self.lock().target.secret.clone())
    }

    /// What the VPSA does by itself takes so long from now on.
    pub fn take(&self, moment: Duration) {
        self.lock().store.moment = moment;
    }

    /// Answers the next `times` requests of this method, whose path ends so, with a status and a sentence.
    pub fn refuse(&self, times: u64, method: &str, end: &str, status: i64, message: &str) {
        self.fault(times, method, end, How::Refuse(status, message.to_owned()));
    }

    /// The same with a status of HTTP.
    pub fn turn_away(&self, times: u64, method: &str, end: &str, status: u16) {
        self.fault(times, method, end, How::Http(status));
    }

    /// Does what the next `times` requests ask for, and does not answer.
    pub fn fall_silent(&self, times: u64, method: &str, end: &str) {
        self.fault(times, method, end, How::Silent);
    }

    fn fault(&self, left: u64, method: &str, end: &str, how: How) {
        self.lock().faults.push(Fault { method: method.to_owned(), end: end.to_owned(), left, how });
    }

    /// Requests so far that were to change something: "POST /api/volumes.json".
    pub fn changes(&self) -> Vec<String> {
        self.lock().changes.clone()
    }

    /// Display names of all volumes, in order.
    pub fn volumes(&self) -> Vec<String> {
        self.lock().store.display_names()
    }

    /// All snapshots: the display name of the volume they are of, and their own.
    pub fn snapshots(&self) -> Vec<(String, String)> {
        self.lock().store.snapshot_names()
    }

    /// The file behind the volume of this display name.
    pub fn file(&self, display_name: &str) -> anyhow::Result<PathBuf> {
        self.lock().store.file_of(display_name).context("no volume is called so")
    }

    /// The target ends, with every session, and is there again at once.
    pub fn restart_target(&self) -> anyhow::Result<()> {
        let mut simulated = self.lock();
        let Simulated { store, target, .. } = &mut *simulated;
        target.begin()?;
        store.attached().into_iter().try_for_each(|(lun, id)| target.add(lun, &id, &store.file(&id)))
    }

    /// Another secret for the data's login; the sessions there are go on.
    pub fn change_secret(&self, secret: &str) -> anyhow::Result<()> {
        self.lock().target.change_secret(secret)
    }

    /// Attaches a volume to a server that is not the host under test.
    pub fn attach_elsewhere(&self, display_name: &str) -> anyhow::Result<()> {
        self.lock().store.attach_elsewhere(display_name).context("no volume is called so")
    }
}

fn lock(shared: &Mutex<Simulated>) -> MutexGuard<'_, Simulated> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(shared: &Mutex<Simulated>, mut client: TcpStream) -> anyhow::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let Some(request) = Request::read(&mut client)? else { return Ok(()) };
    let asked = Asked::new(&request);
    // One at a time: what a request looks at and what it changes are one step.
    let answer = lock(shared).serve(&asked)?;
    match answer {
        Some((status, document)) => write(&mut client, status, &document),
        None => Ok(client.shutdown(Shutdown::Both)?),
    }
}

fn write(client: &mut TcpStream, status: u16, document: &Value) -> anyhow::Result<()> {
    let body = document.to_string();
    write!(
        client,
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.flush()?;
    Ok(())
}

impl Simulated {
    /// None: the connection ends without a word.
    fn serve(&mut self, asked: &Asked) -> anyhow::Result<Option<(u16, Value)>> {
        if asked.method != "GET" {
            self.changes.push(format!("{} {}", asked.method, asked.path));
        }
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| fault.left > 0 && fault.method == asked.method && asked.path.ends_with(&fault.end));
        let how = fault.map(|fault| {
            fault.left -= 1;
            fault.how.clone()
        });
        match how {
            Some(How::Refuse(status, message)) => return Ok(Some((200, refusal(status, &message)))),
            Some(How::Http(status)) => return Ok(Some((status, json!({})))),
            Some(How::Silent) | None => {}
        }
        let answer = self.answer(asked)?;
        Ok(if how.is_some() { None } else { Some((200, answer)) })
    }

    fn answer(&mut self, asked: &Asked) -> anyhow::Result<Value> {
        self.store.settle(&mut self.target)?;
        let login = asked.words() == ["users", "login"];
        if login {
            return Ok(answers::login(asked, &self.access_key));
        }
        if asked.key.as_deref() != Some(self.access_key.as_str()) {
            return Ok(refusal(5, "Invalid access key"));
        }
        Ok(self.route(asked)?.unwrap_or_else(|(status, message)| refusal(status, &message)))
    }

    fn route(&mut self, asked: &Asked) -> anyhow::Result<Answer> {
        if let Some(answer) = volumes::serve(&mut self.store, &mut self.target, asked)? {
            return Ok(answer);
        }
        if let Some(answer) = snapshots::serve(&mut self.store, asked)? {
            return Ok(answer);
        }
        let answer = answers::serve(&mut self.store, &self.target, asked)?;
        Ok(answer.unwrap_or_else(|| Err((NOT_KNOWN, format!("{} {} is not known here", asked.method, asked.path)))))
    }
}
