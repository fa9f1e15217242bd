//! How long an LTO-9 drive and its library take: moves, loads, locates, and the stream of blocks.
//!
//! Two kinds of time meet here. What a device does takes seconds of the model, which pass as fast as the plan says; what a host does between two
//! commands takes the time it takes, whatever the plan says. So a host that is too slow for a drive is found out at any scale.

mod clock;
mod serpentine;
mod stream;
mod totals;

pub(crate) use clock::Clock;
pub use serpentine::{
    Layout, METRES, READ_SPEED, SEARCH_SPEED, START, Spot, TURN, WRAP_CHANGE, WRAPS, locate_seconds, rewind_seconds,
};
pub(crate) use stream::Stream;
pub use stream::{BACK_HITCH, BUFFER, SPEEDS};
pub use totals::Totals;

/// Seconds to thread a cartridge and get ready (IBM TS2290 product guide: nominal load-to-ready time, LTO 9, initialized).
pub const LOAD: f64 = 16.0;
/// Seconds to unthread one that is rewound (the same: nominal unload time, LTO 9).
pub const UNLOAD: f64 = 56.0;
/// Seconds of the robot from one element to another, as midrange libraries have it.
pub const MOVE: f64 = 10.0;
/// Seconds after which a drive gives up loading.
pub const LOAD_GIVEN_UP: f64 = 300.0;
/// Seconds that a cleaning takes.
pub const CLEANING: f64 = 120.0;
/// Seconds to make partitions, or one.
pub const FORMAT: f64 = 180.0;
