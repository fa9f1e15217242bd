//! Devices that answer anything: noise, and answers that are nearly right, from a generator that is the same in every run. Nothing may panic,
//! and nothing that is read may be larger than its bound or than what came.

use std::collections::BTreeMap;

use crate::changer::{Addresses, ELEMENTS, Elements, Kind, Range, Report};
use crate::log::{PARAMETERS, Page};
use crate::mode::Parameters;
use crate::tape::{BlockLimits, Compression, Configuration, DENSITIES, Ended, Form, LENGTH, Partitions, Position};
use crate::{Refusal, Sense, alert, attribute, block, primary, reservation, status, tape};

const ROUNDS: u32 = 60_000;
/// Bytes of an answer.
const MOST: usize = 700;

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

    fn byte(&mut self) -> u8 {
        match self.below(4) {
            0 => 0,
            1 => 0xff,
            2 => 1 << self.below(8),
            _ => u8::try_from(self.roll() >> 56).unwrap(),
        }
    }

    fn noise(&mut self) -> Vec<u8> {
        (0..self.below(MOST)).map(|_| self.byte()).collect()
    }

    /// An answer with a few bytes changed, cut off or doubled.
    fn damaged(&mut self, answer: &[u8]) -> Vec<u8> {
        let mut bytes = answer.to_vec();
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = self.byte();
            }
        }
        match self.below(4) {
            0 => bytes.truncate(self.below(bytes.len() + 1)),
            1 => bytes.extend_from_within(self.below(bytes.len())..),
            _ => {}
        }
        bytes
    }
}

/// Answers as good devices give them.
fn answers() -> Vec<Vec<u8>> {
    let mut slots = vec![1, 0, 0, 2, 0, 0, 0, 112, 2, 0x80, 0, 52, 0, 0, 0, 104];
    for slot in [0_u8, 1] {
        slots.extend([1, slot, 0x09, 0, 0, 0, 0, 0, 0, 0x81, 0, 1]);
        slots.extend(format!("{:<32}", "TST001L6").bytes());
        slots.extend([0; 8]);
    }
    let label = attribute::Attribute {
        id: attribute::id::BARCODE,
        read_only: false,
        format: attribute::Format::Ascii,
        value: b"TST001L6".to_vec(),
    };
    let (_, attributes) = attribute::write(0, false, &[label.clone(), label]).unwrap();
    let mut densities = vec![0, 106, 0, 0];
    for code in [0x58, 0x5a] {
        densities.extend([code; 52]);
    }
    let mut sense = vec![0x72, 0, 0, 1, 0, 0, 0, 16, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 9, 4, 2, 0, 0xe0];
    sense.extend([0; 4]);
    vec![
        slots,
        attributes,
        densities,
        sense,
        vec![0xf0, 0, 0xa0, 0, 0, 1, 0, 10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        vec![35, 0, 0x10, 8, 0x58, 0, 0, 0, 0, 0, 2, 0, 0x11, 10, 3, 1, 0x3c, 3, 9, 0, 0, 38, 0xff, 0xff, 0x0f, 14, 0xc0, 0x80],
        vec![0x2e, 0, 0, 10, 0, 3, 3, 1, 1, 0, 20, 3, 1, 1],
        vec![0, 16, 0, 1, 1, 0, 0, 10, 0, 32, 0, 2, 0, 1, 0, 2, 0, 0],
        vec![0, 0x10, 0, 0, 0, 4],
        vec![0x01; 32],
        vec![0, 0, 0, 9, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0x03, 0, 0],
        order(),
    ]
}

/// Three parts in an order.
fn order() -> Vec<u8> {
    let segment = |first| tape::order::Segment { partition: 0, first, last: first };
    tape::order::generate(&[segment(3), segment(1), segment(2)]).unwrap().1
}

/// Reads an answer as everything that it could be the answer to.
fn read(bytes: &[u8], dice: &mut Dice) {
    let asked = u32::try_from(dice.roll() >> 40).unwrap();
    library(bytes, dice);
    stream(bytes, asked);
    let long = |length: usize| assert!(length <= bytes.len(), "{length} of {bytes:?}");
    if let Ok(parameters) = Parameters::read(bytes) {
        for (page, subpage) in [(0x0f, 0), (0x10, 0), (0x10, 1), (0x11, 0), (0x1d, 0), (0, 0)] {
            parameters.page(page, subpage).into_iter().for_each(|body| long(body.len()));
        }
    }
    if let Ok(page) = Page::read(bytes) {
        assert!(page.parameters().count() <= PARAMETERS && page.numbers().count() <= bytes.len());
        page.parameters().for_each(|parameter| long(parameter.value.len()));
        assert!(alert::standing(&page).len() <= usize::from(alert::FLAGS));
    }
    if let Ok(values) = attribute::read_values(bytes) {
        assert!(values.len() <= attribute::ATTRIBUTES);
        long(values.iter().map(|attribute| attribute.value.len()).sum());
        // What was read can be written.
        assert!(attribute::write(0, false, &values).is_some());
    }
    if let Ok(partitions) = Partitions::read(bytes) {
        for (partition, units) in partitions.sizes.iter().enumerate() {
            assert!(partitions.size(partition).is_none_or(|size| size.is_multiple_of(u64::from(*units).max(1))));
        }
        assert!(partitions.ask(&[Some(1), None]).is_none_or(|bytes| bytes.len() == 10));
    }
    let _ = (Compression::read(bytes).map(|page| page.with(true)), Configuration::read(bytes), primary::Inquiry::read(bytes));
    let _ = (primary::read_luns(bytes), block::Capacity::read(bytes), block::read_lba_status(bytes, 0));
    assert!(reservation::read_keys(bytes).is_ok_and(|keys| keys.len() <= reservation::KEYS) || bytes.len() < 8);
    let _ = reservation::read_holder(bytes);
    let segments = dice.below(4);
    if let Ok(order) = tape::order::read(bytes, segments) {
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..segments));
    }
    let _ = tape::order::Limits::read(bytes).map(|limits| assert!(limits.most() <= tape::order::SEGMENTS));
    let _ = tape::protection::Protection::read(bytes).map(|page| assert!(page.with(true).is_on()));
    if let Ok(page) = Page::read(bytes) {
        let _ = (tape::condition::Status::read(&page), tape::condition::wants_cleaning(&page));
        let _ = tape::condition::Room::read(&page, dice.byte());
    }
    let _ = primary::read_page(bytes, 0x83).map(primary::unit_names);
}

fn library(bytes: &[u8], dice: &mut Dice) {
    let addresses = Addresses::read(bytes).unwrap_or_default();
    assert!(addresses.count() <= 4 * u32::from(u16::MAX));
    let Ok(report) = Report::read(bytes) else { return };
    assert!(report.elements.len() <= usize::from(ELEMENTS) && report.elements.len() * 12 <= bytes.len());
    let first = u16::from_be_bytes([dice.byte(), dice.byte()]);
    let everything = Range { first: 0, count: u16::MAX };
    let addresses = Addresses { slots: everything, ..addresses };
    let mut elements = Elements(BTreeMap::new());
    if let Ok(next) = elements.take(report, Kind::Slot, first, &addresses) {
        // It advances, or it is over.
        assert!(next.is_none_or(|next| next > first) && elements.0.keys().all(|address| *address >= first));
    }
}

fn stream(bytes: &[u8], asked: u32) {
    for status in [status::GOOD, status::CHECK_CONDITION, status::BUSY, 0xff] {
        match tape::ended(status, bytes, asked) {
            Ok(Ended::Length { actual }) => assert!(actual.is_none_or(|actual| actual <= LENGTH)),
            Ok(
                Ended::Filemark { left }
                | Ended::NearEnd { left }
                | Ended::EndOfMedium { left }
                | Ended::EndOfData { left }
                | Ended::Beginning { left },
            ) => assert!(left.is_none_or(|left| left <= asked)),
            Ok(Ended::Whole) => {}
            Err(refusal) => assert_eq!(refusal, Refusal::new(status, bytes)),
        }
    }
    let _ = Sense::read(bytes).map(|sense| sense.to_string());
    for form in [Form::Short, Form::Long, Form::Extended] {
        let _ = Position::read(bytes, form);
    }
    if let Ok(limits) = BlockLimits::read(bytes) {
        assert!(limits.longest(asked).is_none_or(|longest| longest <= asked && longest <= LENGTH));
    }
    if let Ok(densities) = tape::read_densities(bytes) {
        assert!(densities.len() <= DENSITIES && densities.len() * 52 <= bytes.len());
    }
}

#[test]
fn good_answers_are_understood() {
    let answers = answers();
    assert_eq!(Report::read(&answers[0]).unwrap().elements.len(), 2);
    assert_eq!(attribute::read_values(&answers[1]).unwrap().len(), 2);
    assert_eq!(tape::read_densities(&answers[2]).unwrap().len(), 2);
    assert_eq!(tape::ended(status::CHECK_CONDITION, &answers[3], 10), Ok(Ended::Filemark { left: Some(9) }));
    assert!(Partitions::read(Parameters::read(&answers[5]).unwrap().page(0x11, 0).unwrap()).is_ok());
    assert_eq!(alert::standing(&Page::read(&answers[6]).unwrap()), [3, 20]);
}

#[test]
fn any_answer_is_read_within_bounds_or_refused() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let answers = answers();
    for _ in 0..ROUNDS {
        let bytes = match dice.below(answers.len() + 1) {
            at if at < answers.len() => dice.damaged(&answers[at]),
            _ => dice.noise(),
        };
        read(&bytes, &mut dice);
    }
}
