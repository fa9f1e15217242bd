use super::peer::{Peer, settings};
use crate::bounds::{COMMANDS, REQUESTS};
use crate::command::{Answered, Command, Data, Outcome, Repeat, Residual, Tag};
use crate::error::{Error, Refused};
use crate::event::{Event, Function, FunctionResult};
use crate::header::{NONE, at, opcode};
use crate::settings::{DigestUse, Isid, Settings};

fn good(data: &[u8]) -> Outcome {
    Outcome::Answered(Answered { data: data.to_vec(), ..Answered::default() })
}

/// Offsets, lengths and whether it is the last, of data that went out.
fn data_out(peer: &mut Peer) -> Vec<(u32, usize, bool)> {
    let sent = peer.sent();
    assert!(sent.iter().all(|frame| frame.header.opcode() == opcode::DATA_OUT), "{sent:?}");
    sent.iter().map(|frame| (frame.header.u32(at::OFFSET), frame.data.len(), frame.header.u8(1) == 0x80)).collect()
}

#[test]
fn a_read_brings_its_data_and_status_together_or_apart() {
    let mut peer = Peer::ready(settings(), "");
    let (first, second) = (peer.submit(Data::In(8), Repeat::Harmless), peer.submit(Data::In(8), Repeat::Harmless));
    let sent = peer.sent();
    assert_eq!(sent.iter().map(|frame| frame.header.u32(at::CMD_SN)).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(sent[0].header.u32(at::EXP_STAT_SN), 1002);
    peer.data_in(first, 0, 0, b"abcd").unwrap();
    peer.data_in(second, 0, 0, b"12345678").unwrap();
    // Status 2 with the last data, 2 bytes too few.
    let fields = [(0, 0x0000_0002), (at::TASK_TAG, first.0), (36, 1), (40, 4), (44, 2)];
    peer.say(opcode::DATA_IN, 0x83, &fields, b"ef").unwrap();
    peer.good(second);
    let residual = Residual::Under(2);
    let short = Answered { status: 2, data: b"abcdef".to_vec(), residual, sense: Vec::new() };
    assert_eq!(peer.outcomes(), [(first, Outcome::Answered(short)), (second, good(b"12345678"))]);
    assert_eq!(peer.session.unfinished(), 0);
    peer.session.ping().unwrap();
    assert_eq!(peer.one().header.u32(at::EXP_STAT_SN), 1004, "both statuses are acknowledged");
}

#[test]
fn a_write_goes_at_once_as_far_as_agreed_and_then_as_it_is_asked_for() {
    let keys = "InitialR2T=No MaxRecvDataSegmentLength=1024 FirstBurstLength=3000 MaxBurstLength=4096";
    let mut peer = Peer::ready(settings(), keys);
    let bytes: Vec<u8> = (0..10_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let tag = peer.submit(Data::Out(bytes.clone()), Repeat::Harmless);
    let sent = peer.sent();
    // F is not set on the command, as data follows that nobody asks for.
    assert_eq!((sent[0].header.u8(1), sent[0].data.len(), sent[0].header.u32(20)), (0x21, 1024, 10_000));
    let mut seen = sent.concat_data();
    assert_eq!(sent[1].header.u32(20), NONE);
    assert_eq!(sent.iter().map(|frame| frame.header.u32(at::DATA_SN)).collect::<Vec<_>>()[1..], [0, 1]);
    assert_eq!(seen.len(), 3000);
    peer.ask_for_data(tag, 0, 3000, 4096).unwrap();
    let sent = peer.sent();
    assert!(sent.iter().all(|frame| frame.header.u32(20) == 77));
    assert_eq!(sent.iter().map(|frame| frame.header.u8(1)).collect::<Vec<_>>(), [0, 0, 0, 0x80]);
    seen.extend(sent.concat_data());
    peer.ask_for_data(tag, 1, 7096, 2904).unwrap();
    seen.extend(peer.sent().concat_data());
    assert_eq!(seen, bytes);
    peer.good(tag);
    assert_eq!(peer.outcomes(), [(tag, good(b""))]);
}

trait ConcatData {
    fn concat_data(&self) -> Vec<u8>;
}

impl ConcatData for Vec<crate::frames::Frame> {
    fn concat_data(&self) -> Vec<u8> {
        self.iter().flat_map(|frame| frame.data.clone()).collect()
    }
}

#[test]
fn without_immediate_data_nothing_goes_before_it_is_asked_for() {
    let mut peer = Peer::ready(settings(), "ImmediateData=No InitialR2T=Yes MaxRecvDataSegmentLength=512");
    let tag = peer.submit(Data::Out(vec![1; 1000]), Repeat::Never);
    let command = peer.one();
    assert_eq!((command.header.u8(1), command.data.len()), (0xa1, 0));
    peer.ask_for_data(tag, 0, 0, 1000).unwrap();
    assert_eq!(data_out(&mut peer), [(0, 512, false), (512, 488, true)]);
}

#[test]
fn data_that_was_answered_for_already_is_not_sent() {
    let mut peer = Peer::ready(settings(), "");
    let tag = peer.submit(Data::Out(vec![1; 100_000]), Repeat::Never);
    peer.sent();
    peer.ask_for_data(tag, 0, 8192, 50_000).unwrap();
    peer.good(tag);
    assert!(peer.sent().is_empty());
}

#[test]
fn a_target_that_asks_for_data_out_of_turn_is_left() {
    for (number, offset, length) in [(0, 0, 100), (1, 8192, 100), (0, 8192, 0), (0, 8192, 1 << 20), (0, 99_000, 1001)] {
        let mut peer = Peer::ready(settings(), "");
        let tag = peer.submit(Data::Out(vec![1; 100_000]), Repeat::Never);
        peer.sent();
        assert!(matches!(peer.ask_for_data(tag, number, offset, length), Err(Error::Protocol(_))));
        assert_eq!(peer.session.receive(b""), peer.session.receive(b"x"), "the error stays");
        assert!(peer.session.transmit(1).is_empty());
    }
}

#[test]
fn commands_wait_for_the_window_and_for_their_turn() {
    let mut peer = Peer::new(Settings { in_flight: 3, ..settings() });
    peer.log_in("");
    let tags: Vec<Tag> = (0..5).map(|_| peer.submit(Data::None, Repeat::Never)).collect();
    assert_eq!(peer.sent().len(), 3);
    peer.most = 4;
    peer.expected = 4;
    peer.say(opcode::SCSI_RESPONSE, 0x80, &[(at::TASK_TAG, tags[0].0)], b"").unwrap();
    assert_eq!(peer.sent().len(), 1);
    let mut narrow = Peer::new(settings());
    narrow.log_in("");
    narrow.session.window = crate::serial::Window::closed(1);
    narrow.submit(Data::None, Repeat::Never);
    assert!(narrow.sent().is_empty());
    narrow.session.ping().unwrap();
    assert_eq!(narrow.one().header.opcode(), 0, "what is immediate does not wait");
    narrow.most = 1;
    narrow.mention(opcode::NOP_IN, 0x80, &[(at::TASK_TAG, NONE), (20, NONE)], b"").unwrap();
    assert_eq!(narrow.one().header.u32(at::CMD_SN), 1);
}

#[test]
fn commands_beyond_the_bound_are_refused() {
    let mut session = super::Session::new(settings()).unwrap();
    let command = || Command::new(0, [0; 6], Data::None, Repeat::Never);
    for _ in 0..COMMANDS {
        session.submit(command()).unwrap();
    }
    assert_eq!(session.submit(command()), Err(Refused::TooMuch("commands")));
    let mut discovery = super::Session::new(Settings::discovery("iqn.a", Isid::random([0; 3], 0))).unwrap();
    assert!(matches!(discovery.submit(command()), Err(Refused::NotNow(_))));
    assert!(matches!(discovery.ping(), Err(Refused::NotNow(_))));
}

#[test]
fn after_a_lost_connection_what_may_is_sent_again_and_the_rest_is_unknown() {
    let mut peer = Peer::new(Settings { in_flight: 3, ..settings() });
    peer.log_in("");
    let read = peer.submit(Data::In(4), Repeat::Harmless);
    let locate = peer.submit(Data::None, Repeat::Never);
    let write = peer.submit(Data::Out(vec![7; 9000]), Repeat::Harmless);
    let later = peer.submit(Data::None, Repeat::Never);
    assert_eq!(peer.sent().len(), 3);
    peer.data_in(read, 0, 0, b"ab").unwrap();
    peer.ask_for_data(write, 0, 8192, 808).unwrap();
    let ping = peer.session.ping().unwrap();
    peer.session.lost();
    assert_eq!(peer.events(), [Event::Unanswered(ping), Event::Done(locate, Outcome::Unknown)]);
    assert_eq!(peer.session.receive(b"x"), Err(Error::Closed));

    peer.log_in("");
    let sent = peer.sent();
    assert_eq!(sent.iter().map(|frame| frame.header.u32(at::TASK_TAG)).collect::<Vec<_>>(), [read.0, write.0, later.0]);
    assert_eq!(sent.iter().map(|frame| frame.header.u32(at::CMD_SN)).collect::<Vec<_>>(), [1, 2, 3]);
    peer.data_in(read, 0, 0, b"abcd").unwrap();
    peer.ask_for_data(write, 0, 8192, 808).unwrap();
    assert_eq!(data_out(&mut peer), [(8192, 808, true)]);
    [read, write, later].into_iter().for_each(|tag| peer.good(tag));
    assert_eq!(peer.outcomes(), [(read, good(b"abcd")), (write, good(b"")), (later, good(b""))]);
}

#[test]
fn nothing_is_sent_again_without_end_and_giving_up_ends_all() {
    let mut peer = Peer::new(settings());
    let read = peer.submit(Data::In(4), Repeat::Harmless);
    for _ in 0..crate::bounds::SENDINGS {
        peer.log_in("");
        assert_eq!(peer.one().header.u32(at::TASK_TAG), read.0);
    }
    peer.session.lost();
    assert_eq!(peer.outcomes(), [(read, Outcome::Unknown)]);

    let sent = peer.submit(Data::In(4), Repeat::Harmless);
    peer.log_in("");
    peer.sent();
    let never = peer.submit(Data::In(4), Repeat::Harmless);
    peer.session.give_up();
    assert_eq!(peer.outcomes(), [(sent, Outcome::Unknown), (never, Outcome::NotSent)]);
    assert_eq!(peer.session.unfinished(), 0);
}

#[test]
fn an_aborted_task_ends_and_what_it_still_brings_is_passed_over() {
    let mut peer = Peer::ready(settings(), "");
    let read = peer.submit(Data::In(4), Repeat::Harmless);
    peer.sent();
    let abort = peer.session.manage(Function::AbortTask(read)).unwrap();
    let request = peer.one();
    assert_eq!((request.header.u8(1), request.header.u32(20), request.header.u32(32)), (0x81, read.0, 1));
    assert_eq!((request.header.u64(8), request.header.u32(at::CMD_SN)), (1 << 48, 2), "immediate: no number of its own");
    peer.say(opcode::TASK_MANAGEMENT_RESPONSE, 0x80, &[(at::TASK_TAG, abort.0)], b"").unwrap();
    assert_eq!(peer.events(), [Event::Done(read, Outcome::Aborted), Event::Managed(abort, FunctionResult::Complete)]);
    peer.data_in(read, 0, 0, b"abcd").unwrap();
    peer.good(read);
    assert!(peer.events().is_empty());
}

#[test]
fn a_task_that_never_left_is_aborted_here() {
    let mut peer = Peer::ready(settings(), "");
    let read = peer.submit(Data::In(4), Repeat::Harmless);
    let abort = peer.session.manage(Function::AbortTask(read)).unwrap();
    assert_eq!(peer.events(), [Event::Done(read, Outcome::NotSent), Event::Managed(abort, FunctionResult::Complete)]);
    assert!(peer.sent().is_empty());
    let again = peer.session.manage(Function::AbortTask(read)).unwrap();
    assert_eq!(peer.events(), [Event::Managed(again, FunctionResult::NoTask)]);
}

#[test]
fn a_reset_ends_the_commands_of_its_unit_that_were_sent_before() {
    let mut peer = Peer::ready(settings(), "");
    let here = peer.submit(Data::None, Repeat::Harmless);
    let there = peer.session.submit(Command::new(2 << 48, [0; 6], Data::None, Repeat::Harmless)).unwrap();
    peer.sent();
    let reset = peer.session.manage(Function::LogicalUnitReset { lun: 1 << 48 }).unwrap();
    let after = peer.submit(Data::None, Repeat::Harmless);
    peer.sent();
    peer.say(opcode::TASK_MANAGEMENT_RESPONSE, 0x80, &[(at::TASK_TAG, reset.0)], b"").unwrap();
    assert_eq!(peer.events(), [Event::Done(here, Outcome::Aborted), Event::Managed(reset, FunctionResult::Complete)]);
    [there, after].into_iter().for_each(|tag| peer.good(tag));
    assert_eq!(peer.outcomes().len(), 2);
}

#[test]
fn pings_are_answered_both_ways_and_a_flood_ends_the_connection() {
    let mut peer = Peer::ready(settings(), "");
    let ping = peer.session.ping().unwrap();
    peer.sent();
    peer.say(opcode::NOP_IN, 0x80, &[(at::TASK_TAG, ping.0), (20, NONE)], b"").unwrap();
    assert_eq!(peer.events(), [Event::Pong(ping)]);
    peer.mention(opcode::NOP_IN, 0x80, &[(at::TASK_TAG, NONE), (20, 42), (12, 9)], b"hello").unwrap();
    let pong = peer.one();
    assert_eq!((pong.header.u32(at::TASK_TAG), pong.header.u32(20), pong.header.u64(8), pong.data.len()), (NONE, 42, 9, 0));
    let mut flood = || peer.mention(opcode::NOP_IN, 0x80, &[(at::TASK_TAG, NONE), (20, 42)], b"");
    assert!((0..REQUESTS).all(|_| flood().is_ok()));
    assert_eq!(flood(), Err(Error::TooMuch("pings")));
}

#[test]
fn a_target_that_wants_to_end_gets_nothing_new() {
    let mut peer = Peer::ready(settings(), "");
    peer.say(opcode::ASYNC, 0x80, &[(at::TASK_TAG, NONE), (36, 0x0100_0000), (40, 30)], b"").unwrap();
    assert_eq!(peer.events(), [Event::LogoutWanted { seconds: 30 }]);
    let waiting = peer.submit(Data::None, Repeat::Never);
    assert!(peer.sent().is_empty());
    peer.session.logout().unwrap();
    let logout = peer.one().header;
    assert_eq!(logout.0[..2], [0x46, 0x80]);
    peer.say(opcode::LOGOUT_RESPONSE, 0x80, &[(at::TASK_TAG, logout.u32(at::TASK_TAG))], b"").unwrap();
    assert_eq!(peer.events(), [Event::LoggedOut { response: 0 }]);
    peer.log_in("");
    assert_eq!(peer.one().header.u32(at::TASK_TAG), waiting.0, "it goes on over the next connection");
}

#[test]
fn other_messages_of_the_target_are_told() {
    let mut peer = Peer::ready(settings(), "");
    peer.say(opcode::ASYNC, 0x80, &[(at::TASK_TAG, NONE)], b"\0\x03\x70\0\x06").unwrap();
    peer.say(opcode::ASYNC, 0x80, &[(at::TASK_TAG, NONE), (36, 0x0200_0000), (40, 0x0005_0000)], b"").unwrap();
    assert_eq!(peer.events(), [Event::UnitEvent { lun: 0, sense: b"\x70\0\x06".to_vec() }, Event::Dropping { wait: 5 }]);
    // It wants to negotiate, is given the word, and takes less from now on.
    peer.say(opcode::ASYNC, 0x80, &[(at::TASK_TAG, NONE), (36, 0x0400_0000)], b"").unwrap();
    let text = peer.one().header;
    assert_eq!(text.opcode(), 0x04);
    let fields = [(at::TASK_TAG, text.u32(at::TASK_TAG)), (20, NONE)];
    peer.say(opcode::TEXT_RESPONSE, 0x80, &fields, b"MaxRecvDataSegmentLength=512\0").unwrap();
    assert_eq!(peer.session.agreed().target_segment, 512);
}

#[test]
fn a_discovery_puts_the_list_together() {
    let mut peer = Peer::new(Settings::discovery("iqn.2026-01.test:host", Isid::random([0; 3], 0)));
    peer.log_in("");
    let tag = peer.session.discover(None).unwrap();
    assert_eq!(peer.one().data, b"SendTargets=All\0");
    peer.say(opcode::TEXT_RESPONSE, 0x40, &[(at::TASK_TAG, tag.0), (20, 5)], b"TargetName=iqn.a\0TargetAddr").unwrap();
    let more = peer.one();
    assert_eq!((more.header.u32(20), more.data.len()), (5, 0));
    peer.say(opcode::TEXT_RESPONSE, 0x80, &[(at::TASK_TAG, tag.0), (20, NONE)], b"ess=10.0.0.1:3260,1\0").unwrap();
    let events = peer.events();
    let [Event::Targets(_, targets)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&targets[0].name[..], &targets[0].portals[0].host[..]), ("iqn.a", "10.0.0.1"));
}

#[test]
fn digests_stand_in_every_pdu_once_they_are_agreed_on() {
    let with = Settings { header_digest: DigestUse::Required, data_digest: DigestUse::Preferred, ..settings() };
    let mut peer = Peer::ready(with, "HeaderDigest=CRC32C DataDigest=CRC32C");
    let write = peer.submit(Data::Out(vec![3; 5]), Repeat::Never);
    assert_eq!(peer.session.transmit(1).len(), 48 + 4 + 8 + 4);
    let read = peer.submit(Data::In(4), Repeat::Never);
    peer.sent();
    peer.data_in(read, 0, 0, b"abcd").unwrap();
    peer.good(write);
    let mut damaged = super::peer::pdu(opcode::NOP_IN, 0x80, &[], b"", peer.session.digests());
    damaged[20] ^= 1;
    assert_eq!(peer.session.receive(&damaged), Err(Error::Digest("header")));
}

#[test]
fn a_reject_ends_the_command_it_names() {
    let mut peer = Peer::ready(settings(), "");
    let (first, second) = (peer.submit(Data::None, Repeat::Never), peer.submit(Data::Out(vec![0; 4]), Repeat::Never));
    let sent = peer.sent();
    peer.say(opcode::REJECT, 0x80, &[(0, 0x3f80_0500), (at::TASK_TAG, NONE)], &sent[0].header.0).unwrap();
    assert_eq!(peer.outcomes(), [(first, Outcome::Rejected(5))]);
    // Damaged data: the status follows.
    peer.say(opcode::REJECT, 0x80, &[(0, 0x3f80_0200), (at::TASK_TAG, NONE)], &sent[1].header.0).unwrap();
    assert!(peer.outcomes().is_empty());
    peer.good(second);
    assert_eq!(peer.outcomes(), [(second, good(b""))]);
    let ping = peer.session.ping().unwrap();
    let sent = peer.sent();
    peer.say(opcode::REJECT, 0x80, &[(0, 0x3f80_0600), (at::TASK_TAG, NONE)], &sent[0].header.0).unwrap();
    assert_eq!(peer.events(), [Event::Unanswered(ping)]);
}

#[test]
fn what_belongs_to_nothing_ends_the_connection() {
    let fields = [(at::TASK_TAG, 4711)];
    for (opcode, flags) in [
        (opcode::SCSI_RESPONSE, 0x80),
        (opcode::DATA_IN, 0x80),
        (opcode::R2T, 0x80),
        (opcode::NOP_IN, 0x80),
        (opcode::TASK_MANAGEMENT_RESPONSE, 0x80),
        (opcode::TEXT_RESPONSE, 0x80),
        (opcode::LOGOUT_RESPONSE, 0x80),
        (opcode::LOGIN_RESPONSE, 0x87),
    ] {
        let mut peer = Peer::ready(settings(), "");
        assert!(matches!(peer.mention(opcode, flags, &fields, b""), Err(Error::Protocol(_))), "{opcode:#x}");
    }
    let mut peer = Peer::ready(settings(), "");
    peer.status += 1;
    let ahead = peer.say(opcode::ASYNC, 0x80, &[(at::TASK_TAG, NONE), (36, 0xff00_0000)], b"");
    assert_eq!(ahead, Err(Error::Protocol("StatSN out of order")));
}

#[test]
fn an_answer_to_a_command_that_was_not_sent_ends_the_connection() {
    let mut peer = Peer::ready(settings(), "");
    let waiting = peer.submit(Data::In(4), Repeat::Never);
    assert!(peer.data_in(waiting, 0, 0, b"abcd").is_err());
}
