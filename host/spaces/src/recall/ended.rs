//! What the catalogue is told of a recall: that it began, how it ended; and copies that go with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_catalogue::{CopiedFrom, Held, Record};
use capstan_domain::failure::{Blame, Retry};
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::Item;
use capstan_stub::{Access, ForWriting, Place};

use super::Begun;
use crate::changes;
use crate::copies::item_of;
use crate::on_disk::on_disk;
use crate::opened::OpenSpace;
use crate::points::{Point, reached};
use crate::routes::Routes;
use crate::{Inner, manifest};

pub(super) async fn coming(inner: &Inner, begun: &Begun) {
    set(inner, &begun.space, vec![state(begun, FileState::Recalling, None)]).await;
}

pub(super) async fn told(inner: &Arc<Inner>, begun: &Begun, outcome: Outcome<()>) {
    match outcome {
        Ok(()) => {
            if begun.path.is_empty() {
                return;
            }
            set(inner, &begun.space, vec![state(begun, FileState::Premigrated, None)]).await;
            let recorded = vec![(begun.path.clone(), FileState::Premigrated)];
            if let Err(failure) = changes::confirm(inner, &begun.space, recorded).await {
                tracing::warn!(%failure, path = begun.path, "what became of a file that is back could not be recorded");
            }
            reached(Point::StateRecorded);
            if let Err(failure) = ended(inner, &begun.space, &begun.path, false).await {
                tracing::warn!(%failure, path = begun.path, "the copies of a file that is back could not be deleted");
            }
        }
        Err(failure) => set(inner, &begun.space, vec![state(begun, FileState::Migrated, Some(failure))]).await,
    }
}

fn state(begun: &Begun, state: FileState, failure: Option<Failure>) -> NewFileState {
    let leading = if state.is_here() { 0 } else { begun.leading };
    NewFileState { path: begun.path.clone(), state, replica: None, leading, failure }
}

/// The file is the truth: what could not be recorded is found out later.
async fn set(inner: &Inner, space: &OpenSpace, states: Vec<NewFileState>) {
    let states: Vec<_> = states.into_iter().filter(|state| !state.path.is_empty()).collect();
    if !space.is_home || states.is_empty() {
        return;
    }
    if let Err(failure) = inner.catalogue.set_file_states(space.tree, states).await {
        tracing::warn!(%failure, space = %space.id, "the states of files that were recalled could not be recorded");
    }
}

/// A file is back: its copies go where its external target says so, or, with `all`, wherever they are.
pub(crate) async fn ended(inner: &Arc<Inner>, space: &Arc<OpenSpace>, path: &str, all: bool) -> Outcome<()> {
    let look = on_disk({
        let (raw, path) = (space.raw.clone(), path.to_owned());
        move || raw.look(&path)
    })
    .await??;
    if !look.is_data() {
        return Ok(());
    }
    let places = match look.record() {
        Some(record) => record.content.places.clone(),
        // An earlier run ended on the way, or the file is another by now: its content is here, and those copies are the catalogue's alone.
        None => held(inner, space, path).await?,
    };
    if places.is_empty() {
        return Ok(());
    }
    let routes = Routes::load(&inner.catalogue, space.id, inner.settings.site, None).await?;
    let absolute = space.absolute(path);
    let going = |place: &&Place| all || routes.deletes_on_recall(&absolute, place.location);
    let going: Vec<Place> = places.iter().filter(going).cloned().collect();
    if going.is_empty() {
        return Ok(());
    }
    if inner.catalogue.managed_space(space.id).await?.sites.len() > 1 {
        // A stub of another site may have nothing but them (D6), and nobody knows.
        tracing::info!(space = %space.id, path, "the copies of a file that is back stay: the space is on several sites");
        return Ok(());
    }
    forget_copies(inner, space, path, &going).await
}

async fn held(inner: &Inner, space: &OpenSpace, path: &str) -> Outcome<Vec<Place>> {
    if !space.is_home {
        return Ok(Vec::new());
    }
    let held = inner.catalogue.replicas_at(space.tree, &[path.to_owned()]).await?;
    let place = |held: Held| Place { location: held.replica.location, name: held.replica.key, version: held.replica.version };
    Ok(held.into_iter().map(place).collect())
}

/// First nobody counts on them, then they go. The content is here, durably; a copy that another file counts on stays.
async fn forget_copies(inner: &Inner, space: &OpenSpace, path: &str, places: &[Place]) -> Outcome<()> {
    if !space.is_told().await {
        return Err(untold(path));
    }
    // From here on nobody may begin to count on what is about to go. Not later: whoever counted on it already, to make a stub of this very
    // file, must be seen to have.
    let _counting = inner.counting.write().await;
    let ready = on_disk({
        let (raw, path) = (space.raw.clone(), path.to_owned());
        move || raw.file(&path, Access::Write)?.invalidate()
    })
    .await??;
    if ready == ForWriting::RecallFirst {
        return Ok(());
    }
    reached(Point::Invalidated);
    let mut by_location: BTreeMap<LocationId, Vec<String>> = BTreeMap::new();
    for place in places {
        by_location.entry(place.location).or_default().push(place.name.clone());
    }
    for (location, keys) in by_location {
        let shared = inner.catalogue.copied_from(location, &keys).await?;
        let is_shared = |key: &String| {
            shared.iter().any(|from: &CopiedFrom| from.key == *key && (from.tree != space.tree || from.path != path))
        };
        let own: Vec<String> = keys.into_iter().filter(|key| !is_shared(key)).collect();
        let resident =
            NewFileState { path: path.to_owned(), state: FileState::Resident, replica: None, leading: 0, failure: None };
        let record = Record {
            forgotten: vec![(location, own.clone())],
            states: if space.is_home { vec![(space.tree, vec![resident])] } else { Vec::new() },
            ..Record::default()
        };
        inner.catalogue.record(record).await?;
        reached(Point::Released);
        let gone = own.first().map(|_| (location, path.to_owned()));
        manifest::note(inner, space, manifest::Told::default().and_gone(gone)).await;
        let tree = inner.buckets.tree(location).await?;
        let items: Vec<Item> = own.iter().map(|key| item_of(key, 0, capstan_domain::time::Timestamp::default())).collect();
        let attempt = format!("forget-{}", space.id);
        tree.remove(&items, false, &attempt).await.into_iter().collect::<Outcome<()>>()?;
        tree.sync().await?;
        reached(Point::CopiesDeleted);
    }
    Ok(())
}

/// A file that was renamed may rest on the copies, and the catalogue does not know of it yet.
fn untold(path: &str) -> Failure {
    Failure::new(Kind::Busy, format!("The copies of {path:?} stay: it is not recorded yet what was done in the space before"))
        .with_blame(Blame::Host)
        .with_retry(Retry::Later)
        .with_code("changes-untold")
        .with_next_step("The file is back. Recall it again later, and its copies go.")
}
