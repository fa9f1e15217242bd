//! Faults of HTTP, for plugins that speak it.

use capstan_domain::failure::Kind;

use super::endured::{AWAY, Bearing, Front, endure, server};
use super::operation::Operation::{self, List, Read, Remove, Write};
use crate::case::{Case, Want};
use crate::clause::{self, Clause};
use crate::fronts::http::{self, Fault};
use crate::fronts::{Times, wire};
use crate::stand::Stand;
use crate::{Check, said};

/// A name, what happens, the fault, what may come of it, and the clause that it is about.
type Line = (&'static str, &'static str, Fault, Bearing, Clause);

const FAILS: Bearing = Bearing::fails(AWAY);
const BUSY: Bearing = Bearing::fails(&[Kind::Busy]);
/// Answers with nothing wrong in their framing: what cannot be read out of them is missed, the rest is the host's to find.
const NONSENSE: Bearing = Bearing::fails(&[Kind::Corrupt, Kind::NotFound]).unnoticed();
const CUT: Bearing = Bearing::fails(&[Kind::Corrupt]);
const REFUSED: Bearing = Bearing::fails(&[Kind::Unauthenticated, Kind::Denied]).lasting();

const FAULTS: &[Line] = &[
    ("no-answer", "the server never answers", Fault::NoAnswer, FAILS, clause::KINDS),
    ("reset-before-answer", "the connection is reset before an answer", Fault::ResetBeforeAnswer, FAILS, clause::KINDS),
    ("closed-before-answer", "the connection ends before an answer", Fault::ClosedBeforeAnswer, FAILS, clause::KINDS),
    ("half-closed", "the server's side of the connection ends", Fault::HalfClosed, FAILS, clause::KINDS),
    ("reset-in-head", "the connection is reset in the head of an answer", Fault::ResetInHead, FAILS, clause::KINDS),
    ("reset-in-body", "the connection is reset in the body of an answer", Fault::ResetInBody, CUT, clause::KINDS),
    ("short-body", "an answer ends in its body", Fault::ShortBody, CUT, clause::KINDS),
    ("stall-in-body", "an answer stops in its body", Fault::StallInBody, CUT, clause::KINDS),
    ("slow-drip", "an answer comes a few bytes at a time", Fault::SlowDrip, FAILS.tolerated(), clause::DEADLINES),
    ("late", "an answer comes late", Fault::Late, FAILS.tolerated(), clause::DEADLINES),
    ("length-too-long", "an answer promises more than comes", Fault::LengthTooLong, CUT.unnoticed(), clause::KINDS),
    ("length-too-short", "an answer promises less than comes", Fault::LengthTooShort, CUT.unnoticed().lasting(), clause::KINDS),
    ("length-nonsense", "an answer's length is no number", Fault::LengthNonsense, FAILS.lasting(), clause::KINDS),
    ("bit-flip-down", "a bit of an answer is another", Fault::BitFlip, NONSENSE.lasting(), clause::SUCCESS),
    (
        "bit-flip-up",
        "a bit of what is sent is another",
        Fault::RequestFlip,
        Bearing::fails(&[Kind::Corrupt, Kind::Unauthenticated, Kind::Denied, Kind::Invalid, Kind::NotFound])
            .unnoticed()
            .lasting(),
        clause::SUCCESS,
    ),
    ("garbage", "the server answers what is no HTTP", Fault::Garbage, FAILS.lasting(), clause::KINDS),
    ("bad-status-line", "the status line is none", Fault::BadStatusLine, FAILS.lasting(), clause::KINDS),
    ("login-page", "somebody in the way answers a page with 200", Fault::LoginPage, NONSENSE_THAT_SAYS_DONE, clause::KINDS),
    ("empty-answer", "the server answers 200 and nothing else", Fault::EmptyAnswer, NONSENSE_THAT_SAYS_DONE, clause::KINDS),
    ("duplicate-answer", "every answer comes twice", Fault::Duplicate, FAILS.tolerated(), clause::KINDS),
    ("huge-head", "the head of an answer has 100 KiB", Fault::HugeHead, FAILS.tolerated().lasting(), clause::KINDS),
    ("bad-chunk", "a chunk has no size", Fault::BadChunk, CUT.tolerated(), clause::KINDS),
    ("chunks-cut", "chunks end before the last one", Fault::ChunksCut, CUT.tolerated(), clause::KINDS),
    ("stale-connection", "the server closes kept connections without a word", Fault::Stale, FAILS.tolerated(), clause::RETRIES),
    ("status-500", "the server answers 500", Fault::Status(500), FAILS, clause::KINDS),
    ("status-502", "the server answers 502", Fault::Status(502), FAILS, clause::KINDS),
    ("status-503", "the server answers 503 and when to come again", Fault::Status(503), BUSY, clause::RETRIES),
    ("status-504", "the server answers 504", Fault::Status(504), FAILS, clause::KINDS),
    ("status-429", "the server answers 429 and when to come again", Fault::Status(429), BUSY, clause::RETRIES),
    ("status-507", "the server answers 507", Fault::Status(507), Bearing::fails(&[Kind::NoSpace]).lasting(), clause::KINDS),
    ("status-401", "the server answers 401", Fault::Status(401), REFUSED, clause::KINDS),
    ("status-403", "the server answers 403", Fault::Status(403), REFUSED, clause::KINDS),
    ("early-refusal", "the server answers 503 before it has read the request", Fault::EarlyRefusal, BUSY, clause::KINDS),
];

/// A removal, or a put, that is answered 200 looks like a success; what has to tell a size, a tag or names is nonsense.
const NONSENSE_THAT_SAYS_DONE: Bearing = Bearing::fails(&[Kind::Corrupt, Kind::NotFound]).lasting();

const OPERATIONS: [Operation; 3] = [Read, Write, List];

pub(super) fn all() -> Vec<Case> {
    let wants = [Want::Host, Want::Store, Want::Durable, Want::Http];
    let mut cases = Vec::new();
    for line in FAULTS {
        let (name, what, fault, bearing, clause) = *line;
        for operation in OPERATIONS {
            cases.push(case(name, what, fault, bearing, clause, operation, &wants));
        }
    }
    // What is cut after the server acted shows most where something is taken away.
    for (name, what, fault, bearing, clause) in
        FAULTS.iter().filter(|line| line.0.starts_with("reset") || line.0.contains("answer")).copied()
    {
        if !matches!(fault, Fault::EmptyAnswer) {
            cases.push(case(name, what, fault, bearing, clause, Remove, &wants));
        }
    }
    cases.push(Case::new(
        "faults/http-redirect",
        clause::GRANTS,
        &wants,
        "a redirect to an address that nobody granted is a failure, and nobody is asked there",
        |stand| Box::pin(redirect(stand)),
    ));
    cases.push(Case::new(
        "faults/http-retry-after",
        clause::FAULT,
        &wants,
        "the time that the server asked for is told",
        |stand| Box::pin(retry_after(stand)),
    ));
    cases
}

fn case(name: &str, what: &str, fault: Fault, bearing: Bearing, clause: Clause, operation: Operation, wants: &[Want]) -> Case {
    let word = operation.word();
    let rule = format!("{word}: {what}: no wrong success, a failure that is typed, and the same call again succeeds");
    Case::new(format!("faults/http-{name}-{word}"), clause, wants, rule, move |stand| {
        Box::pin(async move {
            let front = http::Front::start(server(stand)?).await?;
            endure(stand, Front::Http(front, fault), operation, bearing).await
        })
    })
}

async fn redirect(stand: &Stand<'_>) -> Check {
    // Whoever comes is counted: this front leads nowhere.
    let elsewhere = wire::Front::start(server(stand)?).await?;
    let bearing = Bearing::fails(&[Kind::Invalid, Kind::Denied, Kind::Unsupported, Kind::NotFound]).lasting();
    for operation in OPERATIONS {
        let front = http::Front::start(server(stand)?).await?;
        endure(stand, Front::Http(front, Fault::Redirect(elsewhere.address())), operation, bearing).await?;
        operation.undo(stand).await?;
    }
    anyhow::ensure!(elsewhere.connections() == 0, "{} connections were made where nobody granted one", elsewhere.connections());
    Ok(())
}

async fn retry_after(stand: &Stand<'_>) -> Check {
    let front = http::Front::start(server(stand)?).await?;
    Read.prepare(stand).await?;
    let target = super::endured::through(stand, front.address()).await?;
    for status in [429, 503] {
        front.arm(Fault::Status(status), Times::Always);
        let failure = match target.store()?.get(stand.location, &stand.key("there"), None).await {
            Ok(_) => anyhow::bail!("{status} is a success"),
            Err(failure) => failure,
        };
        front.calm();
        anyhow::ensure!(
            failure.retry_after_ms == Some(1_000),
            "{status}: come again after {:?}: {:#}",
            failure.retry_after_ms,
            said(&failure)
        );
    }
    Ok(())
}
