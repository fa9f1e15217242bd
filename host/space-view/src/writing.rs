//! Writing: a stub is recalled first, then its copies are told to be stale, then its record goes, then it is written.
//!
//! | the process dies after | what is there | what becomes of it |
//! |---|---|---|
//! | the recall | premigrated, as it was | the writer was promised nothing |
//! | telling that the copies are stale | premigrated, its copies as good as before | it is premigrated anew, without need |
//! | removing the record, before its sync | premigrated or resident, unchanged | what its record says |
//! | the record's removal | resident, unchanged | copies are made anew |
//! | a write | resident, changed | as far as it was synced |
//! | emptying, before the record's removal | no bytes, a record of others | resident: a record of another size counts for nothing |

use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use capstan_stub::{ForWriting, RawFile, State};
use rustix::fs::{FallocateFlags, Mode};
use rustix::io::Errno;

use crate::attributes;
use crate::changes::{Known, Stale};
use crate::inner::{Inner, proc_path};
use crate::open_file::{OpenFile, Writer};
use crate::opens::Used;
use crate::recalls::Reader;
use crate::refusal::{Answer, FAILED, LATER, Refusal};

/// How long a file that the host works on is waited for; then it is EAGAIN.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(10);
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// A file that becomes a stub again under the hands of a writer is recalled again so many times.
const TRIES: u32 = 4;
/// Set-user-id, and set-group-id where it means that.
const SET_USER: u16 = 0o4000;
const SET_GROUP: u16 = 0o2010;
/// Bytes that one call copies.
const MOST_COPIED: u64 = 64 << 20;

impl Inner {
    pub(crate) fn known(&self, file: &OpenFile) -> Known {
        Known { path: self.table.path(file.number).unwrap_or_default(), identity: file.identity }
    }

    /// It is resident, durably, and nobody makes anything else of it as long as the writer is there.
    pub(crate) async fn ready(self: &Arc<Self>, file: &Arc<OpenFile>, writer: &Writer, reader: Reader) -> Answer<()> {
        if file.is_ready() {
            return Ok(());
        }
        let _turn = file.readying.lock().await;
        for _ in 0..TRIES {
            if file.is_ready() {
                return Ok(());
            }
            if !file.is_data() {
                self.recall_whole(file, reader).await?;
            }
            self.tell_stale(file).await?;
            let raw = writer.raw.clone();
            match self.patiently(move || raw.invalidate()).await? {
                ForWriting::Ready(_) => {
                    file.set_data();
                    file.set_ready();
                    return Ok(());
                }
                ForWriting::RecallFirst => {}
            }
        }
        Err(LATER)
    }

    /// Before copies become those of an earlier content.
    async fn tell_stale(&self, file: &Arc<OpenFile>) -> Answer<()> {
        let looked = Arc::clone(file);
        let look = self.blocking(move || Ok(looked.look()?)).await?;
        let Some(record) = look.record().cloned() else { return Ok(()) };
        let at = self.known(file);
        let path = at.path.clone();
        self.teller.changes().stale(Stale { at, record }).await.map_err(|failure| {
            tracing::warn!(%failure, path, "a file is not written to: it could not be recorded that its copies are stale");
            FAILED
        })
    }

    pub(crate) async fn write(
        self: &Arc<Self>,
        file: &Arc<OpenFile>,
        writer: &Writer,
        write: Write,
        reader: Reader,
    ) -> Answer<u32> {
        self.ready(file, writer, reader).await?;
        self.check_quota()?;
        let (raw, file) = (writer.raw.clone(), Arc::clone(file));
        self.blocking(move || {
            if write.takes_bits {
                take_bits(&raw)?;
            }
            put(&raw, &write.bytes, write.offset)?;
            file.set_written();
            Ok(u32::try_from(write.bytes.len()).unwrap_or(u32::MAX))
        })
        .await
    }

    pub(crate) async fn allocate(
        self: &Arc<Self>,
        file: &Arc<OpenFile>,
        writer: &Writer,
        (offset, length, mode): (u64, u64, i32),
        reader: Reader,
    ) -> Answer<()> {
        self.ready(file, writer, reader).await?;
        self.check_quota()?;
        let (raw, file) = (writer.raw.clone(), Arc::clone(file));
        self.blocking(move || {
            let mode = FallocateFlags::from_bits_retain(u32::try_from(mode).unwrap_or_default());
            rustix::fs::fallocate(&raw, mode, offset, length)?;
            file.set_written();
            Ok(())
        })
        .await
    }

    /// Between two files that are data; the kernel copies others itself, by reading.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        (from, from_offset): (&Arc<OpenFile>, u64),
        (file, writer, to_offset): (&Arc<OpenFile>, &Writer, u64),
        length: u64,
        reader: Reader,
    ) -> Answer<u32> {
        if !from.is_data() {
            return Err(Refusal(fuser::Errno::EOPNOTSUPP));
        }
        self.ready(file, writer, reader).await?;
        self.check_quota()?;
        let (from, file, raw) = (Arc::clone(from), Arc::clone(file), writer.raw.clone());
        self.blocking(move || {
            let (mut read, mut written) = (from_offset, to_offset);
            let length = usize::try_from(length.min(MOST_COPIED)).unwrap_or_default();
            let copied = rustix::fs::copy_file_range(from.raw(), Some(&mut read), &raw, Some(&mut written), length)?;
            file.set_written();
            Ok(u32::try_from(copied).unwrap_or(u32::MAX))
        })
        .await
    }

    /// The file has so many bytes from now on. What nobody wants any more is not recalled.
    pub(crate) async fn cut(self: &Arc<Self>, number: u64, size: u64, reader: Reader) -> Answer<()> {
        let used = self.use_patiently(number).await?;
        let file = &used.file;
        let writer = Writer::of(file)?;
        let look = file.look()?;
        let has_record = look.stale || !matches!(look.state, State::Resident);
        if size == 0 && has_record {
            self.tell_stale(file).await?;
            self.empty(file, &writer).await?;
        } else {
            self.ready(file, &writer, reader).await?;
            let raw = writer.raw.clone();
            self.blocking(move || Ok(rustix::fs::ftruncate(&raw, size)?)).await?;
        }
        let raw = writer.raw.clone();
        if reader.user != 0 {
            self.blocking(move || take_bits(&raw)).await?;
        }
        file.set_written();
        Ok(())
    }

    async fn empty(&self, file: &Arc<OpenFile>, writer: &Writer) -> Answer<()> {
        let _turn = file.readying.lock().await;
        if let Some(recalling) = file.running() {
            self.patiently(move || recalling.give_up()).await?;
        }
        let raw = writer.raw.clone();
        self.patiently(move || raw.empty()).await?;
        file.set_data();
        file.set_ready();
        Ok(())
    }

    pub(crate) async fn use_patiently(self: &Arc<Self>, number: u64) -> Answer<Used> {
        let since = Instant::now();
        loop {
            match self.use_file(number) {
                Err(LATER) if since.elapsed() < BUSY_WAIT => tokio::time::sleep(BUSY_PAUSE).await,
                other => return other,
            }
        }
    }

    /// Tries again while somebody works on the file.
    pub(crate) async fn patiently<T: Send + 'static>(
        &self,
        work: impl FnMut() -> Outcome<T> + Send + Clone + 'static,
    ) -> Answer<T> {
        let since = Instant::now();
        loop {
            let tried: Outcome<T> = match self.runtime.spawn_blocking(work.clone()).await {
                Ok(tried) => tried,
                Err(error) => Err(Failure::host("The host could not work on a file", error)),
            };
            match tried {
                Err(failure) if failure.kind == Kind::Busy && since.elapsed() < BUSY_WAIT => tokio::time::sleep(BUSY_PAUSE).await,
                other => return other.map_err(Refusal::from),
            }
        }
    }
}

/// Bytes to be written.
pub(crate) struct Write {
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    /// The writer may not keep the file's set-user-id bits.
    pub(crate) takes_bits: bool,
}

fn put(raw: &RawFile, mut bytes: &[u8], mut offset: u64) -> Answer<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(raw, bytes, offset) {
            Err(Errno::INTR) => {}
            Ok(0) => return Err(FAILED),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// What a change of the content takes, as this process is allowed what the writer is not.
fn take_bits(raw: &RawFile) -> Answer<()> {
    let mode = attributes::stat(raw)?.stx_mode & 0o7777;
    let mut left = mode & !SET_USER;
    if left & SET_GROUP == SET_GROUP {
        left &= !0o2000;
    }
    if left != mode {
        rustix::fs::chmod(proc_path(raw), Mode::from_raw_mode(left.into()))?;
    }
    Ok(())
}
