//! What was written becomes durable.

use capstan_sdk::failure::unavailable;
use capstan_sdk::{Outcome, Retry};

use super::contents::Volume;
use super::enter::enter;
use super::{Mount, UNSYNCED_LOST, archive, has_lost, ltfs, paths};
use crate::tape::Tape;

pub(crate) async fn sync(cartridge: &str, path: &str) -> Outcome<()> {
    paths::check(path)?;
    let mut entered = enter(cartridge).await?;
    if has_lost(cartridge) {
        let subject = entered.taken.it.unit.subject.clone();
        entered.leave();
        return Err(unavailable(format!("what was written since the last sync is lost in {subject}"))
            .code(UNSYNCED_LOST)
            .retry(Retry::Never)
            .next_step("Write again what is not there."));
    }
    let there = entered.mount.volume.borrow().files().node(path);
    if let Err(failure) = there {
        entered.leave();
        return Err(failure);
    }
    match commit(&entered.mount, &mut entered.taken.it).await {
        Ok(()) => {
            entered.leave();
            Ok(())
        }
        Err(failure) => Err(entered.lost(failure)),
    }
}

/// All of it is durable; nothing is written where nothing changed. After a failure nobody knows what the tape holds.
pub(crate) async fn commit(mount: &Mount, tape: &mut Tape) -> Outcome<()> {
    if !mount.volume.borrow().files().is_dirty() {
        return Ok(());
    }
    let is_archive = matches!(*mount.volume.borrow(), Volume::Archive(_));
    match is_archive {
        true => archive::sync(mount, tape).await?,
        false => ltfs::sync(mount, tape).await?,
    }
    let partition = mount.volume.borrow().files().next().partition;
    let before = mount.room.replace(Default::default());
    let asked = before.again(tape, &mount.shape, partition).await;
    // How much is left is not worth what is durable.
    mount.room.replace(asked.unwrap_or(before));
    Ok(())
}
