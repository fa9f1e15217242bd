//! Names and attributes. They are durable after a sync, as files are.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, already_exists, invalid};
use capstan_sdk::types::{Attributes, Kind, Node};

use super::contents::Files;
use super::enter::{Entered, enter};
use super::feed::Feed;
use super::looks::HASH;
use super::write::drain;
use super::{FILES, now, paths, sync};

/// Changes a tree. What that makes ready for the tape is written.
async fn changed<T>(cartridge: &str, change: impl FnOnce(&mut dyn Files, i64) -> Outcome<T>) -> Outcome<T> {
    let mut entered: Entered = enter(cartridge).await?.writable().await?;
    let must_sync = entered.mount.volume.borrow().files().must_sync();
    if must_sync && let Err(failure) = sync::commit(&entered.mount, &mut entered.taken.it).await {
        return Err(entered.lost(failure));
    }
    let before = entered.mount.volume.borrow().files().next();
    let done = change(entered.mount.volume.borrow_mut().files_mut(), now());
    let waiting = entered.mount.volume.borrow_mut().files_mut().take();
    if let Some(block) = waiting {
        let written = async {
            let mut feed = Feed::begin(&mut entered.taken.it, before).await?;
            feed.block(&mut entered.taken.it, block).await?;
            drain(&entered.mount, &mut entered.taken.it, &mut feed).await?;
            feed.settle(&mut entered.taken.it).await?;
            entered.mount.room.borrow_mut().wrote(&feed);
            Ok(())
        };
        let written: Outcome<()> = written.await;
        if let Err(failure) = written {
            return Err(entered.lost(failure));
        }
    }
    entered.leave();
    done
}

fn may_grow(files: &dyn Files) -> Outcome<()> {
    if files.objects() < FILES {
        Ok(())
    } else {
        Err(capstan_sdk::failure::no_space("there are too many files on the cartridge"))
    }
}

pub(crate) async fn make_directory(cartridge: &str, path: &str) -> Outcome<()> {
    paths::check(path)?;
    changed(cartridge, |files, now| {
        if files.node(path).is_ok_and(|node| node.kind == Kind::Directory) {
            return Ok(());
        }
        may_grow(files)?;
        files.make_directory(path, now)
    })
    .await
}

pub(crate) async fn remove(cartridge: &str, path: &str) -> Outcome<()> {
    paths::check_inner(path)?;
    changed(cartridge, |files, now| match files.remove(path, now) {
        Err(Failure::NotFound(_)) => Ok(()),
        other => other,
    })
    .await
}

pub(crate) async fn rename(cartridge: &str, from: &str, to: &str, replace: bool) -> Outcome<()> {
    paths::check_inner(from)?;
    paths::check_inner(to)?;
    changed(cartridge, |files, now| {
        let there = files.node(to).is_ok();
        match files.rename(from, to, replace, now) {
            // It may be this attempt that did it, its answer lost.
            Err(failure @ Failure::NotFound(_)) if there => Err(failure.maybe_done()),
            other => other,
        }
    })
    .await
}

pub(crate) async fn set_attributes(cartridge: &str, path: &str, attributes: &Attributes) -> Outcome<Node> {
    paths::check(path)?;
    changed(cartridge, |files, now| {
        files.set_attributes(path, attributes, now)?;
        files.node(path)
    })
    .await
}

/// Made twice with the same target is made once.
pub(crate) async fn make_link(cartridge: &str, path: &str, target: &str) -> Outcome<Node> {
    paths::check_inner(path)?;
    changed(cartridge, |files, now| {
        match files.node(path) {
            Ok(node) if node.link.as_deref() == Some(target) => return Ok(node),
            Ok(_) => return Err(already_exists(format!("there is a {path:?} already"))),
            Err(Failure::NotFound(_)) => {}
            Err(failure) => return Err(failure),
        }
        may_grow(files)?;
        files.make_link(path, target, now)?;
        files.node(path)
    })
    .await
}

pub(crate) async fn set_xattr(cartridge: &str, path: &str, name: &str, value: Option<&[u8]>) -> Outcome<()> {
    paths::check(path)?;
    if name == HASH {
        return Err(invalid(format!("{name} is this target's own")));
    }
    changed(cartridge, |files, now| files.set_xattr(path, name, value, now)).await
}
