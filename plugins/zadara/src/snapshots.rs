//! Snapshots: of a volume's consistency group, by the names that callers gave them; and a drive made again of one.
//!
//! Restoring makes a new volume of the snapshot and lets it be the drive's. The old volume stays, out of sight, as long as
//! snapshots hang on it: the VPSA's interface cannot turn a volume back, and copying one would take as long as it is large.
//!
//! | a restore is cut behind | what is there | the next call of the attempt |
//! |---|---|---|
//! | the record says so | the drive, as it was | orders the new volume |
//! | the new volume is ordered, or grows | the drive, as it was, and a volume with a name of its own | goes on with that; another attempt takes it away |
//! | the record says that the new volume is the drive's | the drive as it is to be, the names of both as before | gives each its name, as another attempt does |
//! | the one is renamed, or both | the same | once more, to no effect |
//! | the old volume is let go of | the same | a success, and nothing is done |

use capstan_initiator::Outside as _;
use capstan_sdk::drive::check_name;
use capstan_sdk::failure::{already_exists, not_found, unavailable};
use capstan_sdk::types::{Drive, Snapshot, SnapshotPage};
use capstan_sdk::{Failure, Outcome, Retry};
use serde_json::json;

use crate::access;
use crate::answers::{self, Progress, id};
use crate::client::{Client, Looks, client};
use crate::drives::{self, Recipe, vanished};
use crate::outside::Host;
use crate::record::{self, Kept, Phase, Place, own};
use crate::remover::{self, unmake, unmake_snapshot};

/// Snapshots of one page.
const SNAPSHOTS: usize = 500;

fn subject(place: Place<'_>, snapshot: &str) -> String {
    format!("snapshot {snapshot:?} of {}", place.subject())
}

fn shown(name: &str, kept: &record::Snapshot) -> Snapshot {
    Snapshot { name: name.to_owned(), size: kept.size, created: Some(kept.taken), extras: Vec::new() }
}

pub(crate) async fn take(place: Place<'_>, name: &str, attempt: &str) -> Outcome<Snapshot> {
    check_name(name, "snapshot")?;
    let (client, key, subject) = (client()?, place.snapshot_key(name), subject(place, name));
    let (_, volume) = record::ready(place).await?;
    let known = own(Kept::find(key.clone()).await?, attempt, |snapshot: &record::Snapshot| &snapshot.attempt, &subject)?;
    let kept = match known {
        Some(kept) if kept.value.phase == Phase::Ready => return Ok(shown(name, &kept.value)),
        Some(kept) if kept.value.phase == Phase::Deleting => return Err(already_exists(format!("{subject} is being deleted"))),
        Some(kept) => kept,
        None => {
            let volume = client.settled(&volume, &place.subject()).await?.ok_or_else(|| vanished(place))?;
            let cg = volume.cg()?.to_owned();
            if find(&client, &cg, name, &subject).await?.is_some() {
                return Err(already_exists(format!("the volume has a snapshot {name:?} that nobody took through this target")));
            }
            let last = record::snapshots(place).await?.into_iter().map(|(_, kept)| kept.value.taken).max();
            let begun = record::Snapshot {
                attempt: attempt.to_owned(),
                phase: Phase::Making,
                size: volume.size()?,
                taken: record::moment(last),
                volume: volume.name.clone(),
                cg,
                id: None,
            };
            Kept::begin(key, begun).await?
        }
    };
    match take_on(&client, &kept.value.cg, name, &subject).await {
        Ok(id) => {
            let kept = kept.put(|snapshot| (snapshot.phase, snapshot.id) = (Phase::Ready, Some(id))).await?;
            Ok(shown(name, &kept.value))
        }
        Err(failure) => {
            if !failure.may_retry() && !failure.fault().maybe_done {
                kept.forget().await?;
            }
            Err(failure)
        }
    }
}

async fn find(client: &Client, cg: &str, name: &str, subject: &str) -> Outcome<Option<answers::Snapshot>> {
    Ok(remover::snapshots(client, cg, subject).await?.into_iter().find(|snapshot| snapshot.display_name == name))
}

/// The snapshot's id, when the VPSA has done with it.
async fn take_on(client: &Client, cg: &str, name: &str, subject: &str) -> Outcome<String> {
    if find(client, cg, name, subject).await?.is_none() {
        let path = format!("/api/consistency_groups/{}/snapshots.json", id("cg", cg)?);
        match client.change("POST", &path, json!({ "display_name": name })).await? {
            Err(refusal) if refusal.is_taken() => {}
            Err(refusal) if refusal.is_certain() => return Err(refusal.failure(subject)),
            Err(refusal) => return Err(refusal.failure(subject).maybe_done()),
            Ok(_) => {}
        }
    }
    let mut looks = Looks::new();
    loop {
        match find(client, cg, name, subject).await? {
            Some(found) if found.progress() == Progress::Ready => return id("snap", &found.name).map(str::to_owned),
            Some(found) if found.progress() == Progress::Failed => {
                unmake_snapshot(client, &found.name, subject).await?;
                return Err(unavailable(format!("the VPSA says that {subject} has failed")).retry(Retry::Never));
            }
            _ => looks.next(subject).await?,
        }
    }
}

/// The record of a snapshot that is there.
pub(crate) async fn ready(place: Place<'_>, name: &str) -> Outcome<record::Snapshot> {
    check_name(name, "snapshot")?;
    let kept = Kept::<record::Snapshot>::find(place.snapshot_key(name)).await?;
    let ready = kept.map(|kept| kept.value).filter(|snapshot| snapshot.phase == Phase::Ready && snapshot.id.is_some());
    ready.ok_or_else(|| not_found(format!("there is no {}", subject(place, name))))
}

pub(crate) async fn list(place: Place<'_>, after: Option<&str>, limit: u32) -> Outcome<SnapshotPage> {
    let (kept, volume) = record::ready(place).await?;
    let client = client()?;
    // Somebody may have deleted some of them on the VPSA itself.
    let mut there: Vec<String> = Vec::new();
    for id in kept.value.before.iter().chain([&volume]) {
        if let Some(volume) = client.volume(id).await? {
            let found = remover::snapshots(&client, volume.cg()?, &place.subject()).await?;
            there.extend(found.into_iter().map(|snapshot| snapshot.name));
        }
    }
    let mut all: Vec<(String, Snapshot)> = record::snapshots(place)
        .await?
        .into_iter()
        .filter(|(_, kept)| kept.value.phase == Phase::Ready && kept.value.id.as_ref().is_some_and(|id| there.contains(id)))
        .map(|(name, kept)| (marker(&name, kept.value.taken), shown(&name, &kept.value)))
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(page(all, after, limit))
}

/// Oldest first, and by name where moments are the same.
fn marker(name: &str, taken: i64) -> String {
    format!("{taken:020}/{name}")
}

fn page(all: Vec<(String, Snapshot)>, after: Option<&str>, limit: u32) -> SnapshotPage {
    let limit = (limit as usize).clamp(1, SNAPSHOTS);
    let mut rest = all.into_iter().filter(|(marker, _)| after.is_none_or(|after| marker.as_str() > after)).peekable();
    let (mut snapshots, mut last) = (Vec::new(), None);
    while snapshots.len() < limit
        && let Some((marker, snapshot)) = rest.next()
    {
        snapshots.push(snapshot);
        last = Some(marker);
    }
    SnapshotPage { snapshots, next: last.filter(|_| rest.peek().is_some()) }
}

/// An absent snapshot is a success.
pub(crate) async fn delete(place: Place<'_>, name: &str) -> Outcome<()> {
    check_name(name, "snapshot")?;
    let (client, key, subject) = (client()?, place.snapshot_key(name), subject(place, name));
    let Some(kept) = Kept::<record::Snapshot>::find(key).await? else {
        // An earlier call may have been cut behind the snapshot.
        return release(&client, place).await;
    };
    let kept = kept.put(|snapshot| snapshot.phase = Phase::Deleting).await?;
    let id = match &kept.value.id {
        Some(id) => Some(id.clone()),
        None => find(&client, &kept.value.cg, name, &subject).await?.map(|found| found.name),
    };
    if let Some(id) = id {
        unmake_snapshot(&client, &id, &subject).await?;
    }
    kept.forget().await?;
    release(&client, place).await
}

/// An old volume goes with the last of its snapshots.
async fn release(client: &Client, place: Place<'_>) -> Outcome<()> {
    let kept = Kept::<record::Drive>::find(place.key()).await?;
    let Some(kept) = kept.filter(|kept| !kept.value.before.is_empty()) else { return Ok(()) };
    let snapshots = record::snapshots(place).await?;
    let held = |volume: &str| snapshots.iter().any(|(_, snapshot)| snapshot.value.volume == volume);
    let spare: Vec<String> = kept.value.before.iter().filter(|old| !held(old.as_str())).cloned().collect();
    if spare.is_empty() {
        return Ok(());
    }
    for volume in &spare {
        unmake(client, volume, &place.subject()).await?;
    }
    kept.put(|drive| drive.before.retain(|old| !spare.contains(old))).await.map(drop)
}

pub(crate) async fn restore(place: Place<'_>, name: &str, attempt: &str) -> Outcome<Drive> {
    let (client, subject) = (client()?, place.subject());
    conclude(&client, place).await?;
    let (mut kept, old) = record::ready(place).await?;
    let again = kept.value.restoring.clone().filter(|restoring| restoring.attempt == attempt && restoring.snapshot == name);
    if again.as_ref().is_some_and(|restoring| restoring.done) {
        return drives::get(place).await;
    }
    let snapshot = ready(place, name).await?;
    let size = client.settled(&old, &subject).await?.ok_or_else(|| vanished(place))?.size()?;
    let called = match (again, &kept.value.restoring) {
        (Some(restoring), _) => restoring.called,
        (None, earlier) => {
            // What an attempt left that nobody goes on with.
            if let Some(left) = earlier.as_ref().filter(|left| !left.done) {
                remover::clear(&client, Place { location: place.location, name: &left.called }).await?;
            }
            let called = temporary_name();
            let begun = record::Restoring {
                attempt: attempt.to_owned(),
                snapshot: name.to_owned(),
                called: called.clone(),
                done: false,
                replaced: None,
            };
            kept = kept.put(|drive| drive.restoring = Some(begun)).await?;
            called
        }
    };
    let recipe = Recipe::Clone { cg: snapshot.cg, snapshot: snapshot.id };
    let new = match drives::brew(&client, place.location, &called, &recipe, size).await {
        Ok(new) => new,
        Err(failure) => {
            let left = Place { location: place.location, name: &called };
            if !failure.may_retry() && !failure.fault().maybe_done && remover::clear(&client, left).await.is_ok() {
                kept.put(|drive| drive.restoring = None).await?;
            }
            return Err(failure);
        }
    };
    // A drive keeps its size; one that was smaller gets the snapshot's.
    let size = size.max(new.size()?);
    let new = drives::grow(&client, &new.name, size, &subject).await?.ok_or_else(|| vanished(place))?;
    let id = id("volume", &new.name)?.to_owned();
    kept.put(|drive| {
        drive.volume = Some(id);
        drive.before.push(old.clone());
        let restoring = drive.restoring.take();
        drive.restoring = restoring.map(|restoring| record::Restoring { done: true, replaced: Some(old), ..restoring });
    })
    .await?;
    // From here on the new one is the drive.
    conclude(&client, place).await.map_err(Failure::maybe_done)?;
    drives::drive(place.name, &new)
}

/// Makes an end of a restore whose volume is the drive's already: each of the two gets its name, and the old one goes where nothing
/// hangs on it.
async fn conclude(client: &Client, place: Place<'_>) -> Outcome<()> {
    let (kept, volume) = record::ready(place).await?;
    let Some(record::Restoring { called, replaced: Some(old), .. }) = kept.value.restoring else { return Ok(()) };
    rename(client, place, &old, &format!("{called}-old")).await?;
    rename(client, place, &volume, place.name).await?;
    access::detach(client, &old).await?;
    release(client, place).await?;
    let (kept, _) = record::ready(place).await?;
    kept.put(|drive| {
        if let Some(restoring) = &mut drive.restoring {
            restoring.replaced = None;
        }
    })
    .await
    .map(drop)
}

/// The names are for people: nothing hangs on one that the VPSA refuses.
async fn rename(client: &Client, place: Place<'_>, volume: &str, name: &str) -> Outcome<()> {
    let path = format!("/api/volumes/{}/rename.json", id("volume", volume)?);
    match client.change("POST", &path, json!({ "new_name": name })).await? {
        Err(refusal) if !refusal.is_certain() => Err(refusal.failure(&place.subject()).maybe_done()),
        _ => Ok(()),
    }
}

/// No drive is called so: they have no capitals.
fn temporary_name() -> String {
    format!("Capstan-{}", capstan_sdk::text::hex(&Host::random()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_snapshots_go_from_the_oldest_to_the_newest_and_end() {
        let snapshot = |name: &str, taken| {
            (marker(name, taken), Snapshot { name: name.to_owned(), size: 1, created: Some(taken), extras: Vec::new() })
        };
        let all = || {
            let mut all = vec![snapshot("b", 20), snapshot("a", 100), snapshot("c", 3)];
            all.sort_by(|(one, _), (other, _)| one.cmp(other));
            all
        };
        let names = |page: &SnapshotPage| page.snapshots.iter().map(|snapshot| snapshot.name.clone()).collect::<Vec<_>>();
        let first = page(all(), None, 2);
        assert_eq!(names(&first), ["c", "b"]);
        let second = page(all(), first.next.as_deref(), 2);
        assert_eq!((names(&second), second.next), (vec!["a".to_owned()], None));
    }
}
