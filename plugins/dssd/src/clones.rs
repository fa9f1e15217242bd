//! Clones: Ceph's own, which cost the same whatever the drive holds.
//!
//! A clone hangs on a protected snapshot: the caller's, or a hidden one that is taken for it.
//!
//! | the process or the answer is lost | what is there | the next call of the attempt |
//! |---|---|---|
//! | after the record | a half-made drive, which no call shows | goes on |
//! | the snapshot is taken, or protected | a hidden snapshot on the source | uses it |
//! | the clone is made | a half-made drive with its image | looks whether the image hangs where it is to hang; then it is made |
//! | the source is deleted meanwhile | the half-made drive | is `not-found`, and takes the record away |

use capstan_sdk::failure::not_found;
use capstan_sdk::types::Drive;
use capstan_sdk::{Failure, Outcome};

use crate::drives::{self, claim, made};
use crate::error::{EXISTS, INVALID};
use crate::exports::Exports;
use crate::images::{Image, Snapshot, meanwhile};
use crate::lane::Subject;
use crate::ledger::{self, Found};
use crate::tidy::InUse;
use crate::{bytes, names, tidy};

/// How often a clone is begun again whose snapshot another call took away.
const TRIES: usize = 3;

/// What was written to the drive through the storage daemon lies in the cluster.
pub(crate) async fn settle(subject: &Subject<'_>) -> Outcome<()> {
    let open = Exports::of(subject.client, &subject.image).await?.is_open().await?;
    if open { bytes::flush(subject).await } else { Ok(()) }
}

pub(crate) async fn clone(source: &Subject<'_>, snapshot: Option<&str>, to: &Subject<'_>, attempt: &str) -> Outcome<Drive> {
    let mark = names::mark(&format!("{attempt}\0{}", to.name))?;
    let found = ledger::look(to.name, &mark).await?;
    match found {
        Found::Made => return drives::get(to).await,
        Found::Others => return Err(to.taken()),
        // Nobody but this attempt makes an image of that name: the clone is whole, whatever became of its source.
        Found::HalfMade => {
            if let Some(image) = to.images().look().await? {
                return made(to, image.size).await;
            }
        }
        Found::Nothing => {}
    }
    match begin(source, snapshot, to, &mark).await {
        Err(failure) if is_final(&failure) && ledger::look(to.name, &mark).await? == Found::HalfMade => {
            ledger::forget(to.name).await?;
            tidy::tidy(source.client, &source.image).await?;
            Err(failure)
        }
        other => other,
    }
}

/// The clone will not come about, and was not made.
fn is_final(failure: &Failure) -> bool {
    let kind = matches!(failure, Failure::NotFound(_) | Failure::Invalid(_) | Failure::NoSpace(_) | Failure::Denied(_));
    kind && !failure.fault().maybe_done
}

async fn begin(source: &Subject<'_>, snapshot: Option<&str>, to: &Subject<'_>, mark: &str) -> Outcome<Drive> {
    // Before the name is taken: what cannot be cloned leaves nothing behind.
    let image = source.there().await?;
    if let Some(snapshot) = snapshot {
        find(source, &image, snapshot)?;
    }
    match claim(to, mark).await? {
        Found::Made => drives::get(to).await,
        _ => make(source, snapshot, to, mark).await,
    }
}

fn find<'i>(source: &Subject<'_>, image: &'i Image, snapshot: &str) -> Outcome<&'i Snapshot> {
    image
        .snapshots
        .iter()
        .find(|there| names::of_snapshot(&there.name).is_some_and(|(name, _)| name == snapshot))
        .ok_or_else(|| not_found(format!("{} has no snapshot {snapshot:?}", source.text)))
}

async fn make(source: &Subject<'_>, snapshot: Option<&str>, to: &Subject<'_>, mark: &str) -> Outcome<Drive> {
    for _ in 0..TRIES {
        let hidden = names::clone_snapshot(mark);
        let _in_use = InUse::new(&hidden);
        let from = match snapshot {
            Some(snapshot) => find(source, &source.there().await?, snapshot)?.clone(),
            None => take_hidden(source, &hidden).await?,
        };
        match source.images().protect(&from.name, true).await? {
            Err(refusal) if refusal.is_absent() => continue,
            other => other.map_err(|refusal| refusal.failure(&source.text))?,
        }
        match source.images().clone_to(&from.name, &to.image).await? {
            Ok(()) => {}
            // A call of this attempt was quicker: the name was claimed before.
            Err(refusal) if refusal.is(EXISTS) => {}
            // Its snapshot was removed, or is not protected any more.
            Err(refusal) if refusal.is_absent() || refusal.is(INVALID) => continue,
            Err(refusal) => return Err(refusal.failure(&to.text)),
        }
        let drive = made(to, from.size).await?;
        if snapshot.is_none() {
            ledger::tidied(&source.image).await?;
        }
        return Ok(drive);
    }
    Err(meanwhile(&source.text))
}

/// The source as it is at this moment, under a name that no caller sees.
async fn take_hidden(source: &Subject<'_>, hidden: &str) -> Outcome<Snapshot> {
    if let Some(there) = source.there().await?.snapshot(hidden) {
        return Ok(there.clone());
    }
    settle(source).await?;
    ledger::note(&source.image).await?;
    match source.images().take(hidden).await? {
        Err(refusal) if !refusal.is(EXISTS) => return Err(refusal.failure(&source.text)),
        _ => {}
    }
    source.there().await?.snapshot(hidden).cloned().ok_or_else(|| meanwhile(&source.text))
}
