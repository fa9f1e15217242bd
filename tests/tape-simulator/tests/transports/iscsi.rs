//! The target, as an initiator that keeps to the standard sees it.

use std::time::{Duration, Instant};

use capstan_tape_simulator::iscsi::Chap;
use md5::{Digest, Md5};

use crate::fake::{CUT, Fake, READ, SHORT_BLOCK, TEST_UNIT_READY, WRITE, inquiry, six, wait};
use crate::initiator::{Data, Initiator, Pdu, Portal, TARGET};

fn portal() -> (std::sync::Arc<Fake>, Portal) {
    let fake = Fake::shared();
    let portal = Portal::new(fake.clone(), None);
    (fake, portal)
}

fn patterned(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn discovery_names_the_target_and_where_it_was_reached() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::connected(portal.address);
    let answer = initiator.log_in("InitiatorName=iqn.test:me\0SessionType=Discovery\0HeaderDigest=None\0MaxBurstLength=4096\0");
    assert!(answer.unwrap().contains("MaxBurstLength=Irrelevant\0"));
    let command_sn = initiator.command_sn.to_be_bytes();
    initiator.send(Pdu::new(0x04, 0x80, 9).with(20, &[0xff; 4]).with(24, &command_sn).carrying(b"SendTargets=All\0"));
    let response = initiator.receive().unwrap();
    assert_eq!((response.opcode(), response.number(16)), (0x24, 9));
    let shown = format!("TargetName={TARGET}\0TargetAddress={},1\0", portal.address);
    assert_eq!(String::from_utf8(response.data).unwrap(), shown);
    assert!(!fake.logged("greet"), "a session of discovery is no nexus");
}

#[test]
fn a_session_greets_its_units_and_leaves_them() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let first = initiator.execute(0, &[TEST_UNIT_READY; 6], &Data::None);
    assert_eq!((first.status, first.sense[2], first.sense[12]), (2, 6, 0x29));
    assert_eq!(initiator.execute(0, &[TEST_UNIT_READY; 6], &Data::None).status, 0);
    drop(initiator);
    until(|| fake.logged("leave iqn.test:me,i,0x800102030405;"));
}

#[test]
fn data_comes_back_however_it_was_negotiated_to_go() {
    let (_, portal) = portal();
    let data = patterned(300_001);
    let sizes = [
        "",
        "MaxRecvDataSegmentLength=512\0MaxBurstLength=1536\0FirstBurstLength=1024\0",
        "MaxRecvDataSegmentLength=262144\0MaxBurstLength=1048576\0FirstBurstLength=262144\0",
    ];
    for digest in ["None", "CRC32C"] {
        for (initial, immediate) in [("Yes", "Yes"), ("Yes", "No"), ("No", "Yes"), ("No", "No")] {
            for size in sizes {
                let keys = format!(
                    "HeaderDigest={digest}\0DataDigest={digest}\0InitialR2T={initial}\0ImmediateData={immediate}\0{size}"
                );
                let mut initiator = Initiator::wanting(portal.address, &keys);
                let written = initiator.execute(0, &six(WRITE, data.len()), &Data::Out(&data));
                assert_eq!((written.status, written.residual), (0, 0), "{keys:?}");
                let length = u32::try_from(data.len()).unwrap();
                let read = initiator.execute(0, &six(READ, data.len()), &Data::In(length));
                assert!(read.data == data && read.status == 0 && read.with_last_data, "{keys:?}");
            }
        }
    }
}

#[test]
fn a_residual_says_what_is_missing_and_what_is_too_much() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let under = initiator.execute(0, &inquiry(255), &Data::In(255));
    assert_eq!((under.data.len(), under.flags, under.residual), (36, 2, 219));
    let over = initiator.execute(0, &inquiry(36), &Data::In(8));
    assert_eq!((over.data.len(), over.flags, over.residual), (8, 4, 28));
}

#[test]
fn data_of_a_command_that_fails_comes_before_its_sense() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let short = initiator.execute(0, &[SHORT_BLOCK, 0, 0, 0, 0, 0], &Data::In(16));
    assert_eq!((short.status, short.data.as_slice(), short.sense.len()), (2, &[1, 2, 3, 4][..], 18));
    assert_eq!((short.flags, short.residual, short.with_last_data), (2, 12, false));
}

#[test]
fn a_unit_that_takes_its_time_holds_up_no_other() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let slow = initiator.command_pdu(0, &wait(50), &Data::None);
    let quick = initiator.command_pdu(1, &inquiry(36), &Data::In(36));
    let (slow_tag, quick_tag) = (slow.number(16), quick.number(16));
    initiator.send(slow);
    initiator.send(quick);
    assert_eq!(initiator.receive().unwrap().number(16), quick_tag);
    assert_eq!(initiator.receive().unwrap().number(16), slow_tag);
}

#[test]
fn commands_of_a_unit_are_executed_in_their_order_even_if_data_of_the_first_comes_late() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::wanting(portal.address, "InitialR2T=Yes\0ImmediateData=No\0");
    let data = patterned(100);
    let write = initiator.command_pdu(0, &six(WRITE, 100), &Data::Out(&data));
    let write_tag = write.number(16);
    initiator.send(write);
    let read = initiator.command_pdu(0, &six(READ, 100), &Data::In(100));
    initiator.send(read);
    let request = initiator.receive().unwrap();
    assert_eq!((request.opcode(), request.number(16), request.number(44)), (0x31, write_tag, 100));
    assert!(!fake.logged("execute"));
    let mut burst = initiator.data_pdu(request.number(20), 0, 0, &data, true);
    burst.header[16..20].copy_from_slice(&write_tag.to_be_bytes());
    initiator.send(burst);
    assert_eq!(initiator.receive().unwrap().number(16), write_tag);
    assert_eq!(initiator.outcome(&[]).data, data);
}

#[test]
fn a_command_that_is_aborted_is_not_answered() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let slow = initiator.command_pdu(0, &wait(30), &Data::None);
    let tag = slow.number(16);
    initiator.send(slow);
    let abort = |tag: u32| Pdu::new(0x42, 0x81, 77).with(20, &tag.to_be_bytes());
    initiator.send(abort(tag));
    let managed = initiator.receive().unwrap();
    assert_eq!((managed.opcode(), managed.number(16), managed.header[2]), (0x22, 77, 0));
    assert_eq!(initiator.execute(0, &inquiry(36), &Data::In(36)).data.len(), 36);
    initiator.send(abort(tag));
    assert_eq!(initiator.receive().unwrap().header[2], 1, "the task does not exist");
}

#[test]
fn resets_reach_the_devices() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    initiator.send(Pdu::new(0x42, 0x85, 1).with(8, &[0, 1]));
    assert_eq!(initiator.receive().unwrap().header[2], 0);
    initiator.send(Pdu::new(0x42, 0x86, 2));
    assert_eq!(initiator.receive().unwrap().header[2], 0);
    assert!(fake.logged("reset Some(1)") && fake.logged("reset None"));
    initiator.send(Pdu::new(0x42, 0x88, 3));
    assert_eq!(initiator.receive().unwrap().header[2], 4, "reassignment is not supported");
}

#[test]
fn a_unit_without_power_drops_the_connection_without_an_answer() {
    let (fake, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    let cut = initiator.command_pdu(0, &[CUT, 0, 0, 0, 0, 0], &Data::None);
    initiator.send(cut);
    assert!(initiator.receive().is_none());
    until(|| fake.logged("leave"));
}

#[test]
fn a_ping_comes_back_and_a_logout_closes() {
    let (_, portal) = portal();
    let mut initiator = Initiator::plain(portal.address);
    initiator.send(Pdu::new(0x40, 0x80, 5).with(20, &[0xff; 4]).carrying(b"hello"));
    let pong = initiator.receive().unwrap();
    assert_eq!((pong.opcode(), pong.number(16), pong.data.as_slice()), (0x20, 5, &b"hello"[..]));
    initiator.send(Pdu::new(0x46, 0x80, 6));
    let bye = initiator.receive().unwrap();
    assert_eq!((bye.opcode(), bye.header[2]), (0x26, 0));
    assert!(initiator.receive().is_none());
}

#[test]
fn who_logs_in_again_takes_the_place_of_his_old_session() {
    let (fake, portal) = portal();
    let mut old = Initiator::plain(portal.address);
    let mut new = Initiator::plain(portal.address);
    assert!(old.receive().is_none());
    assert_eq!(new.execute(0, &inquiry(36), &Data::In(36)).status, 0);
    let log = fake.log.lock().unwrap();
    let doings: Vec<_> = log.iter().filter_map(|line| line.split(' ').next()).take(3).collect();
    assert_eq!(doings, ["greet", "leave", "greet"]);
}

#[test]
fn another_port_of_the_same_initiator_has_a_session_beside() {
    let (_, portal) = portal();
    let mut first = Initiator::plain(portal.address);
    let mut second = Initiator::connected(portal.address);
    second.isid[5] = 9;
    second.log_in(&format!("InitiatorName=iqn.test:me\0TargetName={TARGET}\0")).unwrap();
    for initiator in [&mut first, &mut second] {
        assert_eq!(initiator.execute(0, &[TEST_UNIT_READY; 6], &Data::None).status, 2, "each is greeted");
    }
}

#[test]
fn only_who_knows_the_secret_is_let_in() {
    let portal = Portal::new(Fake::shared(), Some(Chap::new("me", "a secret of mine")));
    let name = format!("InitiatorName=iqn.test:me\0TargetName={TARGET}\0");
    let prove = |secret: &str| {
        let mut initiator = Initiator::connected(portal.address);
        let method = initiator.login_step(0x01, &format!("{name}AuthMethod=CHAP,None\0"))?;
        assert!(String::from_utf8(method.data).unwrap().contains("AuthMethod=CHAP\0"));
        let asked = String::from_utf8(initiator.login_step(0x01, "CHAP_A=7,5\0")?.data).unwrap();
        let value = |key: &str| asked.split('\0').find_map(|pair| pair.strip_prefix(key)).unwrap().to_owned();
        assert_eq!(value("CHAP_A="), "5");
        let challenge = hex::decode(value("CHAP_C=0x")).unwrap();
        let hashed = [&[value("CHAP_I=").parse().unwrap()][..], secret.as_bytes(), &challenge].concat();
        let answer = format!("CHAP_N=me\0CHAP_R=0x{}\0", hex::encode(Md5::digest(&hashed)));
        assert_eq!(initiator.login_step(0x81, &answer)?.header[1], 0x81);
        initiator.log_in("HeaderDigest=None\0").map(|_| initiator)
    };
    assert_eq!(prove("a secret of mine").unwrap().execute(0, &inquiry(36), &Data::In(36)).status, 0);
    assert_eq!(prove("another").err(), Some(0x0201));
    assert_eq!(Initiator::connected(portal.address).log_in(&name).err(), Some(0x0201));
}

#[test]
fn a_login_that_cannot_be_says_why() {
    let (_, portal) = portal();
    let log_in = |keys: &str| Initiator::connected(portal.address).log_in(keys).unwrap_err();
    assert_eq!(log_in("InitiatorName=iqn.test:me\0TargetName=iqn.test:nobody\0"), 0x0203);
    assert_eq!(log_in("InitiatorName=iqn.test:me\0"), 0x0207);
    assert_eq!(log_in(&format!("TargetName={TARGET}\0")), 0x0207);
    assert_eq!(log_in("InitiatorName=iqn.test:me\0SessionType=Other\0"), 0x0209);
}
