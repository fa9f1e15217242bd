//! The target's side of a session, for tests: says what it is told to say, and reads what was sent.

use super::Session;
use crate::command::{Command, Data, Outcome, Repeat, Tag};
use crate::error::Error;
use crate::event::Event;
use crate::frames::{Frame, Frames};
use crate::header::{Digests, Header, NONE, at, encode, opcode};
use crate::settings::{Isid, Settings};

pub(super) struct Peer {
    pub(super) session: Session,
    frames: Frames,
    digests: Digests,
    /// StatSN of the next status; ExpCmdSN and MaxCmdSN.
    pub(super) status: u32,
    pub(super) expected: u32,
    pub(super) most: u32,
}

pub(super) fn settings() -> Settings {
    Settings::new("iqn.2026-01.test:host", "iqn.2026-01.test:disk", Isid::random([1, 2, 3], 4))
}

/// The bytes of a PDU of the target's.
pub(super) fn pdu(opcode: u8, flags: u8, fields: &[(usize, u32)], data: &[u8], digests: Digests) -> Vec<u8> {
    let mut header = Header::new(opcode, flags);
    for (at, value) in fields {
        header.put_u32(*at, *value);
    }
    header.put(0, &[opcode, flags]);
    let mut out = Vec::new();
    encode(&header, &[], data, digests, &mut out);
    out
}

impl Peer {
    pub(super) fn new(settings: Settings) -> Self {
        let session = Session::new(settings).unwrap();
        Self { session, frames: Frames::new(1 << 24), digests: Digests::default(), status: 0, expected: 1, most: 32 }
    }

    /// Logged in; the target answered the offers with `keys`.
    pub(super) fn ready(settings: Settings, keys: &str) -> Self {
        let mut peer = Self::new(settings);
        peer.log_in(keys);
        peer
    }

    pub(super) fn log_in(&mut self, keys: &str) {
        self.session.connect(None).unwrap();
        (self.frames, self.digests) = (Frames::new(1 << 24), Digests::default());
        (self.status, self.expected, self.most) = (1000, 1, 32);
        let tag = self.one().header.u32(at::TASK_TAG);
        self.login_response(tag, 0x81, b"AuthMethod=None\0").unwrap();
        let tag = self.one().header.u32(at::TASK_TAG);
        self.login_response(tag, 0x87, &keys.replace(' ', "\0").into_bytes()).unwrap();
        let Some(Event::Ready(agreed)) = self.session.event() else { panic!("no login") };
        self.digests = Digests { header: agreed.header_digest, data: agreed.data_digest };
        self.frames.digests = self.digests;
    }

    pub(super) fn login_response(&mut self, tag: u32, flags: u8, text: &[u8]) -> Result<(), Error> {
        self.say(opcode::LOGIN_RESPONSE, flags, &[(12, 1), (at::TASK_TAG, tag)], text)
    }

    /// A PDU with the numbers that are due; it counts as a status.
    pub(super) fn say(&mut self, opcode: u8, flags: u8, fields: &[(usize, u32)], data: &[u8]) -> Result<(), Error> {
        let result = self.mention(opcode, flags, fields, data);
        self.status = self.status.wrapping_add(1);
        result
    }

    /// The same for one that counts as none.
    pub(super) fn mention(&mut self, opcode: u8, flags: u8, fields: &[(usize, u32)], data: &[u8]) -> Result<(), Error> {
        let numbers = [(at::STAT_SN, self.status), (at::EXP_CMD_SN, self.expected), (at::MAX_CMD_SN, self.most)];
        let fields: Vec<(usize, u32)> = numbers.iter().chain(fields).copied().collect();
        self.session.receive(&pdu(opcode, flags, &fields, data, self.digests))
    }

    pub(super) fn good(&mut self, tag: Tag) {
        self.expected += 1;
        self.most += 1;
        self.say(opcode::SCSI_RESPONSE, 0x80, &[(at::TASK_TAG, tag.0)], b"").unwrap();
    }

    pub(super) fn sent(&mut self) -> Vec<Frame> {
        let (mut found, mut bytes) = (Vec::new(), self.session.transmit(usize::MAX));
        let mut piece = &bytes[..];
        while let Some(frame) = self.frames.take(&mut piece).unwrap() {
            found.push(frame);
        }
        bytes.clear();
        found
    }

    pub(super) fn one(&mut self) -> Frame {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.event()).collect()
    }

    pub(super) fn outcomes(&mut self) -> Vec<(Tag, Outcome)> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Done(tag, outcome) => Some((tag, outcome)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn submit(&mut self, data: Data, repeat: Repeat) -> Tag {
        self.session.submit(Command::new(1 << 48, [0x28; 10], data, repeat)).unwrap()
    }

    pub(super) fn ask_for_data(&mut self, tag: Tag, number: u32, offset: u32, length: u32) -> Result<(), Error> {
        let fields = [(at::TASK_TAG, tag.0), (20, 77 + number), (36, number), (40, offset), (44, length)];
        self.mention(opcode::R2T, 0x80, &fields, b"")
    }

    pub(super) fn data_in(&mut self, tag: Tag, number: u32, offset: u32, data: &[u8]) -> Result<(), Error> {
        self.mention(opcode::DATA_IN, 0x80, &[(at::TASK_TAG, tag.0), (20, NONE), (36, number), (40, offset)], data)
    }
}
