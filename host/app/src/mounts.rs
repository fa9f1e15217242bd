//! Mounts: a pool shown as a directory of the host.
//!
//! Mounting reaches every target of the pool, so that a wrong password shows now and not in the middle of a job, and then mounts a
//! view that reads through them, below the data directory. A job needs no mount, and does not see one. Views end with the host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{Number, PoolId};
use capstan_domain::location::Location;
use capstan_domain::pool::Pool;
use capstan_domain::{Failure, Outcome};
use capstan_view::{Mounted, Shown};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::audit::Audit;
use crate::places::Grounds;
use crate::targets::Targets;

#[derive(Clone)]
pub struct Mounts {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    grounds: Arc<Grounds>,
    /// Views stand below it, each under its pool's number.
    directory: PathBuf,
    /// Where the views' reads run.
    work: Handle,
    mounted: Arc<Mutex<BTreeMap<PoolId, (Mount, Mounted)>>>,
}

/// Whether a pool is mounted, and what came of the last try.
#[derive(Clone, Debug)]
pub struct MountState {
    pub mounted: bool,
    pub message: String,
    pub mount: Option<Mount>,
}

#[derive(Clone, Debug)]
pub struct Mount {
    pub number: Number,
    /// Device numbers of the view.
    pub major_minor: String,
    pub directory: String,
    pub source: String,
    pub options: String,
    /// "fuse.s3fs" for objects, "fuse" for files.
    pub kind: String,
    pub pool: Number,
    pub pool_name: String,
    /// Number and name, where the pool has a single one.
    pub target: Option<(Number, String)>,
    pub location: Option<(Number, String)>,
}

impl Mounts {
    /// To be called on the runtime that is to carry the views' reads.
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, targets: Targets, grounds: Arc<Grounds>, data: &Path) -> Self {
        Self {
            catalogue,
            audit,
            targets,
            grounds,
            directory: data.join("mounts"),
            work: Handle::current(),
            mounted: Arc::default(),
        }
    }

    pub async fn status(&self, pool: PoolId) -> Outcome<MountState> {
        self.catalogue.pool(pool).await?;
        let mut mounted = self.mounted.lock().await;
        match mounted.get(&pool).map(|(mount, view)| (mount.clone(), view.device())) {
            Some((mount, Ok(_))) => Ok(MountState { mounted: true, message: String::new(), mount: Some(mount) }),
            Some((_, Err(failure))) => {
                // Somebody unmounted it behind our back.
                if let Some((_, view)) = mounted.remove(&pool) {
                    blocking(move || view.unmount()).await?;
                }
                Ok(not_mounted(failure.message))
            }
            None => Ok(not_mounted("not mounted".to_owned())),
        }
    }

    pub async fn list(&self) -> Outcome<Vec<Mount>> {
        Ok(self.mounted.lock().await.values().map(|(mount, _)| mount.clone()).collect())
    }

    /// A mount that fails is an answer, not a failure: the state says why. One that stands already is left as it is.
    pub async fn mount(&self, caller: &Caller, pool: PoolId) -> Outcome<MountState> {
        let before = self.status(pool).await?;
        if before.mounted {
            return Ok(before);
        }
        let pool = self.catalogue.pool(pool).await?;
        let members = self.catalogue.members(pool.id).await?;
        let state = match self.show(&pool, &members).await {
            Ok((mount, view)) => {
                self.mounted.lock().await.insert(pool.id, (mount.clone(), view));
                MountState { mounted: true, message: String::new(), mount: Some(mount) }
            }
            Err(failure) => not_mounted(failure.message),
        };
        self.audit
            .done(caller, "mount", "pool", &pool.name, json!({ "mounted": state.mounted, "message": state.message }))
            .await?;
        Ok(state)
    }

    pub async fn unmount(&self, caller: &Caller, pool: PoolId) -> Outcome<MountState> {
        let pool = self.catalogue.pool(pool).await?;
        if let Some((_, view)) = self.mounted.lock().await.remove(&pool.id) {
            blocking(move || view.unmount()).await?;
        }
        self.audit.done(caller, "unmount", "pool", &pool.name, json!({})).await?;
        Ok(not_mounted("not mounted".to_owned()))
    }

    pub(crate) async fn close(&self) {
        let views = std::mem::take(&mut *self.mounted.lock().await);
        if let Err(failure) = blocking(move || drop(views)).await {
            tracing::warn!(%failure, "views were left mounted");
        }
    }

    async fn show(&self, pool: &Pool, members: &[Location]) -> Outcome<(Mount, Mounted)> {
        let mut mount = self.reach(pool, members).await?;
        let mut shown = Vec::with_capacity(members.len());
        for location in members {
            let name = if members.len() == 1 { String::new() } else { location.name.clone() };
            shown.push(Shown { name, tree: self.grounds.tree(location, "").await? });
        }
        let (directory, source, work) = (PathBuf::from(&mount.directory), mount.source.clone(), self.work.clone());
        let view = blocking(move || capstan_view::mount(&directory, &source, shown, work)).await??;
        mount.major_minor = view.device()?;
        Ok((mount, view))
    }

    async fn reach(&self, pool: &Pool, members: &[Location]) -> Outcome<Mount> {
        if members.is_empty() {
            return Err(Failure::invalid("the pool has no location").with_code("empty-pool"));
        }
        let mut kind = "fuse";
        let mut targets: BTreeMap<Number, String> = BTreeMap::new();
        for location in members {
            if targets.contains_key(&location.target_number) {
                continue;
            }
            let connection = self.targets.connect(location.target).await?;
            connection.probe().await?;
            if connection.objects().is_some() {
                kind = "fuse.s3fs";
            }
            targets.insert(location.target_number, self.catalogue.target(location.target).await?.name);
        }
        let single = |count: usize| count == 1;
        Ok(Mount {
            number: pool.number,
            major_minor: String::new(),
            directory: self.directory.join(pool.number.to_string()).to_string_lossy().into_owned(),
            source: members.iter().map(|location| location.name.as_str()).collect::<Vec<_>>().join(","),
            options: "ro".to_owned(),
            kind: kind.to_owned(),
            pool: pool.number,
            pool_name: pool.name.clone(),
            target: targets.into_iter().next().filter(|_| single(members.len())),
            location: members.first().filter(|_| single(members.len())).map(|location| (location.number, location.name.clone())),
        })
    }
}

fn not_mounted(message: String) -> MountState {
    MountState { mounted: false, message, mount: None }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("the view could not be worked on", error))
}
