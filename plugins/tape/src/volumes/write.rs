//! Files to the end of the tape. What is written is in the tree when its last byte came, and durable after a sync.

use capstan_sdk::failure::{already_exists, cancelled, corrupt, unsupported};
use capstan_sdk::types::{Node, PutOptions};
use capstan_sdk::whole_file;
use capstan_sdk::{Failure, Outcome};

use super::contents::Dress;
use super::enter::{Entered, enter};
use super::feed::Feed;
use super::incoming::{Flow, Incoming};
use super::room::{full, goes_on};
use super::{FILES, Mount, now, paths, sync};
use crate::outside;
use crate::tape::Tape;

/// Blocks of headers and of what a file begins and ends in.
const BLOCKS_BESIDE: u64 = 3;

/// Why a file was not written.
enum Broken {
    /// The tape is as it was before, but for some blocks.
    Source(Failure),
    /// Nobody knows what the tape holds.
    Tape(Failure),
    Full,
}

pub(crate) async fn write(
    cartridge: &str,
    path: &str,
    content: &impl Incoming,
    attempt: &str,
    options: &PutOptions,
) -> Outcome<Node> {
    paths::check_inner(path)?;
    if options.if_match.is_some() {
        return Err(unsupported("files on a tape have no entity tags to match"));
    }
    if whole_file::offset(options)?.is_some() {
        return Err(unsupported("a file on a tape is written whole"));
    }
    let entered = enter(cartridge).await?;
    match done(&entered.mount, path, content.size(), attempt, options.if_absent) {
        Ok(None) => {}
        Ok(Some(node)) => {
            entered.leave();
            return Ok(node);
        }
        Err(failure) => {
            entered.leave();
            return Err(failure);
        }
    }
    let mut entered = room_for(entered.writable().await?, content.size()).await?;
    let written = lay(&entered.mount, &mut entered.taken.it, path, content, options).await;
    match written {
        Ok(()) => {
            let node = entered.mount.volume.borrow().files().node(path);
            if let Ok(Some(id)) = node.as_ref().map(|node| node.id.as_deref()) {
                entered.mount.attempts.borrow_mut().remember(attempt, path, id);
            }
            entered.leave();
            node
        }
        Err(Broken::Source(failure)) => {
            entered.leave();
            Err(failure)
        }
        Err(Broken::Tape(failure)) => Err(entered.lost(failure)),
        // What is on it is closed well, for which there is room still.
        Err(Broken::Full) => match sync::commit(&entered.mount, &mut entered.taken.it).await {
            Ok(()) => {
                let failure = full(&entered.mount.cartridge);
                entered.leave();
                Err(failure)
            }
            Err(failure) => Err(entered.lost(failure)),
        },
    }
}

/// What this attempt wrote before, or what stands in its way.
fn done(mount: &Mount, path: &str, size: u64, attempt: &str, if_absent: bool) -> Outcome<Option<Node>> {
    let there = match mount.volume.borrow().files().node(path) {
        Ok(node) => node,
        Err(Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let attempts = mount.attempts.borrow();
    if there.size == size && there.id.is_some() && attempts.did(attempt, path) == there.id.as_deref() {
        return Ok(Some(there));
    }
    if if_absent { Err(already_exists(format!("there is a {path:?} already"))) } else { Ok(None) }
}

/// Nothing is begun for which there is no room.
async fn room_for(mut entered: Entered, size: u64) -> Outcome<Entered> {
    let must_sync = entered.mount.volume.borrow().files().must_sync();
    if must_sync && let Err(failure) = sync::commit(&entered.mount, &mut entered.taken.it).await {
        return Err(entered.lost(failure));
    }
    let (beside, closing, objects) = {
        let volume = entered.mount.volume.borrow();
        let files = volume.files();
        (u64::from(files.block()).saturating_mul(BLOCKS_BESIDE), files.closing(), files.objects())
    };
    let bytes = size.saturating_add(beside);
    let fits = entered.mount.room.borrow().holds(bytes, closing);
    if fits && objects < FILES {
        return Ok(entered);
    }
    // What is on the tape is closed while there is room for it.
    match sync::commit(&entered.mount, &mut entered.taken.it).await {
        Ok(()) => {}
        Err(failure) => return Err(entered.lost(failure)),
    }
    let closing = entered.mount.volume.borrow().files().closing();
    // The drive counts what it compressed.
    if objects < FILES && entered.mount.room.borrow().holds(bytes, closing) {
        return Ok(entered);
    }
    let failure = full(&entered.mount.cartridge);
    entered.leave();
    Err(failure)
}

async fn lay(mount: &Mount, tape: &mut Tape, path: &str, content: &impl Incoming, options: &PutOptions) -> Result<(), Broken> {
    let (size, known, now) = (content.size(), content.known_blake3(), now());
    let dress = Dress { modified: whole_file::modified(options).unwrap_or(now), now };
    mount.volume.borrow_mut().files_mut().begin(path, size, dress, known).map_err(Broken::Source)?;
    let next = mount.volume.borrow().files().next();
    let mut feed = Feed::begin(tape, next).await.map_err(Broken::Tape)?;
    let poured = pour(mount, tape, &mut feed, content).await;
    let hashed = match (poured, known) {
        (Ok(()), Some(known)) => Ok(known),
        (Ok(()), None) => content.blake3().await.map_err(Broken::Source),
        (Err(broken), _) => Err(broken),
    };
    let ended = match hashed {
        Ok(blake3) => mount.volume.borrow_mut().files_mut().end(blake3).map_err(Broken::Source),
        Err(broken) => Err(broken),
    };
    if matches!(ended, Err(Broken::Source(_) | Broken::Full)) {
        mount.volume.borrow_mut().files_mut().give_up();
    }
    if !matches!(ended, Err(Broken::Tape(_))) {
        drain(mount, tape, &mut feed).await.map_err(Broken::Tape)?;
        feed.settle(tape).await.map_err(Broken::Tape)?;
    }
    mount.room.borrow_mut().wrote(&feed);
    ended
}

async fn pour(mount: &Mount, tape: &mut Tape, feed: &mut Feed, content: &impl Incoming) -> Result<(), Broken> {
    let (mut flow, mut left) = (content.flow(), content.size());
    let closing = mount.volume.borrow().files().closing();
    while let Some(piece) = flow.next().await.map_err(Broken::Source)? {
        if outside::cancelled() {
            return Err(Broken::Source(cancelled("the job was cancelled")));
        }
        left = left.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let filled = mount.volume.borrow_mut().files_mut().fill(rest).map_err(Broken::Source)?;
            rest = rest.get(filled..).unwrap_or_default();
            drain(mount, tape, feed).await.map_err(Broken::Tape)?;
        }
        if !goes_on(feed, left, closing) {
            return Err(Broken::Full);
        }
    }
    Ok(())
}

fn too_long() -> Broken {
    Broken::Source(corrupt("more bytes came than were told"))
}

/// Blocks that are full, to the drive.
pub(crate) async fn drain(mount: &Mount, tape: &mut Tape, feed: &mut Feed) -> Outcome<()> {
    loop {
        let block = mount.volume.borrow_mut().files_mut().take();
        match block {
            Some(block) => feed.block(tape, block).await?,
            None => return Ok(()),
        }
    }
}
