//! The answer is lost: the server acted, and nobody hears of it.
//!
//! For each mutation the first answer is lost, then the second, and so on until the mutation needs no more of them. After each, the same
//! attempt must be a success with the effect of one.

use anyhow::{Context, bail, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Kind};
use futures::future::BoxFuture;

use super::endured::{server, through};
use super::operation::tells_no_secret;
use crate::case::Want;
use crate::fronts::{Times, http, wire};
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, said, told};

/// Answers of one mutation that are looked at.
const MOST_ANSWERS: u32 = 16;
/// How often an attempt is made again.
const TRIES: usize = 4;

/// Eats answers: whole ones where the plugin speaks HTTP, else whatever comes next from the server.
enum Eater {
    Http(http::Front),
    Wire(wire::Front),
}

impl Eater {
    async fn start(stand: &Stand<'_>) -> anyhow::Result<Self> {
        let server = server(stand)?;
        Ok(match stand.lacks(Want::Http) {
            None => Self::Http(http::Front::start(server).await?),
            Some(_) => Self::Wire(wire::Front::start(server).await?),
        })
    }

    fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Http(front) => front.address(),
            Self::Wire(front) => front.address(),
        }
    }

    fn arm(&self, after: u32) {
        match self {
            Self::Http(front) => front.arm(http::Fault::AnswerLost, Times::After(after)),
            Self::Wire(front) => front.arm(wire::Fault::AnswerLost, Times::After(after)),
        }
    }

    fn calm(&self) {
        match self {
            Self::Http(front) => front.calm(),
            Self::Wire(front) => front.calm(),
        }
    }

    fn struck(&self) -> u64 {
        match self {
            Self::Http(front) => front.struck(),
            Self::Wire(front) => front.struck(),
        }
    }
}

type Prepare<'m, S> = dyn for<'s> Fn(&'s Stand<'s>, &'s str) -> BoxFuture<'s, anyhow::Result<S>> + Sync + 'm;
type Make<'m, S> = dyn for<'s> Fn(&'s Stand<'s>, &'s Opened, &'s str, &'s S) -> BoxFuture<'s, Outcome<()>> + Sync + 'm;
type IsDone<'m, S> = dyn for<'s> Fn(&'s Stand<'s>, &'s str, &'s S) -> BoxFuture<'s, anyhow::Result<bool>> + Sync + 'm;

/// One mutation: made ready under a name, made, and looked at.
pub(super) struct Mutation<'m, S> {
    pub prepare: &'m Prepare<'m, S>,
    pub make: &'m Make<'m, S>,
    /// Whether its effect is there, once and whole.
    pub is_done: &'m IsDone<'m, S>,
    /// `not-found` is a success of the same attempt made again: there is nothing left to do.
    pub gone_is_done: bool,
    /// It may be done without a call: where the target frees parts by itself and in no other way, they are only forgotten.
    pub may_be_silent: bool,
}

pub(super) async fn lose<S: Send + Sync>(stand: &Stand<'_>, mutation: Mutation<'_, S>) -> Check {
    let eater = Eater::start(stand).await?;
    let target = through(stand, eater.address()).await?;
    for answer in 0..MOST_ANSWERS {
        let name = format!("lost-{answer}");
        let ready = (mutation.prepare)(stand, &name).await.context("prepared")?;
        let before = eater.struck();
        eater.arm(answer);
        let outcome = (mutation.make)(stand, &target, &name, &ready).await;
        eater.calm();
        let struck = eater.struck() > before;
        let context = || format!("answer {} is lost", answer + 1);
        after(stand, &target, &mutation, &name, &ready, outcome, struck).await.with_context(context)?;
        if !struck {
            ensure!(answer > 0 || mutation.may_be_silent, "the mutation made no call");
            return Ok(());
        }
    }
    Ok(())
}

async fn after<S: Send + Sync>(
    stand: &Stand<'_>,
    target: &Opened,
    mutation: &Mutation<'_, S>,
    name: &str,
    ready: &S,
    outcome: Outcome<()>,
    struck: bool,
) -> Check {
    let done = (mutation.is_done)(stand, name, ready).await.context("what is there after it")?;
    match outcome {
        Ok(()) => {
            ensure!(done, "it is said to be a success, and is not done");
            return Ok(());
        }
        // The plugin asked again by itself, and found that nothing is left to do.
        Err(failure) if failure.kind == Kind::NotFound && mutation.gone_is_done && done => return Ok(()),
        Err(failure) => {
            tells_no_secret(stand, &failure)?;
            ensure!(struck, told(failure).context("nothing was lost"));
            ensure!(
                matches!(failure.kind, Kind::Unavailable | Kind::TimedOut),
                "expected unavailable or timed-out: {:#}",
                told(failure)
            );
            ensure!(
                failure.blame == Blame::Target && failure.may_retry(),
                "retry {:?}, blame {:?}: {:#}",
                failure.retry,
                failure.blame,
                said(&failure)
            );
            ensure!(!done || failure.maybe_done, "it was done, and the failure does not say that it may be: {:#}", told(failure));
        }
    }
    let mut last = None;
    for _ in 0..TRIES {
        match (mutation.make)(stand, target, name, ready).await {
            Ok(()) => {
                ensure!(
                    (mutation.is_done)(stand, name, ready).await?,
                    "the same attempt again is said to be a success, and is not done"
                );
                return Ok(());
            }
            Err(failure) if failure.kind == Kind::NotFound && (mutation.gone_is_done || failure.maybe_done) => {
                ensure!((mutation.is_done)(stand, name, ready).await?, "not-found, and not done");
                return Ok(());
            }
            Err(failure) => {
                let again = failure.may_retry();
                last = Some(told(failure));
                if !again {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    }
    match last {
        Some(failure) => Err(failure).context("the same attempt again is no success"),
        None => bail!("it was never made again"),
    }
}
