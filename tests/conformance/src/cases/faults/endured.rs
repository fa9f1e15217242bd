//! One fault and one operation: once, then for as long as it lasts, and after it.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::ports::PutOptions;

use super::operation::{Operation, Success, tells_no_secret};
use crate::content::counting;
use crate::fronts::{Times, http, wire};
use crate::kit::{IMPATIENT_CALL, Opened};
use crate::stand::Stand;
use crate::{Check, said, told};

/// How often a call is made again after the fault is gone, as its failures ask for.
const TRIES: usize = 4;
/// An operation is over by then, whatever goes wrong: at most two calls, each up to its deadline, and what a busy machine adds.
const LONGEST: Duration = Duration::from_secs(2 * IMPATIENT_CALL.as_secs() + 30);

/// What a plugin may make of a fault that lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bearing {
    /// A success, if it is a right one.
    pub success: bool,
    /// Bytes the plugin cannot know to be wrong: the host finds out by size or hash.
    pub unnoticed: bool,
    /// Its failure.
    pub kinds: &'static [Kind],
    /// The failure may say that asking again does not help, or that it is the caller's to mend.
    pub lasting: bool,
}

/// Not reached, in the words a plugin has for it.
pub(super) const AWAY: &[Kind] = &[Kind::Unavailable, Kind::TimedOut];

impl Bearing {
    pub(super) const fn fails(kinds: &'static [Kind]) -> Self {
        Self { success: false, unnoticed: false, kinds, lasting: false }
    }

    pub(super) const fn tolerated(self) -> Self {
        Self { success: true, ..self }
    }

    pub(super) const fn unnoticed(self) -> Self {
        Self { success: true, unnoticed: true, ..self }
    }

    pub(super) const fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }
}

/// A front of either kind, with its fault.
pub(super) enum Front {
    Http(http::Front, http::Fault),
    Wire(wire::Front, wire::Fault),
}

impl Front {
    pub(super) fn arm(&self, times: Times) {
        match self {
            Self::Http(front, fault) => front.arm(*fault, times),
            Self::Wire(front, fault) => front.arm(*fault, times),
        }
    }

    pub(super) fn calm(&self) {
        match self {
            Self::Http(front, _) => front.calm(),
            Self::Wire(front, _) => front.calm(),
        }
    }

    pub(super) fn struck(&self) -> u64 {
        match self {
            Self::Http(front, _) => front.struck(),
            Self::Wire(front, _) => front.struck(),
        }
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Http(front, _) => front.address(),
            Self::Wire(front, _) => front.address(),
        }
    }
}

/// The target on the impatient host, its server behind `address`; used once, so that sessions stand and nothing is left to find out.
pub(super) async fn through(stand: &Stand<'_>, address: std::net::SocketAddr) -> anyhow::Result<Opened> {
    behind(stand, address, Patience::Little).await
}

/// The same on the patient host: what is over soon there was not over because somebody had waited long enough.
pub(super) async fn patiently(stand: &Stand<'_>, address: std::net::SocketAddr) -> anyhow::Result<Opened> {
    behind(stand, address, Patience::Usual).await
}

enum Patience {
    Little,
    Usual,
}

async fn behind(stand: &Stand<'_>, address: std::net::SocketAddr, patience: Patience) -> anyhow::Result<Opened> {
    let kit = stand.kit()?;
    let endpoint = kit.endpoint.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    let configuration = endpoint.through(address, &kit.file.configuration);
    let target = match patience {
        Patience::Little => kit.impatient(|settings| settings.configuration = configuration)?,
        Patience::Usual => kit.another(|settings| settings.configuration = configuration)?,
    };
    if let (None, None, Some(drives)) = (&target.objects, &target.files, &target.drives) {
        drives.list(stand.location, None, 1).await.map_err(told).context("a list through the front")?;
        return Ok(target);
    }
    let store = target.store()?;
    let warm = stand.key("warm");
    store
        .put(stand.location, &warm, counting(10), "warm", PutOptions::default())
        .await
        .map_err(told)
        .context("a put through the front")?;
    store.look(stand.location, &warm).await.map_err(told).context("a look through the front")?;
    Ok(target)
}

pub(super) fn server<'a>(stand: &Stand<'a>) -> anyhow::Result<&'a str> {
    let endpoint = stand.kit()?.endpoint.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    Ok(&endpoint.server)
}

pub(super) async fn endure(stand: &Stand<'_>, front: Front, operation: Operation, bearing: Bearing) -> Check {
    operation.prepare(stand).await?;
    let target = through(stand, front.address()).await?;
    let store = target.store()?;

    front.arm(Times::Once);
    let outcome = timely(operation.make(stand, store, "first")).await.context("the fault came once")?;
    front.calm();
    ensure!(front.struck() > 0, "the fault struck nothing: the operation made no call");
    // A fault that comes once may be got over inside of the plugin.
    judge(stand, operation, bearing.tolerated(), outcome).await.context("the fault came once")?;
    recover(stand, &target, operation, "first").await.context("after the fault came once")?;

    operation.undo(stand).await?;
    front.arm(Times::Always);
    let outcome = timely(operation.make(stand, store, "second")).await.context("while the fault lasts")?;
    front.calm();
    judge(stand, operation, bearing, outcome).await.context("while the fault lasts")?;
    recover(stand, &target, operation, "second").await.context("after the fault was over")
}

/// The outcome, if it comes by the deadline of the calls.
pub(super) async fn timely(operation: impl Future<Output = Outcome<Success>>) -> anyhow::Result<Outcome<Success>> {
    let ended = tokio::time::timeout(LONGEST, operation).await;
    ended.map_err(|_| anyhow::anyhow!("it did not end within {} s, beyond the deadline of its calls", LONGEST.as_secs()))
}

async fn judge(stand: &Stand<'_>, operation: Operation, bearing: Bearing, outcome: Outcome<Success>) -> Check {
    let failure = match outcome {
        Ok(Success::Right) => {
            ensure!(bearing.success, "the operation is said to be a success");
            if operation.changes() {
                match operation.is_done(stand).await {
                    Ok(done) => ensure!(done, "it is said to be a success, and is not done"),
                    Err(_) if bearing.unnoticed => return operation.undo(stand).await,
                    Err(wrong) => return Err(wrong.context("it is said to be a success")),
                }
            }
            return Ok(());
        }
        Ok(Success::Wrong(_)) if bearing.unnoticed => return Ok(()),
        Ok(Success::Wrong(what)) => bail!("it is said to be a success: {what}"),
        Err(failure) => failure,
    };
    tells_no_secret(stand, &failure)?;
    ensure!(failure.kind != Kind::PluginFault, "the plugin trapped: {:#}", told(failure));
    let usual = bearing.kinds.contains(&failure.kind) || AWAY.contains(&failure.kind);
    ensure!(usual, "expected one of {:?}: {:#}", bearing.kinds, told(failure));
    // Who is sent nonsense may take the fault for its own; of everything else the target is to blame.
    let blamed = bearing.unnoticed || !matches!(failure.blame, Blame::Plugin | Blame::Host);
    ensure!(blamed, "{:?} is to blame: {:#}", failure.blame, said(&failure));
    if !bearing.lasting {
        ensure!(failure.blame == Blame::Target, "{:?} is to blame: {:#}", failure.blame, said(&failure));
        ensure!(failure.retry != Retry::Never, "asking again is said not to help: {:#}", told(failure));
    }
    if operation.changes() && !failure.maybe_done && operation.is_done(stand).await? {
        bail!("it was done, and the failure does not say that it may be: {:#}", told(failure));
    }
    Ok(())
}

/// The same attempt again is a success, as soon as its failures allow.
pub(super) async fn recover(stand: &Stand<'_>, target: &Opened, operation: Operation, attempt: &str) -> Check {
    let mut last = None;
    for _ in 0..TRIES {
        match operation.make(stand, target.store()?, attempt).await {
            Ok(Success::Right) => {
                ensure!(!operation.changes() || operation.is_done(stand).await?, "it is said to be a success, and is not done");
                return Ok(());
            }
            Ok(Success::Wrong(what)) => bail!("it is said to be a success: {what}"),
            Err(failure) => {
                let wait = failure.retry_after_ms.unwrap_or(if failure.retry == Retry::AtOnce { 0 } else { 300 });
                let again = failure.may_retry();
                last = Some(told(failure));
                if !again {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(wait.min(2_000))).await;
            }
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("it was never tried"))).context("the same call again is no success")
}
