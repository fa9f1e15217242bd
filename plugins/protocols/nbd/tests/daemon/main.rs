//! The client against QEMU's storage daemon. The server is started by what starts it for the host's tests too: its files are compiled in
//! here, as the crate around them needs half of the host.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "everything here is a test")]

#[path = "../../../../../tests/servers/src/ports.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod ports;
#[path = "../../../../../tests/servers/src/process.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod process;
#[path = "../../../../../tests/servers/src/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod program;
#[path = "../../../../../tests/servers/src/storage_daemon.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate")]
mod storage_daemon;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use capstan_nbd_client::{Answer, Client, Cookie, Denial, Errno, Error, Event, Export, Request};
use storage_daemon::StorageDaemon;
use tempfile::TempDir;

const SIZE: u64 = 64 << 20;
/// Nothing takes longer, or it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server with a disk of zeros, or `return` from the test with the reason printed; where servers are required, a failure.
macro_rules! disk_or_skip {
    () => {
        match Disk::start() {
            Ok(disk) => disk,
            Err(reason) => return skip(&reason),
        }
    };
}

fn skip(reason: &anyhow::Error) {
    let required = std::env::var("CAPSTAN_TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required && reason.is::<program::Missing>(), "no server: {reason:#}");
    eprintln!("SKIPPED: {reason:#}");
}

struct Disk {
    server: StorageDaemon,
    directory: TempDir,
}

impl Disk {
    fn start() -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("capstan-nbd-")?;
        let path = directory.path().join("disk");
        std::fs::File::create(&path)?.set_len(SIZE)?;
        let server = StorageDaemon::start(directory.path(), &StorageDaemon::file("disk", &path))?;
        Ok(Self { server, directory })
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("disk")).unwrap()
    }
}

struct Wire {
    client: Client,
    stream: TcpStream,
    answers: BTreeMap<Cookie, Result<Answer, Errno>>,
}

impl Wire {
    fn connect(disk: &Disk, export: &str) -> Result<(Self, Export), Error> {
        let stream = greeted(disk.server.nbd_port);
        let mut wire = Self { client: Client::new(export).unwrap(), stream, answers: BTreeMap::new() };
        loop {
            wire.step()?;
            if let Some(export) = wire.client.export() {
                return Ok((wire, export));
            }
        }
    }

    fn send(&mut self, payload: &[u8]) {
        let out = self.client.transmit();
        self.stream.write_all(&out).unwrap();
        self.stream.write_all(payload).unwrap();
    }

    fn step(&mut self) -> Result<(), Error> {
        self.send(b"");
        let mut piece = [0; 70_001];
        let count = self.stream.read(&mut piece).unwrap();
        assert!(count > 0, "the server went away");
        self.client.receive(&piece[..count])?;
        while let Some(event) = self.client.event() {
            if let Event::Done(cookie, answer) = event {
                assert!(self.answers.insert(cookie, answer).is_none());
            }
        }
        Ok(())
    }

    fn ask(&mut self, request: Request, payload: &[u8]) -> Cookie {
        let cookie = self.client.submit(request).unwrap();
        self.send(payload);
        cookie
    }

    fn answer(&mut self, cookie: Cookie) -> Result<Answer, Errno> {
        loop {
            if let Some(answer) = self.answers.remove(&cookie) {
                return answer;
            }
            self.step().unwrap();
        }
    }

    fn run(&mut self, request: Request, payload: &[u8]) -> Answer {
        let cookie = self.ask(request, payload);
        self.answer(cookie).unwrap()
    }
}

/// A connection on which the server said its first word: one that has just begun may still drop who comes.
fn greeted(port: u16) -> TcpStream {
    let until = Instant::now() + PATIENCE;
    loop {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        if stream.peek(&mut [0; 1]).is_ok_and(|count| count > 0) {
            return stream;
        }
        assert!(Instant::now() < until, "nobody greets");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn what_is_written_lies_on_the_disk_and_is_read_back_from_another_connection() {
    let disk = disk_or_skip!();
    let (mut wire, export) = Wire::connect(&disk, "disk").unwrap();
    assert_eq!((export.size, export.allocation, export.is_read_only()), (SIZE, true, false));
    let bytes = noise(1, 3 << 20);
    // Many under way at once, answered as the server likes.
    let writes: Vec<Cookie> = bytes
        .chunks(256 << 10)
        .zip(0_u64..)
        .map(|(piece, at)| wire.ask(Request::Write { offset: (1 << 20) + at * (256 << 10), length: 256 << 10 }, piece))
        .collect();
    for write in writes {
        assert_eq!(wire.answer(write), Ok(Answer::Done));
    }
    assert_eq!(wire.run(Request::Flush, b""), Answer::Done);
    assert_eq!(&disk.bytes()[1 << 20..4 << 20], bytes);
    let (mut other, _) = Wire::connect(&disk, "disk").unwrap();
    let reads: Vec<Cookie> = (0..4_u64).map(|at| other.ask(Request::Read { offset: at << 20, length: 1 << 20 }, b"")).collect();
    let mut read = Vec::new();
    for cookie in reads.into_iter().rev() {
        let Ok(Answer::Data(data)) = other.answer(cookie) else { panic!("no data") };
        read.splice(0..0, data);
    }
    assert_eq!(read[..1 << 20], vec![0; 1 << 20]);
    assert_eq!(read[1 << 20..], bytes);
    wire.client.disconnect();
    wire.send(b"");
    let mut rest = Vec::new();
    assert_eq!(wire.stream.read_to_end(&mut rest).unwrap(), 0, "the server hangs up in good order");
}

#[test]
fn zeros_and_holes_are_told_as_extents() {
    let disk = disk_or_skip!();
    let (mut wire, _) = Wire::connect(&disk, "disk").unwrap();
    wire.run(Request::Write { offset: 8 << 20, length: 1 << 20 }, &noise(2, 1 << 20));
    wire.run(Request::Write { offset: 16 << 20, length: 1 << 20 }, &noise(3, 1 << 20));
    wire.run(Request::WriteZeroes { offset: 16 << 20, length: 1 << 20, hole: true }, b"");
    wire.run(Request::Flush, b"");
    let (mut at, mut data) = (0, Vec::new());
    while at < SIZE {
        let length = u32::try_from(SIZE - at).unwrap();
        let Answer::Extents(extents) = wire.run(Request::BlockStatus { offset: at, length }, b"") else { panic!("no extents") };
        for extent in extents {
            if !extent.zero {
                data.push((at, extent.length));
            }
            at += extent.length;
        }
    }
    assert_eq!((at, data), (SIZE, vec![(8 << 20, 1 << 20)]));
    let Answer::Data(zeros) = wire.run(Request::Read { offset: 16 << 20, length: 1 << 20 }, b"") else { panic!("no data") };
    assert_eq!(zeros, vec![0; 1 << 20]);
}

#[test]
fn an_export_that_is_not_there_is_refused_as_unknown() {
    let disk = disk_or_skip!();
    let refused = Wire::connect(&disk, "nobody").err().unwrap();
    assert!(matches!(refused, Error::Denied { denial: Denial::Unknown, .. }), "{refused}");
}
