//! In which order files are read from a tape, so that the drive spends its time on reading and not on the ways between them.
//!
//! LTO writes from the beginning of the tape to its end and back again, wrap after wrap. Files that are far apart by their numbers may lie side by
//! side, and the next one by its number may be a whole tape away. [`geometry`] says how each generation lies on its tape, [`layout`] where an
//! object is, [`way`] how long the way from one to another takes, and [`order`] looks for the shortest round.
//!
//! Everything here is reckoned: no drive is asked. One that recommends an order itself (RAO) knows better.

mod geometry;
mod layout;
mod near;
mod order;
mod route;
#[cfg(test)]
mod tests;
mod way;

pub(crate) use geometry::Geometry;
pub(crate) use layout::{Layout, Spot};
#[cfg(test)]
pub(crate) use order::seconds;
pub(crate) use order::{Wanted, order};
