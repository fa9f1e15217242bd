//! A file that is being written: it lies in the spool until it is closed or synced, and is stored then, whole.
//!
//! What stood at its path before is fetched only when a part of it is changed. Closing and syncing answer what the store came to; a
//! store that failed leaves the draft as it is, so that syncing again tries again.
//!
//! | the process dies | what is at the path | what the writer knows |
//! |---|---|---|
//! | before a close or sync is asked for | what was there before | nothing was promised |
//! | while it is stored | what was there before, or the new file, whole | the close failed |
//! | after the store, before the answer | the new file | the close failed: it may have been stored |

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use capstan_domain::content::Content;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Item, NewAttributes};
use futures::StreamExt;
use tokio::sync::Mutex;

use crate::spool::Spool;
use crate::writes::Writes;

pub(crate) struct Draft {
    spool: Arc<Spool>,
    writes: Arc<dyn Writes>,
    name: String,
    file: Arc<File>,
    state: Mutex<State>,
}

struct State {
    /// In its tree.
    path: String,
    size: u64,
    /// What stands at the path, as long as it was not fetched.
    base: Option<Content>,
    /// Differs from what stands at the path.
    dirty: bool,
    /// Removed while it was open: it is never stored.
    removed: bool,
}

impl Draft {
    /// Of a file that is there (`base`), or of a new one.
    pub(crate) async fn begin(
        spool: Arc<Spool>,
        writes: Arc<dyn Writes>,
        item: &Item,
        base: Option<Content>,
        owner: (u32, u32),
    ) -> Outcome<Self> {
        let beginning = Arc::clone(&spool);
        let (name, file) = blocking(move || beginning.create()).await??;
        let (size, dirty) = (base.as_ref().map_or(0, |base| base.size()), base.is_none());
        let state = State { path: item.path.clone(), size, base, dirty, removed: false };
        let draft = Self { spool, writes, name, file: Arc::new(file), state: Mutex::new(state) };
        let dress = NewAttributes { mode: item.mode, uid: Some(owner.0), gid: Some(owner.1), modified: None };
        draft.dress(dress).await?;
        Ok(draft)
    }

    /// What it looks like now; none where what stands at its path tells.
    pub(crate) async fn item(&self) -> Outcome<Option<Item>> {
        let state = self.state.lock().await;
        if !state.dirty {
            return Ok(None);
        }
        let file = Arc::clone(&self.file);
        let known = blocking(move || file.metadata()).await?.map_err(unusable)?;
        let modified = known.mtime().saturating_mul(1_000_000_000).saturating_add(known.mtime_nsec());
        Ok(Some(Item {
            mode: Some(known.mode() & 0o7777),
            uid: Some(known.uid()),
            gid: Some(known.gid()),
            ..Item::file(state.path.clone(), state.size, Timestamp(modified))
        }))
    }

    pub(crate) async fn read(&self, offset: u64, length: u32) -> Outcome<Bytes> {
        let mut state = self.state.lock().await;
        self.fetch(&mut state, None).await?;
        let length = u64::from(length).min(state.size.saturating_sub(offset));
        let file = Arc::clone(&self.file);
        let read = move || {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact_at(&mut bytes, offset).map(|()| Bytes::from(bytes))
        };
        blocking(read).await?.map_err(unusable)
    }

    pub(crate) async fn write(&self, offset: u64, bytes: Vec<u8>) -> Outcome<()> {
        let mut state = self.state.lock().await;
        self.fetch(&mut state, None).await?;
        let end = offset.checked_add(bytes.len() as u64).ok_or_else(|| Failure::invalid("The file would be too large"))?;
        let growth = end.saturating_sub(state.size);
        self.spool.grow(growth)?;
        let file = Arc::clone(&self.file);
        let written = blocking(move || file.write_all_at(&bytes, offset)).await?;
        if written.is_err() {
            self.spool.shrink(growth);
        }
        written.map_err(unusable)?;
        state.size = state.size.max(end);
        state.dirty = true;
        Ok(())
    }

    pub(crate) async fn truncate(&self, size: u64) -> Outcome<()> {
        let mut state = self.state.lock().await;
        self.fetch(&mut state, Some(size)).await?;
        if size > state.size {
            self.spool.grow(size - state.size)?;
        } else {
            self.spool.shrink(state.size - size);
        }
        let file = Arc::clone(&self.file);
        blocking(move || file.set_len(size)).await?.map_err(unusable)?;
        state.size = size;
        state.dirty = true;
        Ok(())
    }

    /// What is dressed before it is stored is stored so.
    pub(crate) async fn set_attributes(&self, new: NewAttributes) -> Outcome<()> {
        let mut state = self.state.lock().await;
        if !state.dirty {
            match self.writes.set_attributes(&state.path, new).await {
                Err(failure) if failure.kind == capstan_domain::Kind::Unsupported => {
                    // Attributes are kept with a store there: then it is stored again.
                    self.fetch(&mut state, None).await?;
                    state.dirty = true;
                }
                set => return set,
            }
        }
        self.dress(new).await
    }

    async fn dress(&self, new: NewAttributes) -> Outcome<()> {
        let file = Arc::clone(&self.file);
        let dress = move || {
            if let Some(mode) = new.mode {
                file.set_permissions(std::fs::Permissions::from_mode(mode & 0o7777))?;
            }
            if new.uid.is_some() || new.gid.is_some() {
                match fchown(&*file, new.uid, new.gid) {
                    // Who may not give files away keeps them.
                    Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                    other => other?,
                }
            }
            match new.modified {
                Some(modified) => file.set_modified(instant(modified)),
                None => Ok(()),
            }
        };
        blocking(dress).await?.map_err(unusable)
    }

    /// Stores what is new.
    pub(crate) async fn settle(&self) -> Outcome<()> {
        let mut state = self.state.lock().await;
        if !state.dirty || state.removed {
            return Ok(());
        }
        self.writes.store(&self.name, &state.path).await?;
        state.dirty = false;
        Ok(())
    }

    pub(crate) async fn path(&self) -> String {
        self.state.lock().await.path.clone()
    }

    /// Its path was removed, or another file took it.
    pub(crate) async fn forsake(&self) {
        self.state.lock().await.removed = true;
    }

    pub(crate) async fn follow(&self, path: &str) {
        path.clone_into(&mut self.state.lock().await.path);
    }

    /// Brings what stands at the path into the spool; `keep`: no more than so many bytes of it are wanted.
    async fn fetch(&self, state: &mut State, keep: Option<u64>) -> Outcome<()> {
        let Some(base) = state.base.clone() else { return Ok(()) };
        let wanted = keep.map_or(state.size, |keep| keep.min(state.size));
        self.spool.grow(wanted)?;
        let fetched = self.copy(&base, wanted).await;
        if fetched.is_err() {
            self.spool.shrink(wanted);
        } else {
            state.base = None;
            state.size = wanted;
        }
        fetched
    }

    async fn copy(&self, base: &Content, wanted: u64) -> Outcome<()> {
        let mut offset = 0;
        let mut body = base.open(0, wanted);
        while offset < wanted {
            let chunk = body.next().await.ok_or_else(|| {
                Failure::new(capstan_domain::Kind::Unavailable, "The target ended the data before its end")
                    .with_code("short-read")
            })??;
            let (file, at) = (Arc::clone(&self.file), offset);
            offset += chunk.len() as u64;
            blocking(move || file.write_all_at(&chunk, at)).await?.map_err(unusable)?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        // What was not fetched takes no room.
        if state.base.is_none() {
            self.spool.shrink(state.size);
        }
        self.spool.remove(&self.name);
    }
}

fn instant(time: Timestamp) -> SystemTime {
    let distance = Duration::from_nanos(time.0.unsigned_abs());
    let moved = if time.0 < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moved.unwrap_or(UNIX_EPOCH)
}

fn unusable(error: std::io::Error) -> Failure {
    if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
        return Failure::new(capstan_domain::Kind::NoSpace, "The host's disk is full").with_detail(error.to_string());
    }
    Failure::host("The file cannot be written", error)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("The host could not work on a file", error))
}
