//! One large file: stored in parts, read back in blocks, never held in memory.

use std::sync::Arc;

use capstan_domain::content::Source as _;
use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use capstan_jobs::CataloguedParts;
use capstan_mover::measured::Measured;
use capstan_mover::{Digest, Item, ItemKind, Opened, Stored, Tree, backoff};

use super::super::lanes::One;
use super::super::results;
use super::content::Standing;
use super::file::{File, arrival, item};
use super::{Migrating, batch, prove, store};
use crate::on_disk::on_disk;
use crate::points::{Point, reached};

pub(super) async fn settle(work: Arc<Migrating>, one: One) -> Outcome<()> {
    let run = &work.run;
    let most = run.inner.settings.limits.tries.max(1);
    let mut tries = 1;
    loop {
        run.control.ready().await?;
        let failure = match attempt(&work, &one).await {
            Ok(()) => return run.tell(vec![results::processed(one.position)]).await,
            Err(failure) if failure.kind == Kind::Cancelled => return Err(failure),
            Err(failure) => failure,
        };
        match backoff::wait_after(&failure, tries, most) {
            Some(wait) => tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = run.control.stopped() => {}
            },
            None => {
                let told = run.failed(vec![(one, failure)]).await;
                return run.tell(told).await;
            }
        }
        tries += 1;
    }
}

async fn attempt(work: &Arc<Migrating>, one: &One) -> Outcome<()> {
    let (run, path) = (&work.run, one.path());
    let (location, stubs) = work.target(path)?;
    let tree = work.tree(location).await?;
    let held = run.inner.catalogue.replicas_at(run.space.tree, std::slice::from_ref(&one.path.path)).await?;
    let (raw, at) = (run.space.raw.clone(), path.to_owned());
    let standing = on_disk(move || Standing::open(&raw, &at)).await??;
    let recorded = held.iter().filter(|held| held.replica.location == location).cloned().collect();
    let known = prove::still_there(&tree, recorded).await.into_iter().map(|(_, copy)| copy).find(|copy| {
        standing.look.record().is_some_and(|record| record.content.blake3 == copy.blake3 && record.content.size == copy.size)
    });
    let mut file = File {
        one: one.clone(),
        version: standing.version,
        look: standing.look.clone(),
        attributes: standing.attributes,
        location,
        stubs,
        blake3: [0; 32],
        blocks: Vec::new(),
        bytes: None,
        copies: Vec::new(),
    };
    match known {
        Some(copy) => {
            (file.blake3, file.blocks) = (copy.blake3, copy.blocks.clone());
            file.copies.push(copy);
        }
        None => {
            let own = held
                .iter()
                .any(|held| held.replica.location == location && Some(&held.replica.key) == store::key_of(&tree, path).as_ref());
            let (digest, stored) = stored(work, &tree, location, &standing, path, own).await?;
            (file.blake3, file.blocks) = (digest.root, digest.subtrees);
            let copy = store::good_copy(location, stored, &file);
            file.copies.push(copy);
        }
    }
    let others = held.iter().filter(|held| held.replica.location != location && held.replica.blake3 == file.blake3);
    file.copies.extend(others.filter_map(prove::good_copy));
    // Who frees it wants it for himself.
    drop(standing);
    let _counting = run.inner.counting.read().await;
    // Storing and reading back took their time: somebody may have taken away what nobody counted on.
    match file.copies.first() {
        Some(copy) if prove::is_there(&tree, copy).await => {}
        _ => return Err(prove::went(path)),
    }
    let mut ended = Vec::new();
    batch::finish(work, vec![file], &mut ended).await?;
    ended.into_iter().try_for_each(|(_, outcome)| outcome)
}

/// Stored under its own name, or, where something else stands there, beside it; and read back.
async fn stored(
    work: &Arc<Migrating>,
    tree: &Arc<dyn Tree>,
    location: capstan_domain::ids::LocationId,
    standing: &Standing,
    path: &str,
    own: bool,
) -> Outcome<(Digest, Stored)> {
    let run = &work.run;
    let limits = &run.inner.settings.limits;
    let opened = Opened { item: item(standing, path), content: Arc::new(standing.clone()), file: None };
    let content = Measured::new(opened, None, Arc::clone(&run.throttle), run.control.clone(), Arc::clone(&run.counters));
    let tables = CataloguedParts { catalogue: run.inner.catalogue.clone(), job: Some(run.job) };
    for number in 0..=store::NAMES {
        let place = if number == 0 { path.to_owned() } else { capstan_mover::numbered(path, number) };
        let there = tree.stat(&place).await?;
        let mut overwrite = false;
        if let Some(there) = &there {
            if let Some(digest) = same(tree, &content, there, limits, &run.control).await? {
                return Ok((digest, Stored { key: tree.key(there)?, item: there.clone() }));
            }
            if work.step.fail_on_mismatch && !own {
                return Err(store::mismatch(path));
            }
            overwrite = number == 0
                && (own || work.step.overwrite)
                && there.kind == ItemKind::File
                && store::is_free_of_others(work, location, path, tree).await?;
            if !overwrite {
                work.check_nobody_needs(path).await?;
                continue;
            }
        }
        let arrival = arrival(run, &place, &standing.version, standing.attributes, None, overwrite);
        let stored = match tree.store(&arrival, Arc::clone(&content), &tables, &run.control).await {
            // Somebody was faster.
            Err(failure) if failure.kind == Kind::AlreadyExists && !overwrite => continue,
            other => other?,
        };
        if stored.item.size != content.size() {
            return Err(Failure::new(Kind::Corrupt, "The target stored another number of bytes than it was given")
                .with_code("size-mismatch"));
        }
        reached(Point::Stored);
        let digest = content.complete().await?;
        prove::read_back(tree, &stored.item, &digest, limits, &run.control).await?;
        return Ok((digest, stored));
    }
    Err(store::mismatch(path))
}

/// The digest, if the same content stands there already: perhaps a killed worker stored it and could not record it. Reading tells, and
/// costs less than storing it anew.
async fn same(
    tree: &Arc<dyn Tree>,
    content: &Arc<Measured>,
    there: &Item,
    limits: &crate::Limits,
    control: &capstan_mover::Control,
) -> Outcome<Option<Digest>> {
    if there.kind != ItemKind::File || there.size != content.size() {
        return Ok(None);
    }
    let digest = content.complete().await?;
    match prove::read_back(tree, there, &digest, limits, control).await {
        Ok(()) => Ok(Some(digest)),
        Err(failure) if failure.code.as_deref() == Some("hash-mismatch") => Ok(None),
        Err(failure) => Err(failure),
    }
}
