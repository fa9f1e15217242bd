//! A target that says anything: mutated PDUs, numbers and texts, from a generator that is the same in every run. Nothing may panic, grow
//! beyond its bounds, or be told of a command twice or never.

use std::collections::HashMap;

use super::peer::{pdu, settings};
use super::{Asked, Phase, Session};
use crate::bounds::{COMMANDS, EVENTS, FORGOTTEN, IN_FLIGHT, OUTSTANDING_R2T, REQUESTS, TEXT_BYTES};
use crate::chap::{Algorithm, OwnChallenge};
use crate::command::{Command, Data, Outcome, Repeat, Tag};
use crate::event::{Event, Function};
use crate::header::{BYTES, NONE, at, opcode};
use crate::settings::{Chap, DigestUse, Isid, Settings};

/// Steps of one run, and runs.
const STEPS: u32 = 500_000;
const SEEDS: std::ops::Range<u64> = 1..5;

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % most.max(1)
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn word(&mut self) -> u32 {
        match self.below(4) {
            0 => u32::try_from(self.below(4)).unwrap(),
            1 => NONE - u32::try_from(self.below(3)).unwrap(),
            _ => u32::try_from(self.roll() >> 32).unwrap(),
        }
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| u8::try_from(self.roll() >> 56).unwrap()).collect()
    }
}

const KINDS: [u8; 10] = [
    opcode::SCSI_RESPONSE,
    opcode::DATA_IN,
    opcode::R2T,
    opcode::NOP_IN,
    opcode::TASK_MANAGEMENT_RESPONSE,
    opcode::TEXT_RESPONSE,
    opcode::ASYNC,
    opcode::REJECT,
    opcode::LOGOUT_RESPONSE,
    opcode::LOGIN_RESPONSE,
];
/// What a text is made of, right and wrong.
const KEYS: &[&str] = &[
    "AuthMethod",
    "CHAP_A",
    "CHAP_I",
    "CHAP_C",
    "CHAP_N",
    "CHAP_R",
    "HeaderDigest",
    "DataDigest",
    "InitialR2T",
    "ImmediateData",
    "MaxBurstLength",
    "FirstBurstLength",
    "MaxRecvDataSegmentLength",
    "MaxOutstandingR2T",
    "DefaultTime2Wait",
    "DefaultTime2Retain",
    "ErrorRecoveryLevel",
    "DataPDUInOrder",
    "MaxConnections",
    "TargetName",
    "TargetAddress",
    "TargetPortalGroupTag",
    "X-y",
    "",
];
const VALUES: &[&str] = &[
    "CHAP",
    "None",
    "CRC32C",
    "Yes",
    "No",
    "5",
    "7",
    "0",
    "512",
    "8192",
    "65536",
    "16777216",
    "4294967296",
    "-1",
    "0x10",
    "0xzz",
    "0bTQ==",
    "Reject",
    "Irrelevant",
    "NotUnderstood",
    "10.0.0.1:3260,1",
    "[::1]:1,2",
    "iqn.a",
    "",
];

fn text(dice: &mut Dice) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..dice.below(6) {
        let key = dice.pick(KEYS).unwrap();
        text.extend_from_slice(key.as_bytes());
        text.extend_from_slice(if dice.one_in(50) { b"" } else { b"=" });
        text.extend_from_slice(dice.pick(VALUES).unwrap().as_bytes());
        if dice.one_in(30) {
            text.extend(dice.bytes(300));
        }
        text.push(0);
    }
    if dice.one_in(20) {
        text.truncate(dice.below(text.len()));
    }
    text
}

/// What a target in the session's place would say to a login, most of the time.
fn login_response(dice: &mut Dice, session: &Session) -> Vec<u8> {
    let Phase::Login { login, tag, .. } = &session.phase else { return Vec::new() };
    let shown = format!("{login:?}");
    let operational = shown.contains("stage: Operational");
    let chap = session.settings.chap.is_some();
    let (flags, answer): (u8, &[u8]) = match (operational, dice.below(3)) {
        (true, _) => (0x87, b"HeaderDigest=None\0MaxRecvDataSegmentLength=4096\0InitialR2T=No\0"),
        (false, _) if !chap => (0x81, b"AuthMethod=None\0"),
        (false, 0) => (0, b"AuthMethod=CHAP\0"),
        (false, 1) => (0, b"CHAP_A=5\0CHAP_I=3\0CHAP_C=0x0102\0"),
        (false, _) => (0x81, b"CHAP_N=disk\0CHAP_R=0x05050505050505050505050505050505\0"),
    };
    let text = if dice.one_in(8) { text(dice) } else { answer.to_vec() };
    let flags = if dice.one_in(20) { u8::try_from(dice.roll() >> 56).unwrap() } else { flags };
    let status = if dice.one_in(30) { dice.word() } else { 0 };
    let fields = [(12, 1), (at::TASK_TAG, *tag), (24, session.statuses.expected), (28, 1), (32, 64), (36, status)];
    pdu(opcode::LOGIN_RESPONSE, flags, &fields, &text, crate::header::Digests::default())
}

/// A PDU that could be right, but for a field or two.
fn plausible(dice: &mut Dice, session: &Session) -> Vec<u8> {
    if matches!(session.phase, Phase::Login { .. }) {
        return login_response(dice, session);
    }
    let sent: Vec<u32> = session.tasks.iter().filter(|(_, task)| task.number.is_some()).map(|(tag, _)| *tag).collect();
    let asked: Vec<u32> = session.asked.keys().copied().collect();
    let of_task = dice.pick(&sent).copied().unwrap_or(9);
    let of_asked = dice.pick(&asked).copied().unwrap_or(9);
    let task = session.tasks.get(&of_task);
    // What fits, mostly: what does not ends the connection at once, and with it the way to what lies deeper.
    let kind = match (dice.below(20), task, session.asked.get(&of_asked)) {
        (0, ..) => *dice.pick(&KINDS).unwrap(),
        (1, ..) => opcode::ASYNC,
        (2, ..) => opcode::REJECT,
        (3 | 4, ..) | (_, None, None) => opcode::NOP_IN,
        (5..9, _, Some(asked)) | (_, None, Some(asked)) => match asked {
            Asked::Ping => opcode::NOP_IN,
            Asked::Management(..) => opcode::TASK_MANAGEMENT_RESPONSE,
            Asked::Text { .. } => opcode::TEXT_RESPONSE,
            Asked::Logout => opcode::LOGOUT_RESPONSE,
        },
        (5..17, Some(task), _) if matches!(task.command.data, Data::In(_)) => opcode::DATA_IN,
        (5..17, Some(task), _) if task.given < task.command.out().len() => opcode::R2T,
        _ => opcode::SCSI_RESPONSE,
    };
    let mut fields = vec![(24, session.statuses.expected), (28, session.window.next), (32, session.window.next.wrapping_add(40))];
    let (mut flags, mut data) = (0x80, Vec::new());
    match kind {
        opcode::DATA_IN => {
            let have = task.map_or(0, |task| task.data.len());
            let room = task.map_or(0, |task| task.command.expected() as usize).saturating_sub(have);
            data = vec![7; dice.below(room.min(4096) + 1)];
            fields.extend([(16, of_task), (36, task.map_or(0, |task| task.data_number)), (40, u32::try_from(have).unwrap())]);
            flags |= u8::from(dice.one_in(3));
        }
        opcode::R2T => {
            let given = task.map_or(0, |task| task.given);
            let left = task.map_or(0, |task| task.command.out().len()).saturating_sub(given);
            let length = u32::try_from(dice.below(left.min(65_536)) + 1).unwrap();
            fields.extend([
                (16, of_task),
                (20, 5),
                (36, task.map_or(0, |task| task.request_number)),
                (40, u32::try_from(given).unwrap()),
                (44, length),
            ]);
        }
        opcode::NOP_IN if !matches!(session.asked.get(&of_asked), Some(Asked::Ping)) => {
            fields.extend([(16, NONE), (20, dice.word())])
        }
        opcode::SCSI_RESPONSE => fields.push((16, of_task)),
        opcode::TEXT_RESPONSE => {
            data = text(dice);
            flags = if dice.one_in(2) { 0x80 } else { 0 };
            fields.extend([(16, of_asked), (20, 6)]);
        }
        opcode::ASYNC => fields.extend([(16, NONE), (36, u32::try_from(dice.below(6)).unwrap() << 24)]),
        opcode::REJECT => {
            let opcodes = [0x01, 0x05, 0x40, 0x42, 0x44];
            data = pdu(
                *dice.pick(&opcodes).unwrap(),
                0,
                &[(16, if dice.one_in(2) { of_task } else { of_asked })],
                b"",
                Default::default(),
            );
            fields.push((0, 0x3f80_0000 | u32::try_from(dice.below(13)).unwrap() << 8));
        }
        _ => fields.push((16, of_asked)),
    }
    if dice.one_in(30) {
        fields.push((dice.below(12) * 4, dice.word()));
    }
    if dice.one_in(60) {
        data = dice.bytes(600);
    }
    let mut bytes = pdu(kind, flags, &fields, &data, session.digests());
    if dice.one_in(40) {
        let at = dice.below(bytes.len().min(BYTES));
        bytes[at] ^= 1 << dice.below(8);
    }
    bytes
}

fn some_settings(dice: &mut Dice) -> Settings {
    let uses = [DigestUse::Off, DigestUse::Preferred, DigestUse::Required];
    Settings {
        target: if dice.one_in(6) { None } else { settings().target },
        chap: dice.one_in(3).then(|| Chap { name: "me".to_owned(), algorithms: vec![Algorithm::Sha256, Algorithm::Md5] }),
        header_digest: uses[dice.below(8) / 6],
        data_digest: uses[dice.below(8) / 6],
        in_flight: 1 + dice.below(8),
        outstanding_r2t: 1 + u16::try_from(dice.below(4)).unwrap(),
        isid: Isid::random([0; 3], 0),
        ..settings()
    }
}

fn some_command(dice: &mut Dice) -> Command {
    let data = match dice.below(3) {
        0 => Data::None,
        1 => Data::In(u32::try_from(dice.below(20_000)).unwrap()),
        _ => Data::Out(vec![1; dice.below(20_000)]),
    };
    let repeat = if dice.one_in(2) { Repeat::Harmless } else { Repeat::Never };
    Command::new(u64::from(dice.word() & 1) << 48, vec![0; 6 + dice.below(30)], data, repeat)
}

fn holds_its_bounds(session: &Session) {
    assert!(session.tasks.len() <= COMMANDS && session.waiting.len() <= COMMANDS);
    assert!(session.events.len() <= EVENTS + COMMANDS && session.forgotten.len() <= FORGOTTEN);
    assert!(session.requests.len() <= 2 * REQUESTS && session.asked.len() <= REQUESTS + 1);
    assert!(session.bursts.len() <= IN_FLIGHT * (usize::from(OUTSTANDING_R2T) + 1));
    let sent = session.tasks.values().filter(|task| task.number.is_some()).count();
    assert_eq!(sent, session.in_flight);
    assert_eq!(session.tasks.len() - sent, session.waiting.len());
    for task in session.tasks.values() {
        assert!(task.data.len() <= task.command.expected() as usize && task.given <= task.command.out().len());
    }
    for asked in session.asked.values() {
        if let Asked::Text { text, .. } = asked {
            assert!(text.len() <= TEXT_BYTES);
        }
    }
}

struct Run {
    session: Session,
    /// Commands, and how often their outcome was told.
    told: HashMap<Tag, u32>,
    ready: u32,
    /// Commands that were answered, with data of their own or without.
    answered: u32,
}

impl Run {
    fn drain(&mut self, dice: &mut Dice) {
        while let Some(event) = self.session.event() {
            match event {
                Event::Done(tag, outcome) => {
                    self.answered += u32::from(matches!(outcome, Outcome::Answered(_)));
                    *self.told.get_mut(&tag).expect("a command that was submitted") += 1;
                }
                Event::Ready(_) => self.ready += 1,
                // Wrong at times; and it may come when nobody asks any more.
                Event::Chap(_) => drop(self.session.chap_digest(&vec![5; if dice.one_in(9) { 20 } else { 16 }])),
                _ => {}
            }
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let session = &mut self.session;
        match dice.below(16) {
            0..4 => {
                if let Ok(tag) = session.submit(some_command(dice)) {
                    assert_eq!(self.told.insert(tag, 0), None, "a tag twice");
                }
            }
            4..7 => drop(session.transmit(1 + dice.below(20_000))),
            7 => {
                let tags: Vec<u32> = session.tasks.keys().copied().collect();
                let task = Tag(dice.pick(&tags).copied().unwrap_or(3));
                let functions =
                    [Function::AbortTask(task), Function::LogicalUnitReset { lun: 1 << 48 }, Function::TargetWarmReset];
                drop(session.manage(*dice.pick(&functions).unwrap()));
            }
            8 if dice.one_in(4) => drop(if dice.one_in(2) { session.ping() } else { session.discover(None) }),
            8 if dice.one_in(30) => drop(session.logout()),
            _ => {
                let bytes = if dice.one_in(200) { dice.bytes(2000) } else { plausible(dice, session) };
                let cut = dice.below(bytes.len());
                let error = session.receive(&bytes[..cut]).and_then(|()| session.receive(&bytes[cut..])).err();
                if let Some(error) = error {
                    assert_eq!(session.receive(b""), Err(error), "an error stays");
                    assert!(session.transmit(1).is_empty());
                }
            }
        }
        let over = !matches!(self.session.phase, Phase::Login { .. } | Phase::Full);
        if over || dice.one_in(5000) {
            let chap = self.session.settings.chap.is_some() && dice.one_in(2);
            self.session.connect(chap.then(|| OwnChallenge { identifier: 1, challenge: vec![9; 16] })).unwrap();
        }
        self.drain(dice);
    }
}

#[test]
fn a_target_that_says_anything_breaks_nothing() {
    let (mut ready, mut answered) = (0, 0);
    for seed in SEEDS {
        let mut dice = Dice(seed);
        let mut run: Option<Run> = None;
        for step in 0..STEPS {
            let current = run.get_or_insert_with(|| Run {
                session: Session::new(some_settings(&mut dice)).unwrap(),
                told: HashMap::new(),
                ready: 0,
                answered: 0,
            });
            current.step(&mut dice);
            if step % 256 == 0 {
                holds_its_bounds(&current.session);
            }
            if step % 20_000 == 19_999 {
                current.session.give_up();
                current.drain(&mut dice);
                assert!(current.told.values().all(|told| *told == 1), "every command has one outcome");
                ready += current.ready;
                answered += current.answered;
                run = None;
            }
        }
    }
    // Or the rest of it says nothing.
    assert!(ready > 10_000 && answered > 10_000, "{ready} logins came to their end, {answered} commands were answered");
    println!("{ready} logins, {answered} commands answered");
}

#[test]
fn texts_of_any_kind_are_taken_or_refused() {
    let mut dice = Dice(11);
    for _ in 0..1_000_000 {
        let bytes = text(&mut dice);
        if let Ok(pairs) = crate::text::pairs(&bytes) {
            for (_, value) in pairs {
                let _ = (crate::text::number(value), crate::text::binary(value), crate::discovery::Portal::parse(value));
            }
        }
        let _ = crate::discovery::targets(&bytes);
    }
}

#[test]
fn noise_is_no_stream_of_pdus() {
    let mut dice = Dice(12);
    for _ in 0..20_000 {
        let mut session = Session::new(settings()).unwrap();
        session.connect(None).unwrap();
        session.transmit(1);
        while session.receive(&dice.bytes(5000)).is_ok() {}
    }
}
