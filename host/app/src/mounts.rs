//! Mounts: a pool or a space shown as a directory of the host, for people and their programs.
//!
//! Mounting reaches every target of a pool, so that a wrong password shows now and not in the middle of a job, and then mounts a view
//! below the data directory, or where an administrator says. The host serves the view itself, in this process: bytes go through the
//! same trees, proofs and records as a job's, no credential leaves the host, and when the host is gone, reads and writes fail. So the
//! command line only asks for a mount; the directory is one of the host's machine. A job needs no mount, and does not see one. Views
//! end with the host.

mod left;
mod member;
mod place;
mod shown;
mod through;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{Number, PoolId, SpaceId};
use capstan_domain::job::Verify;
use capstan_domain::location::Location;
use capstan_domain::pool::Pool;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{LocalTree, Tree};
use capstan_view::{Mounted, Spool};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::audit::Audit;
use crate::places::Grounds;
use crate::targets::Targets;

pub use member::{HeldIn, Member};

/// Views that stand at a time; more are refused.
const VIEWS_MAX: usize = 256;

#[derive(Clone)]
pub struct Mounts {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    grounds: Arc<Grounds>,
    data: PathBuf,
    /// Views of pools stand below it, each under its pool's number.
    directory: PathBuf,
    /// Where files wait that are being written through a view.
    spool: Arc<Spool>,
    waiting: Arc<dyn Tree>,
    writing: Writing,
    /// Where the views' reads run.
    work: Handle,
    views: Arc<Mutex<Views>>,
}

/// How files are stored that come through a view.
#[derive(Clone)]
pub(crate) struct Writing {
    pub(crate) verify: Verify,
    pub(crate) limits: capstan_mover::Limits,
    /// Bytes that may wait to be stored, all files together.
    pub(crate) spool_bytes: u64,
}

#[derive(Default)]
struct Views {
    /// By directory.
    standing: BTreeMap<PathBuf, Standing>,
    /// Directories that are being mounted.
    coming: HashSet<PathBuf>,
    last: Number,
}

struct Standing {
    mount: Mount,
    view: Mounted,
}

#[derive(Clone, Copy)]
enum Of {
    Pool(PoolId),
    Space(SpaceId),
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
    /// Unique among the mounts of one run of the host.
    pub number: Number,
    /// Device numbers of the view.
    pub major_minor: String,
    pub directory: String,
    /// As the kernel's table of mounts has it: of several locations, a plus stands between them.
    pub source: String,
    /// Of the file system, by the same table: `fuse` or `fuse.capstan`.
    pub kind: String,
    pub options: String,
    /// Number and name.
    pub pool: Option<(Number, String)>,
    pub space: Option<(Number, String)>,
    /// Locations that it shows, by number; none of a space.
    pub members: Vec<Member>,
}

/// A mount for people, where an administrator wants it.
#[derive(Clone, Debug)]
pub struct MountRequest {
    /// Number or name of a pool or a space.
    pub of: String,
    /// Where both have the name: the space; else the pool.
    pub space: bool,
    /// Absolute, there, and empty.
    pub directory: String,
    pub read_only: bool,
    /// For all users of the machine, as the modes of files allow.
    pub for_all: bool,
}

impl Mounts {
    /// To be called on the runtime that is to carry the views' reads.
    pub(crate) fn new(
        catalogue: Catalogue,
        audit: Audit,
        targets: Targets,
        grounds: Arc<Grounds>,
        data: &Path,
        writing: Writing,
    ) -> Outcome<Self> {
        let spool = Arc::new(Spool::empty(&data.join("spool"), writing.spool_bytes)?);
        let waiting: Arc<dyn Tree> = Arc::new(LocalTree::open("spool", spool.directory())?);
        Ok(Self {
            catalogue,
            audit,
            targets,
            grounds,
            data: data.to_owned(),
            directory: data.join("mounts"),
            spool,
            waiting,
            writing,
            work: Handle::current(),
            views: Arc::default(),
        })
    }

    /// Of a pool, where the host mounts pools by itself.
    pub async fn status(&self, pool: PoolId) -> Outcome<MountState> {
        let pool = self.catalogue.pool(pool).await?;
        let directory = self.directory_of(&pool);
        let mut views = self.views.lock().await;
        match views.standing.get(&directory).map(|standing| (standing.mount.clone(), standing.view.device())) {
            Some((mount, Ok(_))) => Ok(MountState { mounted: true, message: String::new(), mount: Some(mount) }),
            Some((_, Err(failure))) => {
                // Somebody unmounted it behind our back.
                if let Some(standing) = views.standing.remove(&directory) {
                    blocking(move || standing.view.unmount()).await?;
                }
                Ok(not_mounted(failure.message))
            }
            None => Ok(not_mounted("not mounted".to_owned())),
        }
    }

    /// Of a single location: as its pool is mounted, and nothing else of it.
    pub async fn status_of(&self, location: &Location) -> Outcome<MountState> {
        let Some(pool) = location.pool else { return Ok(not_mounted("not mounted: it is in no pool".to_owned())) };
        let mut state = self.status(pool).await?;
        state.mount = state.mount.take().and_then(|mut mount| {
            mount.members.retain(|member| member.location.0 == location.number);
            let member = mount.members.first()?;
            // The only member of a pool is the mount itself; to join an empty path would leave a slash at the end.
            if !member.folder.is_empty() {
                mount.directory = Path::new(&mount.directory).join(&member.folder).to_string_lossy().into_owned();
            }
            mount.source.clone_from(&member.source);
            Some(mount)
        });
        if state.mounted && state.mount.is_none() {
            return Ok(not_mounted("not mounted: it came into the pool after the pool was mounted".to_owned()));
        }
        Ok(state)
    }

    /// By number.
    pub async fn list(&self) -> Outcome<Vec<Mount>> {
        let mut mounts: Vec<Mount> = self.views.lock().await.standing.values().map(|standing| standing.mount.clone()).collect();
        mounts.sort_by_key(|mount| mount.number);
        Ok(mounts)
    }

    /// A mount that fails is an answer, not a failure: the state says why. One that stands already is left as it is.
    pub async fn mount(&self, caller: &Caller, pool: PoolId) -> Outcome<MountState> {
        let before = self.status(pool).await?;
        if before.mounted {
            return Ok(before);
        }
        let pool = self.catalogue.pool(pool).await?;
        let directory = self.directory_of(&pool);
        let state = match self.put_up(directory, Of::Pool(pool.id), false, false).await {
            Ok(mount) => MountState { mounted: true, message: String::new(), mount: Some(mount) },
            Err(failure) => not_mounted(told(&failure)),
        };
        self.audit
            .done(caller, "mount", "pool", &pool.name, json!({ "mounted": state.mounted, "message": state.message }))
            .await?;
        Ok(state)
    }

    pub async fn unmount(&self, caller: &Caller, pool: PoolId) -> Outcome<MountState> {
        let pool = self.catalogue.pool(pool).await?;
        let standing = self.views.lock().await.standing.remove(&self.directory_of(&pool));
        if let Some(standing) = standing {
            blocking(move || standing.view.unmount()).await?;
        }
        self.audit.done(caller, "unmount", "pool", &pool.name, json!({})).await?;
        Ok(not_mounted("not mounted".to_owned()))
    }

    /// Where the caller wants it. What cannot be mounted is a failure here.
    pub async fn mount_at(&self, caller: &Caller, request: MountRequest) -> Outcome<Mount> {
        let (of, noun, name) = self.meant(&request).await?;
        let (given, data) = (request.directory.clone(), self.data.clone());
        let directory = blocking(move || place::check(&given, &data)).await??;
        let mount = self.put_up(directory, of, request.read_only, request.for_all).await?;
        self.audit.done(caller, "mount", noun, &name, json!({ "directory": mount.directory, "options": mount.options })).await?;
        Ok(mount)
    }

    /// By number.
    pub async fn unmount_at(&self, caller: &Caller, at: &str) -> Outcome<()> {
        let wanted = at.parse::<Number>().ok();
        let standing = {
            let mut views = self.views.lock().await;
            let found = views.standing.iter().find(|(_, standing)| Some(standing.mount.number) == wanted);
            let directory = found.map(|(directory, _)| directory.clone());
            directory.and_then(|directory| views.standing.remove(&directory))
        };
        let Some(standing) = standing else { return Err(Failure::not_found(format!("there is no mount {at}"))) };
        let mount = standing.mount;
        blocking(move || standing.view.unmount()).await?;
        let (noun, name) = match (&mount.pool, &mount.space) {
            (Some((_, name)), _) => ("pool", name),
            (None, Some((_, name))) => ("space", name),
            (None, None) => ("mount", &mount.directory),
        };
        self.audit.done(caller, "unmount", noun, name, json!({ "directory": mount.directory })).await
    }

    pub(crate) async fn close(&self) {
        let views = std::mem::take(&mut self.views.lock().await.standing);
        if let Err(failure) = blocking(move || drop(views)).await {
            tracing::warn!(%failure, "views were left mounted");
        }
    }

    fn directory_of(&self, pool: &Pool) -> PathBuf {
        self.directory.join(pool.number.to_string())
    }

    async fn meant(&self, request: &MountRequest) -> Outcome<(Of, &'static str, String)> {
        let pool = if request.space { None } else { found(self.catalogue.pool(request.of.as_str()).await)? };
        if let Some(pool) = pool {
            return Ok((Of::Pool(pool.id), "pool", pool.name));
        }
        match found(self.catalogue.space(request.of.as_str()).await)? {
            Some(space) => Ok((Of::Space(space.id), "space", space.name)),
            None => Err(Failure::not_found(format!("there is no pool and no space {}", request.of))),
        }
    }

    /// One view a directory: whoever comes while it is being put up is refused.
    async fn put_up(&self, directory: PathBuf, of: Of, read_only: bool, for_all: bool) -> Outcome<Mount> {
        let number = {
            let mut views = self.views.lock().await;
            if views.standing.len() + views.coming.len() >= VIEWS_MAX {
                return Err(Failure::new(Kind::Busy, format!("{VIEWS_MAX} views stand already; no more are put up")));
            }
            if views.standing.contains_key(&directory) || !views.coming.insert(directory.clone()) {
                return Err(Failure::new(Kind::Conflict, format!("{} is mounted already", directory.display())));
            }
            views.last += 1;
            views.last
        };
        let shown = self.show(number, &directory, of, read_only, for_all).await;
        let mut views = self.views.lock().await;
        views.coming.remove(&directory);
        let (mount, view) = shown?;
        views.standing.insert(directory, Standing { mount: mount.clone(), view });
        Ok(mount)
    }
}

fn found<T>(found: Outcome<T>) -> Outcome<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What failed, and what can be done.
fn told(failure: &Failure) -> String {
    match &failure.next_step {
        Some(next) => format!("{}. To go on: {next}", failure.message.trim_end_matches('.')),
        None => failure.message.clone(),
    }
}

fn not_mounted(message: String) -> MountState {
    MountState { mounted: false, message, mount: None }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("the view could not be worked on", error))
}
