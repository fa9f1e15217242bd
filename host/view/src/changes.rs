//! Changes through a view. Each is the tree's, durable when it is answered; files wait in the spool until they are closed or synced.

use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use capstan_domain::names::escape;
use capstan_domain::time::Timestamp;
use capstan_mount::errno;
use capstan_mover::{Item, ItemKind, NewAttributes};
use fuser::{Errno, INodeNo};

use crate::draft::Draft;
use crate::inner::{Handle, Inner, Key};
use crate::table::Spot;
use crate::writes::Writes;

/// Emptied folders that are remembered; beyond, the next is not, and is gone with its last file.
const MOST_EMPTIED: usize = 4096;

/// Who asks, to whom what they make belongs.
pub(crate) type Owner = (u32, u32);

impl Inner {
    fn writes(&self, tree: usize) -> Result<&Arc<dyn Writes>, Errno> {
        self.tree(tree)?.writes.as_ref().ok_or(Errno::EROFS)
    }

    /// Where something new is to be made, in a tree that can be changed and holds the name.
    fn new_place(&self, parent: INodeNo, name: &OsStr) -> Result<Key, Errno> {
        let (tree, path) = match self.spot(parent)? {
            Spot::Top => return Err(Errno::EPERM),
            _ => self.below(parent, name)?,
        };
        self.writes(tree)?;
        match self.tree(tree)?.tree.refuses(&path) {
            Some(failure) => Err(errno::of(&failure)),
            None => Ok((tree, path)),
        }
    }

    /// One more handle on a draft that is there.
    pub(crate) fn join(&self, key: &Key) -> Option<Result<u64, Errno>> {
        let draft = {
            let mut drafts = Self::locked(&self.drafts);
            let (draft, users) = drafts.get_mut(key)?;
            *users += 1;
            Arc::clone(draft)
        };
        Some(self.enter(&draft))
    }

    /// A handle that was counted already.
    fn enter(&self, draft: &Arc<Draft>) -> Result<u64, Errno> {
        let kept = self.keep(Handle::Writing(Arc::clone(draft)));
        if kept.is_err() {
            self.leave(draft);
        }
        kept
    }

    /// One handle less; the last one takes the draft along.
    fn leave(&self, draft: &Arc<Draft>) {
        Self::locked(&self.drafts).retain(|_, (known, users)| {
            if Arc::ptr_eq(known, draft) {
                *users = users.saturating_sub(1);
            }
            *users > 0
        });
    }

    async fn begin(&self, key: Key, item: &Item, old: bool, owner: Owner) -> Result<u64, Errno> {
        if let Some(joined) = self.join(&key) {
            return joined;
        }
        let (tree, path) = &key;
        let spool = self.spool.clone().ok_or(Errno::EROFS)?;
        let writes = Arc::clone(self.writes(*tree)?);
        let failed = |failure: capstan_domain::Failure| errno::of_change(&failure, "opening a file", path);
        let base = match old {
            true => Some(self.tree(*tree)?.tree.open(item).await.map_err(failed)?.content),
            false => None,
        };
        let draft = Arc::new(Draft::begin(spool, writes, item, base, owner).await.map_err(failed)?);
        let draft = match Self::locked(&self.drafts).entry(key) {
            // Somebody was faster: theirs is the file.
            Entry::Occupied(mut theirs) => {
                let (draft, users) = theirs.get_mut();
                *users += 1;
                Arc::clone(draft)
            }
            Entry::Vacant(vacant) => Arc::clone(&vacant.insert((draft, 1)).0),
        };
        self.enter(&draft)
    }

    /// A new file; it is there for others once it is closed.
    pub(crate) async fn create(&self, parent: INodeNo, name: &OsStr, mode: u32, owner: Owner) -> Result<(u64, Key, Item), Errno> {
        let key = self.new_place(parent, name)?;
        let item = Item {
            mode: Some(mode & 0o7777),
            uid: Some(owner.0),
            gid: Some(owner.1),
            ..Item::file(key.1.clone(), 0, Timestamp::now())
        };
        let handle = self.begin(key.clone(), &item, false, owner).await?;
        Ok((handle, key, item))
    }

    pub(crate) async fn open_for_writing(&self, ino: INodeNo) -> Result<u64, Errno> {
        let key = self.place(ino)?;
        self.writes(key.0)?;
        let item = self.item(&Spot::In { tree: key.0, path: key.1.clone() }).await?;
        let owner = (item.uid.unwrap_or(self.owner.0), item.gid.unwrap_or(self.owner.1));
        self.begin(key, &item, true, owner).await
    }

    /// What is new is stored, and its fate is told.
    pub(crate) async fn settle(&self, handle: u64) -> Result<(), Errno> {
        match self.handle(handle) {
            Some(Handle::Writing(draft)) => {
                draft.settle().await.map_err(|failure| errno::of_change(&failure, "storing a file", ""))
            }
            Some(Handle::Reading(_)) => Ok(()),
            None => Err(Errno::EBADF),
        }
    }

    /// The last that is heard of a handle. What was written after the last close, by a mapping, is stored now.
    pub(crate) async fn release(&self, handle: u64) -> Result<(), Errno> {
        let settled = self.settle(handle).await;
        if let Some(Handle::Writing(draft)) = Self::locked(&self.files).remove(&handle) {
            self.leave(&draft);
        }
        settled
    }

    pub(crate) async fn make_folder(&self, parent: INodeNo, name: &OsStr, mode: u32, owner: Owner) -> Result<(Key, Item), Errno> {
        let key = self.new_place(parent, name)?;
        let writes = self.writes(key.0)?;
        let spot = Spot::In { tree: key.0, path: key.1.clone() };
        if self.item(&spot).await.is_ok() {
            return Err(Errno::EEXIST);
        }
        let folder = Item {
            kind: ItemKind::Folder { empty: true },
            mode: Some(mode & 0o7777),
            uid: Some(owner.0),
            gid: Some(owner.1),
            ..Item::file(key.1.clone(), 0, Timestamp::now())
        };
        writes.make_folder(&folder).await.map_err(|failure| errno::of_change(&failure, "making a folder", &key.1))?;
        let item = self.item(&spot).await.unwrap_or(folder);
        Ok((key, item))
    }

    pub(crate) async fn make_link(&self, parent: INodeNo, name: &OsStr, to: &[u8]) -> Result<(Key, Item), Errno> {
        let key = self.new_place(parent, name)?;
        let writes = self.writes(key.0)?;
        let spot = Spot::In { tree: key.0, path: key.1.clone() };
        if self.item(&spot).await.is_ok() {
            return Err(Errno::EEXIST);
        }
        let to = escape(to, |_| false);
        writes.make_link(&key.1, &to).await.map_err(|failure| errno::of_change(&failure, "making a link", &key.1))?;
        let item = self.item(&spot).await?;
        Ok((key, item))
    }

    pub(crate) async fn unlink(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let (key, item) = self.child(parent, name).await?;
        if matches!(item.kind, ItemKind::Folder { .. }) {
            return Err(Errno::EISDIR);
        }
        let (tree, path) = &key;
        let writes = self.writes(*tree)?;
        writes.remove(&item).await.map_err(|failure| errno::of_change(&failure, "removing a file", path))?;
        self.forsake(&key).await;
        self.table.removed(*tree, path);
        self.remember_emptied(*tree, path);
        Ok(())
    }

    /// Whatever is being written for a path goes nowhere from now on.
    async fn forsake(&self, key: &Key) {
        let taken = Self::locked(&self.drafts).remove(key);
        if let Some((draft, _)) = taken {
            draft.forsake().await;
        }
    }

    /// The folder a file was in stays for those who look at it, also where folders are only what files lie in.
    fn remember_emptied(&self, tree: usize, path: &str) {
        let Some((folder, _)) = path.rsplit_once('/') else { return };
        if self.shown.get(tree).is_some_and(|shown| !shown.tree.keeps_folders()) {
            let mut emptied = Self::locked(&self.emptied);
            if emptied.len() < MOST_EMPTIED {
                emptied.insert((tree, folder.to_owned()));
            }
        }
    }

    pub(crate) async fn remove_folder(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let (key, item) = self.child(parent, name).await?;
        if !matches!(item.kind, ItemKind::Folder { .. }) {
            return Err(Errno::ENOTDIR);
        }
        let (tree, path) = &key;
        if path.is_empty() {
            return Err(Errno::EBUSY);
        }
        let writes = self.writes(*tree)?;
        let below = format!("{path}/");
        if Self::locked(&self.drafts).keys().any(|(of, at)| of == tree && at.starts_with(&below)) {
            return Err(Errno::ENOTEMPTY);
        }
        writes.remove_folder(path).await.map_err(|failure| errno::of_change(&failure, "removing a folder", path))?;
        Self::locked(&self.emptied).remove(&key);
        self.table.removed(*tree, path);
        self.remember_emptied(*tree, path);
        Ok(())
    }

    pub(crate) async fn rename(
        &self,
        (parent, name): (INodeNo, &OsStr),
        (new_parent, new_name): (INodeNo, &OsStr),
        replace: bool,
    ) -> Result<(), Errno> {
        let (from, _) = self.child(parent, name).await?;
        let to = self.new_place(new_parent, new_name)?;
        if from == to {
            return Ok(());
        }
        // Another location is another file system.
        if from.0 != to.0 {
            return Err(Errno::EXDEV);
        }
        let writes = self.writes(from.0)?;
        let failed = |failure: capstan_domain::Failure| errno::of_change(&failure, "renaming", &from.1);
        // What is being written is stored under the name it has, and moves as a file.
        if let Some(draft) = self.draft(&from) {
            draft.settle().await.map_err(failed)?;
        }
        let below = format!("{}/", from.1);
        if Self::locked(&self.drafts).keys().any(|(of, at)| *of == from.0 && at.starts_with(&below)) {
            return Err(Errno::EBUSY);
        }
        let spot = Spot::In { tree: from.0, path: from.1.clone() };
        let item = self.item(&spot).await?;
        if !writes.rename(&item, &to.1, replace).await.map_err(failed)? {
            return Err(Errno::EXDEV);
        }
        self.forsake(&to).await;
        let moved = Self::locked(&self.drafts).remove(&from);
        if let Some((draft, users)) = moved {
            draft.follow(&to.1).await;
            Self::locked(&self.drafts).insert(to.clone(), (draft, users));
        }
        self.table.renamed(from.0, &from.1, &to.1);
        Ok(())
    }

    /// `size`: the file is cut or grown to it.
    pub(crate) async fn change_attributes(
        &self,
        ino: INodeNo,
        handle: Option<u64>,
        new: NewAttributes,
        size: Option<u64>,
    ) -> Result<Item, Errno> {
        if let Some(Handle::Writing(draft)) = handle.and_then(|handle| self.handle(handle)) {
            return self.change_draft(&draft, new, size).await;
        }
        let (tree, path) = self.place(ino)?;
        let writes = self.writes(tree)?;
        let key = (tree, path.clone());
        if size.is_some() || self.draft(&key).is_some() {
            // Nobody may have it open: then it is opened for this alone, and stored at once.
            let handle = self.open_for_writing(ino).await?;
            let changed = match self.handle(handle) {
                Some(Handle::Writing(draft)) => self.change_draft(&draft, new, size).await,
                _ => Err(Errno::EBADF),
            };
            self.release(handle).await?;
            return changed;
        }
        if new != NewAttributes::default() && !path.is_empty() {
            let failed = |failure: capstan_domain::Failure| errno::of_change(&failure, "changing attributes", &path);
            writes.set_attributes(&path, new).await.map_err(failed)?;
        }
        self.item(&Spot::In { tree, path }).await
    }

    async fn change_draft(&self, draft: &Arc<Draft>, new: NewAttributes, size: Option<u64>) -> Result<Item, Errno> {
        let failed = |failure: capstan_domain::Failure| errno::of_change(&failure, "changing attributes", "");
        if let Some(size) = size {
            draft.truncate(size).await.map_err(failed)?;
        }
        if new != NewAttributes::default() {
            draft.set_attributes(new).await.map_err(failed)?;
        }
        match draft.item().await.map_err(failed)? {
            Some(item) => Ok(item),
            None => self.item(&Spot::In { tree: self.tree_of(draft)?, path: draft.path().await }).await,
        }
    }

    fn tree_of(&self, draft: &Arc<Draft>) -> Result<usize, Errno> {
        let drafts = Self::locked(&self.drafts);
        drafts.iter().find(|(_, (known, _))| Arc::ptr_eq(known, draft)).map(|((tree, _), _)| *tree).ok_or(Errno::ENOENT)
    }
}

/// The bytes of a link, as the kernel gives them.
pub(crate) fn link_bytes(to: &std::path::Path) -> Vec<u8> {
    to.as_os_str().as_bytes().to_vec()
}
