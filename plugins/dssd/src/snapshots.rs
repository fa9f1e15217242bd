//! Snapshots of drives. The attempt that took one stands in its name in the cluster.
//!
//! | the process or the answer is lost | what is there | the next call of the attempt |
//! |---|---|---|
//! | take: before the cluster has it | nothing | takes it |
//! | take: the cluster has it | the snapshot | finds its own mark: a success |
//! | restore: after the record says so | the drive, as it was | goes on |
//! | restore: exports are closed | the same; what was attached is not any more | goes on; the host attaches anew |
//! | restore: the bytes are back | the drive, cut to the snapshot's size | does it once more, and gives it its size |
//! | restore: it has its size | the drive as it is to be | does it once more |
//! | restore: the record says that it was done | the same | a success, and nothing is done |
//! | delete: it is renamed | no snapshot for callers | takes away what is left, as `tidy` says |

use capstan_sdk::drive::check_name;
use capstan_sdk::failure::{already_exists, busy, not_found};
use capstan_sdk::types::{self, Drive, SnapshotPage};
use capstan_sdk::{Outcome, named};

use crate::clones::settle;
use crate::drives::drive;
use crate::error::{BUSY, EXISTS, READ_ONLY};
use crate::exports::{Attached, Exports};
use crate::images::{Image, Snapshot, meanwhile};
use crate::lane::{Subject, forget};
use crate::{ledger, names, tidy};

/// How often a restore is begun again that somebody's reading or writing gets in the way of.
const TRIES: usize = 3;
/// Snapshots of one page.
const PAGE: u32 = 1_000;

fn told(name: &str, snapshot: &Snapshot) -> types::Snapshot {
    let mut extras = vec![named("engine-id", snapshot.id.to_string())];
    extras.extend(snapshot.disk_usage.map(|bytes| named("used", bytes.to_string())));
    types::Snapshot { name: name.to_owned(), size: snapshot.size, created: snapshot.created(), extras }
}

/// The snapshot of this name, with the mark of the attempt that took it. Of two that were taken at once, the first.
fn find<'i>(image: &'i Image, name: &str) -> Option<(&'i Snapshot, &'i str)> {
    let all = image.snapshots.iter().filter_map(|snapshot| match names::of_snapshot(&snapshot.name) {
        Some((there, mark)) if there == name => Some((snapshot, mark)),
        _ => None,
    });
    all.min_by_key(|(snapshot, _)| snapshot.id)
}

pub(crate) async fn take(subject: &Subject<'_>, name: &str, attempt: &str) -> Outcome<types::Snapshot> {
    check_name(name, "snapshot")?;
    let mark = names::mark(attempt)?;
    let taken = || already_exists(format!("{} has a snapshot {name:?} already", subject.text));
    let image = subject.there().await?;
    match find(&image, name) {
        Some((_, its)) if its == mark => return weighed(subject, image, name).await,
        Some(_) => return Err(taken()),
        None => {}
    }
    settle(subject).await?;
    let engine = names::snapshot(name, &mark);
    match subject.images().take(&engine).await? {
        Err(refusal) if !refusal.is(EXISTS) => return Err(refusal.failure(&subject.text)),
        _ => {}
    }
    let image = subject.there().await?;
    match find(&image, name) {
        Some((_, its)) if its == mark => weighed(subject, image, name).await,
        // Another attempt was a moment quicker.
        Some(_) => {
            subject.images().remove_snapshot(&engine).await?.map_err(|refusal| refusal.failure(&subject.text))?;
            Err(taken())
        }
        None => Err(meanwhile(&subject.text)),
    }
}

/// A snapshot that is there, with what it takes.
async fn weighed(subject: &Subject<'_>, image: Image, name: &str) -> Outcome<types::Snapshot> {
    let image = subject.images().with_usage(image).await;
    find(&image, name).map(|(snapshot, _)| told(name, snapshot)).ok_or_else(|| meanwhile(&subject.text))
}

pub(crate) async fn list(subject: &Subject<'_>, after: Option<&str>, limit: u32) -> Outcome<SnapshotPage> {
    let image = subject.images().with_usage(subject.there().await?).await;
    Ok(page(&image, after, limit.min(PAGE)))
}

/// Numbers rise with time, and serve as markers.
fn page(image: &Image, after: Option<&str>, limit: u32) -> SnapshotPage {
    let after = after.and_then(|after| after.parse::<u64>().ok());
    let mut all: Vec<(&str, &Snapshot)> = image
        .snapshots
        .iter()
        .filter(|snapshot| after.is_none_or(|after| snapshot.id > after))
        .filter_map(|snapshot| names::of_snapshot(&snapshot.name).map(|(name, _)| (name, snapshot)))
        .collect();
    all.sort_by_key(|(_, snapshot)| snapshot.id);
    let more = all.len() > limit as usize;
    all.truncate(limit as usize);
    let next = all.last().filter(|_| more).map(|(_, snapshot)| snapshot.id.to_string());
    SnapshotPage { snapshots: all.into_iter().map(|(name, snapshot)| told(name, snapshot)).collect(), next }
}

pub(crate) async fn delete(subject: &Subject<'_>, name: &str) -> Outcome<()> {
    check_name(name, "snapshot")?;
    let image = match subject.there().await {
        Err(capstan_sdk::Failure::NotFound(_)) => return Ok(()),
        other => other?,
    };
    match find(&image, name) {
        Some((snapshot, _)) => tidy::drop_snapshot(subject, snapshot).await,
        None => {
            // An earlier call may have been cut behind the renaming.
            if ledger::is_noted(&subject.image).await? { tidy::tidy(subject.client, &subject.image).await } else { Ok(()) }
        }
    }
}

pub(crate) async fn restore(subject: &Subject<'_>, name: &str, attempt: &str) -> Outcome<Drive> {
    check_name(name, "snapshot")?;
    let mark = names::mark(attempt)?;
    let image = subject.there().await?;
    let absent = || not_found(format!("{} has no snapshot {name:?}", subject.text));
    let snapshot = find(&image, name).map(|(snapshot, _)| snapshot.clone()).ok_or_else(absent)?;
    let record = subject.record().await?;
    if record.restored.as_deref() == Some(mark.as_str()) {
        return Ok(drive(subject.name, &image));
    }
    // What a try before cut to the snapshot's size gets back the size it had.
    let size = record.restoring.unwrap_or(0).max(image.size).max(snapshot.size);
    ledger::change(subject.name, |record| record.restoring = Some(size)).await?;
    if subject.images().is_rolling_back(&snapshot.name).await? {
        return Err(crate::client::still(&subject.text));
    }
    let attached = roll_back(subject, &snapshot).await?;
    if snapshot.size < size {
        subject.images().resize(size).await?.map_err(|refusal| refusal.failure(&subject.text))?;
        // Opened meanwhile by another call, it would show the smaller size.
        Exports::of(subject.client, &subject.image).await?.renew(&subject.text).await?;
        forget(&subject.image);
    }
    attach_again(subject, attached).await?;
    ledger::change(subject.name, |record| {
        record.restoring = None;
        record.restored = Some(mark.clone());
    })
    .await?;
    subject.there().await.map(|image| drive(subject.name, &image))
}

/// Nobody has the image open while the cluster puts the bytes back. Answers how it was attached; where it fails, it is attached
/// again.
async fn roll_back(subject: &Subject<'_>, snapshot: &Snapshot) -> Outcome<Option<Attached>> {
    let mut attached = None;
    let failed = 'tries: {
        for _ in 0..TRIES {
            let was = Exports::of(subject.client, &subject.image).await?.close().await?;
            attached = attached.or(was);
            forget(&subject.image);
            match subject.images().roll_back(&snapshot.name).await {
                Ok(Ok(())) => return Ok(attached),
                Ok(Err(refusal)) if refusal.is(READ_ONLY) || refusal.is(BUSY) => {}
                Ok(Err(refusal)) => break 'tries refusal.failure(&subject.text),
                // The cluster may be at it still, and wants nobody to write there.
                Err(failure) => return Err(failure),
            }
        }
        busy(format!("{} is in use by somebody else", subject.text)).after_ms(5_000)
    };
    attach_again(subject, attached).await?;
    Err(failed)
}

async fn attach_again(subject: &Subject<'_>, attached: Option<Attached>) -> Outcome<()> {
    match attached {
        Some(attached) => Exports::of(subject.client, &subject.image).await?.attach(attached, &subject.text).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let one = |id: u64, name: &str| format!(r#"{{"id": {id}, "name": "{name}", "size": 1}}"#);
        let all = [
            one(9, "b.0123456789abcdef"),
            one(4, "a.0000000000000000"),
            one(5, "capstan.clone.0123456789abcdef"),
            one(6, "by-hand"),
            one(7, "a.1111111111111111"),
        ];
        serde_json::from_str(&format!(r#"{{"size": 1, "id": "x", "snapshots": [{}]}}"#, all.join(","))).unwrap()
    }

    #[test]
    fn snapshots_come_oldest_first_and_only_those_that_callers_took() {
        let ids = |after: Option<&str>, limit| {
            let page = page(&image(), after, limit);
            let names: Vec<String> = page.snapshots.into_iter().map(|snapshot| snapshot.name).collect();
            (names.join(" "), page.next)
        };
        assert_eq!(ids(None, 10), ("a a b".to_owned(), None));
        assert_eq!(ids(None, 1), ("a".to_owned(), Some("4".to_owned())));
        assert_eq!(ids(Some("4"), 2), ("a b".to_owned(), None));
    }

    #[test]
    fn what_a_snapshot_takes_is_told_where_the_cluster_tells_it() {
        let snapshot = |usage: &str| {
            let text = format!(r#"{{"id": 1, "name": "a.0123456789abcdef", "size": 8, "disk_usage": {usage}}}"#);
            told("a", &serde_json::from_str(&text).unwrap())
        };
        assert_eq!(capstan_sdk::find(&snapshot("4096").extras, "used"), Some("4096"));
        assert_eq!(capstan_sdk::find(&snapshot("null").extras, "used"), None);
    }

    #[test]
    fn of_two_that_were_taken_at_once_the_first_has_the_name() {
        let image = image();
        assert_eq!(find(&image, "a").map(|(snapshot, mark)| (snapshot.id, mark)), Some((4, "0000000000000000")));
        assert!(find(&image, "by-hand").is_none() && find(&image, "capstan").is_none());
    }
}
