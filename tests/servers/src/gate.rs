//! A simulator, not a server: a switch before a real server. Switched off, nobody listens at its port and what was connected is cut,
//! as when the server itself is stopped; that one keeps what it has.

use std::io::copy;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use crate::S3;
use crate::relay::Listener;

/// The port is free again within.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Open until it is shut; shut when dropped.
#[derive(Debug)]
pub struct Gate {
    pub s3: S3,
    upstream: String,
    port: u16,
    passage: Option<Passage>,
}

impl Gate {
    pub fn open(behind: &S3) -> anyhow::Result<Self> {
        let upstream = behind.endpoint.trim_start_matches("http://").to_owned();
        let passage = Passage::begin(0, &upstream)?;
        let address = passage.listener.address;
        let s3 = S3 { endpoint: format!("http://{address}"), ..behind.clone() };
        Ok(Self { s3, upstream, port: address.port(), passage: Some(passage) })
    }

    pub fn shut(&mut self) {
        self.passage = None;
    }

    /// At the same port.
    pub fn reopen(&mut self) -> anyhow::Result<()> {
        self.shut();
        let until = Instant::now() + PATIENCE;
        loop {
            match Passage::begin(self.port, &self.upstream) {
                Ok(passage) => {
                    self.passage = Some(passage);
                    return Ok(());
                }
                // The listener before ends on a thread of its own.
                Err(_) if Instant::now() < until => sleep(POLL),
                Err(failure) => return Err(failure),
            }
        }
    }
}

#[derive(Debug)]
struct Passage {
    listener: Listener,
    connected: Arc<Connected>,
}

/// Both ends of every connection; none once it is shut.
#[derive(Debug)]
struct Connected(Mutex<Option<Vec<TcpStream>>>);

impl Connected {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<TcpStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passage {
    fn begin(port: u16, upstream: &str) -> anyhow::Result<Self> {
        let connected = Arc::new(Connected(Mutex::new(Some(Vec::new()))));
        let (passing, upstream) = (Arc::clone(&connected), upstream.to_owned());
        let listener = Listener::at(port, move |near| pass(near, &upstream, &passing))?;
        Ok(Self { listener, connected })
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        for stream in self.connected.lock().take().into_iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut near: TcpStream, upstream: &str, connected: &Connected) -> anyhow::Result<()> {
    let mut far = TcpStream::connect(upstream)?;
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    match connected.lock().as_mut() {
        Some(streams) => streams.extend([near.try_clone()?, far.try_clone()?]),
        None => return Ok(()),
    }
    let upward = spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = copy(&mut far, &mut near);
    let _ = near.shutdown(Shutdown::Write);
    let _ = upward.join();
    Ok(())
}
