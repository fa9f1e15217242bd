//! One large file: stored in parts, read back in blocks, never held in memory.

pub(super) mod prove;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use capstan_domain::content::Source as _;
use capstan_domain::failure::Kind;
use capstan_domain::job::PathState;
use capstan_domain::{Failure, Outcome};

use super::plan::{Run, Task};
use super::small::{self, arrival, copied, differs};
use super::{fate, numbered, recalled, remove};
use crate::backoff;
use crate::digest;
use crate::item::{Item, ItemKind};
use crate::ledger::{Copied, PartTables, Settled, UploadKey};
use crate::measured::{Digest, Measured};
use crate::tree::{Stored, Tree};

pub(super) async fn settle(run: &Run, task: Task) {
    let most = run.transfer.limits.tries.max(1);
    let since = run.fate.good();
    for tries in 1..=most {
        if run.fate.has_ended() || run.transfer.control.ready().await.is_err() {
            return;
        }
        let settled = match attempt(run, &task).await {
            Ok(settled) => settled,
            Err(failure) if fate::is_interruption(&failure) => return,
            Err(failure) if recalled::is_recalled(run, &task, &failure).await => return,
            Err(failure) => match backoff::wait_after(&failure, tries, most) {
                Some(wait) => {
                    tracing::debug!(path = %task.item.path, %failure, ?wait, tries, "a large file is tried again");
                    tokio::select! {
                        () = tokio::time::sleep(wait) => continue,
                        () = run.transfer.control.stopped() => return,
                    }
                }
                None => Settled::failed(task.source, task.item.clone(), failure),
            },
        };
        let settled = vec![settled];
        if run.record(settled.clone(), since).await.is_ok() {
            remove::sources(run, &settled).await;
        }
        return;
    }
}

/// One try.
pub(super) async fn attempt(run: &Run, task: &Task) -> Outcome<Settled> {
    let refusal =
        run.transfer.destinations.iter().flat_map(|destination| &destination.trees).find_map(|tree| tree.refuses(&task.place));
    if let Some(failure) = refusal {
        return Err(failure);
    }
    if let Some(settled) = unchanged(run, task).await? {
        return Ok(settled);
    }
    let Some(source) = run.transfer.sources.get(task.source) else { return Err(Failure::invalid("There is no such source")) };
    let evidence = run.ledger().evidence(task.source, std::slice::from_ref(&task.item)).await?.into_iter().next().flatten();
    let opened = source.tree.open(&task.item).await?;
    let item = opened.item.clone();
    let expected = evidence
        .filter(|evidence| small::is_of(evidence, &item))
        .and_then(|evidence| Some(Digest { root: evidence.blake3, subtrees: digest::from_bytes(&evidence.subtrees)? }));
    let transfer = &run.transfer;
    let content =
        Measured::new(opened, expected, Arc::clone(&run.throttle), transfer.control.clone(), Arc::clone(&transfer.counters));
    let (mut copies, mut stored) = (Vec::new(), false);
    for index in 0..transfer.destinations.len() {
        match copy(run, index, task, &content).await? {
            Arrived::New(copy) => {
                stored = true;
                copies.push(copy);
            }
            Arrived::WasThere(copy) => copies.push(copy),
            Arrived::InTheWay => return Ok(Settled::skipped(task.source, item, differs(&task.place))),
        }
    }
    let digest = content.complete().await?;
    content.check(&digest)?;
    Ok(Settled {
        source: task.source,
        bytes: if stored { item.size } else { 0 },
        item,
        state: if stored { PathState::Done } else { PathState::Unchanged },
        failure: None,
        blake3: Some(digest.root),
        subtrees: digest::to_bytes(&digest.subtrees),
        copies,
        moved: transfer.options.remove_source,
    })
}

/// Into one destination, under another name where that is asked for.
pub(super) async fn copy(run: &Run, index: usize, task: &Task, content: &Arc<Measured>) -> Outcome<Arrived> {
    let admitted = run.ledger().admit(index, &[small::wanted(task, content.size())]).await?;
    admitted.into_iter().collect::<Outcome<()>>()?;
    match into(run, index, task, content).await? {
        Arrived::InTheWay if run.transfer.options.rename => beside(run, index, task, content).await,
        arrived => Ok(arrived),
    }
}

/// Into the first name beside what differs that is free or holds the very content.
async fn beside(run: &Run, index: usize, task: &Task, content: &Arc<Measured>) -> Outcome<Arrived> {
    for number in 1..=numbered::TRIES {
        let task = Task { place: numbered::numbered(&task.place, number), ..task.clone() };
        match into(run, index, &task, content).await? {
            Arrived::InTheWay => {}
            arrived => {
                tracing::debug!(path = %task.item.path, place = task.place, "stored beside what differs");
                return Ok(arrived);
            }
        }
    }
    Err(numbered::none_free(&task.place))
}

async fn unchanged(run: &Run, task: &Task) -> Outcome<Option<Settled>> {
    let known = run.ledger().known(task.source, std::slice::from_ref(&task.item)).await?.into_iter().next().flatten();
    let Some((known, copies)) = known.and_then(|known| Some((small::copies_for(run, task, &known)?, known))).map(|(c, k)| (k, c))
    else {
        return Ok(None);
    };
    for copy in &copies {
        let Some(tree) = small::trees(run, copy.destination).get(copy.tree) else { return Ok(None) };
        if !small::is_still(copy, &tree.stat(&copy.path).await) {
            return Ok(None);
        }
    }
    Ok(Some(small::unchanged(run, task, &known)))
}

/// Gives up an unfinished store, and then its record.
async fn abandon(tree: &Arc<dyn Tree>, path: &str, tables: &dyn PartTables) -> Outcome<()> {
    let key = UploadKey { tree: tree.id().to_owned(), key: tree.upload_key(path)? };
    if let Some(record) = tables.find_upload(&key).await? {
        match &record.attempt {
            Some(attempt) => tree.give_up_begun(&key.key, record.size, attempt).await?,
            None => tree.give_up(&key.key, &record.id).await?,
        }
        tables.forget_upload(&key, &record.id).await?;
    }
    Ok(())
}

/// What became of a file in one destination.
pub(super) enum Arrived {
    New(Copied),
    /// Read and found identical.
    WasThere(Copied),
    InTheWay,
}

async fn into(run: &Run, index: usize, task: &Task, content: &Arc<Measured>) -> Outcome<Arrived> {
    let trees = small::trees(run, index);
    let fresh = run.fresh.get(index).copied().unwrap_or(false);
    let overwrite = run.transfer.options.overwrite;
    if !fresh {
        for (number, tree) in trees.iter().enumerate() {
            let Some(there) = tree.stat(&task.place).await? else { continue };
            if matches!(there.kind, ItemKind::Folder { .. }) {
                return Err(
                    Failure::new(Kind::Conflict, format!("A folder stands at {:?}", task.place)).with_code("folder-in-the-way")
                );
            }
            if there.kind == ItemKind::File && there.size == content.size() {
                // Perhaps a killed run stored it and could not record it: reading tells, and costs less than storing it anew.
                let digest = content.complete().await?;
                if prove::matches(run, tree, &there, &digest).await? {
                    // What a killed run left of it on the way is not needed any more.
                    abandon(tree, &task.place, run.ledger().part_tables()).await?;
                    let stored = Stored { key: there.native.clone().unwrap_or_else(|| there.path.clone()), item: there };
                    return Ok(Arrived::WasThere(copied((index, number), tree.location(), stored, true)));
                }
            }
            if !overwrite {
                return Ok(Arrived::InTheWay);
            }
        }
    }
    let first = run.current.get(index).map_or(0, |current| current.load(Relaxed));
    let item: &Item = &content.opened().item;
    for (number, tree) in trees.iter().enumerate().skip(first) {
        let last = number + 1 == trees.len();
        if !last && tree.room().await?.is_some_and(|room| room < item.size) {
            continue;
        }
        let arrival = arrival(run, index, task, item, None, overwrite || fresh);
        let stored = match tree.store(&arrival, Arc::clone(content), run.ledger().part_tables(), &run.transfer.control).await {
            Err(failure) if failure.kind == Kind::NoSpace && !last => continue,
            Err(failure) if failure.kind == Kind::AlreadyExists && !overwrite => return Ok(Arrived::InTheWay),
            other => other?,
        };
        if stored.item.size != item.size {
            return Err(small::wrong_size());
        }
        if run.transfer.read_back() {
            let digest = content.complete().await?;
            content.check(&digest)?;
            prove::read_back(run, tree, &stored.item, &digest).await?;
        }
        return Ok(Arrived::New(copied((index, number), tree.location(), stored, run.transfer.read_back())));
    }
    Err(Failure::new(Kind::NoSpace, "None of the pool's locations has room"))
}
