//! What is left where something hangs on it: a drive that was deleted and has clones, a snapshot that was deleted and has clones,
//! the snapshot that a clone was made from. Out of sight, and taken away when the last clone goes.
//!
//! Ceph keeps a clone on the snapshot it was made from; neither that snapshot nor its image can be removed before the clone. But
//! both can be renamed, and the clone does not notice. Copying the bytes apart ("flatten") would do as well, for the price of all
//! of them.
//!
//! Before anything comes about that may have to be taken away, the image is noted in the host's state. So nothing is forgotten:
//!
//! | the process or the answer is lost | what is there | who takes it away |
//! |---|---|---|
//! | after an image is noted | nothing new | whoever looks next finds nothing to do |
//! | a clone's snapshot is taken, the clone not made | a hidden snapshot that nothing hangs on | the clone's next try uses it; else a later call |
//! | an image is renamed | a deleted drive with clones | the removal of the last of them |
//! | the last clone is removed | a hidden snapshot, or image, that nothing hangs on | the same call; if it was cut, its next try |
//! | the snapshot is unprotected, or removed | the same, less of it | the same |

use std::cell::RefCell;

use capstan_sdk::Outcome;

use crate::client::Client;
use crate::error::{ABSENT, BUSY, EXISTS};
use crate::images::{Image, Images, Snapshot};
use crate::lane::Subject;
use crate::{ledger, names};

/// Parents of parents that one call takes away.
const GENERATIONS: usize = 32;
/// What is noted and no call can be at any more, seconds; and how much of it one call takes away.
const LEFT_SECONDS: i64 = 900;
const SWEPT: u32 = 16;
const SUBJECT: &str = "a drive that was deleted";

thread_local! {
    /// Snapshots that calls of this instance are making clones from: nothing hangs on them yet.
    static IN_USE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a snapshot from being taken away as long as this lives.
pub(crate) struct InUse(String);

impl InUse {
    pub(crate) fn new(snapshot: &str) -> Self {
        IN_USE.with_borrow_mut(|all| all.push(snapshot.to_owned()));
        Self(snapshot.to_owned())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        IN_USE.with_borrow_mut(|all| {
            if let Some(at) = all.iter().position(|one| *one == self.0) {
                all.swap_remove(at);
            }
        });
    }
}

fn is_in_use(snapshot: &str) -> bool {
    IN_USE.with_borrow(|all| all.iter().any(|one| one == snapshot))
}

/// The drive's image under a name that no drive has.
pub(crate) async fn put_out_of_sight(subject: &Subject<'_>, image: &Image) -> Outcome<()> {
    let gone = names::gone_image(&image.id);
    ledger::note(&gone).await?;
    match subject.images().rename(&gone).await? {
        Err(refusal) if !refusal.is_absent() => Err(refusal.failure(&subject.text)),
        _ => Ok(()),
    }
}

/// Notes what the image hangs on, before it goes, if that leaves anything: a snapshot that no caller sees, or a drive that was
/// deleted.
pub(crate) async fn note_parent(client: &Client, image: &Image) -> Outcome<Option<String>> {
    let Some(parent) = &image.parent else { return Ok(None) };
    let ours = parent.pool_name == client.config.pool && names::is_ours(&parent.image_name);
    if !ours || !(names::is_hidden(&parent.snap_name) || names::is_gone(&parent.image_name)) {
        return Ok(None);
    }
    ledger::note(&parent.image_name).await?;
    Ok(Some(parent.image_name.clone()))
}

/// Whether nothing needs the snapshot any more: of a drive that is there only hidden ones, of one that was deleted all.
fn is_spare(image: &str, snapshot: &Snapshot) -> bool {
    let unwanted = names::is_gone(image) || names::is_hidden(&snapshot.name);
    unwanted && !snapshot.is_held() && !is_in_use(&snapshot.name)
}

/// Takes away what nothing hangs on: hidden snapshots of this image, the image itself if it was deleted, and so on with what it
/// hung on.
pub(crate) async fn tidy(client: &Client, image: &str) -> Outcome<()> {
    let mut image = image.to_owned();
    for _ in 0..GENERATIONS {
        match tidy_one(client, &image).await? {
            Some(parent) => image = parent,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Answers what the image hung on, if it is gone.
async fn tidy_one(client: &Client, name: &str) -> Outcome<Option<String>> {
    if !names::is_ours(name) {
        return Ok(None);
    }
    let images = Images::new(client, name, SUBJECT);
    let Some(image) = images.find().await? else {
        if !images.is_going().await? {
            ledger::tidied(name).await?;
        }
        return Ok(None);
    };
    let mut whole = !image.snapshots.iter().any(|snapshot| is_in_use(&snapshot.name));
    for snapshot in image.snapshots.iter().filter(|snapshot| is_spare(name, snapshot)) {
        whole &= remove_snapshot(&images, snapshot).await?;
    }
    if !names::is_gone(name) {
        // What still hangs there is noted anew when it goes.
        if whole {
            ledger::tidied(name).await?;
        }
        return Ok(None);
    }
    if !whole || image.is_held() {
        return Ok(None);
    }
    let parent = note_parent(client, &image).await?;
    match images.remove().await? {
        Ok(()) => {
            ledger::tidied(name).await?;
            Ok(parent)
        }
        // Somebody has it open, or cloned it: it stays noted.
        Err(refusal) if refusal.is(BUSY) => Ok(None),
        Err(refusal) => Err(refusal.failure(SUBJECT)),
    }
}

/// False: something hangs on it after all, and it stays.
async fn remove_snapshot(images: &Images<'_>, snapshot: &Snapshot) -> Outcome<bool> {
    if snapshot.is_protected
        && let Err(refusal) = images.protect(&snapshot.name, false).await?
    {
        return if refusal.is(BUSY) || refusal.is_absent() { Ok(refusal.is_absent()) } else { Err(refusal.failure(SUBJECT)) };
    }
    match images.remove_snapshot(&snapshot.name).await? {
        Err(refusal) if refusal.is(BUSY) => Ok(false),
        other => other.map(|()| true).map_err(|refusal| refusal.failure(SUBJECT)),
    }
}

/// A caller's snapshot, gone from sight: removed, or renamed where clones hang on it.
pub(crate) async fn drop_snapshot(subject: &Subject<'_>, snapshot: &Snapshot) -> Outcome<()> {
    ledger::note(&subject.image).await?;
    let hidden = names::gone_snapshot(snapshot.id);
    match subject.images().rename_snapshot(&snapshot.name, &hidden).await? {
        Err(refusal) if !refusal.is(ABSENT) && !refusal.is(EXISTS) => return Err(refusal.failure(&subject.text)),
        _ => {}
    }
    tidy(subject.client, &subject.image).await
}

/// Takes away what calls of before left. Failures are for the log: it is tried again.
pub(crate) async fn sweep(client: &Client) {
    let swept = async {
        for image in ledger::left(LEFT_SECONDS, SWEPT).await? {
            tidy(client, &image).await?;
        }
        Ok::<(), capstan_sdk::Failure>(())
    };
    if let Err(failure) = swept.await {
        capstan_sdk::log!(warn, "what deleted drives left could not be taken away", "why" => failure.fault().message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, held: bool) -> Snapshot {
        let children = if held { r#"[{"image_name": "c"}]"# } else { "[]" };
        serde_json::from_str(&format!(r#"{{"id": 1, "name": "{name}", "size": 1, "children": {children}}}"#)).unwrap()
    }

    #[test]
    fn only_what_nothing_hangs_on_and_nobody_sees_is_taken_away() {
        let (clone, own) = (names::clone_snapshot("1"), names::snapshot("s", "0123456789abcdef"));
        assert!(is_spare("capstan.a", &snapshot(&clone, false)) && !is_spare("capstan.a", &snapshot(&clone, true)));
        assert!(!is_spare("capstan.a", &snapshot(&own, false)) && !is_spare("capstan.a", &snapshot("by-hand", false)));
        assert!(is_spare("capstan.gone.1", &snapshot(&own, false)) && !is_spare("capstan.gone.1", &snapshot(&own, true)));
    }

    #[test]
    fn a_snapshot_that_a_clone_is_being_made_from_stays() {
        let name = names::clone_snapshot("2");
        let first = InUse::new(&name);
        let second = InUse::new(&name);
        drop(first);
        assert!(!is_spare("capstan.a", &snapshot(&name, false)));
        drop(second);
        assert!(is_spare("capstan.a", &snapshot(&name, false)));
    }
}
