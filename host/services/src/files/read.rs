//! Reading: a file as a stream of large chunks, each read on a thread for blocking work, one ahead of the reader.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::fs::{OpenOptions, OpenOptionsExt};
use capstan_domain::content::Body;
use capstan_domain::{Failure, Kind, Outcome};
use futures::StreamExt;
use rustix::buffer::spare_capacity;
use rustix::fs::{Advice, OFlags};

use super::directory::{Directory, Shared};
use super::errors;
use super::path::RelativePath;
use super::status::{FileKind, Status};
use crate::limits;

impl Directory {
    /// The file as it was when it was opened, and its bytes. A file that becomes shorter meanwhile is a `conflict`.
    pub async fn read(&self, path: &str, offset: u64, length: Option<u64>) -> Outcome<(Status, Body)> {
        let path = RelativePath::read(path)?;
        let (file, status) = self.run(move |shared| shared.open_for_reading(&path)).await?;
        let available =
            status.size.checked_sub(offset).ok_or_else(|| Failure::invalid("the range begins behind the end of the file"))?;
        let length = length.map_or(available, |length| length.min(available));
        let body = chunks(Arc::new(file), offset, length).buffered(limits::FILE_READ_AHEAD);
        Ok((status, Box::pin(until_failure(body))))
    }
}

impl Shared {
    /// Only regular files: a device or a pipe could hold a thread for ever.
    pub(super) fn open_for_reading(&self, path: &RelativePath) -> Outcome<(OwnedFd, Status)> {
        let mut options = OpenOptions::new();
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        options.read(true).custom_flags(nonblocking);
        let file = self.dir.open_with(path.whole(), &options).map_err(|cause| errors::io("the file cannot be opened", &cause))?;
        let fd = OwnedFd::from(file);
        let stat = rustix::fs::fstat(&fd).map_err(|cause| errors::errno("the file cannot be looked at", cause))?;
        let status = Status::from(&stat);
        if status.kind != FileKind::File {
            return Err(Failure::invalid("only regular files have bytes to read"));
        }
        Ok((fd, status))
    }
}

/// One future a chunk; nothing is read before it is polled.
fn chunks(
    file: Arc<OwnedFd>,
    offset: u64,
    length: u64,
) -> impl futures::Stream<Item = impl Future<Output = Outcome<Bytes>> + Send> + Send {
    // A hint; without it everything works, only slower.
    let _ = rustix::fs::fadvise(&*file, offset, std::num::NonZeroU64::new(length), Advice::Sequential);
    let size = limits::FILE_CHUNK_BYTES as u64;
    let starts = (0..length.div_ceil(size)).map(move |index| (offset + index * size, size.min(length - index * size)));
    futures::stream::iter(starts).map(move |(at, count)| {
        let file = Arc::clone(&file);
        async move {
            let read = tokio::task::spawn_blocking(move || read_exactly(&file, at, count));
            read.await.map_err(|cause| Failure::host("a read did not end", cause))?
        }
    })
}

fn read_exactly(file: &OwnedFd, mut at: u64, count: u64) -> Outcome<Bytes> {
    let count = usize::try_from(count).map_err(|cause| Failure::host("a chunk is too large", cause))?;
    let mut chunk: Vec<u8> = Vec::with_capacity(count);
    while chunk.len() < count {
        match rustix::io::pread(file, spare_capacity(&mut chunk), at) {
            Ok(0) => return Err(Failure::new(Kind::Conflict, "the file became shorter while it was read")),
            Ok(read) => at += read as u64,
            Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(errors::errno("the file cannot be read", cause)),
        }
    }
    Ok(chunk.into())
}

/// A failed item is the last one.
fn until_failure(body: impl futures::Stream<Item = Outcome<Bytes>> + Send) -> impl futures::Stream<Item = Outcome<Bytes>> + Send {
    body.scan(false, |failed, item| {
        let over = std::mem::replace(failed, item.is_err());
        std::future::ready((!over).then_some(item))
    })
}
