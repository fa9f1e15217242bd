//! An initiator written for these tests from RFC 7143: it does what it is told, wrong things too.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use capstan_tape_simulator::devices::Devices;
use capstan_tape_simulator::iscsi::{Chap, Target};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) const TARGET: &str = "iqn.2026-11.test.capstan:fake";
const PATIENCE: Duration = Duration::from_secs(10);

/// A target on a port of its own.
pub(crate) struct Portal {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Portal {
    pub(crate) fn new(devices: Arc<dyn Devices>, chap: Option<Chap>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(Arc::new(Target::new(TARGET, chap, devices)).serve(listener));
        Self { address, _runtime: runtime }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Pdu {
    pub(crate) header: [u8; 48],
    pub(crate) data: Vec<u8>,
}

impl Pdu {
    pub(crate) fn new(opcode: u8, flags: u8, tag: u32) -> Self {
        let mut header = [0; 48];
        header[0] = opcode;
        header[1] = flags;
        header[16..20].copy_from_slice(&tag.to_be_bytes());
        Self { header, data: Vec::new() }
    }

    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn carrying(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.header[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.header[0] & 0x3f
    }
}

pub(crate) struct Initiator {
    stream: TcpStream,
    pub(crate) header_digest: bool,
    pub(crate) data_digest: bool,
    /// Of the next command.
    pub(crate) command_sn: u32,
    pub(crate) stat_sn: u32,
    pub(crate) tag: u32,
    initial_r2t: bool,
    immediate_data: bool,
    first_burst: usize,
    segment: usize,
    pub(crate) isid: [u8; 6],
}

/// How a command ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: u8,
    pub(crate) data: Vec<u8>,
    pub(crate) sense: Vec<u8>,
    /// Bit 2: overflow, bit 1: underflow.
    pub(crate) flags: u8,
    pub(crate) residual: u32,
    pub(crate) with_last_data: bool,
}

pub(crate) enum Data<'a> {
    None,
    In(u32),
    Out(&'a [u8]),
}

const WANTED: &str = "HeaderDigest=None\0DataDigest=None\0InitialR2T=Yes\0ImmediateData=Yes\0";

impl Initiator {
    /// Connected, and no more.
    pub(crate) fn connected(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            header_digest: false,
            data_digest: false,
            command_sn: 1,
            stat_sn: 0,
            tag: 0,
            initial_r2t: true,
            immediate_data: true,
            first_burst: 65_536,
            segment: 8192,
            isid: [0x80, 1, 2, 3, 4, 5],
        }
    }

    /// Logged in without more than it has to say.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self::wanting(address, WANTED)
    }

    /// Logged in with these keys of the operational stage, each ended by a NUL.
    pub(crate) fn wanting(address: SocketAddr, keys: &str) -> Self {
        let mut initiator = Self::connected(address);
        let answer = initiator.log_in(&format!("InitiatorName=iqn.test:me\0TargetName={TARGET}\0{keys}")).unwrap();
        assert!(answer.contains("TargetPortalGroupTag=1\0"), "{answer:?}");
        initiator
    }

    /// One request from the operational stage to full feature phase; `Err`: status class and detail.
    pub(crate) fn log_in(&mut self, keys: &str) -> Result<String, u16> {
        let response = self.login_step(0x87, keys)?;
        assert_eq!(response.header[1], 0x87);
        assert_ne!(response.header[14..16], [0, 0], "a session has a handle");
        let text = String::from_utf8(response.data).unwrap();
        for (key, value) in text.split('\0').filter_map(|pair| pair.split_once('=')) {
            match key {
                "HeaderDigest" => self.header_digest = value == "CRC32C",
                "DataDigest" => self.data_digest = value == "CRC32C",
                "InitialR2T" => self.initial_r2t = value == "Yes",
                "ImmediateData" => self.immediate_data = value == "Yes",
                "FirstBurstLength" => self.first_burst = value.parse().unwrap(),
                "MaxRecvDataSegmentLength" => self.segment = value.parse().unwrap(),
                _ => {}
            }
        }
        Ok(text)
    }

    pub(crate) fn login_step(&mut self, flags: u8, keys: &str) -> Result<Pdu, u16> {
        let isid = self.isid;
        self.send(Pdu::new(0x43, flags, 0).with(8, &isid).with(24, &self.command_sn.to_be_bytes()).carrying(keys.as_bytes()));
        let response = self.receive().unwrap();
        assert_eq!(response.opcode(), 0x23);
        self.stat_sn = response.number(24).wrapping_add(1);
        match u16::from_be_bytes([response.header[36], response.header[37]]) {
            0 => Ok(response),
            status => Err(status),
        }
    }

    pub(crate) fn send(&mut self, pdu: Pdu) {
        let bytes = self.bytes(pdu);
        self.stream.write_all(&bytes).unwrap();
    }

    /// With the digests that were negotiated.
    pub(crate) fn bytes(&self, Pdu { mut header, data }: Pdu) -> Vec<u8> {
        let [_, length @ ..] = u32::try_from(data.len()).unwrap().to_be_bytes();
        header[5..8].copy_from_slice(&length);
        let mut bytes = header.to_vec();
        if self.header_digest {
            bytes.extend(crc(&header));
        }
        let mut padded = data;
        padded.resize(padded.len().next_multiple_of(4), 0);
        bytes.extend(&padded);
        if self.data_digest && !padded.is_empty() {
            bytes.extend(crc(&padded));
        }
        bytes
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// None: the target has closed the connection.
    pub(crate) fn receive(&mut self) -> Option<Pdu> {
        let mut header = [0; 48];
        match self.stream.read_exact(&mut header) {
            Ok(()) => {}
            Err(failure) if failure.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer in time"),
            Err(_) => return None,
        }
        let mut digest = [0; 4];
        if self.header_digest {
            self.stream.read_exact(&mut digest).unwrap();
            assert_eq!(digest, crc(&header));
        }
        let length = usize::try_from(u32::from_be_bytes([0, header[5], header[6], header[7]])).unwrap();
        let mut data = vec![0; length.next_multiple_of(4)];
        self.stream.read_exact(&mut data).unwrap();
        if self.data_digest && length > 0 {
            self.stream.read_exact(&mut digest).unwrap();
            assert_eq!(digest, crc(&data));
        }
        data.truncate(length);
        let pdu = Pdu { header, data };
        let numbered = !matches!(pdu.opcode(), 0x31 | 0x23) && (pdu.opcode() != 0x25 || pdu.header[1] & 1 != 0);
        if numbered {
            assert_eq!(pdu.number(24), self.stat_sn, "answers are numbered without a gap");
            self.stat_sn = self.stat_sn.wrapping_add(1);
        }
        Some(pdu)
    }

    /// A SCSI command without its data.
    pub(crate) fn command_pdu(&mut self, lun: u8, cdb: &[u8], data: &Data<'_>) -> Pdu {
        self.tag += 1;
        let (flags, length) = match data {
            Data::None => (0x80, 0),
            Data::In(length) => (0xc0, *length),
            Data::Out(data) => (0xa0, u32::try_from(data.len()).unwrap()),
        };
        let pdu = Pdu::new(0x01, flags, self.tag)
            .with(8, &[0, lun])
            .with(20, &length.to_be_bytes())
            .with(24, &self.command_sn.to_be_bytes())
            .with(32, cdb);
        self.command_sn = self.command_sn.wrapping_add(1);
        pdu
    }

    pub(crate) fn data_pdu(&self, transfer_tag: u32, number: u32, offset: usize, data: &[u8], last: bool) -> Pdu {
        Pdu::new(0x05, if last { 0x80 } else { 0 }, self.tag)
            .with(20, &transfer_tag.to_be_bytes())
            .with(36, &number.to_be_bytes())
            .with(40, &u32::try_from(offset).unwrap().to_be_bytes())
            .carrying(data)
    }

    /// A whole command, its data sent in the ways that were negotiated.
    pub(crate) fn execute(&mut self, lun: u8, cdb: &[u8], data: &Data<'_>) -> Outcome {
        let mut pdu = self.command_pdu(lun, cdb, data);
        let out = if let Data::Out(out) = data { out } else { &[][..] };
        let unsolicited = if self.initial_r2t { 0 } else { self.first_burst.min(out.len()) };
        let immediate = if self.immediate_data { self.first_burst.min(self.segment).min(out.len()) } else { 0 };
        pdu.data = out[..immediate].to_vec();
        let more = unsolicited > immediate;
        if more {
            pdu.header[1] &= 0x7f;
        }
        self.send(pdu);
        if more {
            self.send_burst(u32::MAX, immediate, unsolicited, out);
        }
        self.outcome(out)
    }

    /// Data-out PDUs from one offset to another.
    pub(crate) fn send_burst(&mut self, transfer_tag: u32, from: usize, to: usize, out: &[u8]) {
        for (number, part) in (0..).zip(out[from..to].chunks(self.segment)) {
            let offset = from + usize::try_from(number).unwrap() * self.segment;
            let pdu = self.data_pdu(transfer_tag, number, offset, part, offset + part.len() == to);
            self.send(pdu);
        }
    }

    /// Answers R2Ts, takes data-in, until there is a status.
    pub(crate) fn outcome(&mut self, out: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        let mut numbers = 0..;
        loop {
            let pdu = self.receive().expect("the connection is closed");
            if pdu.opcode() == 0x31 || pdu.opcode() == 0x25 {
                assert_eq!(pdu.number(36), numbers.next().unwrap(), "R2TSN or DataSN");
            }
            match pdu.opcode() {
                0x31 => {
                    let offset = usize::try_from(pdu.number(40)).unwrap();
                    let length = usize::try_from(pdu.number(44)).unwrap();
                    self.send_burst(pdu.number(20), offset, offset + length, out);
                }
                0x25 => {
                    assert_eq!(usize::try_from(pdu.number(40)).unwrap(), outcome.data.len(), "data comes in order");
                    outcome.data.extend(&pdu.data);
                    if pdu.header[1] & 1 != 0 {
                        outcome.with_last_data = true;
                        return Self::ended(outcome, &pdu);
                    }
                }
                0x21 => {
                    assert_eq!(pdu.header[2], 0, "completed at target");
                    outcome.sense = pdu.data.get(2..).unwrap_or_default().to_vec();
                    return Self::ended(outcome, &pdu);
                }
                other => panic!("opcode {other:#x} is no answer to a command"),
            }
        }
    }

    fn ended(outcome: Outcome, pdu: &Pdu) -> Outcome {
        Outcome { status: pdu.header[3], flags: pdu.header[1] & 6, residual: pdu.number(44), ..outcome }
    }
}

/// CRC32C bit by bit: polynomial 0x1EDC6F41, reflected.
fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 != 0 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    (!sum).to_le_bytes()
}
