//! Two units that do what a test tells them by operation code, and remember what a transport did to them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use capstan_tape_simulator::devices::{Answer, Devices, Nexus};

pub(crate) const TEST_UNIT_READY: u8 = 0x00;
pub(crate) const READ: u8 = 0x08;
pub(crate) const WRITE: u8 = 0x0a;
pub(crate) const INQUIRY: u8 = 0x12;
const REPORT_LUNS: u8 = 0xa0;
/// Takes as many hundredths of a second as its second byte says.
pub(crate) const WAIT: u8 = 0xd0;
/// Is never answered.
pub(crate) const CUT: u8 = 0xd1;
/// Answers with four bytes and CHECK CONDITION.
pub(crate) const SHORT_BLOCK: u8 = 0xd2;

pub(crate) const UNITS: u64 = 2;

#[derive(Default)]
pub(crate) struct Fake {
    fresh: Mutex<HashSet<(String, u64)>>,
    written: Mutex<Vec<u8>>,
    pub(crate) log: Mutex<Vec<String>>,
}

impl Fake {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn logged(&self, what: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(what))
    }

    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

/// A CDB of six bytes with the transfer length of a tape's READ and WRITE.
pub(crate) fn six(operation: u8, length: usize) -> [u8; 6] {
    let [_, high, middle, low] = u32::try_from(length).unwrap().to_be_bytes();
    [operation, 0, high, middle, low, 0]
}

pub(crate) fn inquiry(length: u8) -> [u8; 6] {
    [INQUIRY, 0, 0, 0, length, 0]
}

pub(crate) fn wait(hundredths: u8) -> [u8; 6] {
    [WAIT, hundredths, 0, 0, 0, 0]
}

fn check(key: u8, code: u8, data: Vec<u8>) -> Answer {
    Answer { status: 2, data, sense: vec![0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0] }
}

fn good(data: Vec<u8>) -> Answer {
    Answer { data, ..Answer::default() }
}

#[async_trait]
impl Devices for Fake {
    fn greet(&self, nexus: &Nexus) {
        self.fresh.lock().unwrap().extend((0..UNITS).map(|lun| (nexus.0.clone(), lun)));
        self.note(format!("greet {}", nexus.0));
    }

    fn leave(&self, nexus: &Nexus) {
        self.note(format!("leave {}", nexus.0));
    }

    fn reset(&self, lun: Option<u64>) {
        self.note(format!("reset {lun:?}"));
    }

    async fn execute(&self, nexus: &Nexus, lun: u64, cdb: &[u8], out: &[u8]) -> Option<Answer> {
        self.note(format!("execute {:#04x} of {lun}", cdb[0]));
        let length = || usize::try_from(u32::from_be_bytes([0, cdb[2], cdb[3], cdb[4]])).unwrap();
        Some(match cdb[0] {
            _ if lun >= UNITS => check(5, 0x25, Vec::new()),
            TEST_UNIT_READY if self.fresh.lock().unwrap().remove(&(nexus.0.clone(), lun)) => check(6, 0x29, Vec::new()),
            TEST_UNIT_READY => good(Vec::new()),
            INQUIRY => {
                let mut data = vec![1, 0x80, 6, 2, 31, 0, 0, 0];
                data.extend(b"CAPSTAN FAKE            0001");
                data.truncate(usize::from(cdb[4]));
                good(data)
            }
            REPORT_LUNS => good(vec![0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
            WRITE if out.len() != length() => check(0x0b, 0x4b, Vec::new()),
            WRITE => {
                let mut written = self.written.lock().unwrap();
                written.clear();
                written.extend(out);
                good(Vec::new())
            }
            READ => {
                let written = self.written.lock().unwrap();
                good(written[..length().min(written.len())].to_vec())
            }
            WAIT => {
                tokio::time::sleep(Duration::from_millis(10 * u64::from(cdb[1]))).await;
                good(Vec::new())
            }
            CUT => return None,
            SHORT_BLOCK => check(0, 0, vec![1, 2, 3, 4]),
            _ => check(5, 0x20, Vec::new()),
        })
    }
}
