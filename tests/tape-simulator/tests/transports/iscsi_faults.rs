//! The target, as an initiator that breaks the rules sees it.

use crate::fake::{Fake, WRITE, inquiry, six, wait};
use crate::initiator::{Data, Initiator, Pdu, Portal};

const DIGESTS: &str = "HeaderDigest=CRC32C\0DataDigest=CRC32C\0";
/// ABORTED COMMAND with an incorrect amount of data, with unexpected unsolicited data.
const INCORRECT_AMOUNT: (u8, u8, u8) = (0x0b, 0x0c, 0x0d);
const UNEXPECTED: (u8, u8, u8) = (0x0b, 0x0c, 0x0c);

fn portal() -> (std::sync::Arc<Fake>, Portal) {
    let fake = Fake::shared();
    let portal = Portal::new(fake.clone(), None);
    (fake, portal)
}

fn rejects_and_closes(mut initiator: Initiator, reason: u8) {
    let reject = initiator.receive().unwrap();
    assert_eq!((reject.opcode(), reject.header[2], reject.data.len()), (0x3f, reason, 48));
    assert!(initiator.receive().is_none());
}

/// The sense of a command that was refused; the session goes on.
fn refuses(mut initiator: Initiator, why: (u8, u8, u8)) {
    let outcome = initiator.outcome(&[]);
    assert_eq!(outcome.status, 2);
    assert_eq!((outcome.sense[2], outcome.sense[12], outcome.sense[13]), why);
    assert_eq!(initiator.execute(0, &inquiry(36), &Data::In(36)).status, 0);
}

#[test]
fn a_header_with_a_wrong_digest_ends_the_session_without_a_word() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::wanting(portal.address, DIGESTS);
    let pdu = initiator.command_pdu(0, &inquiry(36), &Data::In(36));
    let mut bytes = initiator.bytes(pdu);
    bytes[50] ^= 1;
    initiator.send_bytes(&bytes);
    assert!(initiator.receive().is_none());
    assert!(!fake.logged("execute"));
}

#[test]
fn data_with_a_wrong_digest_is_rejected_and_not_written() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::wanting(portal.address, DIGESTS);
    let pdu = initiator.command_pdu(0, &six(WRITE, 5), &Data::Out(b"hello")).carrying(b"hello");
    let mut bytes = initiator.bytes(pdu);
    *bytes.last_mut().unwrap() ^= 1;
    initiator.send_bytes(&bytes);
    rejects_and_closes(initiator, 2);
    assert!(!fake.logged("execute"));
}

#[test]
fn immediate_data_beyond_the_first_burst_fails_the_command() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::wanting(portal.address, "FirstBurstLength=512\0MaxRecvDataSegmentLength=8192\0");
    let data = [7; 1024];
    let pdu = initiator.command_pdu(0, &six(WRITE, 1024), &Data::Out(&data)).carrying(&data);
    initiator.send(pdu);
    refuses(initiator, INCORRECT_AMOUNT);
    assert!(!fake.logged("execute 0x0a"));
}

#[test]
fn more_immediate_data_than_the_command_has_fails_it() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let pdu = initiator.command_pdu(0, &six(WRITE, 4), &Data::Out(&[0; 4])).carrying(&[0; 8]);
    initiator.send(pdu);
    refuses(initiator, INCORRECT_AMOUNT);
}

#[test]
fn immediate_data_that_was_not_negotiated_fails_the_command() {
    let (_, portal) = portal();
    let mut initiator = Initiator::wanting(portal.address, "ImmediateData=No\0");
    let pdu = initiator.command_pdu(0, &six(WRITE, 4), &Data::Out(&[0; 4])).carrying(&[0; 4]);
    initiator.send(pdu);
    refuses(initiator, UNEXPECTED);
}

#[test]
fn unsolicited_data_that_was_not_negotiated_fails_the_command() {
    let (_, portal) = portal();
    let mut initiator = Initiator::wanting(portal.address, "InitialR2T=Yes\0");
    let data = [3; 64];
    let mut pdu = initiator.command_pdu(0, &six(WRITE, 64), &Data::Out(&data));
    pdu.header[1] &= 0x7f;
    initiator.send(pdu);
    let burst = initiator.data_pdu(u32::MAX, 0, 0, &data, true);
    initiator.send(burst);
    refuses(initiator, UNEXPECTED);
}

/// What an initiator makes of an R2T for 64 bytes.
fn answering_a_request(answer: impl Fn(&Initiator, &Pdu) -> Vec<Pdu>) -> Initiator {
    let (_, portal) = portal();
    // The portal has to outlive its sessions.
    let portal = Box::leak(Box::new(portal));
    let mut initiator = Initiator::wanting(portal.address, "ImmediateData=No\0");
    let pdu = initiator.command_pdu(0, &six(WRITE, 64), &Data::Out(&[0; 64]));
    initiator.send(pdu);
    let request = initiator.receive().unwrap();
    assert_eq!((request.opcode(), request.number(44)), (0x31, 64));
    for pdu in answer(&initiator, &request) {
        initiator.send(pdu);
    }
    initiator
}

#[test]
fn more_data_than_was_asked_for_fails_the_command() {
    let initiator = answering_a_request(|initiator, request| vec![initiator.data_pdu(request.number(20), 0, 0, &[0; 68], true)]);
    refuses(initiator, INCORRECT_AMOUNT);
}

#[test]
fn less_data_than_was_asked_for_fails_the_command() {
    let initiator = answering_a_request(|initiator, request| vec![initiator.data_pdu(request.number(20), 0, 0, &[0; 60], true)]);
    refuses(initiator, INCORRECT_AMOUNT);
}

#[test]
fn data_at_another_place_or_under_another_tag_fails_the_command() {
    let elsewhere = answering_a_request(|initiator, request| vec![initiator.data_pdu(request.number(20), 0, 4, &[0; 60], true)]);
    refuses(elsewhere, INCORRECT_AMOUNT);
    let other_tag = answering_a_request(|initiator, _| vec![initiator.data_pdu(99, 0, 0, &[0; 64], true)]);
    refuses(other_tag, INCORRECT_AMOUNT);
    let skipped = answering_a_request(|initiator, request| vec![initiator.data_pdu(request.number(20), 1, 0, &[0; 64], true)]);
    refuses(skipped, INCORRECT_AMOUNT);
}

#[test]
fn a_segment_larger_than_the_target_takes_is_rejected_unread() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let mut pdu = initiator.command_pdu(0, &six(WRITE, 4), &Data::Out(&[0; 4]));
    pdu.header[5..8].copy_from_slice(&[0xff; 3]);
    initiator.send_bytes(&pdu.header);
    rejects_and_closes(initiator, 4);
}

#[test]
fn a_command_whose_number_is_outside_the_window_is_ignored() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    assert_eq!(initiator.execute(0, &inquiry(36), &Data::In(36)).status, 0);
    let again = initiator.command_sn - 1;
    for wrong in [again, again + 100] {
        let right = initiator.command_sn;
        initiator.command_sn = wrong;
        let pdu = initiator.command_pdu(0, &inquiry(36), &Data::In(36));
        initiator.send(pdu);
        initiator.command_sn = right;
    }
    // The next answer is that of the next command.
    let pdu = initiator.command_pdu(0, &inquiry(8), &Data::In(8));
    let tag = pdu.number(16);
    initiator.send(pdu);
    let answer = initiator.receive().unwrap();
    assert_eq!((answer.number(16), answer.data.len()), (tag, 8));
}

#[test]
fn a_number_that_leaves_one_out_ends_the_session() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    initiator.command_sn += 1;
    let pdu = initiator.command_pdu(0, &inquiry(36), &Data::In(36));
    initiator.send(pdu);
    rejects_and_closes(initiator, 4);
    assert!(!fake.logged("execute"));
}

#[test]
fn a_tag_that_is_in_use_is_rejected() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let slow = initiator.command_pdu(0, &wait(20), &Data::None);
    initiator.send(slow);
    initiator.tag -= 1;
    let same = initiator.command_pdu(0, &inquiry(36), &Data::In(36));
    initiator.send(same);
    let reject = initiator.receive().unwrap();
    assert_eq!((reject.opcode(), reject.header[2]), (0x3f, 7));
    assert_eq!(initiator.outcome(&[]).status, 0, "the first is answered");
}

#[test]
fn a_connection_that_begins_with_something_else_is_closed() {
    let (_, portal) = portal();
    let mut initiator = Initiator::connected(portal.address);
    let pdu = initiator.command_pdu(0, &inquiry(36), &Data::In(36));
    initiator.send(pdu);
    assert!(initiator.receive().is_none());
}
