//! Recall: stubs become data again, each 16 MiB proved before anybody reads it.
//!
//! Small files come in batches that share their syncs and a transaction; a large one shares its recall with whoever reads it through the
//! view.

mod batch;

use std::sync::Arc;

use capstan_domain::entry::EntryKind;
use capstan_domain::failure::Kind;
use capstan_domain::ids::LocationId;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_stub::{Access, State};
use capstan_workflows::Recall;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::lanes::{One, in_lanes};
use super::{Run, results};
use crate::manifest;
use crate::on_disk::on_disk;
use crate::opened::checked;
use crate::recall::ended;
use crate::recorded::{Whole, file_entry};
use crate::routes::Routes;

/// Paths that are looked at together.
const LOOKED_AT_TOGETHER: usize = 2000;

pub(super) struct Recalled {
    run: Arc<Run>,
    step: Recall,
    /// Buckets that are asked before others.
    first: Vec<LocationId>,
    routes: Routes,
}

pub(super) async fn run(run: Arc<Run>, step: Recall, paths: Vec<One>) -> Outcome<()> {
    let routes = Routes::load(&run.inner.catalogue, run.space.id, run.site, step.endpoint.as_deref()).await?;
    let work = Arc::new(Recalled { run, step, first: routes.named().into_iter().collect(), routes });
    let run = &work.run;
    let (files, others): (Vec<One>, Vec<One>) = paths.into_iter().partition(|one| one.path.kind == EntryKind::File);
    run.tell(others.iter().map(|one| results::processed(one.position)).collect()).await?;
    let mut stubs = Vec::new();
    for chunk in files.chunks(LOOKED_AT_TOGETHER) {
        run.control.ready().await?;
        stubs.extend(work.survey(chunk.to_vec()).await?);
    }
    in_lanes(&work, &run.control, stubs, &run.inner.settings.limits, batch::settle, large).await
}

impl Recalled {
    /// The stubs with their bytes; the others are dealt with.
    async fn survey(&self, files: Vec<One>) -> Outcome<Vec<(One, u64)>> {
        let raw = self.run.space.raw.clone();
        let looked = on_disk(move || {
            let look = |one: One| {
                let look = checked(one.path()).and_then(|path| raw.look(path));
                (one, look)
            };
            files.into_iter().map(look).collect::<Vec<_>>()
        })
        .await?;
        let (mut stubs, mut here, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (one, look) in looked {
            match look {
                Ok(look) if matches!(look.state, State::Migrated(_) | State::Recalling(_)) => stubs.push((one, look.size)),
                Ok(look) if look.is_data() => here.push(one),
                Ok(_) => told.push(results::failed(one.position, &unclear(one.path()))),
                Err(failure) => told.push(results::failed(one.position, &failure)),
            }
        }
        for one in here {
            // The wish for its copies to go holds of a file that is here already, too.
            told.push(match self.after(&one).await {
                Ok(()) => results::processed(one.position),
                Err(failure) => results::failed(one.position, &failure),
            });
        }
        self.run.tell(told).await?;
        Ok(stubs)
    }

    /// What the step asks for beyond the content.
    async fn after(&self, one: &One) -> Outcome<()> {
        if self.step.update_atime || self.step.update_mtime {
            let (raw, path) = (self.run.space.raw.clone(), one.path().to_owned());
            let (atime, mtime) = (self.step.update_atime, self.step.update_mtime);
            on_disk(move || touch(&raw, &path, atime, mtime)).await??;
            if self.run.space.is_home {
                self.record_times(one.path()).await?;
            }
        }
        if self.step.delete_remote {
            ended(&self.run.inner, &self.run.space, one.path(), true).await?;
        }
        Ok(())
    }

    /// And what its external target asks for.
    pub(super) async fn after_and_copies(&self, one: &One) -> Outcome<()> {
        self.after(one).await?;
        ended(&self.run.inner, &self.run.space, one.path(), false).await
    }

    async fn record_times(&self, path: &str) -> Outcome<()> {
        let space = &self.run.space;
        let (raw, at) = (space.raw.clone(), path.to_owned());
        let (look, attributes) = on_disk(move || {
            let file = raw.file(&at, Access::Read)?;
            let stat = rustix::fs::fstat(&file).map_err(|errno| fault(&at, errno))?;
            Ok::<_, Failure>((file.look()?, crate::recorded::Attributes::of(&stat)))
        })
        .await??;
        let mut record = Whole::of(space.tree);
        record.entries.push(file_entry(space.tree, path, &look, attributes));
        let told = manifest::Told::of(&record);
        record.write(&self.run.inner.catalogue, true).await?;
        manifest::note(&self.run.inner, space, told).await;
        Ok(())
    }

    /// Whether anything is to be done with a file that is back.
    fn has_after(&self, path: &str) -> bool {
        let absolute = self.run.space.absolute(path);
        self.step.update_atime
            || self.step.update_mtime
            || self.step.delete_remote
            || self.routes.reading(&absolute).iter().any(|location| self.routes.deletes_on_recall(&absolute, *location))
    }
}

async fn large(work: Arc<Recalled>, one: One) -> Outcome<()> {
    let run = &work.run;
    run.control.ready().await?;
    // A recall that others may wait for goes on to its end, whoever stops waiting for it.
    let recalled = tokio::select! {
        recalled = run.space.recalls.whole(&run.inner, &run.space, one.path(), &work.first) => recalled,
        () = run.control.stopped() => return run.control.ready().await,
    };
    let told = match recalled {
        Ok(()) => match work.after(&one).await {
            Ok(()) => vec![results::processed(one.position)],
            Err(failure) => run.failed(vec![(one, failure)]).await,
        },
        // One that could not begin recorded nothing itself.
        Err(failure) => run.failed(vec![(one, failure)]).await,
    };
    run.tell(told).await
}

/// Times set to now. The record beside the file follows the time of the content.
fn touch(raw: &capstan_stub::RawTree, path: &str, atime: bool, mtime: bool) -> Outcome<()> {
    let file = raw.file(path, Access::Read)?;
    if mtime {
        file.set_modified(Timestamp::now())?;
    }
    if atime {
        let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }, last_modification: omit };
        rustix::fs::futimens(&file, &times).map_err(|errno| fault(path, errno))?;
    }
    Ok(())
}

fn fault(path: &str, errno: rustix::io::Errno) -> Failure {
    Failure::host(format!("The file system failed on {path:?}"), errno)
}

fn unclear(path: &str) -> Failure {
    Failure::new(Kind::Corrupt, format!("It is not certain what {path:?} holds"))
        .with_code("unclear-record")
        .with_next_step("Its record is damaged or of another file: settle it from the catalogue.")
}
