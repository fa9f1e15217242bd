//! Migrate and premigrate: files stored in their external targets, proved there, recorded, and, for the one, freed here.
//!
//! | dies after | is there then | the next run of the task |
//! |---|---|---|
//! | a file was stored, in part or whole | what the bucket keeps of it | stores it, or finds it there with the same content |
//! | it was read back | the copy | finds it there, reads it, counts on it |
//! | the copy was recorded, also in the manifest | the copy, the catalogue says premigrated | looks whether it still is what was stored, goes on |
//! | the record beside the file, or the hole | a stub | finds a stub, and records it as such |
//! | the state was recorded | a stub | finds it done |

mod batch;
mod content;
mod file;
mod free;
mod large;
mod link;
pub(super) mod prove;
mod shared;
mod store;

use std::sync::Arc;

use capstan_domain::Outcome;
use capstan_domain::entry::EntryKind;
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, workflow::TaskResult};
use capstan_mover::Tree;
use capstan_stub::{Look, State};
use capstan_workflows::Migrate;

use super::lanes::{One, in_lanes};
use super::{Run, results};
use crate::manifest;
use crate::on_disk::on_disk;
use crate::opened::checked;
use crate::recorded::{Attributes, Whole, from_the_file};
use crate::routes::Routes;

/// Paths that are looked at together.
const LOOKED_AT_TOGETHER: usize = 2000;

pub(super) struct Migrating {
    run: Arc<Run>,
    step: Migrate,
    routes: Routes,
    /// The space is on several sites.
    is_shared: bool,
}

pub(super) async fn run(run: Arc<Run>, step: Migrate, paths: Vec<One>) -> Outcome<()> {
    let routes = Routes::load(&run.inner.catalogue, run.space.id, run.site, step.endpoint.as_deref()).await?;
    let is_shared = run.inner.catalogue.managed_space(run.space.id).await?.sites.len() > 1;
    let work = Arc::new(Migrating { run, step, routes, is_shared });
    let run = &work.run;
    let (files, others): (Vec<One>, Vec<One>) = paths.into_iter().partition(|one| one.path.kind == EntryKind::File);
    let (links, others): (Vec<One>, Vec<One>) = others.into_iter().partition(|one| one.path.kind == EntryKind::Link);
    link::settle(&work, links).await?;
    // A folder has no content that could be elsewhere.
    run.tell(others.iter().map(|one| results::processed(one.position)).collect()).await?;
    let mut here = Vec::new();
    for chunk in files.chunks(LOOKED_AT_TOGETHER) {
        run.control.ready().await?;
        here.extend(work.survey(chunk.to_vec()).await?);
    }
    in_lanes(&work, &run.control, here, &run.inner.settings.limits, batch::settle, large::settle).await
}

enum Found {
    Data(u64),
    Stub(Box<Look>, Attributes),
}

impl Migrating {
    /// Those whose content is here, with their bytes; the others are dealt with.
    async fn survey(&self, files: Vec<One>) -> Outcome<Vec<(One, u64)>> {
        let space = Arc::clone(&self.run.space);
        let looked = on_disk(move || {
            let look = |one: One| {
                let found = look_at(&space, &one);
                (one, found)
            };
            files.into_iter().map(look).collect::<Vec<_>>()
        })
        .await?;
        let (mut here, mut told, mut stubs) = (Vec::new(), Vec::new(), Vec::new());
        for (one, found) in looked {
            match found {
                Ok(Found::Data(size)) => here.push((one, size)),
                Ok(Found::Stub(look, attributes)) => stubs.push((one, look, attributes)),
                Err(failure) if failure.kind == Kind::NotFound && self.step.abort_missing => {
                    told.push(results::aborted(one.position, &failure));
                }
                Err(failure) => told.push(results::failed(one.position, &failure)),
            }
        }
        if self.step.migrate_offline_files {
            here.extend(self.bring_back(stubs, &mut told).await?);
        } else {
            told.extend(self.known(stubs).await?);
        }
        self.run.tell(told).await?;
        Ok(here)
    }

    /// Stubs already. One that a worker made that died before it could say so is recorded now.
    async fn known(&self, stubs: Vec<(One, Box<Look>, Attributes)>) -> Outcome<Vec<TaskResult>> {
        let run = &self.run;
        if run.space.is_home && !stubs.is_empty() {
            let paths: Vec<String> = stubs.iter().map(|(one, _, _)| one.path().to_owned()).collect();
            let known = run.inner.catalogue.file_states(run.space.tree, &paths).await?;
            let known: std::collections::HashSet<String> =
                known.into_iter().filter(|file| !file.state.is_here()).map(|file| file.path).collect();
            let mut record = Whole::of(run.space.tree);
            for (one, look, attributes) in stubs.iter().filter(|(one, _, _)| !known.contains(one.path())) {
                from_the_file(&mut record, one.path(), look, *attributes);
            }
            if !record.is_empty() {
                let told = manifest::Told::of(&record);
                record.write(&run.inner.catalogue, true).await?;
                manifest::note(&run.inner, &run.space, told).await;
            }
        }
        Ok(stubs.iter().map(|(one, _, _)| results::processed(one.position)).collect())
    }

    /// Stubs that are to be stored anew: their content comes back first.
    async fn bring_back(&self, stubs: Vec<(One, Box<Look>, Attributes)>, told: &mut Vec<TaskResult>) -> Outcome<Vec<(One, u64)>> {
        let mut here = Vec::new();
        for (one, look, _) in stubs {
            self.run.control.ready().await?;
            match self.run.space.recalls.whole(&self.run.inner, &self.run.space, one.path(), &[]).await {
                Ok(()) => here.push((one, look.size)),
                Err(failure) => told.push(results::failed(one.position, &failure)),
            }
        }
        Ok(here)
    }

    /// Where a file goes, and whether its blocks are freed for the copy there.
    fn target(&self, path: &str) -> Outcome<(LocationId, bool)> {
        let target = self.routes.storing(&self.run.space.absolute(path), !self.step.premigrate)?;
        Ok((target.location, !self.step.premigrate && !target.rule.backup_only))
    }

    async fn tree(&self, location: LocationId) -> Outcome<Arc<dyn Tree>> {
        let tree = self.run.inner.buckets.tree(location).await?;
        if tree.sequential() {
            return Err(Failure::unsupported("The files of a space are not stored on a medium that is written in sequence")
                .with_code("sequential-bucket"));
        }
        Ok(tree)
    }
}

fn look_at(space: &crate::opened::OpenSpace, one: &One) -> Outcome<Found> {
    let path = checked(one.path())?;
    let mut look = space.raw.look(path)?;
    match look.state {
        State::Resident | State::Premigrated(_) => Ok(Found::Data(look.size)),
        State::Migrated(_) | State::Recalling(_) => {
            // What a worker left half way out or back that died; one that is at it is left alone.
            if look.unfinished {
                match space.raw.repair(path) {
                    Ok(_) => look = space.raw.look(path)?,
                    Err(failure) if failure.kind == Kind::Busy => {}
                    Err(failure) => return Err(failure),
                }
            }
            let stat = rustix::fs::statat(&space.raw, native(path), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| Failure::host(format!("The file system failed on {path:?}"), errno))?;
            Ok(Found::Stub(Box::new(look), Attributes::of(&stat)))
        }
        State::Foreign(_) | State::Unreadable(_) => Err(unclear(path)),
    }
}

/// The path on disk.
fn native(path: &str) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let name = |name: &str| std::ffi::OsString::from_vec(capstan_domain::names::unescape(name));
    path.split('/').map(name).collect()
}

fn unclear(path: &str) -> Failure {
    Failure::new(Kind::Corrupt, format!("It is not certain what {path:?} holds"))
        .with_blame(capstan_domain::failure::Blame::Host)
        .with_code("unclear-record")
        .with_next_step("Its record is damaged or of another file: settle it from the catalogue.")
}
