//! What a format refuses, as the contract's failures.

use capstan_ltfs::Refused as OfLtfs;
use capstan_sdk::failure::{already_exists, conflict, invalid, no_space, not_found};
use capstan_sdk::{Blame, Failure};
use capstan_tape_archive::Refused as OfArchive;

use crate::volumes::room::FULL;

pub(crate) fn archive(refused: OfArchive, path: &str) -> Failure {
    let message = format!("{path:?}: {refused}");
    match refused {
        OfArchive::NotFound => not_found(message),
        OfArchive::Exists => already_exists(message),
        OfArchive::NotEmpty => conflict(message),
        OfArchive::NotADirectory | OfArchive::IsADirectory | OfArchive::IntoItself | OfArchive::Name(_) => invalid(message),
        OfArchive::TooMany(_) => no_space(message).code(FULL),
        // These are steps that this plugin did in a wrong order.
        OfArchive::FileOpen
        | OfArchive::NoFile
        | OfArchive::WrongSize
        | OfArchive::BlocksWaiting
        | OfArchive::MustFinish
        | OfArchive::Finishing
        | OfArchive::WrongHash => invalid(message).blame(Blame::Plugin),
    }
}

pub(crate) fn ltfs(refused: OfLtfs, path: &str) -> Failure {
    let message = format!("{path:?}: {refused}");
    match refused {
        OfLtfs::NotFound => not_found(message),
        OfLtfs::Exists => already_exists(message),
        OfLtfs::NotEmpty => conflict(message),
        OfLtfs::NotADirectory | OfLtfs::IsADirectory | OfLtfs::Name => invalid(message),
        OfLtfs::TooMuch(_) => no_space(message).code(FULL),
        OfLtfs::Extents => invalid(message).blame(Blame::Plugin),
    }
}
