//! Recalls of a space: one for each file, however many wait for it.
//!
//! A recall goes on to its end, whoever gave up waiting. What it leaves is told by the file itself; the catalogue follows.

mod bring;
mod ended;
mod sources;
mod turns;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use capstan_digest::BLOCK;
use capstan_domain::ids::LocationId;
use capstan_domain::{Failure, Outcome};
use capstan_space_view::{Recalling, Wanted};
use capstan_stub::{Access, Identity, RawFile};
use tokio::sync::watch;

pub(crate) use bring::no_copies;
pub(crate) use ended::ended;
pub(crate) use sources::explained;
use sources::{Copies, Known};

use crate::Inner;
use crate::on_disk::on_disk;
use crate::opened::OpenSpace;
use crate::settings::Limits;
use turns::{Turn, Turns};

/// How long somebody else who is at work on the file is waited for.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Between two looks whether he still is.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Recalls {
    running: Mutex<HashMap<(u64, i64), Running>>,
    turns: Turns,
}

#[derive(Clone)]
struct Running {
    recalling: Recalling,
    /// Becomes true, or is dropped, when the catalogue knows the end.
    recorded: watch::Receiver<bool>,
}

/// A file that is to be recalled.
struct Asked {
    file: RawFile,
    identity: Identity,
    /// Empty: it has none any more.
    path: String,
    range: Range<u64>,
    /// Buckets that are asked before others.
    first: Vec<LocationId>,
    /// Held until the recall ends.
    turn: Option<Turn>,
}

impl Recalls {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { running: Mutex::default(), turns: Turns::new(limits) }
    }

    /// For a reader of the view: begins, or joins what is under way.
    pub(crate) async fn on_access(&self, inner: &Arc<Inner>, space: &Arc<OpenSpace>, wanted: Wanted) -> Outcome<Recalling> {
        let Wanted { file, identity, path, range, reader } = wanted;
        if let Some(running) = self.join(identity, &range) {
            return Ok(running.recalling);
        }
        let turn = Some(self.turns.take(reader.user).await?);
        let asked = Asked { file, identity, path, range, first: Vec::new(), turn };
        Ok(self.begin(inner, space, asked).await?.recalling)
    }

    /// The whole file, and the catalogue knows how it ended. A file that is data is a success. Fails with `Busy` (`file-in-use`) when somebody else
    /// stays at work on it.
    pub(crate) async fn whole(
        &self,
        inner: &Arc<Inner>,
        space: &Arc<OpenSpace>,
        path: &str,
        first: &[LocationId],
    ) -> Outcome<()> {
        let since = Instant::now();
        loop {
            let begun = self.whole_once(inner, space, path, first).await;
            match begun {
                Ok(mut running) => {
                    let ended = running.recalling.whole().await;
                    // However it ended: who is told of it finds it in the catalogue. Dropped: whoever recorded it died.
                    let _ = running.recorded.wait_for(|recorded| *recorded).await;
                    return ended;
                }
                Err(failure) if failure.code.as_deref() == Some("not-a-stub") => return Ok(()),
                Err(failure) if failure.code.as_deref() == Some("file-in-use") && since.elapsed() < BUSY_WAIT => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn whole_once(&self, inner: &Arc<Inner>, space: &Arc<OpenSpace>, path: &str, first: &[LocationId]) -> Outcome<Running> {
        let (raw, at) = (space.raw.clone(), path.to_owned());
        let (file, identity) = on_disk(move || {
            let file = raw.file(&at, Access::Write)?;
            let identity = file.look()?.identity;
            Ok::<_, Failure>((file, identity))
        })
        .await??;
        let asked = Asked { file, identity, path: path.to_owned(), range: 0..u64::MAX, first: first.to_vec(), turn: None };
        self.begin(inner, space, asked).await
    }

    async fn begin(&self, inner: &Arc<Inner>, space: &Arc<OpenSpace>, asked: Asked) -> Outcome<Running> {
        if let Some(running) = self.join(asked.identity, &asked.range) {
            return Ok(running);
        }
        let Asked { file, identity, path, range, first, turn } = asked;
        let look = on_disk({
            let file = file.clone();
            move || file.look()
        })
        .await??;
        let Some(record) = look.record().filter(|_| !look.is_data()) else {
            // Says what it is instead.
            return Err(on_disk(move || file.recall(&[]).map(drop)).await?.err().unwrap_or_else(gone));
        };
        let known = Known { content: record.content.clone(), unnamed: record.unnamed > 0 };
        let is_large = known.content.size > BLOCK && known.content.blocks.is_empty();
        let copies = Copies::of(inner, space, &path, known, &first, is_large).await?;
        let blocks = copies.blocks().to_vec();
        let begun = Begun {
            space: Arc::clone(space),
            identity,
            path,
            leading: record.leading,
            is_large: look.size > inner.settings.limits.small_file,
        };
        let filling = on_disk(move || file.recall(&blocks)).await??;
        // A moment's reading before, and one that asks for everything at once would order what comes in its order anyway.
        let range = if range.end == u64::MAX { 0..0 } else { range };
        let (recalling, bringing) = Recalling::begin(filling, &range);
        let (told, recorded) = watch::channel(false);
        let running = Running { recalling, recorded };
        self.running().insert(key(identity), running.clone());
        let inner = Arc::clone(inner);
        tokio::spawn(async move {
            let _turn = turn;
            bring::bring(&inner, &begun, bringing, copies).await;
            begun.space.recalls.running().remove(&key(begun.identity));
            told.send_replace(true);
        });
        Ok(running)
    }

    fn join(&self, identity: Identity, range: &Range<u64>) -> Option<Running> {
        let running = self.running().get(&key(identity)).cloned()?;
        if range.end < u64::MAX {
            running.recalling.want(range);
        }
        Some(running)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<(u64, i64), Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recall under way.
pub(crate) struct Begun {
    space: Arc<OpenSpace>,
    identity: Identity,
    path: String,
    leading: u64,
    /// Its way back is worth telling.
    is_large: bool,
}

fn key(identity: Identity) -> (u64, i64) {
    (identity.inode, identity.birth)
}

fn gone() -> Failure {
    Failure::new(capstan_domain::Kind::Conflict, "The file is no stub any more").with_code("not-a-stub")
}
