//! Connections that end in the middle, and targets that do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use capstan_iscsi::{Answered, Command, Data, Outcome, Repeat, Tag};
use capstan_scsi::{Key, Sense, block, primary, status};

use crate::tgt::Tgt;
use crate::wire::{Ended, Wire};
use crate::{noise, server_or_skip, settings};

const STEP: usize = 64 << 10;
const STEP_BLOCKS: u32 = 128;
const BYTES: usize = 4 << 20;
/// A target comes back within.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a connection again and again until the target is there.
fn reopen(wire: &mut Wire) {
    let until = Instant::now() + PATIENCE;
    while let Err(ended) = wire.open(None) {
        assert!(matches!(ended, Ended::Connection) && Instant::now() < until, "{ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All outcomes, over as many connections as it takes.
fn finish(wire: &mut Wire, cuts: &mut std::slice::Iter<'_, usize>, mut lost: impl FnMut(&mut Wire)) -> HashMap<Tag, Outcome> {
    let mut all = HashMap::new();
    loop {
        wire.cut_after = cuts.next().copied();
        let (outcomes, over) = match wire.finish() {
            Ok(outcomes) => (outcomes, true),
            Err((outcomes, Ended::Connection)) => (outcomes, false),
            Err((_, ended)) => panic!("{ended:?}"),
        };
        for (tag, outcome) in outcomes {
            assert_eq!(all.insert(tag, outcome), None, "{tag:?} ended twice");
        }
        if over {
            wire.cut_after = None;
            return all;
        }
        wire.cut_after = None;
        lost(wire);
        reopen(wire);
    }
}

/// A new session is greeted with a unit attention: that command was not done, and goes again.
fn is_greeting(outcome: &Outcome) -> bool {
    let Outcome::Answered(answered) = outcome else { return false };
    Sense::read(&answered.sense).is_some_and(|sense| sense.key == Key::UNIT_ATTENTION)
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (0_u64..).step_by(STEP_BLOCKS as usize).zip(bytes.chunks(STEP))
}

/// Writes all and reads all while connections end. `cuts`: after how many bytes each connection does, in the writes and in the reads.
fn survives(wire: &mut Wire, bytes: &[u8], cuts: [&[usize]; 2], mut lost: impl FnMut(&mut Wire)) {
    let write =
        |wire: &mut Wire, at: u64, part: &[u8]| wire.submit(&block::write(at, STEP_BLOCKS, false), Data::Out(part.to_vec()));
    let mut open: HashMap<Tag, (u64, &[u8])> = parts(bytes).map(|(at, part)| (write(wire, at, part), (at, part))).collect();
    let mut first = cuts[0].iter();
    while !open.is_empty() {
        let outcomes = finish(wire, &mut first, &mut lost);
        assert_eq!(outcomes.len(), open.len(), "every command has an outcome");
        let mut again = HashMap::new();
        for (tag, outcome) in outcomes {
            let (at, part) = open[&tag];
            if is_greeting(&outcome) {
                again.insert(write(wire, at, part), (at, part));
            } else {
                assert_eq!(outcome, Outcome::Answered(Answered::default()));
            }
        }
        open = again;
    }
    let read = |wire: &mut Wire, at: u64| wire.submit(&block::read(at, STEP_BLOCKS), Data::In(STEP as u32));
    let mut open: HashMap<Tag, (u64, &[u8])> = parts(bytes).map(|(at, part)| (read(wire, at), (at, part))).collect();
    let mut second = cuts[1].iter();
    while !open.is_empty() {
        let outcomes = finish(wire, &mut second, &mut lost);
        let mut again = HashMap::new();
        for (tag, outcome) in outcomes {
            let (at, part) = open[&tag];
            if is_greeting(&outcome) {
                again.insert(read(wire, at), (at, part));
                continue;
            }
            let Outcome::Answered(Answered { status: status::GOOD, data, .. }) = outcome else { panic!("{outcome:?}") };
            assert!(data == part, "other bytes at block {at}");
        }
        open = again;
    }
}

#[test]
fn commands_survive_connections_that_end_anywhere() {
    let server = server_or_skip!();
    for (seed, cut) in (1..).zip([1, 30, 48, 4096, 8240, 70_000, 300_001, 1_000_003]) {
        let mut ends = 0;
        let mut wire = Wire::ready(&server, settings("open"));
        let bytes = noise(seed, BYTES);
        survives(&mut wire, &bytes, [&[cut; 3], &[cut; 2]], |_| ends += 1);
        let on_disk = std::fs::read(server.disk("open")).unwrap();
        assert!(on_disk[..BYTES] == bytes, "other bytes on the disk after cuts at {cut}");
        assert_eq!(ends, 5, "connections that ended after {cut} bytes");
    }
}

#[test]
fn commands_survive_a_target_that_is_killed_and_comes_back() {
    let mut server = server_or_skip!();
    let mut wire = Wire::ready(&server, settings("open"));
    let bytes = noise(77, BYTES);
    let mut restarts = 0;
    survives(&mut wire, &bytes, [&[900_000], &[1_500_000]], |_| {
        server.begin().unwrap();
        restarts += 1;
    });
    assert_eq!(restarts, 2);
}

#[test]
fn what_may_not_be_done_twice_is_told_as_unknown_and_what_never_left_is_sent() {
    let server = server_or_skip!();
    let mut wire = Wire::new(&server, capstan_iscsi::Settings { in_flight: 2, ..settings("open") });
    wire.open(None).unwrap();
    wire.calm();
    let lun = Command::lun(Tgt::LUN).unwrap();
    let once = || Command::new(lun, block::write(0, STEP_BLOCKS, false), Data::Out(vec![1; STEP]), Repeat::Never);
    let tags: Vec<Tag> = (0..4).map(|_| wire.session.submit(once()).unwrap()).collect();
    // Two leave, and the connection with them.
    wire.cut_after = Some(20_000);
    let (before, ended) = wire.finish().unwrap_err();
    assert!(before.is_empty() && matches!(ended, Ended::Connection));
    reopen(&mut wire);
    let outcomes: HashMap<Tag, Outcome> = wire.finish().unwrap().into_iter().collect();
    assert_eq!((&outcomes[&tags[0]], &outcomes[&tags[1]]), (&Outcome::Unknown, &Outcome::Unknown));
    assert!(is_greeting(&outcomes[&tags[2]]) || outcomes[&tags[2]] == Outcome::Answered(Answered::default()));
    assert_eq!(outcomes[&tags[3]], Outcome::Answered(Answered::default()));
}

#[test]
fn a_new_login_ends_the_session_that_it_takes_the_place_of() {
    let server = server_or_skip!();
    let mut first = Wire::ready(&server, settings("open"));
    let mut second = Wire::ready(&server, settings("open"));
    // The first is of the same name and ISID: the target closed its connection.
    first.session.ping().unwrap();
    assert!(matches!(first.event(), Err(Ended::Connection)));
    second.good(&primary::test_unit_ready(), Data::None);
    // Another ISID is another session.
    let other = capstan_iscsi::Settings { isid: capstan_iscsi::Isid::random([1, 2, 3], 2), ..settings("open") };
    let mut third = Wire::ready(&server, other);
    third.good(&primary::test_unit_ready(), Data::None);
    second.good(&primary::test_unit_ready(), Data::None);
}
