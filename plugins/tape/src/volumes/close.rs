//! A volume is closed before its cartridge leaves the drive, or before somebody writes to it by blocks.

use capstan_sdk::Outcome;

use super::contents::Volume;
use super::enter::of_drive;
use super::{lose, ltfs, sync};
use crate::site::site;

/// What the drive has is synced, as other software expects it, and known no more.
pub(crate) async fn close(drive: &str) -> Outcome<()> {
    let site = site().await?;
    let Some(mut entered) = of_drive(&site, site.drive(drive)?).await? else {
        lose(drive);
        return Ok(());
    };
    let closed = match sync::commit(&entered.mount, &mut entered.taken.it).await {
        Ok(()) => {
            let is_ltfs = matches!(*entered.mount.volume.borrow(), Volume::Ltfs(_));
            match is_ltfs {
                true => ltfs::close(&entered.mount, &mut entered.taken.it).await,
                false => Ok(()),
            }
        }
        Err(failure) => Err(failure),
    };
    match closed {
        Ok(()) => {
            entered.taken.it.mount = None;
            lose(drive);
            entered.leave();
            Ok(())
        }
        Err(failure) => Err(entered.lost(failure)),
    }
}

/// What the drive has is about to be gone.
pub(crate) fn forget_drive(drive: &str) {
    lose(drive);
}
