//! A server that takes what is sent and answers nothing, and a caller that has enough of it: a call of a job that is cancelled
//! ends at once, whatever it waits for, and one that nobody waits for any more is in nobody's way.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use capstan_domain::context::JobContext;
use capstan_domain::failure::Kind;
use futures::future::{Either, join, select};

use super::endured::{Front, patiently, recover, server, through, timely};
use super::operation::Operation::{self, Read, Write};
use super::operation::tells_no_secret;
use crate::case::{Case, Want};
use crate::clause;
use crate::fronts::{Times, http, wire};
use crate::stand::Stand;
use crate::{Check, told};

/// How often is looked, and how many times, whether what was sent has met the silence.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 3_000;
/// A second, and what a busy machine adds: far less than any wait for a server on a patient host.
const AT_ONCE: Duration = Duration::from_secs(5);
/// What a cancelled call holds at its server is given back with its store, some seconds later. Until then the server may have it
/// locked.
const GIVEN_BACK: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(300);

/// Where the silence is.
#[derive(Clone, Copy)]
enum Way {
    Http,
    Wire,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Wire => "wire",
        }
    }

    fn want(self) -> Want {
        match self {
            Self::Http => Want::Http,
            Self::Wire => Want::Wire,
        }
    }

    async fn front(self, stand: &Stand<'_>) -> anyhow::Result<Front> {
        Ok(match self {
            Self::Http => Front::Http(http::Front::start(server(stand)?).await?, http::Fault::NoAnswer),
            Self::Wire => Front::Wire(wire::Front::start(server(stand)?).await?, wire::Fault::Silence),
        })
    }
}

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for way in [Way::Http, Way::Wire] {
        let (wants, word) = ([Want::Host, Want::Store, Want::Durable, way.want()], way.word());
        for operation in [Read, Write] {
            let doing = operation.word();
            let rule =
                format!("{doing}: a call of a job that is cancelled while the server is silent ends at once, and harms no other");
            cases.push(Case::new(format!("faults/{word}-silence-cancelled-{doing}"), clause::JOB, &wants, rule, move |stand| {
                Box::pin(cancelled(stand, way, operation))
            }));
        }
        let rule = "a call that nobody waits for any more while the server is silent is in no other's way";
        cases.push(Case::new(format!("faults/{word}-silence-abandoned"), clause::OVERLAP, &wants, rule, move |stand| {
            Box::pin(abandoned(stand, way))
        }));
    }
    cases
}

/// Until something that was sent has met the silence.
async fn met(front: &Front) {
    for _ in 0..LOOKS {
        if front.struck() > 0 {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn cancelled(stand: &Stand<'_>, way: Way, operation: Operation) -> Check {
    operation.prepare(stand).await?;
    let front = way.front(stand).await?;
    let job = JobContext::new("cancelled while the server is silent");
    let target = job.scope(patiently(stand, front.address())).await?;
    let store = target.store()?;
    front.arm(Times::Always);
    let cancelling = async {
        met(&front).await;
        let asked = Instant::now();
        job.cancel();
        asked
    };
    let calling = async {
        let outcome = timely(operation.make(stand, store, "attempt")).await;
        (outcome, Instant::now())
    };
    let ((outcome, ended), asked) = join(calling, cancelling).await;
    front.calm();
    ensure!(front.struck() > 0, "the silence met nothing: the operation made no call");
    let took = ended.saturating_duration_since(asked);
    ensure!(took < AT_ONCE, "it ended {} ms after its job was cancelled", took.as_millis());
    let Err(failure) = outcome? else { bail!("the operation is said to be a success") };
    tells_no_secret(stand, &failure)?;
    if operation.changes() && !failure.maybe_done && operation.is_done(stand).await? {
        bail!("it was done, and the failure does not say that it may be: {:#}", told(failure));
    }
    ensure!(matches!(failure.kind, Kind::Cancelled | Kind::TimedOut | Kind::Unavailable), told(failure));
    // Calls of that job are told to end; somebody else makes the same one.
    let other = through(stand, front.address()).await.context("after the silence")?;
    let begun = Instant::now();
    while let Err(why) = recover(stand, &other, operation, "attempt").await {
        if begun.elapsed() > GIVEN_BACK {
            return Err(why.context("after the silence"));
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

async fn abandoned(stand: &Stand<'_>, way: Way) -> Check {
    Read.prepare(stand).await?;
    let front = way.front(stand).await?;
    let target = through(stand, front.address()).await?;
    front.arm(Times::Always);
    {
        let calling = pin!(Read.make(stand, target.store()?, "abandoned"));
        let meeting = pin!(met(&front));
        let ended = matches!(select(calling, meeting).await, Either::Left(_));
        ensure!(!ended, "a call was over while the server was silent");
    }
    front.calm();
    ensure!(front.struck() > 0, "the silence met nothing: the operation made no call");
    recover(stand, &target, Read, "again").await.context("after the silence")?;
    recover(stand, &target, Write, "another").await.context("a write after the silence")
}
