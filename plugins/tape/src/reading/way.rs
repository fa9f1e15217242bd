//! How long a drive takes from one place to another.
//!
//! The search speed follows from the average time of a rewind, which is half the tape (LTO-9: 55 s; IBM Documentation, "Performance specifications
//! for LTO tape drives"). What a stop, a turn and a step of the head take is not published; these are estimates, and the order that comes out
//! changes little with them as long as a turn costs more than a step and both cost more than a metre of tape.

use super::{Geometry, Spot};

/// Metres a second on the way to a place.
const SEARCH: f64 = 9.4;
/// Seconds to stop reading and to read again.
const START: f64 = 4.0;
/// Seconds to turn round, where a place is come to against the direction in which it is read.
const TURN: f64 = 4.0;
/// Seconds to move the head to another wrap, and to another band besides.
const STEP: f64 = 1.0;
const BAND: f64 = 1.0;

/// Seconds from where one file ends to where another begins.
pub(crate) fn seconds(geometry: &Geometry, from: Spot, to: Spot) -> f64 {
    let way = to.metres - from.metres;
    let ahead = if to.is_outward() { way >= 0.0 } else { way <= 0.0 };
    let same = from.wrap == to.wrap;
    let step = if same { 0.0 } else { STEP };
    let band = if geometry.band(from.wrap) == geometry.band(to.wrap) { 0.0 } else { BAND };
    let turn = if ahead { 0.0 } else { TURN };
    let search = START + way.abs() / SEARCH + step + band + turn;
    // What lies close ahead is come to by reading on.
    if same && ahead { search.min(way.abs() / geometry.read_speed()) } else { search }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_take_what_data_sheets_say() {
        let geometry = Geometry::of(0x60).unwrap();
        let (begin, end) = (Spot::default(), Spot { wrap: 0, metres: geometry.metres });
        // A rewind from the middle of the tape.
        let middle = Spot { wrap: 0, metres: geometry.metres / 2.0 };
        assert!((50.0..70.0).contains(&seconds(&geometry, middle, begin)));
        assert!(seconds(&geometry, begin, end) < 130.0);
        assert!(seconds(&geometry, middle, middle) < 1e-9);
    }

    #[test]
    fn what_is_behind_costs_a_turn_and_what_is_close_ahead_is_read_over() {
        let geometry = Geometry::of(0x60).unwrap();
        let spot = |wrap, metres| Spot { wrap, metres };
        assert!(seconds(&geometry, spot(0, 100.0), spot(0, 101.0)) < 0.2);
        assert!(seconds(&geometry, spot(0, 100.0), spot(0, 99.0)) > START + TURN);
        // On the way back that is ahead.
        assert!(seconds(&geometry, spot(1, 100.0), spot(1, 99.0)) < 0.2);
        let (near, far) = (seconds(&geometry, spot(0, 9.0), spot(2, 9.5)), seconds(&geometry, spot(0, 9.0), spot(200, 9.5)));
        assert!(near < far && far < START + TURN);
    }
}
