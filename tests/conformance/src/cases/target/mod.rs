//! `capstan:target/target`: what a plugin says of itself and of its target.

mod credentials;
mod describe;
mod probe;
mod validate;

use crate::case::Case;

pub fn all() -> Vec<Case> {
    [describe::all(), validate::all(), probe::all(), credentials::all()].into_iter().flatten().collect()
}
