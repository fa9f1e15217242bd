//! A front before an NFS server that does to its answers what a real server does once in a long while.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

use anyhow::ensure;

use crate::relay::Listener;

const NFS: u32 = 100_003;
/// Bytes of a message.
const MESSAGE_BYTES: usize = 8 << 20;

/// What it does, to whom, how often.
#[derive(Clone, Copy, Debug)]
pub enum Trick {
    /// The answer of COMMIT names another verifier, as after a restart that forgot what was written.
    Forgets,
    /// The connection ends instead of the answer to this procedure: it was carried out, and nobody hears of it.
    Loses(u32),
    /// This procedure, one that changes something, is answered with this status, whatever became of it.
    Refuses(u32, u32),
}

const COMMIT: u32 = 21;

#[derive(Debug)]
pub struct NfsFront {
    listener: Listener,
    seen: Arc<Mutex<HashMap<u32, usize>>>,
}

impl NfsFront {
    /// The trick is done `times` times, then no more.
    pub fn start(server: u16, trick: Trick, times: usize) -> anyhow::Result<Self> {
        let seen: Arc<Mutex<HashMap<u32, usize>>> = Arc::default();
        let (counted, left) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(times)));
        let listener = Listener::start(move |client| {
            let upstream = TcpStream::connect(("127.0.0.1", server))?;
            let (mut from_client, mut to_server) = (client.try_clone()?, upstream.try_clone()?);
            let asked: Arc<Mutex<HashMap<u32, u32>>> = Arc::default();
            let (noted, counted) = (Arc::clone(&asked), Arc::clone(&counted));
            spawn(move || {
                while let Ok(Some(call)) = message(&mut from_client) {
                    if let (Some(xid), Some(NFS), Some(procedure)) = (word(&call, 1), word(&call, 4), word(&call, 6)) {
                        lock(&noted).insert(xid, procedure);
                        *lock(&counted).entry(procedure).or_default() += 1;
                    }
                    if to_server.write_all(&call).is_err() {
                        break;
                    }
                }
                let _ = to_server.shutdown(Shutdown::Both);
            });
            let (mut from_server, mut to_client) = (upstream, client);
            while let Some(mut answer) = message(&mut from_server)? {
                let procedure = word(&answer, 1).and_then(|xid| lock(&asked).remove(&xid));
                let meant = match trick {
                    Trick::Forgets => procedure == Some(COMMIT),
                    Trick::Loses(meant) | Trick::Refuses(meant, _) => procedure == Some(meant),
                };
                let due = meant && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                match trick {
                    Trick::Forgets if due => {
                        if let Some(last) = answer.last_mut() {
                            *last ^= 0xff;
                        }
                    }
                    Trick::Loses(_) if due => break,
                    Trick::Refuses(_, status) if due => answer = refusal(word(&answer, 1).unwrap_or_default(), status),
                    _ => {}
                }
                to_client.write_all(&answer)?;
            }
            to_client.shutdown(Shutdown::Both)?;
            from_server.shutdown(Shutdown::Both)?;
            Ok(())
        })?;
        Ok(Self { listener, seen })
    }

    pub fn port(&self) -> u16 {
        self.listener.address.port()
    }

    /// How often a procedure was called.
    pub fn calls(&self, procedure: u32) -> usize {
        lock(&self.seen).get(&procedure).copied().unwrap_or(0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message of one fragment with its header, as clients and servers of NFS send them. None: the end.
fn message(stream: &mut impl Read) -> anyhow::Result<Option<Vec<u8>>> {
    let mut message = vec![0; 4];
    if stream.read_exact(&mut message).is_err() {
        return Ok(None);
    }
    let length = word(&message, 0).map_or(0, |header| (header & 0x7fff_ffff) as usize);
    ensure!(length <= MESSAGE_BYTES, "a message of {length} bytes");
    message.resize(4 + length, 0);
    stream.read_exact(message.get_mut(4..).unwrap_or_default())?;
    Ok(Some(message))
}

/// The answer to a call that was accepted and failed: xid, reply, accepted, no verifier (two words), carried out (RFC 5531,
/// section 9); the status, and of what it was about nothing from before and after (`wcc_data` of RFC 1813, section 2.6).
fn refusal(xid: u32, status: u32) -> Vec<u8> {
    const WORDS: u32 = 9;
    let header = 0x8000_0000 | (WORDS * 4);
    [header, xid, 1, 0, 0, 0, 0, status, 0, 0].into_iter().flat_map(u32::to_be_bytes).collect()
}

fn word(message: &[u8], at: usize) -> Option<u32> {
    message.get(at * 4..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
