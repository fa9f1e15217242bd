//! Room in spaces: a file is admitted before it is stored, and what was admitted counts until it is recorded.
//!
//! What a space holds is kept with its tree, by every change of an entry and in the same transaction; so it is right after a removal, a
//! sweep and a restart. Files on their way are kept in memory only: a process that dies forgets them, and what it had stored without
//! recording is admitted again when the job goes on. Looking, admitting and recording take turns, so that no file counts twice or
//! not at all. A bound that is met refuses the file; nothing waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use capstan_domain::entry::{EntryKind, Tree};
use capstan_domain::failure::Blame;
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::paths::{CHUNK, Memory, numbers};
use crate::query::{Value, sql};
use crate::record::Record;
use crate::tree::tree_row;

/// What an outcome is recorded under: the number of a transfer's source, and the path there.
pub type Key = (usize, String);

/// Code of the failure of a file that a space may not take.
const QUOTA: &str = "quota";

/// A file that is about to be stored in a space.
#[derive(Clone, Debug)]
pub struct Asked {
    pub key: Key,
    /// In the space's tree.
    pub path: String,
    pub size: u64,
}

/// Files on their way into spaces, of all transfers of this process.
#[derive(Default)]
pub(crate) struct Admitted {
    /// Held while it is looked what there is, and while it changes.
    turn: tokio::sync::Mutex<()>,
    files: Mutex<HashMap<(u64, SpaceId, String), Growth>>,
    holders: AtomicU64,
}

/// What a space will hold more (or less) of once a file is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Growth {
    bytes: i64,
    resident: i64,
}

impl Admitted {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<(u64, SpaceId, String), Growth>) -> T) -> T {
        look(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What one transfer was let in with. Dropping it gives back what was not recorded.
pub struct Admission {
    catalogue: Catalogue,
    holder: u64,
    keys: Mutex<HashMap<Key, Vec<(SpaceId, String)>>>,
}

impl Catalogue {
    pub fn admission(&self) -> Admission {
        let holder = self.admitted.holders.fetch_add(1, Ordering::Relaxed);
        Admission { catalogue: self.clone(), holder, keys: Mutex::default() }
    }
}

/// A space's bounds and what it holds.
struct Fill {
    name: String,
    quota: Option<i64>,
    cache_quota: Option<i64>,
    held: Growth,
}

impl Admission {
    /// One answer per file, in order; `NoSpace`, code "quota", where the space may not take it. A file that makes the space smaller
    /// always fits. Asking again for the same file replaces what was asked before.
    pub async fn admit(&self, tree: Tree, files: &[Asked]) -> Outcome<Vec<Outcome<()>>> {
        let all = || files.iter().map(|_| Ok(())).collect();
        let Tree::Space(space) = tree else { return Ok(all()) };
        let shared = Arc::clone(&self.catalogue.admitted);
        let _turn = shared.turn.lock().await;
        let mut connection = self.catalogue.read().await?;
        let fill = fill(&mut connection, space).await?;
        if fill.quota.is_none() && fill.cache_quota.is_none() {
            return Ok(all());
        }
        let known = known(&mut connection, tree, files).await?;
        Ok(shared.with(|admitted| {
            for file in files {
                admitted.remove(&(self.holder, space, file.path.clone()));
            }
            let mut held = admitted.iter().filter(|((_, of, _), _)| *of == space).fold(fill.held, |held, (_, growth)| Growth {
                bytes: held.bytes.saturating_add(growth.bytes),
                resident: held.resident.saturating_add(growth.resident),
            });
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            files
                .iter()
                .map(|file| {
                    let size = i64::try_from(file.size).unwrap_or(i64::MAX);
                    let now = known.get(file.path.as_str()).copied().unwrap_or_default();
                    let growth = Growth { bytes: size.saturating_sub(now.bytes), resident: size.saturating_sub(now.resident) };
                    let then = Growth {
                        bytes: held.bytes.saturating_add(growth.bytes),
                        resident: held.resident.saturating_add(growth.resident),
                    };
                    if growth.bytes > 0 && fill.quota.is_some_and(|quota| then.bytes > quota) {
                        return Err(full(&fill.name, "quota", fill.quota));
                    }
                    if growth.resident > 0 && fill.cache_quota.is_some_and(|quota| then.resident > quota) {
                        return Err(full(&fill.name, "quota on the cache", fill.cache_quota));
                    }
                    held = then;
                    admitted.insert((self.holder, space, file.path.clone()), growth);
                    keys.entry(file.key.clone()).or_default().push((space, file.path.clone()));
                    Ok(())
                })
                .collect()
        }))
    }

    /// Records what became of these, which then count as what is recorded of them.
    pub async fn record(&self, keys: &[Key], record: Record) -> Outcome<()> {
        let shared = Arc::clone(&self.catalogue.admitted);
        let none = self.keys.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let _turn = if none { None } else { Some(shared.turn.lock().await) };
        self.catalogue.record(record).await?;
        let mut held = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let settled: Vec<(SpaceId, String)> = keys.iter().filter_map(|key| held.remove(key)).flatten().collect();
        self.give_back(settled);
        Ok(())
    }

    fn give_back(&self, settled: impl IntoIterator<Item = (SpaceId, String)>) {
        self.catalogue.admitted.with(|admitted| {
            for (space, path) in settled {
                admitted.remove(&(self.holder, space, path));
            }
        });
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let held = std::mem::take(&mut *self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        self.give_back(held.into_values().flatten());
    }
}

fn full(space: &str, what: &str, quota: Option<i64>) -> Failure {
    Failure::new(Kind::NoSpace, format!("The {what} of {space}, {} bytes, has no room for it", quota.unwrap_or_default()))
        .with_code(QUOTA)
        .with_blame(Blame::Caller)
        .with_next_step("Raise the quota, or remove files from it, and run it again.")
}

async fn fill(connection: &mut Connection, space: SpaceId) -> Outcome<Fill> {
    let query = sql("SELECT t.name, t.quota_bytes, t.cache_quota_bytes, f.file_bytes, f.resident_bytes \
                     FROM spaces t JOIN trees f ON f.space = t.id WHERE t.id = $1");
    let mut row = connection.one(query.bind(space)).await?.ok_or_else(|| crate::failure::missing("space"))?;
    Ok(Fill {
        name: row.take()?,
        quota: row.take()?,
        cache_quota: row.take()?,
        held: Growth { bytes: row.take()?, resident: row.take()? },
    })
}

/// What the files that are there already count for.
async fn known<'f>(connection: &mut Connection, tree: Tree, files: &'f [Asked]) -> Outcome<HashMap<&'f str, Growth>> {
    let row = tree_row(connection, tree).await?;
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let found = numbers(connection, row, &mut Memory::default(), &paths).await?;
    let mut sizes: HashMap<Number, Growth> = HashMap::with_capacity(found.len());
    let all: Vec<Number> = found.values().copied().collect();
    for chunk in all.chunks(CHUNK) {
        let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
        let text = format!("SELECT number, kind, size, resident FROM entries WHERE number IN ({})", marks.join(", "));
        for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|number| Value::from(*number)))).await? {
            let (number, kind): (Number, EntryKind) = (row.take()?, row.word()?);
            let (size, resident): (i64, bool) = (row.take()?, row.take()?);
            if kind == EntryKind::File {
                sizes.insert(number, Growth { bytes: size, resident: if resident { size } else { 0 } });
            }
        }
    }
    Ok(paths.into_iter().filter_map(|path| Some((path, *sizes.get(found.get(path)?)?))).collect())
}
