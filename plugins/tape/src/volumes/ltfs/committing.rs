//! What was done to an index becomes what the tape says.

use std::rc::Rc;

use capstan_ltfs::{Commit, Packer};
use capstan_sdk::failure::{denied, invalid, unavailable};
use capstan_sdk::{Blame, Failure, Outcome};

use super::{CREATOR, Ltfs, steps, time};
use crate::tape::Tape;
use crate::volumes::contents::Volume;
use crate::volumes::feed::Feed;
use crate::volumes::spacing::to_end;
use crate::volumes::{Mount, now};

/// Syncs from one index in the index partition to the next: the way there and back takes minutes, and other software needs it only where the
/// cartridge was never unloaded.
const INDEX_EVERY: u32 = 32;

fn is_ltfs(mount: &Mount) -> bool {
    matches!(*mount.volume.borrow(), Volume::Ltfs(_))
}

/// Before the first write: what was not closed is put in order, and the end is found. A volume of the other format is in order.
pub(crate) async fn repair(mount: &Mount, tape: &mut Tape) -> Outcome<()> {
    if !is_ltfs(mount) || mount.ltfs(|ltfs| Ok(ltfs.packer.is_some()))? {
        return Ok(());
    }
    let (read_only, decision, layout, known) =
        mount.ltfs(|ltfs| Ok((ltfs.read_only, ltfs.decision, ltfs.volume.layout, ltfs.data_end)))?;
    if read_only {
        return Err(denied(format!("cartridge {:?} is locked, or a label of it cannot be read", mount.cartridge))
            .next_step("Copy what is on it to another cartridge."));
    }
    let end = match known {
        Some(end) => end,
        None => {
            let found = to_end(tape, layout.data_number).await?;
            found.ok_or_else(|| unavailable(format!("{} does not tell where its data ends", tape.unit.subject)))?.object
        }
    };
    let mut next = end;
    if decision.append_to_data {
        next = append(mount, tape, end, true).await?;
    } else if decision.copy_to_index {
        copy(mount, tape).await?;
    }
    mount.ltfs(|ltfs| {
        ltfs.packer = Some(Packer::new(layout.data, ltfs.volume.block_bytes, next));
        Ok(())
    })
}

/// The plugin writes an index that is not that of what is on the tape.
fn other_index() -> Failure {
    invalid("the index is not that of the tape").blame(Blame::Plugin)
}

/// Everything is durable when this answers. After a failure nobody knows what the tape holds.
pub(crate) async fn sync(mount: &Mount, tape: &mut Tape) -> Outcome<()> {
    flush(mount, tape).await?;
    let (end, both) = mount.ltfs(|ltfs| Ok((ltfs.packer()?.block(), ltfs.syncs.saturating_add(1) >= INDEX_EVERY)))?;
    let next = append(mount, tape, end, both).await?;
    mount.ltfs(|ltfs| if ltfs.packer()?.go_on_at(next) { Ok(()) } else { Err(other_index()) })
}

/// What waits to make a block full goes as a short one. False: this is another format.
pub(crate) async fn flush(mount: &Mount, tape: &mut Tape) -> Outcome<bool> {
    if !is_ltfs(mount) {
        return Ok(false);
    }
    let next = mount.volume.borrow().files().next();
    let waiting = mount.ltfs(|ltfs| Ok(ltfs.full.take().into_iter().chain(ltfs.packer()?.flush()).collect::<Vec<_>>()))?;
    if waiting.is_empty() {
        return Ok(true);
    }
    let mut feed = Feed::begin(tape, next).await?;
    for block in waiting {
        feed.block(tape, block).await?;
    }
    feed.settle(tape).await?;
    mount.room.borrow_mut().wrote(&feed);
    Ok(true)
}

/// As other software wants it: the index partition has the newest index.
pub(crate) async fn close(mount: &Mount, tape: &mut Tape) -> Outcome<()> {
    // Of one that nothing was written to, nothing is put in order.
    if mount.ltfs(|ltfs| Ok(ltfs.copied || ltfs.packer.is_none()))? {
        return Ok(());
    }
    copy(mount, tape).await
}

/// The index behind the last block of the data partition; where the next block goes.
async fn append(mount: &Mount, tape: &mut Tape, end: u64, both: bool) -> Outcome<u64> {
    let (commit, index) = mount.ltfs(|ltfs| {
        ltfs.index()?.next_generation(CREATOR, time(now()));
        let commit = Commit::append(&ltfs.volume, &ltfs.index, end, both).ok_or_else(other_index)?;
        Ok((commit, Rc::clone(&ltfs.index)))
    })?;
    let block_bytes = commit.volume.block_bytes;
    let done = steps::run(tape, commit.steps, &index, block_bytes, 0).await?;
    drop(index);
    mount.ltfs(|ltfs| {
        ltfs.volume = commit.volume;
        (ltfs.copied, ltfs.syncs) = (both, if both { 0 } else { ltfs.syncs.saturating_add(1) });
        (ltfs.least, ltfs.grown) = (done.index_blocks.saturating_mul(u64::from(block_bytes)), 0);
        Ok(())
    })?;
    mount.room.borrow_mut().warn(done.near_end && !both);
    // A mark, the index, a mark.
    Ok(end.saturating_add(done.index_blocks).saturating_add(2))
}

async fn copy(mount: &Mount, tape: &mut Tape) -> Outcome<()> {
    let (commit, index) = mount.ltfs(|ltfs: &mut Ltfs| {
        let commit = Commit::copy(&ltfs.volume, &ltfs.index).ok_or_else(other_index)?;
        Ok((commit, Rc::clone(&ltfs.index)))
    })?;
    steps::run(tape, commit.steps, &index, commit.volume.block_bytes, 0).await?;
    drop(index);
    mount.ltfs(|ltfs| {
        ltfs.volume = commit.volume;
        (ltfs.copied, ltfs.syncs) = (true, 0);
        Ok(())
    })
}
