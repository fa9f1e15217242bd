//! Reading: data as it lies there, a stub's bytes once they were recalled.
//!
//! Whoever waits for a recall waits on the runtime, so that whoever asks for something else is answered meanwhile. How many wait is
//! bounded ([`Settings::most_waiting`](crate::Settings)): one more is told EAGAIN. How long is bounded: then it is ETIMEDOUT, and the
//! recall goes on for whoever reads again.

use std::io::IoSliceMut;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::failure::{Blame, Kind};
use capstan_domain::{Failure, Outcome};
use capstan_stub::{RawFile, State};
use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags};

use crate::attributes;
use crate::inner::Inner;
use crate::open_file::{OpenFile, reopen};
use crate::recalling::Recalling;
use crate::recalls::{Reader, Wanted};
use crate::refusal::{Answer, FAILED, LATER, Refusal};
use crate::writing::{BUSY_PAUSE, BUSY_WAIT};

/// A reader is told a failure of a moment ago again: the kernel asks a second time for what it could not read ahead.
const FAILED_FOR: Duration = Duration::from_secs(2);
/// A recall that somebody else ended is begun anew so many times.
const TRIES: u32 = 4;
/// Bytes of one answer; the kernel asks for less.
const MOST_BYTES: usize = 16 << 20;

impl Inner {
    /// What the disk need not be asked for. None: it takes longer.
    pub(crate) fn read_at_once(&self, file: &OpenFile, offset: u64, length: u32) -> Option<Answer<Vec<u8>>> {
        if !file.is_data() {
            return None;
        }
        let mut bytes = vec![0; (length as usize).min(MOST_BYTES)];
        let read = rustix::io::preadv2(file.raw(), &mut [IoSliceMut::new(&mut bytes)], offset, ReadWriteFlags::NOWAIT);
        match read {
            Ok(read) if read == bytes.len() => Some(Ok(bytes)),
            // The end of the file, or of what is in memory.
            Ok(read) if attributes::stat(file.raw()).is_ok_and(|stat| offset.saturating_add(read as u64) == stat.stx_size) => {
                bytes.truncate(read);
                Some(Ok(bytes))
            }
            _ => None,
        }
    }

    pub(crate) async fn read(
        self: &Arc<Self>,
        file: &Arc<OpenFile>,
        offset: u64,
        length: u32,
        reader: Reader,
    ) -> Answer<Vec<u8>> {
        let length = (length as usize).min(MOST_BYTES);
        if !file.is_data() {
            let kept = Arc::clone(file);
            if let Some(bytes) = self.blocking(move || leading(&kept, offset, length)).await? {
                return Ok(bytes);
            }
            let range = offset..offset.saturating_add(length as u64);
            let inner = Arc::clone(self);
            if let Some(recalling) = self.wait(file, reader, async { inner.bring(file, &range, reader, false).await }).await? {
                return self.blocking(move || Ok(recalling.read(offset, length)?)).await;
            }
        }
        let file = Arc::clone(file);
        self.blocking(move || read_data(&file, offset, length)).await
    }

    /// Waits until the file is data.
    pub(crate) async fn recall_whole(self: &Arc<Self>, file: &Arc<OpenFile>, reader: Reader) -> Answer<()> {
        let inner = Arc::clone(self);
        self.wait(file, reader, async { inner.bring(file, &(0..u64::MAX), reader, true).await }).await.map(|_| ())
    }

    /// Within the bounds of waiting.
    async fn wait<T>(&self, file: &OpenFile, reader: Reader, work: impl Future<Output = Outcome<T>>) -> Answer<T> {
        let Ok(_place) = self.waiting.try_acquire() else {
            tracing::warn!(
                user = reader.user,
                most = self.settings.most_waiting,
                "too many wait for recalls: one more is refused"
            );
            return Err(LATER);
        };
        let mut ending = self.ending.subscribe();
        let ended = async {
            // Never an error: this holds the sender.
            let _ = ending.wait_for(|ending| *ending).await;
        };
        let waited = tokio::select! {
            done = work => Some(done),
            () = tokio::time::sleep(self.settings.recall_wait) => None,
            () = ended => return Err(FAILED),
        };
        let done = waited.unwrap_or_else(|| {
            let failure = late(self.settings.recall_wait);
            file.set_failed(&failure, false);
            Err(failure)
        });
        done.map_err(|failure| {
            let path = self.table.path(file.number).unwrap_or_default();
            let detail = failure.detail.as_deref();
            tracing::warn!(%failure, detail, path, user = reader.user, process = reader.process, "a recall on access failed");
            Refusal::from(failure)
        })
    }

    /// None: it is data. Otherwise the bytes of the range are here; with `whole` it is always data in the end.
    async fn bring(&self, file: &Arc<OpenFile>, range: &Range<u64>, reader: Reader, whole: bool) -> Outcome<Option<Recalling>> {
        let mut tries = 1;
        loop {
            let Some(recalling) = self.recalling(file, range, reader).await? else { return Ok(None) };
            let brought = if whole { recalling.whole().await } else { recalling.bytes(range.clone()).await };
            match brought {
                Ok(()) if recalling.is_whole() => {
                    file.set_data();
                    return Ok(None);
                }
                Ok(()) => return Ok(Some(recalling)),
                Err(failure) => {
                    // Somebody emptied the file, or died at it: it is looked at anew.
                    let is_given_up = failure.code.as_deref() == Some("recall-given-up");
                    file.set_failed(&failure, true);
                    if !is_given_up || tries >= TRIES || self.is_ending() {
                        return Err(failure);
                    }
                    tries += 1;
                    // That was nobody's failure.
                    file.forget_failure();
                }
            }
        }
    }

    /// Joins the recall of the file, or asks for it. None: it is data.
    async fn recalling(&self, file: &Arc<OpenFile>, range: &Range<u64>, reader: Reader) -> Outcome<Option<Recalling>> {
        let _turn = file.beginning.lock().await;
        let size = file.look()?.size;
        let range = range.start.min(size)..range.end.min(size);
        if file.is_data() {
            return Ok(None);
        }
        if let Some(running) = file.running() {
            running.want(&range);
            return match file.failed(FAILED_FOR).filter(|_| !running.has(&range)) {
                Some(failure) => Err(failure),
                None => Ok(Some(running)),
            };
        }
        if let Some(failure) = file.failed(FAILED_FOR) {
            return Err(failure);
        }
        let path = self.table.path(file.number).unwrap_or_default();
        let raw = reopen(file.raw(), OFlags::RDWR).map_err(|_| busy(&path))?;
        let raw = RawFile::from_handle(raw, &path)?;
        let wanted = Wanted { file: raw, identity: file.identity, path, range: range.clone(), reader };
        match self.begin(wanted).await {
            Ok(recalling) => {
                recalling.want(&range);
                file.set_running(&recalling);
                Ok(Some(recalling))
            }
            Err(failure) if failure.code.as_deref() == Some("not-a-stub") && file.look()?.is_data() => Ok(None),
            Err(failure) => {
                file.set_failed(&failure, true);
                Err(failure)
            }
        }
    }
}

impl Inner {
    /// Somebody who works on the file for a moment is waited for.
    async fn begin(&self, wanted: Wanted) -> Outcome<Recalling> {
        let since = Instant::now();
        loop {
            match self.recalls.recall(wanted.clone()).await {
                Err(failure) if failure.code.as_deref() == Some("file-in-use") && since.elapsed() < BUSY_WAIT => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                other => return other,
            }
        }
    }
}

/// The leading bytes of a stub are data if its record says so before the reading and after it: whoever brings other bytes in their place
/// changes the record first.
fn leading(file: &OpenFile, offset: u64, length: usize) -> Answer<Option<Vec<u8>>> {
    let holds = |file: &OpenFile| -> Answer<bool> {
        let look = file.look()?;
        let end = offset.saturating_add(length as u64).min(look.size);
        Ok(match &look.state {
            State::Migrated(record) | State::Recalling(record) => end <= record.leading,
            _ => false,
        })
    };
    if !holds(file)? {
        return Ok(None);
    }
    let bytes = read_data(file, offset, length)?;
    Ok(if holds(file)? { Some(bytes) } else { None })
}

/// Up to the end of the file.
fn read_data(file: &OpenFile, offset: u64, length: usize) -> Answer<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut at = 0;
    while let Some(room) = bytes.get_mut(at..).filter(|room| !room.is_empty()) {
        match rustix::io::pread(file.raw(), room, offset + at as u64) {
            Ok(0) => break,
            Ok(read) => at += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

/// Whether a position behind which there is data, or a hole, is to be had from the file system: of a stub it knows nothing.
pub(crate) fn seek(file: &OpenFile, offset: i64, whence: i32) -> Answer<i64> {
    /// Of `lseek(2)` on Linux.
    const SEEK_DATA: i32 = 3;
    const SEEK_HOLE: i32 = 4;
    let position = u64::try_from(offset).map_err(|_| Refusal(fuser::Errno::ENXIO))?;
    if !file.is_data() && !file.look()?.is_data() {
        let size = i64::try_from(attributes::stat(file.raw())?.stx_size).unwrap_or(i64::MAX);
        return match whence {
            _ if offset >= size => Err(Refusal(fuser::Errno::ENXIO)),
            SEEK_DATA => Ok(offset),
            SEEK_HOLE => Ok(size),
            _ => Err(crate::refusal::INVALID),
        };
    }
    let whence = match whence {
        SEEK_DATA => rustix::fs::SeekFrom::Data(position),
        SEEK_HOLE => rustix::fs::SeekFrom::Hole(position),
        _ => return Err(crate::refusal::INVALID),
    };
    // The handle's position is used by nobody.
    Ok(i64::try_from(rustix::fs::seek(file.raw(), whence)?).unwrap_or(i64::MAX))
}

fn late(waited: Duration) -> Failure {
    Failure::new(Kind::TimedOut, format!("The content was not recalled within {} s", waited.as_secs()))
        .with_blame(Blame::Host)
        .with_code("recall-timed-out")
        .with_next_step("The recall goes on: read it again later.")
}

fn busy(path: &str) -> Failure {
    Failure::new(Kind::Busy, format!("{path:?} is in use")).with_blame(Blame::Host).with_code("file-in-use")
}
