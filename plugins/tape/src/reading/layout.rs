//! Where on a tape a byte of a partition lies.

use super::Geometry;

/// A place on a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spot {
    /// From 0; even ones are read away from the beginning of the tape.
    pub(crate) wrap: u32,
    /// From the beginning of the tape.
    pub(crate) metres: f64,
}

impl Spot {
    pub(crate) fn is_outward(self) -> bool {
        self.wrap.is_multiple_of(2)
    }
}

/// A tape with its partitions. A partition has whole wraps.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) geometry: Geometry,
    /// Bytes of a wrap, as they came from the host.
    wrap: f64,
    /// The first wrap of each partition, and that behind the last.
    firsts: Vec<u32>,
}

impl Layout {
    /// `capacity`: bytes of all of the tape, not compressed, if the drive tells. `partitions`: of each; none: one that takes all. `gain`: how many
    /// bytes of the host went into one on the tape, 1 where nothing was compressed.
    pub(crate) fn new(geometry: Geometry, capacity: Option<u64>, partitions: &[u64], gain: f64) -> Self {
        let capacity = capacity.filter(|bytes| *bytes > 0).unwrap_or(geometry.capacity);
        let wrap = capacity as f64 / f64::from(geometry.wraps);
        let mut firsts = vec![0];
        // The largest has what the others leave, as no two round alike.
        let largest = partitions.iter().enumerate().max_by_key(|(_, bytes)| **bytes).map(|(at, _)| at);
        let wraps = |bytes: u64| ((bytes as f64 / wrap).ceil() as u32).clamp(1, geometry.wraps).next_multiple_of(2);
        let others: u32 =
            partitions.iter().enumerate().filter(|(at, _)| Some(*at) != largest).map(|(_, bytes)| wraps(*bytes)).sum();
        let mut next = 0_u32;
        for (at, bytes) in partitions.iter().enumerate() {
            let own = if Some(at) == largest { geometry.wraps.saturating_sub(others) } else { wraps(*bytes) };
            next = next.saturating_add(own).min(geometry.wraps);
            firsts.push(next);
        }
        if partitions.is_empty() {
            firsts.push(geometry.wraps);
        }
        let gain = if gain.is_finite() && gain > 0.0 { gain } else { 1.0 };
        Self { geometry, wrap: wrap * gain, firsts }
    }

    /// The same, knowing better how many bytes of the tape are a partition's.
    pub(crate) fn with_partition(mut self, partition: u32, bytes: u64, gain: f64) -> Self {
        let at = usize::try_from(partition).unwrap_or(usize::MAX);
        let wraps =
            self.firsts.get(at).zip(self.firsts.get(at.saturating_add(1))).map_or(0, |(from, to)| to.saturating_sub(*from));
        if bytes > 0 && wraps > 0 && gain.is_finite() && gain > 0.0 {
            self.wrap = bytes as f64 / f64::from(wraps) * gain;
        }
        self
    }

    /// Before that byte of a partition. What lies behind the partition's end is taken to lie at it.
    pub(crate) fn spot(&self, partition: u32, byte: f64) -> Spot {
        let at = usize::try_from(partition).unwrap_or(usize::MAX);
        let last = self.geometry.wraps.saturating_sub(1);
        let first = self.firsts.get(at).copied().unwrap_or(0).min(last);
        let behind = self.firsts.get(at.saturating_add(1)).copied().unwrap_or(self.geometry.wraps);
        let wraps = (byte.max(0.0) / self.wrap).min(f64::from(behind.saturating_sub(first)));
        // At the end of a partition: the end of its last wrap.
        let whole = (wraps as u32).min(behind.saturating_sub(first).saturating_sub(1));
        let share = (wraps - f64::from(whole)).clamp(0.0, 1.0);
        let wrap = first.saturating_add(whole).min(last);
        let out = share * self.geometry.metres;
        let metres = if wrap.is_multiple_of(2) { out } else { self.geometry.metres - out };
        Spot { wrap, metres }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_go_out_and_come_back() {
        let geometry = Geometry::of(0x60).unwrap();
        let layout = Layout::new(geometry, None, &[], 1.0);
        let wrap = 18e12 / 280.0;
        assert_eq!(layout.spot(0, 0.0), Spot { wrap: 0, metres: 0.0 });
        let (out, back) = (layout.spot(0, wrap * 0.75), layout.spot(0, wrap * 1.25));
        assert_eq!((out.wrap, back.wrap), (0, 1));
        assert!((out.metres - back.metres).abs() < 1e-6);
        assert_eq!(layout.spot(0, 1e20), Spot { wrap: 279, metres: 0.0 });
        // One of full length that holds little.
        assert_eq!(Layout::new(geometry, Some(280), &[], 1.0).spot(0, 2.0), Spot { wrap: 2, metres: 0.0 });
        // Twice as much went into each wrap.
        assert_eq!(Layout::new(geometry, None, &[], 2.0).spot(0, wrap * 1.5).wrap, 0);
    }

    #[test]
    fn a_partition_begins_with_a_wrap_of_its_own() {
        let geometry = Geometry::of(0x60).unwrap();
        let layout = Layout::new(geometry, None, &[100_000_000_000, 17_800_000_000_000], 1.0);
        assert_eq!(layout.spot(1, 0.0), Spot { wrap: 2, metres: 0.0 });
        assert_eq!(layout.spot(0, 1e20), Spot { wrap: 1, metres: 0.0 });
        assert_eq!(layout.spot(1, 1e20).wrap, 279);
        assert_eq!(layout.spot(9, 0.0).wrap, 0);
        // Its own wraps hold what it holds.
        let counted = layout.with_partition(1, 278_000, 1.0);
        assert_eq!(counted.spot(1, 1_500.0), Spot { wrap: 3, metres: geometry.metres / 2.0 });
    }
}
