//! Faults of the bytes beneath any protocol.

use capstan_domain::failure::Kind;

use super::endured::{AWAY, Bearing, Front, endure, server};
use super::operation::Operation::{self, List, Read, Write};
use crate::case::{Case, Want};
use crate::clause::{self, Clause};
use crate::fronts::wire::{self, Fault};

type Line = (&'static str, &'static str, Fault, Bearing, Clause);

const FAILS: Bearing = Bearing::fails(AWAY);
const CUT: Bearing = Bearing::fails(&[Kind::Corrupt]);
/// Bytes that are others may mean anything; a checksum or a signature finds them, or the host.
const OTHERS: Bearing = Bearing::fails(&[
    Kind::Corrupt,
    Kind::Invalid,
    Kind::NotFound,
    Kind::Unauthenticated,
    Kind::Denied,
    Kind::Conflict,
    Kind::Unsupported,
    Kind::Busy,
    Kind::AlreadyExists,
])
.unnoticed()
.lasting();

const FAULTS: &[Line] = &[
    ("closed-at-accept", "connections are closed as soon as they are accepted", Fault::ClosedAtAccept, FAILS, clause::KINDS),
    ("reset-at-accept", "connections are reset as soon as they are accepted", Fault::ResetAtAccept, FAILS, clause::KINDS),
    ("silence", "nothing comes from the server any more", Fault::Silence, FAILS, clause::KINDS),
    ("stall", "the server stops in the middle", Fault::Stall, CUT, clause::KINDS),
    ("reset-in-answer", "the connection is reset in the middle of an answer", Fault::ResetInAnswer, CUT, clause::KINDS),
    ("cut-in-answer", "the connection ends in the middle of an answer", Fault::CutInAnswer, CUT, clause::KINDS),
    ("answer-lost", "an answer is lost with its connection", Fault::AnswerLost, FAILS, clause::MAYBE_DONE),
    ("half-closed", "the server's side of the connection ends", Fault::HalfClosed, FAILS, clause::KINDS),
    ("drip", "bytes come a few at a time", Fault::Drip, FAILS.tolerated(), clause::DEADLINES),
    ("late", "bytes come late", Fault::Late, FAILS.tolerated(), clause::DEADLINES),
    ("bit-flip-down", "a bit of what comes is another", Fault::BitFlip, OTHERS, clause::SUCCESS),
    ("bit-flip-up", "a bit of what is sent is another", Fault::RequestFlip, OTHERS, clause::SUCCESS),
    ("garbage", "other bytes come", Fault::Garbage, OTHERS, clause::KINDS),
    ("stray", "bytes that nobody sent come first", Fault::Stray, OTHERS, clause::KINDS),
    ("duplicate", "bytes come twice", Fault::Duplicate, OTHERS, clause::KINDS),
    ("gap", "bytes are left out", Fault::Gap, OTHERS, clause::KINDS),
    ("wrong-length", "an answer says that it is much longer than it is", Fault::WrongLength, OTHERS, clause::DEADLINES),
    ("request-cut", "what is sent is cut in the middle", Fault::RequestCut, OTHERS, clause::KINDS),
    ("request-reset", "the connection is reset while something is sent", Fault::RequestReset, FAILS, clause::KINDS),
    ("request-silence", "what is sent does not arrive any more", Fault::RequestSilence, FAILS, clause::DEADLINES),
];

const OPERATIONS: [Operation; 3] = [Read, Write, List];

pub(super) fn all() -> Vec<Case> {
    let wants = [Want::Host, Want::Store, Want::Durable, Want::Wire];
    let mut cases = Vec::new();
    for (name, what, fault, bearing, clause) in FAULTS.iter().copied() {
        for operation in OPERATIONS {
            let word = operation.word();
            let rule = format!("{word}: {what}: no wrong success, a failure that is typed, and the same call again succeeds");
            cases.push(Case::new(format!("faults/wire-{name}-{word}"), clause, &wants, rule, move |stand| {
                Box::pin(async move {
                    let front = wire::Front::start(server(stand)?).await?;
                    endure(stand, Front::Wire(front, fault), operation, bearing).await
                })
            }));
        }
    }
    cases
}
