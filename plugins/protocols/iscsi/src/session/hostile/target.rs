//! What the target says: PDUs that could be right but for a field or two, and texts of right and wrong words.

use super::dice::Dice;
use crate::command::Data;
use crate::header::{BYTES, Digests, NONE, at, opcode};
use crate::session::peer::pdu;
use crate::session::{Asked, Phase, Session};

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

pub(super) fn text(dice: &mut Dice) -> Vec<u8> {
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
    pdu(opcode::LOGIN_RESPONSE, flags, &fields, &text, Digests::default())
}

/// A PDU that could be right, but for a field or two.
pub(super) fn plausible(dice: &mut Dice, session: &Session) -> Vec<u8> {
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
