//! A simulator, not a server: it stands before a real S3 server and verifies what that one only stores.
//!
//! Ceph RGW takes an upload whose `x-amz-checksum-*` is wrong. This front computes MD5, CRC32C, CRC64-NVME and SHA-256 of what
//! arrives and refuses a mismatch with `BadDigest`, as AWS does. It can spoil a byte of the first uploads, as a bad network would, and
//! hold each upload up, so that a test can interrupt work that a fast disk would have done at once; and it can keep the answer of a
//! server that has begun an upload in parts.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::S3;
use crate::relay::{Listener, Request, answer, field};

/// Bodies below this are XML, not data, and are never spoiled.
const DATA_FROM: usize = 4 << 10;
const REFUSAL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>BadDigest</Code>\
     <Message>The checksum you specified did not match what we received.</Message></Error>";

/// How long an answer is kept at most, and how often it is looked whether it still is.
const KEPT_FOR: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

/// A verifying front before another server; stops when dropped.
#[derive(Debug)]
pub struct ChecksumFront {
    pub s3: S3,
    shared: Arc<Shared>,
    _listener: Listener,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    spoil: AtomicU64,
    spoil_down: AtomicU64,
    /// Milliseconds.
    delay: AtomicU64,
    under_way: AtomicU64,
    verified: AtomicU64,
    refused: AtomicU64,
    keeps_beginnings: AtomicBool,
}

impl ChecksumFront {
    pub fn start(behind: &S3) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            upstream: behind.endpoint.trim_start_matches("http://").to_owned(),
            spoil: AtomicU64::new(0),
            spoil_down: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            keeps_beginnings: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        let s3 = S3 { endpoint: format!("http://{}", listener.address), ..behind.clone() };
        Ok(Self { s3, shared, _listener: listener })
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

    /// Whether nobody hears of an upload in parts that the server has begun.
    pub fn keep_beginnings(&self, keep: bool) {
        self.shared.keeps_beginnings.store(keep, Ordering::Relaxed);
    }

    /// Uploads that have arrived and are not answered yet, those that are held up among them.
    pub fn under_way(&self) -> u64 {
        self.shared.under_way.load(Ordering::Relaxed)
    }

    /// Uploads that carried a checksum and passed.
    pub fn verified(&self) -> u64 {
        self.shared.verified.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

/// One more until it is dropped.
struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> anyhow::Result<()> {
        let Some(mut request) = Request::read(&mut client)? else { return Ok(()) };
        let length = request.body.len();
        let put = request.method() == "PUT";
        let _under_way = put.then(|| UnderWay::begin(&self.under_way));
        if put {
            sleep(Duration::from_millis(self.delay.load(Ordering::Relaxed)));
        }
        let upload = put && length >= DATA_FROM;
        if upload
            && self.spoil.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            && let Some(byte) = request.body.get_mut(length / 2)
        {
            *byte ^= 1;
        }
        match verify(&request.head, &request.body) {
            Some(false) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return answer(&mut client, "400 Bad Request", &[], REFUSAL);
            }
            Some(true) => {
                self.verified.fetch_add(1, Ordering::Relaxed);
            }
            None => {}
        }
        let begins = request.method() == "POST" && request.target().split_once('?').is_some_and(|(_, query)| begins(query));
        let mut server = request.pass_on(&self.upstream)?;
        if begins && self.keeps_beginnings.load(Ordering::Relaxed) {
            let mut answer = Vec::new();
            server.read_to_end(&mut answer)?;
            for _ in 0..KEPT_FOR.as_millis() / LOOK.as_millis() {
                if !self.keeps_beginnings.load(Ordering::Relaxed) {
                    break;
                }
                sleep(LOOK);
            }
            client.write_all(&answer)?;
        } else if request.method() == "GET" && self.left_to_spoil() {
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

/// Of a request that begins an upload in parts: `uploads`, with or without an empty value.
fn begins(query: &str) -> bool {
    query.split('&').any(|field| field.trim_end_matches('=') == "uploads")
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
