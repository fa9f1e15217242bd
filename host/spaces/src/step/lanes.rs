//! Small files go in batches, large ones alone; so many of each at a time.

use std::pin::pin;
use std::sync::Arc;

use capstan_domain::workflow::TaskPath;
use capstan_domain::{Kind, Outcome};
use capstan_mover::{Command, Control};
use futures::{Stream, StreamExt, stream};

use crate::settings::Limits;

/// A path of the task.
#[derive(Clone, Debug)]
pub(crate) struct One {
    pub(crate) position: u64,
    pub(crate) path: TaskPath,
}

impl One {
    pub(crate) fn path(&self) -> &str {
        &self.path.path
    }
}

/// `size`: bytes of each, as they are now. The first failure of the step as a whole stops what has not begun; what is under way comes
/// to its end.
pub(crate) async fn in_lanes<W, B, L>(
    work: &Arc<W>,
    control: &Control,
    files: Vec<(One, u64)>,
    limits: &Limits,
    batch: impl Fn(Arc<W>, Vec<One>) -> B,
    large: impl Fn(Arc<W>, One) -> L,
) -> Outcome<()>
where
    B: Future<Output = Outcome<()>>,
    L: Future<Output = Outcome<()>>,
{
    let (small, big): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, size)| *size <= limits.small_file);
    let batches = stream::iter(batches(small, limits)).map(|files| batch(Arc::clone(work), files));
    let single = stream::iter(big).map(|(one, _)| large(Arc::clone(work), one));
    let (batches, single) = futures::join!(
        to_the_end(batches.buffer_unordered(limits.batches.max(1)), control),
        to_the_end(single.buffer_unordered(limits.large_files.max(1)), control)
    );
    match (batches, single) {
        // That it was stopped says less than why.
        (Err(failure), single) if failure.kind == Kind::Cancelled => single.and(Err(failure)),
        (batches, single) => batches.and(single),
    }
}

async fn to_the_end(done: impl Stream<Item = Outcome<()>>, control: &Control) -> Outcome<()> {
    let mut done = pin!(done);
    let mut first = Ok(());
    while let Some(one) = done.next().await {
        if first.is_ok() && one.is_err() {
            control.set(Command::Stop);
            first = one;
        }
    }
    first
}

fn batches(files: Vec<(One, u64)>, limits: &Limits) -> Vec<Vec<One>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
    for (one, size) in files {
        let is_full = batch.len() >= limits.batch_files.max(1) || bytes.saturating_add(size) > limits.batch_bytes;
        if is_full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        batch.push(one);
        bytes = bytes.saturating_add(size);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use capstan_domain::entry::EntryKind;

    use super::*;

    #[test]
    fn a_batch_ends_where_it_is_full_of_files_or_of_bytes() {
        let path = |size| TaskPath { path: "p".to_owned(), kind: EntryKind::File, size, state: String::new(), from: None };
        let files = |sizes: &[u64]| sizes.iter().map(|size| (One { position: 0, path: path(*size) }, *size)).collect();
        let limits = Limits { batch_files: 3, batch_bytes: 100, ..Limits::default() };
        let lengths = |sizes: &[u64]| batches(files(sizes), &limits).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[1, 1, 1, 1]), [3, 1]);
        assert_eq!(lengths(&[60, 40, 1, 200, 1]), [2, 1, 1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}
