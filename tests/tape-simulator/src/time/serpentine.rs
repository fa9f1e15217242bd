//! Where bytes lie on a tape, and how long the way to them is.
//!
//! LTO writes from the beginning of the tape to its end and back, wrap after wrap. So two blocks that lie far apart by their numbers may lie side
//! by side on the tape. Positions follow from the share of the capacity that lies before them: a small cartridge is one of full length whose
//! wraps hold little.

use serde::{Deserialize, Serialize};

/// Wraps of LTO-9: 8,960 tracks, 32 of them at once (IBM LTO 9 specifications).
pub const WRAPS: u32 = 280;
/// Metres of an LTO-9 tape.
pub const METRES: f64 = 1_035.0;
/// Metres a second on the way to a place. From the TS2290 product guide: a rewind takes 62 s on average, which is half the tape and a start.
pub const SEARCH_SPEED: f64 = 9.0;
/// Metres a second at which all of a wrap is read: 18 TB in 280 wraps at 400 MB/s.
pub const READ_SPEED: f64 = 6.4;
/// Seconds to start, brake and find the tracks.
pub const START: f64 = 4.5;
/// Seconds to move the head to another wrap.
pub const WRAP_CHANGE: f64 = 1.0;
/// Seconds to turn round, where a place is come to against the direction in which it is read. With these, a place is 65 s away from the beginning
/// on average, as the product guide says.
pub const TURN: f64 = 4.0;

/// A place on the tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// From 0; those with an even number are read away from the beginning.
    pub wrap: u32,
    /// Metres from the beginning of the tape.
    pub metres: f64,
}

impl Spot {
    fn is_forward(self) -> bool {
        self.wrap.is_multiple_of(2)
    }
}

/// How a tape is divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Wraps of each partition, in their order on the tape.
    wraps: Vec<u32>,
    /// Bytes of all of the tape.
    capacity: u64,
}

impl Layout {
    /// Wraps that a partition has at least: one there and one back.
    const LEAST: u32 = 2;

    /// Partitions of these sizes in bytes; none: what is left, which one of them has to be. None: that does not fit.
    pub fn new(capacity: u64, sizes: &[Option<u64>]) -> Option<Self> {
        let wrap = Self { wraps: Vec::new(), capacity }.wrap();
        let whole = |size: u64| -> Option<u32> {
            let wraps = u32::try_from(size.div_ceil(wrap)).ok()?.next_multiple_of(Self::LEAST);
            (wraps <= WRAPS).then_some(wraps.max(Self::LEAST))
        };
        let asked: Option<Vec<Option<u32>>> =
            sizes.iter().map(|size| size.map_or(Some(None), |size| whole(size).map(Some))).collect();
        let asked = asked?;
        let rests = u32::try_from(asked.iter().filter(|wraps| wraps.is_none()).count()).ok()?;
        let left = WRAPS.checked_sub(asked.iter().flatten().sum())?;
        if rests > 1 || left < rests * Self::LEAST {
            return None;
        }
        Some(Self { wraps: asked.into_iter().map(|wraps| wraps.unwrap_or(left)).collect(), capacity })
    }

    pub fn whole(capacity: u64) -> Self {
        Self { wraps: vec![WRAPS], capacity }
    }

    /// Bytes of a wrap.
    fn wrap(&self) -> u64 {
        self.capacity.div_ceil(u64::from(WRAPS)).max(1)
    }

    pub fn partitions(&self) -> usize {
        self.wraps.len()
    }

    /// Bytes of a partition.
    pub fn size(&self, partition: u8) -> u64 {
        let wraps = self.wraps.get(usize::from(partition)).copied().unwrap_or(0);
        if wraps == WRAPS { self.capacity } else { u64::from(wraps) * self.wrap() }
    }

    /// Where that byte of a partition lies.
    pub fn spot(&self, partition: u8, byte: u64) -> Spot {
        let partition = usize::from(partition);
        let first: u32 = self.wraps.iter().take(partition).sum();
        let of = self.wraps.get(partition).copied().unwrap_or(1).max(1);
        let wrap = u32::try_from(byte / self.wrap()).unwrap_or(u32::MAX).min(of - 1);
        let into = (byte - u64::from(wrap) * self.wrap()).min(self.wrap());
        let share = into as f64 / self.wrap() as f64;
        let wrap = first + wrap;
        let spot = Spot { wrap, metres: share * METRES };
        if spot.is_forward() { spot } else { Spot { metres: METRES - spot.metres, ..spot } }
    }
}

/// Seconds from one place to another, to read or write there.
pub fn locate_seconds(from: Spot, to: Spot) -> f64 {
    let way = to.metres - from.metres;
    let length = way.abs();
    let same = from.wrap == to.wrap;
    if same && length == 0.0 {
        return 0.0;
    }
    let ahead = if to.is_forward() { way > 0.0 } else { way < 0.0 };
    let change = if same { 0.0 } else { WRAP_CHANGE };
    let turn = if ahead { 0.0 } else { TURN };
    let search = START + length / SEARCH_SPEED + change + turn;
    // What lies close ahead is come to by reading on.
    if same && ahead { search.min(length / READ_SPEED) } else { search }
}

/// Seconds to the beginning of the tape.
pub fn rewind_seconds(from: Spot) -> f64 {
    if from == Spot::default() { 0.0 } else { START + from.metres / SEARCH_SPEED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_place_takes_what_the_product_guide_says_on_average() {
        let tape = Layout::whole(280_000);
        let places = (0..28_000).map(|at| tape.spot(0, at * 10));
        let (far, back): (Vec<f64>, Vec<f64>) =
            places.map(|spot| (locate_seconds(Spot::default(), spot), rewind_seconds(spot))).unzip();
        let mean = |seconds: &[f64]| seconds.iter().sum::<f64>() / seconds.len() as f64;
        assert!((mean(&far) - 65.0).abs() < 1.0, "{}", mean(&far));
        assert!((mean(&back) - 62.0).abs() < 1.0, "{}", mean(&back));
        assert!(far.iter().all(|seconds| *seconds < 130.0));
    }

    #[test]
    fn what_was_written_a_wrap_later_lies_beside_what_was_written_before() {
        let tape = Layout::whole(280_000);
        let (end, back) = (tape.spot(0, 990), tape.spot(0, 1_010));
        assert_eq!((end.wrap, back.wrap), (0, 1));
        assert!((end.metres - back.metres).abs() < 1.0);
        assert!(locate_seconds(tape.spot(0, 990), back) < 12.0);
    }

    #[test]
    fn partitions_are_whole_pairs_of_wraps_and_one_takes_the_rest() {
        let tape = Layout::new(280_000, &[Some(1), None]).unwrap();
        assert_eq!((tape.size(0), tape.size(1)), (2_000, 278_000));
        assert_eq!(tape.spot(1, 0).wrap, 2);
        assert_eq!(Layout::new(280_000, &[Some(280_001), None]), None);
        assert_eq!(Layout::new(280_000, &[Some(280_000), None]), None);
    }
}
