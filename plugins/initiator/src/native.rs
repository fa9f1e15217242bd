//! What native tests of a plugin put in the host's place: sockets, digests and clock of their own process.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use capstan_sdk::failure::{invalid, timed_out, unavailable};
use capstan_sdk::tcp::Line;
use capstan_sdk::{NamedValue, Outcome, find};

/// Blocks its thread: an instance has a thread of its own.
#[derive(Clone, Debug)]
pub struct Socket(Rc<RefCell<TcpStream>>);

/// `extras`: "read-timeout-ms", as of the contract's `tcp.connect`.
pub fn connect(host: &str, port: u16, extras: &[NamedValue]) -> Outcome<Socket> {
    let unreachable = |why: std::io::Error| unavailable(why.to_string()).code("unreachable");
    let stream = TcpStream::connect((host, port)).map_err(unreachable)?;
    let silence = find(extras, "read-timeout-ms").and_then(|text| text.parse().ok()).map(Duration::from_millis);
    stream.set_read_timeout(silence).map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(Socket(Rc::new(RefCell::new(stream))))
}

impl Line for Socket {
    async fn read(&self, limit: u32) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; limit as usize];
        let mut stream = self.0.borrow_mut();
        let read = loop {
            match stream.read(&mut bytes) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match read {
            Ok(read) => {
                bytes.truncate(read);
                Ok(bytes)
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock => Err(timed_out("silence")),
            Err(why) => Err(unavailable(why.to_string()).code("connection-lost")),
        }
    }

    async fn write(&self, data: Vec<u8>) -> Outcome<()> {
        self.0.borrow_mut().write_all(&data).map_err(|why| unavailable(why.to_string()).code("connection-ended"))
    }

    async fn finish(&self) -> Outcome<()> {
        self.0.borrow().shutdown(Shutdown::Write).map_err(|why| unavailable(why.to_string()).code("connection-ended"))
    }
}

pub fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// `md5`, `sha1`, `crc32c`.
pub fn digest(algorithm: &str, data: &[u8]) -> Outcome<Vec<u8>> {
    use md5::Digest;
    match algorithm {
        "md5" => Ok(md5::Md5::digest(data).to_vec()),
        "sha1" => Ok(sha1::Sha1::digest(data).to_vec()),
        "crc32c" => Ok(capstan_iscsi::crc32c(data).to_be_bytes().to_vec()),
        other => Err(invalid(other)),
    }
}

/// The digest over identifier, secret and challenge.
pub fn challenged(secret: &str, algorithm: &str, identifier: u8, challenge: &[u8]) -> Outcome<Vec<u8>> {
    digest(algorithm, &[&[identifier], secret.as_bytes(), challenge].concat())
}
