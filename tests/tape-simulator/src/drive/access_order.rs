//! GENERATE and RECEIVE RECOMMENDED ACCESS ORDER (SSC-5): in which order segments of user data are read soonest, from where the tape is. A
//! segment is told of by name, partition, and the numbers of its first and last object.

use super::{Drive, Place};
use crate::fields::{Fields, cut, four};
use crate::primary::list;
use crate::sense::{Reply, Sense};
use crate::time::{Spot, locate_seconds};

/// Segments in one list, and bytes of each.
const MOST: u16 = 2_730;
const SEGMENT: usize = 32;
/// What each descriptor says of its length: what follows.
const FOLLOWS: u16 = 0x1e;
/// Bytes before the first segment.
const HEADER: usize = 8;
/// How often an order is gone through for a shorter one.
const ROUNDS: usize = 20;

/// What was asked for last.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    process: u8,
    segments: Vec<Vec<u8>>,
}

struct Segment {
    bytes: Vec<u8>,
    first: Spot,
    last: Spot,
}

impl Drive {
    pub(super) fn generate_order(&mut self, command: Fields<'_>, out: &[u8]) -> Reply {
        let process = command.byte(2) & 0x07;
        // Segments without geometry. 0 keeps the order, 2 makes the best.
        if command.byte(3) & 0x07 != 0 || !matches!(process, 0 | 2) {
            return Err(Sense::INVALID_FIELD.into());
        }
        self.ready()?;
        self.flush()?;
        let all = list(out, command.four(6) as usize)?;
        if all.0.is_empty() {
            return Ok(Vec::new());
        }
        let body = all.0.get(HEADER..HEADER + all.four(4) as usize).ok_or(Sense::PARAMETER_LENGTH)?;
        let (described, rest) = body.as_chunks::<SEGMENT>();
        if !rest.is_empty() || described.len() > usize::from(MOST) {
            return Err(Sense::INVALID_PARAMETER.into());
        }
        let mut segments = Vec::with_capacity(described.len());
        for bytes in described {
            segments.push(self.segment(bytes)?);
        }
        if process == 2 {
            segments = shortest(self.spot(self.place), segments);
        }
        self.order = Order { process, segments: segments.into_iter().map(|segment| segment.bytes).collect() };
        Ok(Vec::new())
    }

    fn segment(&mut self, bytes: &[u8]) -> Result<Segment, Sense> {
        let fields = Fields(bytes);
        let (partition, first, last) = (fields.byte(15), fields.eight(16), fields.eight(24));
        let cartridge = self.seat.loaded().map_err(|_| Sense::NO_MEDIUM)?;
        let end = cartridge.partition(partition).map_or(0, |partition| partition.count());
        if fields.two(0) != FOLLOWS || first > last || last >= end {
            return Err(Sense::INVALID_PARAMETER);
        }
        let spot = |record| self.spot(Place { partition, record });
        Ok(Segment { bytes: bytes.to_vec(), first: spot(first), last: spot(last + 1) })
    }

    pub(super) fn receive_order(&mut self, command: Fields<'_>) -> Reply {
        let (offset, allocated) = (command.four(2) as usize, command.four(6) as usize);
        if command.byte(10) & 0x07 != 0 {
            return Err(Sense::INVALID_FIELD.into());
        }
        // UDS LIMITS: how many, and how long.
        if command.bit(1, 0x80) {
            let [a, b] = MOST.to_be_bytes();
            return Ok(cut(vec![a, b, 0, SEGMENT as u8], allocated));
        }
        // STATUS: 1 nothing was asked for, 2 it is there.
        let there = if self.order.segments.is_empty() { 0x01 } else { 0x02 };
        let mut data = vec![self.order.process, there, 0, 0];
        data.extend_from_slice(&four(self.order.segments.len() * SEGMENT));
        data.extend(self.order.segments.iter().flatten());
        let rest = data.get(offset..).ok_or(Sense::INVALID_FIELD)?.to_vec();
        Ok(cut(rest, allocated))
    }
}

/// Goes to the nearest each time, then moves segments to where the way gets shorter.
fn shortest(from: Spot, mut left: Vec<Segment>) -> Vec<Segment> {
    let (mut at, mut order) = (from, Vec::with_capacity(left.len()));
    while !left.is_empty() {
        let ways = left.iter().map(|segment| locate_seconds(at, segment.first)).enumerate();
        let nearest = ways.min_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(0, |(number, _)| number);
        let next = left.swap_remove(nearest);
        at = next.last;
        order.push(next);
    }
    for _ in 0..ROUNDS {
        if !improve(from, &mut order) {
            break;
        }
    }
    order
}

/// Each segment, put where it costs least; whether one was moved.
fn improve(from: Spot, order: &mut Vec<Segment>) -> bool {
    let mut moved = false;
    for number in 0..order.len() {
        let way = |order: &[Segment], before: usize, to: Option<usize>| -> f64 {
            let start = before.checked_sub(1).and_then(|before| order.get(before)).map_or(from, |segment| segment.last);
            to.and_then(|to| order.get(to)).map_or(0.0, |segment| locate_seconds(start, segment.first))
        };
        let gain = way(order, number, Some(number)) + way(order, number + 1, Some(number + 1));
        let taken = order.remove(number);
        let gain = gain - way(order, number, Some(number));
        let cost = |at: usize, order: &[Segment]| {
            let start = at.checked_sub(1).and_then(|before| order.get(before)).map_or(from, |segment| segment.last);
            let behind =
                order.get(at).map_or(0.0, |next| locate_seconds(taken.last, next.first) - locate_seconds(start, next.first));
            locate_seconds(start, taken.first) + behind
        };
        let best = (0..=order.len()).map(|at| (at, cost(at, order))).min_by(|(_, one), (_, other)| one.total_cmp(other));
        let (at, seconds) = best.unwrap_or((number, gain));
        let better = seconds + 1e-6 < gain;
        moved |= better;
        order.insert(if better { at } else { number }, taken);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Layout;

    fn cost(from: Spot, order: &[Segment]) -> f64 {
        let mut at = from;
        let step = |segment: &Segment| {
            let way = locate_seconds(at, segment.first);
            at = segment.last;
            way
        };
        order.iter().map(step).sum()
    }

    #[test]
    fn the_order_is_far_shorter_than_that_of_the_numbers() {
        let tape = Layout::whole(18_000_000_000_000);
        let places: Vec<u64> = (0..200_u64).map(|number| (number * 7_919 % 200) * 90_000_000_000).collect();
        let segment =
            |byte: &u64| Segment { bytes: Vec::new(), first: tape.spot(0, *byte), last: tape.spot(0, byte + 4_000_000) };
        let asked: Vec<Segment> = places.iter().map(segment).collect();
        let before = cost(Spot::default(), &asked);
        let order = shortest(Spot::default(), asked);
        assert_eq!(order.len(), 200);
        assert!(cost(Spot::default(), &order) * 2.0 < before);
    }
}
