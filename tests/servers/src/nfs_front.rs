//! A front before an NFS server: it counts what a client asks, and does to answers what a real server does once in a long while.

mod counts;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::spawn;
use std::time::Duration;

use anyhow::ensure;

use self::counts::{Counts, Open};
use crate::relay::Listener;

const NFS: u32 = 100_003;
/// Bytes of a message.
const MESSAGE_BYTES: usize = 8 << 20;
/// How long an answer waits for another call. Longer than a busy machine takes to hand over what lies in a socket already.
const GATHERING: Duration = Duration::from_millis(250);

/// What it does, to whom, how often.
#[derive(Clone, Copy, Debug)]
pub enum Trick {
    /// It only counts.
    Nothing,
    /// The answer of COMMIT names another verifier, as after a restart that forgot what was written.
    Forgets,
    /// The connection ends instead of the answer to this procedure: it was carried out, and nobody hears of it.
    Loses(u32),
    /// This procedure, one that changes something, is answered with this status, whatever became of it.
    Refuses(u32, u32),
    /// The answer to this procedure waits until another call of it is under way on its connection, or for a moment: what a client
    /// has under way at once is seen then, however quick the server is.
    Gathers(u32),
}

const COMMIT: u32 = 21;

#[derive(Debug)]
pub struct NfsFront {
    listener: Listener,
    counts: Arc<Mutex<Counts>>,
}

impl NfsFront {
    /// The trick is done `times` times, then no more.
    pub fn start(server: u16, trick: Trick, times: usize) -> anyhow::Result<Self> {
        let counts: Arc<Mutex<Counts>> = Arc::default();
        let (counted, left) = (Arc::clone(&counts), Arc::new(AtomicUsize::new(times)));
        let listener = Listener::start(move |client| {
            let _open = Open::begin(&counted);
            let upstream = TcpStream::connect(("127.0.0.1", server))?;
            let (mut from_client, mut to_server) = (client.try_clone()?, upstream.try_clone()?);
            let calls: Arc<Calls> = Arc::default();
            let (noted, counted) = (Arc::clone(&calls), Arc::clone(&counted));
            spawn(move || {
                while let Ok(Some(call)) = message(&mut from_client) {
                    if let (Some(xid), Some(NFS), Some(procedure)) = (word(&call, 1), word(&call, 4), word(&call, 6)) {
                        let under_way = noted.begin(xid, procedure);
                        lock(&counted).call(procedure, under_way, directory(&call));
                    }
                    if to_server.write_all(&call).is_err() {
                        break;
                    }
                }
                let _ = to_server.shutdown(Shutdown::Both);
            });
            let (mut from_server, mut to_client) = (upstream, client);
            while let Some(mut answer) = message(&mut from_server)? {
                let xid = word(&answer, 1);
                let procedure = xid.and_then(|xid| calls.procedure(xid));
                let meant = match trick {
                    Trick::Nothing => false,
                    Trick::Forgets => procedure == Some(COMMIT),
                    Trick::Loses(meant) | Trick::Gathers(meant) | Trick::Refuses(meant, _) => procedure == Some(meant),
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
                    Trick::Gathers(one) if due => calls.gather(one),
                    _ => {}
                }
                if let Some(xid) = xid {
                    calls.end(xid);
                }
                to_client.write_all(&answer)?;
            }
            to_client.shutdown(Shutdown::Both)?;
            from_server.shutdown(Shutdown::Both)?;
            Ok(())
        })?;
        Ok(Self { listener, counts })
    }

    pub fn port(&self) -> u16 {
        self.listener.address.port()
    }

    /// How often a procedure was called.
    pub fn calls(&self, procedure: u32) -> usize {
        lock(&self.counts).calls(procedure)
    }

    /// Calls of all procedures.
    pub fn all_calls(&self) -> usize {
        lock(&self.counts).all_calls()
    }

    /// How many different directories were listed.
    pub fn directories_listed(&self) -> usize {
        lock(&self.counts).directories_listed()
    }

    /// The most calls of a procedure that were under way at once on one connection.
    pub fn most_under_way(&self, procedure: u32) -> usize {
        lock(&self.counts).most_under_way(procedure)
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        lock(&self.counts).connections()
    }

    /// The most that were open at once.
    pub fn most_connections(&self) -> usize {
        lock(&self.counts).most_connections()
    }

    /// Counts anew from here on.
    pub fn reset(&self) {
        lock(&self.counts).reset();
    }
}

/// What was asked on a connection and not answered yet: the procedure by the number of its call.
#[derive(Default)]
struct Calls {
    asked: Mutex<HashMap<u32, u32>>,
    more: Condvar,
}

impl Calls {
    /// Answers how many calls of the procedure are under way, this one included.
    fn begin(&self, xid: u32, procedure: u32) -> usize {
        let mut asked = lock(&self.asked);
        asked.insert(xid, procedure);
        self.more.notify_all();
        under_way(&asked, procedure)
    }

    fn procedure(&self, xid: u32) -> Option<u32> {
        lock(&self.asked).get(&xid).copied()
    }

    fn end(&self, xid: u32) {
        lock(&self.asked).remove(&xid);
    }

    fn gather(&self, procedure: u32) {
        let asked = lock(&self.asked);
        let alone = |asked: &mut HashMap<u32, u32>| under_way(asked, procedure) < 2;
        drop(self.more.wait_timeout_while(asked, GATHERING, alone).unwrap_or_else(PoisonError::into_inner));
    }
}

fn under_way(asked: &HashMap<u32, u32>, procedure: u32) -> usize {
    asked.values().filter(|one| **one == procedure).count()
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

/// The handle that the arguments of a call begin with. Before them stand credentials and a verifier, each a number and opaque bytes
/// (RFC 5531, section 9).
fn directory(call: &[u8]) -> Option<&[u8]> {
    let verifier = 9 + (word(call, 8)? as usize).div_ceil(4);
    let handle = verifier + 2 + (word(call, verifier + 1)? as usize).div_ceil(4);
    let length = word(call, handle)? as usize;
    call.get((handle + 1) * 4..)?.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handle_of_a_call_is_found_behind_credentials_of_any_length() {
        for credentials in [&b""[..], b"four", b"a few more bytes"] {
            // Header, number, call, version 2 of RPC, NFS 3, READDIRPLUS.
            let mut call: Vec<u8> = [0, 7, 0, 2, NFS, 3, 17, 1].into_iter().flat_map(u32::to_be_bytes).collect();
            for (opaque, next) in [(credentials, Some(0_u32)), (b"", None), (b"handle", None)] {
                call.extend(u32::try_from(opaque.len()).expect("a length").to_be_bytes());
                call.extend(opaque);
                call.resize(call.len().next_multiple_of(4), 0);
                call.extend(next.into_iter().flat_map(u32::to_be_bytes));
            }
            assert_eq!(directory(&call), Some(&b"handle"[..]));
            call.truncate(call.len() - 4);
            assert_eq!(directory(&call), None);
        }
    }
}
