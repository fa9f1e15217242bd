//! Copies of removed files go once the recycle window is over (D6), if no file rests on them.
//!
//! That no file does is never inferred: the catalogue is asked, and the whole raw tree is walked, whose records beside the files are the
//! truth. A file under a second name, or one that was renamed behind the catalogue's back, keeps its copies. Where workers of other sites
//! store into the same bucket, which see neither this tree nor this process's lock, nothing goes.
//!
//! | dies after | is there then | the next purge |
//! |---|---|---|
//! | the copies were released | copies that count for nothing | finds the files again, deletes them |
//! | they were deleted | the same in the catalogue alone | finds nothing to delete, forgets them |

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use capstan_catalogue::{Held, RemovedFile};
use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, Number, Reference, SpaceId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, ItemKind, names};
use capstan_stub::{Record, State};

use crate::Inner;
use crate::changes::{self, Walk};
use crate::copies::item_of;
use crate::manifest::{self, Told};
use crate::on_disk::on_disk;
use crate::opened::OpenSpace;
use crate::points::{Point, reached};

/// Removed files that are read together.
const READ_TOGETHER: u32 = 2000;
/// Copies that go together, while nobody stores anything.
const TOGETHER: usize = 200;
/// External targets of a bucket that are looked at; one with more keeps its copies.
const TARGETS: u32 = 1000;

/// A copy in a bucket.
type Placed = (LocationId, String);

/// Answers how many copies went, also where it broke off.
pub(crate) async fn purge(inner: &Arc<Inner>, space: &Arc<OpenSpace>, now: Timestamp) -> (u64, Outcome<()>) {
    let mut purged = 0;
    let ended = all(inner, space, now, &mut purged).await;
    (purged, ended)
}

async fn all(inner: &Arc<Inner>, space: &Arc<OpenSpace>, now: Timestamp, purged: &mut u64) -> Outcome<()> {
    if !space.is_home || !is_here_alone(inner, space.id).await? {
        return Ok(());
    }
    let window = i64::try_from(inner.settings.recycle.as_nanos()).unwrap_or(i64::MAX);
    let before = Timestamp(now.0.saturating_sub(window));
    let mut due = Due::of(inner, space, before).await?;
    if due.files.is_empty() {
        return Ok(());
    }
    due.keep_shared_buckets(inner).await?;
    due.keep_what_files_rest_on(space).await?;
    let (mut first, mut stays) = (Ok(()), Vec::new());
    for bucket in due.by_location() {
        let ended = from_bucket(inner, space, &due, bucket, before, &mut stays, purged).await;
        first = first.and(ended);
    }
    due.kept.extend(stays);
    // What stays for a reason of its own is looked at again after another window.
    inner.catalogue.keep_removed(due.kept_files(), now).await?;
    changes::look_again(inner, space, due.folders()).await?;
    first
}

/// Removed files whose window is over, with their copies.
struct Due {
    files: Vec<RemovedFile>,
    held: Vec<Held>,
    /// Copies that somebody may rest on.
    kept: HashSet<Placed>,
}

impl Due {
    async fn of(inner: &Inner, space: &OpenSpace, before: Timestamp) -> Outcome<Self> {
        let (mut files, mut held) = (Vec::new(), Vec::new());
        while files.len() < inner.settings.limits.purged_files {
            let some = inner.catalogue.removed_files(space.tree, before, files.last(), READ_TOGETHER).await?;
            if some.is_empty() {
                break;
            }
            let paths: Vec<String> = some.iter().map(|file| file.path.clone()).collect();
            held.extend(inner.catalogue.replicas_at(space.tree, &paths).await?);
            files.extend(some);
        }
        Ok(Self { files, held, kept: HashSet::new() })
    }

    async fn keep_shared_buckets(&mut self, inner: &Inner) -> Outcome<()> {
        let locations: BTreeSet<LocationId> = self.held.iter().map(|held| held.replica.location).collect();
        for location in locations {
            if !is_ours_alone(inner, location).await? {
                let of_it = self.held.iter().filter(|held| held.replica.location == location).map(copy_of);
                self.kept.extend(of_it.collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    /// Every file of the tree is looked at.
    async fn keep_what_files_rest_on(&mut self, space: &Arc<OpenSpace>) -> Outcome<()> {
        let mut wanted: HashMap<Placed, [u8; 32]> = HashMap::new();
        for held in &self.held {
            wanted.insert(copy_of(held), held.replica.blake3.as_slice().try_into().unwrap_or_default());
        }
        let mut walk = Walk::of(space, "");
        while let Some(found) = walk.next().await {
            let at = Arc::clone(space);
            let records = on_disk(move || records(&at, &found)).await??;
            for record in records {
                for place in &record.content.places {
                    let copy = (place.location, place.name.clone());
                    if wanted.contains_key(&copy) {
                        self.kept.insert(copy);
                    }
                }
                if record.unnamed > 0 {
                    let same = wanted.iter().filter(|(_, content)| **content == record.content.blake3);
                    self.kept.extend(same.map(|(copy, _)| copy.clone()).collect::<Vec<_>>());
                }
            }
        }
        walk.end_of_all().await
    }

    fn by_location(&self) -> BTreeMap<LocationId, Vec<String>> {
        let mut keys: BTreeMap<LocationId, BTreeSet<String>> = BTreeMap::new();
        for held in &self.held {
            let (location, key) = copy_of(held);
            if !self.kept.contains(&(location, key.clone())) {
                keys.entry(location).or_default().insert(key);
            }
        }
        keys.into_iter().map(|(location, keys)| (location, keys.into_iter().collect())).collect()
    }

    fn numbers(&self) -> HashMap<&str, Number> {
        self.files.iter().map(|file| (file.path.as_str(), file.entry)).collect()
    }

    /// Those that have a copy that stays.
    fn kept_files(&self) -> Vec<Number> {
        let numbers = self.numbers();
        let kept = self.held.iter().filter(|held| self.kept.contains(&copy_of(held)));
        let kept: BTreeSet<Number> = kept.filter_map(|held| numbers.get(held.path.as_str()).copied()).collect();
        kept.into_iter().collect()
    }

    /// Those that the files stood in: with them the last may be gone that the catalogue has of a folder.
    fn folders(&self) -> Vec<String> {
        let mut folders = BTreeSet::new();
        for file in &self.files {
            let mut above = names::parent_of(&file.path);
            while !above.is_empty() && folders.insert(above.to_owned()) {
                above = names::parent_of(above);
            }
        }
        folders.into_iter().collect()
    }
}

fn copy_of(held: &Held) -> Placed {
    (held.replica.location, held.replica.key.clone())
}

/// What the files among these say of their copies. Fails with `Corrupt` (`unclear-record`) where one cannot be read: what it rests on is
/// not known then.
fn records(space: &OpenSpace, found: &[Item]) -> Outcome<Vec<Record>> {
    let mut records = Vec::new();
    for item in found.iter().filter(|item| item.kind == ItemKind::File) {
        let look = match space.raw.look(&item.path) {
            Ok(look) => look,
            // It went meanwhile, or is no file any more.
            Err(failure) if failure.kind == Kind::NotFound || failure.code.as_deref() == Some("not-a-file") => continue,
            Err(failure) => return Err(failure),
        };
        match look.state {
            State::Premigrated(record) | State::Migrated(record) | State::Recalling(record) | State::Foreign(record) => {
                records.push(record);
            }
            State::Resident => {}
            State::Unreadable(_) => {
                return Err(Failure::new(Kind::Corrupt, format!("It is not known what copies {:?} rests on", item.path))
                    .with_code("unclear-record")
                    .with_next_step("No copy of a removed file goes before its record is settled from the catalogue."));
            }
        }
    }
    Ok(records)
}

async fn from_bucket(
    inner: &Arc<Inner>,
    space: &Arc<OpenSpace>,
    due: &Due,
    (location, keys): (LocationId, Vec<String>),
    before: Timestamp,
    stays: &mut Vec<Placed>,
    purged: &mut u64,
) -> Outcome<()> {
    let tree = inner.buckets.tree(location).await?;
    let numbers = due.numbers();
    for keys in keys.chunks(TOGETHER) {
        // From here on nobody may begin to count on what is about to go.
        let _counting = inner.counting.write().await;
        let released = inner.catalogue.release_copies(location, keys.to_vec(), before).await?;
        reached(Point::Released);
        stays.extend(keys.iter().filter(|key| !released.contains(*key)).map(|key| (location, key.clone())));
        let items: Vec<Item> = released.iter().map(|key| item_of(key, 0, Timestamp::default())).collect();
        let removed = tree.remove(&items, false, &format!("purge-{}", space.id)).await;
        tree.sync().await?;
        reached(Point::CopiesDeleted);
        let (mut gone, mut first) = (Vec::new(), Ok(()));
        for (key, removed) in released.into_iter().zip(removed) {
            match removed {
                Err(failure) if failure.kind != Kind::NotFound => first = first.and(Err(failure)),
                _ => gone.push(key),
            }
        }
        *purged += gone.len() as u64;
        let has_gone: HashSet<&String> = gone.iter().collect();
        let files: Vec<&Held> =
            due.held.iter().filter(|held| held.replica.location == location && has_gone.contains(&held.replica.key)).collect();
        // The bucket was told when they were removed, unless it was away.
        let told = Told::default().and_gone(files.iter().map(|held| (location, held.path.clone())));
        let files = files.iter().filter_map(|held| numbers.get(held.path.as_str()).copied()).collect();
        inner.catalogue.purge_removed(space.tree, location, gone, files).await?;
        manifest::note(inner, space, told).await;
        first?;
    }
    Ok(())
}

/// Of the states of files on other sites the catalogue knows nothing.
async fn is_here_alone(inner: &Inner, space: SpaceId) -> Outcome<bool> {
    let sites = inner.catalogue.managed_space(Reference::Id(space)).await?.sites;
    Ok(sites.iter().all(|site| *site == inner.settings.site))
}

/// Whether only spaces of this site store into a bucket.
async fn is_ours_alone(inner: &Inner, location: LocationId) -> Outcome<bool> {
    let listing = Listing::first(TARGETS).with("location", Operator::Equal, location);
    let targets = inner.catalogue.external_targets(&listing).await?;
    if targets.count > u64::from(TARGETS) {
        return Ok(false);
    }
    let spaces: HashSet<SpaceId> = targets.items.iter().map(|target| target.space).collect();
    for space in spaces {
        if !is_here_alone(inner, space).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
