//! What a mounted view asks: recalls, room, and whom to tell what was done through it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use capstan_domain::failure::Blame;
use capstan_domain::file_state::{FileState, NewFileState};
use capstan_domain::{Failure, Kind, Outcome};
use capstan_space_view::{Allowance, Change, Changes, MountedSpace, Quota, Recalling, Recalls, SpaceView, Stale, Wanted, mount};
use tokio::runtime::Handle;

use crate::Inner;
use crate::changes;
use crate::on_disk::on_disk;
use crate::opened::OpenSpace;

/// How old what is known of the space's room may be before it is asked for anew.
const FRESH: Duration = Duration::from_secs(5);

/// Holds neither: a view must not keep open what it belongs to.
struct Ports {
    inner: Weak<Inner>,
    space: Weak<OpenSpace>,
    room: Arc<Room>,
    runtime: Handle,
}

#[derive(Default)]
struct Room(Mutex<(Option<Allowance>, Option<Instant>)>);

/// Mounts the view of a space at its mountpoint, made if absent.
pub(crate) async fn show(inner: &Arc<Inner>, space: &Arc<OpenSpace>, mountpoint: &str) -> Outcome<MountedSpace> {
    let runtime = Handle::current();
    let ports = Arc::new(Ports {
        inner: Arc::downgrade(inner),
        space: Arc::downgrade(space),
        room: Arc::default(),
        runtime: runtime.clone(),
    });
    ports.room.learn(inner, space).await;
    let view = SpaceView {
        directory: directory(inner.settings.mounted_under.as_deref(), mountpoint),
        source: format!("capstan:{}", space.id),
        tree: space.raw.clone(),
        recalls: Arc::clone(&ports) as _,
        changes: Arc::clone(&ports) as _,
        quota: ports,
        settings: inner.settings.view.clone(),
        for_all: inner.settings.for_all,
    };
    on_disk(move || mount(view, runtime)).await?
}

fn directory(under: Option<&Path>, mountpoint: &str) -> PathBuf {
    under.map_or_else(|| PathBuf::from(mountpoint), |under| under.join(mountpoint.trim_start_matches('/')))
}

impl Ports {
    fn open(&self) -> Outcome<(Arc<Inner>, Arc<OpenSpace>)> {
        self.inner.upgrade().zip(self.space.upgrade()).ok_or_else(|| {
            Failure::new(Kind::Unavailable, "The space is being closed").with_blame(Blame::Host).with_code("space-not-open")
        })
    }
}

#[async_trait]
impl Recalls for Ports {
    async fn recall(&self, wanted: Wanted) -> Outcome<Recalling> {
        let (inner, space) = self.open()?;
        space.recalls.on_access(&inner, &space, wanted).await
    }
}

#[async_trait]
impl Changes for Ports {
    async fn stale(&self, file: Stale) -> Outcome<()> {
        let (inner, space) = self.open()?;
        if !space.is_home {
            return Ok(());
        }
        let path = file.at.path;
        let state = NewFileState { path, state: FileState::Resident, replica: None, leading: 0, failure: None };
        inner.catalogue.set_file_states(space.tree, vec![state]).await.map(|_| ())
    }

    async fn record(&self, told: &[Change]) -> Outcome<()> {
        let (inner, space) = self.open()?;
        changes::record(&inner, &space, told).await?;
        self.room.learn(&inner, &space).await;
        Ok(())
    }
}

impl Quota for Ports {
    fn allowance(&self) -> Option<Allowance> {
        let (allowance, since) = *self.room.lock();
        if since.is_none_or(|since| since.elapsed() > FRESH)
            && let Ok((inner, space)) = self.open()
        {
            // Asked once, whoever asks meanwhile.
            self.room.lock().1 = Some(Instant::now());
            let room = Arc::clone(&self.room);
            self.runtime.spawn(async move { room.learn(&inner, &space).await });
        }
        allowance
    }
}

impl Room {
    /// What is known stays where the catalogue does not answer.
    async fn learn(&self, inner: &Inner, space: &OpenSpace) {
        match inner.catalogue.space(space.id).await {
            Ok(row) => {
                let allowance = row.quota_bytes.map(|bytes| Allowance { bytes, used: row.file_bytes });
                *self.lock() = (allowance, Some(Instant::now()));
            }
            Err(failure) => tracing::warn!(%failure, space = %space.id, "the room of a space could not be asked for"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Option<Allowance>, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
