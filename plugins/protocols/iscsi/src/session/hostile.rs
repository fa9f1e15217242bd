//! A target that says anything: mutated PDUs, numbers and texts, from a generator that is the same in every run. Nothing may panic, grow
//! beyond its bounds, or be told of a command twice or never.

mod dice;
mod target;

use std::collections::HashMap;

use super::peer::settings;
use super::{Asked, Phase, Session};
use crate::bounds::{COMMANDS, EVENTS, FORGOTTEN, IN_FLIGHT, OUTSTANDING_R2T, REQUESTS, TEXT_BYTES};
use crate::chap::{Algorithm, OwnChallenge};
use crate::command::{Command, Data, Outcome, Repeat, Tag};
use crate::event::{Event, Function};
use crate::settings::{Chap, DigestUse, Isid, Settings};
use dice::Dice;
use target::{plausible, text};

/// Steps of one run, and runs.
const STEPS: u32 = 500_000;
const SEEDS: std::ops::Range<u64> = 1..5;

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
        let mut dice = Dice::new(seed);
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
    let mut dice = Dice::new(11);
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
    let mut dice = Dice::new(12);
    for _ in 0..20_000 {
        let mut session = Session::new(settings()).unwrap();
        session.connect(None).unwrap();
        session.transmit(1);
        while session.receive(&dice.bytes(5000)).is_ok() {}
    }
}
