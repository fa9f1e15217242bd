use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, MetadataExt};

use capstan_iscsi::{Answered, Command, Data, DigestUse, Event, Function, FunctionResult, Outcome, Residual, Settings, Tag};
use capstan_scsi::{Key, Sense, block, primary, status};

use crate::tgt::Tgt;
use crate::wire::Wire;
use crate::{noise, server_or_skip, settings};

const BLOCK: usize = 512;

fn good(outcomes: Vec<(Tag, Outcome)>) -> BTreeMap<Tag, Vec<u8>> {
    let answered = |outcome| match outcome {
        Outcome::Answered(Answered { status: status::GOOD, data, .. }) => data,
        other => panic!("{other:?}"),
    };
    outcomes.into_iter().map(|(tag, outcome)| (tag, answered(outcome))).collect()
}

/// Writes `bytes` from block 8 on with many commands at once, reads them back the same way, and looks at the file behind the disk.
fn goes_there_and_back(server: &Tgt, target: &str, wire: &mut Wire, bytes: &[u8], step: usize) {
    let parts = || (8_u64..).step_by(step / BLOCK).zip(bytes.chunks(step));
    for (at, part) in parts() {
        let count = u32::try_from(part.len() / BLOCK).unwrap();
        wire.submit(&block::write(at, count, false), Data::Out(part.to_vec()));
    }
    good(wire.finish().unwrap());
    let mut stored = vec![0; bytes.len()];
    std::fs::File::open(server.disk(target)).unwrap().read_exact_at(&mut stored, 8 * BLOCK as u64).unwrap();
    assert!(stored == bytes, "other bytes on the disk");
    for (at, part) in parts() {
        let length = u32::try_from(part.len()).unwrap();
        wire.submit(&block::read(at, length / BLOCK as u32), Data::In(length));
    }
    // Tags grow in the order of submission.
    let read: Vec<u8> = good(wire.finish().unwrap()).into_values().flatten().collect();
    assert!(read == bytes, "other bytes came back");
}

#[test]
fn a_disk_says_who_and_how_large_it_is() {
    let server = server_or_skip!();
    let mut wire = Wire::new(&server, settings("open"));
    wire.open(None).unwrap();
    let first = wire.run(&primary::test_unit_ready(), Data::None);
    let sense = Sense::read(&first.sense).unwrap();
    assert_eq!((first.status, sense.key, sense.code), (status::CHECK_CONDITION, Key::UNIT_ATTENTION, 0x29));
    wire.calm();
    let answered = wire.run(&primary::inquiry(), Data::In(u32::from(primary::INQUIRY_BYTES)));
    let inquiry = primary::Inquiry::read(&answered.data).unwrap();
    assert_eq!((&inquiry.vendor[..], &inquiry.product[..], inquiry.device), ("CAPSTAN", "DISK", primary::DeviceType::Disk));
    let missing = u32::from(primary::INQUIRY_BYTES) - u32::try_from(answered.data.len()).unwrap();
    let residual = if missing == 0 { Residual::None } else { Residual::Under(missing) };
    assert_eq!(answered.residual, residual);
    let page = wire.good(&primary::inquiry_page(0x80), Data::In(u32::from(primary::PAGE_BYTES)));
    assert_eq!(String::from_utf8_lossy(primary::read_page(&page, 0x80).unwrap()).trim(), "open");
    let capacity = block::Capacity::read(&wire.good(&block::read_capacity(), Data::In(block::CAPACITY_BYTES))).unwrap();
    assert_eq!((capacity.bytes(), capacity.block_bytes, capacity.thin), (64 << 20, 512, true));
    let luns = primary::read_luns(&wire.good(&primary::report_luns(), Data::In(primary::LUNS_BYTES))).unwrap();
    assert!(luns.contains(&Command::lun(Tgt::LUN).unwrap()), "{luns:?}");
}

#[test]
fn many_commands_at_once_carry_megabytes_with_and_without_digests() {
    let server = server_or_skip!();
    let uses = [DigestUse::Off, DigestUse::Required];
    for (seed, (header_digest, data_digest)) in (1..).zip(uses.into_iter().flat_map(|header| uses.map(|data| (header, data)))) {
        let mut wire = Wire::ready(&server, Settings { header_digest, data_digest, ..settings("open") });
        let agreed = wire.session.agreed();
        assert_eq!((agreed.header_digest, agreed.data_digest), (header_digest != DigestUse::Off, data_digest != DigestUse::Off));
        goes_there_and_back(&server, "open", &mut wire, &noise(seed, 8 << 20), 128 << 10);
    }
}

#[test]
fn data_goes_as_the_two_sides_agree() {
    let server = server_or_skip!();
    let usual = settings("open");
    let offers = [
        Settings { initial_r2t: true, immediate_data: false, ..usual.clone() },
        Settings { initial_r2t: true, immediate_data: true, ..usual.clone() },
        Settings { initial_r2t: false, immediate_data: false, ..usual.clone() },
        Settings { receive_segment: 512, max_burst: 4096, first_burst: 512, ..usual.clone() },
        Settings { in_flight: 1, outstanding_r2t: 4, ..usual.clone() },
        Settings { in_flight: 200, ..usual },
    ];
    for (seed, offer) in (10..).zip(offers) {
        let mut wire = Wire::ready(&server, offer.clone());
        let agreed = wire.session.agreed();
        assert!(agreed.initial_r2t >= offer.initial_r2t && agreed.immediate_data <= offer.immediate_data, "{agreed:?}");
        goes_there_and_back(&server, "open", &mut wire, &noise(seed, 3 << 20), 96 << 10);
    }
}

#[test]
fn a_target_that_takes_little_at_a_time_gets_it_so() {
    let server = server_or_skip!();
    let mut wire = Wire::ready(&server, settings("narrow"));
    let agreed = wire.session.agreed();
    assert!(agreed.initial_r2t && !agreed.immediate_data);
    assert_eq!((agreed.target_segment, agreed.max_burst, agreed.first_burst), (1024, 4096, 2048));
    goes_there_and_back(&server, "narrow", &mut wire, &noise(20, 2 << 20), 64 << 10);
}

#[test]
fn blocks_are_synchronised_repeated_and_given_back() {
    let server = server_or_skip!();
    let mut wire = Wire::ready(&server, settings("open"));
    goes_there_and_back(&server, "open", &mut wire, &noise(30, 4 << 20), 512 << 10);
    wire.good(&block::synchronize_cache(0, 0), Data::None);
    wire.good(&block::write(8, 1, true), Data::Out(vec![1; BLOCK]));
    wire.good(&block::write_same(100, 50, false), Data::Out(vec![0xab; BLOCK]));
    assert_eq!(wire.good(&block::read(100, 50), Data::In(50 * 512)), vec![0xab; 50 * BLOCK]);
    let used = || std::fs::metadata(server.disk("open")).unwrap().blocks();
    let before = used();
    let (cdb, list) = block::unmap(&[(8, 4096), (4104, 4096)]).unwrap();
    wire.good(&cdb, Data::Out(list));
    assert_eq!(wire.good(&block::read(100, 50), Data::In(50 * 512)), vec![0; 50 * BLOCK]);
    assert!(used() < before, "the file has as much as before");
}

#[test]
fn what_a_disk_refuses_comes_with_its_reason() {
    let server = server_or_skip!();
    let mut wire = Wire::ready(&server, settings("open"));
    let beyond = wire.run(&block::read(1 << 40, 1), Data::In(512));
    let sense = Sense::read(&beyond.sense).unwrap();
    assert_eq!((beyond.status, sense.key, sense.additional()), (status::CHECK_CONDITION, Key::ILLEGAL_REQUEST, 0x2100));
    assert!(beyond.data.is_empty());
    let beyond = wire.run(&block::write(1 << 40, 256, false), Data::Out(vec![0; 256 * BLOCK]));
    assert_eq!(Sense::read(&beyond.sense).map(|sense| sense.key), Some(Key::ILLEGAL_REQUEST));
    let unknown = wire.run(&[0xff; 16], Data::None);
    assert_eq!(Sense::read(&unknown.sense).map(|sense| sense.key), Some(Key::ILLEGAL_REQUEST));
    wire.good(&primary::test_unit_ready(), Data::None);
}

#[test]
fn units_are_reset_tasks_aborted_and_pings_answered() {
    let server = server_or_skip!();
    let mut wire = Wire::ready(&server, settings("open"));
    let ping = wire.session.ping().unwrap();
    assert_eq!(wire.event().unwrap(), Event::Pong(ping));
    let lun = Command::lun(Tgt::LUN).unwrap();
    let reset = wire.session.manage(Function::LogicalUnitReset { lun }).unwrap();
    assert_eq!(wire.event().unwrap(), Event::Managed(reset, FunctionResult::Complete));
    wire.calm();
    let write = |at: u64| (block::write(at * 512, 512, false), Data::Out(vec![2; 512 * BLOCK]));
    let tags: Vec<Tag> = (0..16).map(write).map(|(cdb, data)| wire.submit(&cdb, data)).collect();
    // One is done, others are under way. Whether the abort is in time is up to the target; it says so, and every command ends once.
    let Event::Done(first, _) = wire.event().unwrap() else { panic!() };
    let last = tags.iter().copied().rfind(|tag| *tag != first).unwrap();
    let abort = wire.session.manage(Function::AbortTask(last)).unwrap();
    let (mut ended, mut managed) = (1, 0);
    while wire.session.unfinished() > 0 || managed == 0 {
        match wire.event().unwrap() {
            Event::Done(..) => ended += 1,
            Event::Managed(tag, _) => managed += usize::from(tag == abort),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((ended, managed), (16, 1));
    wire.session.logout().unwrap();
    assert_eq!(wire.event().unwrap(), Event::LoggedOut { response: 0 });
}
