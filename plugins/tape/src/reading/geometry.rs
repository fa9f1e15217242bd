//! How the generations of LTO lie on their tapes.
//!
//! Tracks, and how many of them are read at once, are from the data sheets of the generations (IBM Documentation, "LTO data cartridge": LTO-9 8,960
//! and LTO-8 6,656 tracks, 32 at once; Quantum, "LTO-5 Tape Drive User's Guide": 80 track groups of 16; the LTO Program's tables for the others):
//! a wrap is one such group. Lengths are those of the cartridges (LTO Program), rates and capacities without compression those of IBM
//! Documentation, "Performance specifications for LTO tape drives", and of the LTO Program. Density codes are those of REPORT DENSITY SUPPORT.

/// Bands side by side, each with its share of the wraps: one is filled before the next is begun.
pub(crate) const BANDS: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Geometry {
    pub(crate) density: u8,
    /// Of all bands.
    pub(crate) wraps: u32,
    /// Of the tape.
    pub(crate) metres: f64,
    /// Bytes, not compressed.
    pub(crate) capacity: u64,
    /// Bytes a second at the highest speed of a drive of the same generation, not compressed.
    pub(crate) rate: f64,
}

const GENERATIONS: [Geometry; 6] = [
    // LTO-5: 1,280 tracks, 16 at once.
    Geometry { density: 0x58, wraps: 80, metres: 846.0, capacity: 1_500_000_000_000, rate: 140e6 },
    // LTO-6: 2,176 tracks, 16 at once.
    Geometry { density: 0x5a, wraps: 136, metres: 846.0, capacity: 2_500_000_000_000, rate: 160e6 },
    // LTO-7: 3,584 tracks, 32 at once.
    Geometry { density: 0x5c, wraps: 112, metres: 960.0, capacity: 6_000_000_000_000, rate: 300e6 },
    // LTO-7 as type M: 5,376 tracks, 32 at once.
    Geometry { density: 0x5d, wraps: 168, metres: 960.0, capacity: 9_000_000_000_000, rate: 300e6 },
    // LTO-8: 6,656 tracks, 32 at once.
    Geometry { density: 0x5e, wraps: 208, metres: 960.0, capacity: 12_000_000_000_000, rate: 360e6 },
    // LTO-9: 8,960 tracks, 32 at once.
    Geometry { density: 0x60, wraps: 280, metres: 1_035.0, capacity: 18_000_000_000_000, rate: 400e6 },
];

impl Geometry {
    /// None: another format, of which nothing is known here.
    pub(crate) fn of(density: u8) -> Option<Self> {
        GENERATIONS.into_iter().find(|generation| generation.density == density)
    }

    /// Metres a second while all of a wrap is read.
    pub(crate) fn read_speed(&self) -> f64 {
        self.metres * self.rate * f64::from(self.wraps) / self.capacity as f64
    }

    pub(crate) fn band(&self, wrap: u32) -> u32 {
        wrap / (self.wraps / BANDS).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_has_whole_pairs_of_wraps_in_each_band_and_a_speed_that_tapes_have() {
        for generation in GENERATIONS {
            assert!(generation.wraps.is_multiple_of(2 * BANDS), "{generation:?}");
            assert!((4.0..8.0).contains(&generation.read_speed()), "{}", generation.read_speed());
            assert_eq!((generation.band(0), generation.band(generation.wraps - 1)), (0, 3));
            assert_eq!(Geometry::of(generation.density), Some(generation));
        }
        assert_eq!(Geometry::of(0x40), None);
    }
}
