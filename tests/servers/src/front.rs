//! A simulator, not a server: it stands before a real S3 server and verifies what that one only stores.
//!
//! Ceph RGW takes an upload whose `x-amz-checksum-*` is wrong. This front computes MD5, CRC32C, CRC64-NVME and SHA-256 of what
//! arrives and refuses a mismatch with `BadDigest`, as AWS does. It can spoil a byte of the first uploads, as a bad network would, and
//! hold each upload up, so that a test can interrupt work that a fast disk would have done at once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::S3;

/// Largest head of a request, bytes.
const HEAD_LIMIT: usize = 64 << 10;
/// Largest body, bytes; a part of an upload is far below.
const BODY_LIMIT: usize = 256 << 20;
/// Bodies below this are XML, not data, and are never spoiled.
const DATA_FROM: usize = 4 << 10;
const REFUSAL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>BadDigest</Code>\
     <Message>The checksum you specified did not match what we received.</Message></Error>";

/// A verifying front before another server; stops when dropped.
#[derive(Debug)]
pub struct ChecksumFront {
    pub s3: S3,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    spoil: AtomicU64,
    spoil_down: AtomicU64,
    /// Milliseconds.
    delay: AtomicU64,
    verified: AtomicU64,
    refused: AtomicU64,
    closed: AtomicBool,
}

impl ChecksumFront {
    pub fn start(behind: &S3) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let s3 = S3 { endpoint: format!("http://{}", listener.local_addr()?), ..behind.clone() };
        let upstream = behind.endpoint.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared {
            upstream,
            spoil: AtomicU64::new(0),
            spoil_down: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.closed.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&serving);
                spawn(move || {
                    let _ = shared.serve(stream);
                });
            }
        });
        Ok(Self { s3, shared })
    }

    /// Spoils a byte of each of the next `uploads` bodies, before they are verified.
    pub fn spoil(&self, uploads: u64) {
        self.shared.spoil.store(uploads, Ordering::Relaxed);
    }

    /// Spoils a byte of each of the next `downloads` answers.
    pub fn spoil_down(&self, downloads: u64) {
        self.shared.spoil_down.store(downloads, Ordering::Relaxed);
    }

    /// Downloads that are still to be spoilt.
    pub fn left_to_spoil_down(&self) -> u64 {
        self.shared.spoil_down.load(Ordering::Relaxed)
    }

    /// Holds every upload up from now on.
    pub fn hold_up(&self, milliseconds: u64) {
        self.shared.delay.store(milliseconds, Ordering::Relaxed);
    }

    /// Uploads that carried a checksum and passed.
    pub fn verified(&self) -> u64 {
        self.shared.verified.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for ChecksumFront {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // The listener looks when somebody comes.
        let _ = TcpStream::connect(self.s3.endpoint.trim_start_matches("http://"));
    }
}

impl Shared {
    /// One request a connection: what is simulated is the check, not a fast server.
    fn serve(&self, mut client: TcpStream) -> anyhow::Result<()> {
        let (head, mut body) = read_head(&mut client)?;
        let length: usize = field(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        anyhow::ensure!(length <= BODY_LIMIT, "a body of {length} bytes");
        if field(&head, "expect").is_some() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut rest = vec![0; length.saturating_sub(body.len())];
        client.read_exact(&mut rest)?;
        body.append(&mut rest);
        let put = head.starts_with("PUT ");
        if put {
            sleep(Duration::from_millis(self.delay.load(Ordering::Relaxed)));
        }
        let upload = put && length >= DATA_FROM;
        if upload
            && self.spoil.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            && let Some(byte) = body.get_mut(length / 2)
        {
            *byte ^= 1;
        }
        match verify(&head, &body) {
            Some(false) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                write!(
                    client,
                    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{REFUSAL}",
                    REFUSAL.len()
                )?;
                return Ok(());
            }
            Some(true) => {
                self.verified.fetch_add(1, Ordering::Relaxed);
            }
            None => {}
        }
        let mut server = TcpStream::connect(&self.upstream)?;
        let lines: Vec<&str> =
            head.lines().filter(|line| !line.is_empty() && !is(line, "connection") && !is(line, "expect")).collect();
        write!(server, "{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))?;
        server.write_all(&body)?;
        if head.starts_with("GET ") && self.left_to_spoil() {
            let mut answer = Vec::new();
            server.read_to_end(&mut answer)?;
            self.spoil_answer(&mut answer);
            client.write_all(&answer)?;
        } else {
            std::io::copy(&mut server, &mut client)?;
        }
        client.shutdown(Shutdown::Write)?;
        Ok(())
    }
}

impl Shared {
    fn left_to_spoil(&self) -> bool {
        self.spoil_down.load(Ordering::Relaxed) > 0
    }

    /// Listings stay as they are: only data is spoilt.
    fn spoil_answer(&self, answer: &mut [u8]) {
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return };
        let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
        let body = answer.len() - end - 4;
        let is_data =
            head.starts_with("HTTP/1.1 20") && body >= DATA_FROM && field(&head, "content-type") != Some("application/xml");
        if is_data
            && self.spoil_down.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            && let Some(byte) = answer.get_mut(end + 4 + body / 2)
        {
            *byte ^= 1;
        }
    }
}

/// None: the request carries no checksum.
fn verify(head: &str, body: &[u8]) -> Option<bool> {
    let mut seen = None;
    let mut hold = |name: &str, actual: &dyn Fn() -> Vec<u8>| {
        if let Some(wanted) = field(head, name) {
            let holds = STANDARD.decode(wanted).is_ok_and(|wanted| wanted == actual());
            seen = Some(seen.unwrap_or(true) && holds);
        }
    };
    hold("content-md5", &|| Md5::digest(body).to_vec());
    hold("x-amz-checksum-sha256", &|| Sha256::digest(body).to_vec());
    hold("x-amz-checksum-crc32c", &|| {
        let crc = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, body);
        u32::try_from(crc).unwrap_or_default().to_be_bytes().to_vec()
    });
    hold("x-amz-checksum-crc64nvme", &|| crc_fast::checksum(CrcAlgorithm::Crc64Nvme, body).to_be_bytes().to_vec());
    // A signed payload is no checksum of its own, but it must hold.
    let signed = field(head, "x-amz-content-sha256").filter(|wanted| wanted.len() == 64);
    if signed.is_some_and(|wanted| hex::encode(Sha256::digest(body)) != wanted) { Some(false) } else { seen }
}

/// The head as text, and what of the body came with it.
fn read_head(stream: &mut TcpStream) -> anyhow::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let read = stream.read(&mut chunk)?;
        anyhow::ensure!(read > 0 && bytes.len() <= HEAD_LIMIT, "no whole head");
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return Ok((String::from_utf8(bytes).context("a head that is not text")?, body));
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find(|line| is(line, name))?.split_once(':').map(|(_, value)| value.trim())
}

fn is(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name))
}
