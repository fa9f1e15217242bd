//! Links as they are: made again with the same text, never followed, so that one that points outside harms nobody.

use capstan_domain::Outcome;
use capstan_domain::names::unescape;
use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::beneath::{Parents, Root, look, os};
use super::fault;
use super::read::{item_of, key_of};
use super::store::{refuses, rename, temporary, times};
use crate::item::Item;
use crate::tree::Stored;

pub(crate) fn make(root: &Root, path: &str, to: &str, item: &Item, overwrite: bool) -> Outcome<Stored> {
    if let Some(failure) = refuses(path) {
        return Err(failure);
    }
    let fault = |errno| fault::of(errno, path);
    let (parent, name) = Parents::made(root).at(path).map_err(fault)?;
    let temporary = temporary(path);
    match rustix::fs::unlinkat(&parent, os(&temporary), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(fault(errno)),
    }
    rustix::fs::symlinkat(os(&unescape(to)), &parent, os(&temporary)).map_err(fault)?;
    rustix::fs::utimensat(&parent, os(&temporary), &times(item.stamp()), AtFlags::SYMLINK_NOFOLLOW).map_err(fault)?;
    rename(&parent, &name, path, overwrite)?;
    let stat = look(&parent, &name).map_err(fault)?;
    let item = item_of(&parent, &name, path.to_owned(), &stat).map_err(fault)?;
    Ok(Stored { item, key: key_of(path) })
}
