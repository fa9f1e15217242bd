//! Opening what may have to wait: for somebody's lease, for a recall, until copies are recorded to be stale.

use std::sync::Arc;

use fuser::{ReplyCreate, ReplyOpen};

use crate::answers::{created, opened};
use crate::inner::Inner;
use crate::making::Entered;
use crate::opening::Opened;
use crate::opens::Used;
use crate::recalls::Reader;
use crate::refusal::{Answer, INVALID, Refusal};

/// Waits until what is open may be written to, where the kernel would not tell of the first write.
pub(crate) async fn made_ready(inner: &Arc<Inner>, opened: &Opened, reader: Reader) -> Answer<()> {
    if !opened.must_ready {
        return Ok(());
    }
    let handle = inner.opens.handle(opened.handle)?;
    let writer = handle.writer().ok_or(INVALID)?;
    let ready = inner.ready(handle.file(), writer, reader).await;
    if ready.is_err() {
        inner.opens.close(opened.handle);
    }
    ready
}

pub(crate) async fn open_later(inner: Arc<Inner>, number: u64, write: bool, truncate: bool, reader: Reader, reply: ReplyOpen) {
    let work = async {
        if truncate {
            inner.cut(number, 0, reader).await?;
        }
        let used = inner.use_patiently(number).await?;
        let opening = inner.open(used, write, &|handle| reply.open_backing(handle))?;
        made_ready(&inner, &opening, reader).await?;
        Ok(opening)
    };
    match work.await {
        Ok(opening) => opened(&opening, reply),
        Err(Refusal(error)) => reply.error(error),
    }
}

pub(crate) async fn create_later(
    inner: Arc<Inner>,
    entered: Entered,
    used: Used,
    (write, truncate): (bool, bool),
    reader: Reader,
    reply: ReplyCreate,
) {
    let number = used.file.number;
    let work = async {
        if truncate {
            inner.cut(number, 0, reader).await?;
        }
        let opening = inner.open(used, write, &|handle| reply.open_backing(handle))?;
        made_ready(&inner, &opening, reader).await?;
        Ok(opening)
    };
    match work.await {
        Ok(opening) => created(&entered, &opening, reply),
        Err(Refusal(error)) => {
            inner.table.forget(number, 1);
            reply.error(error);
        }
    }
}
