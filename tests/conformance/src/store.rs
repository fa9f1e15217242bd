//! What objects and files have in common: a name, bytes under it, a look, a list. Cases about calls and faults are written once.

use std::collections::BTreeMap;

use anyhow::ensure;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ByteRange, Files, GetOptions, ListOptions, Objects, PutOptions};

use crate::told;

/// Pages of a listing that are read before it counts as endless.
pub const MOST_PAGES: usize = 20_000;
/// Entries asked of a page.
pub const PAGE: u32 = 1_000;
/// Directories below one that is removed.
const MOST_DEPTH: usize = 64;

#[derive(Clone, Copy)]
pub enum Store<'a> {
    Objects(&'a dyn Objects),
    Files(&'a dyn Files),
}

impl<'a> Store<'a> {
    pub fn of(objects: Option<&'a dyn Objects>, files: Option<&'a dyn Files>) -> anyhow::Result<Self> {
        match (objects, files) {
            (Some(objects), _) => Ok(Self::Objects(objects)),
            (None, Some(files)) => Ok(Self::Files(files)),
            (None, None) => anyhow::bail!("the plugin has neither objects nor files now"),
        }
    }

    /// Answers the size that is claimed.
    pub async fn put(self, location: &str, key: &str, content: Content, attempt: &str, options: PutOptions) -> Outcome<u64> {
        let size = self.write(location, key, content, attempt, options).await?;
        if let Self::Files(port) = self {
            port.sync(location, key).await?;
        }
        Ok(size)
    }

    /// A put that need not last: nobody is asked for what somebody else may have removed by then.
    pub async fn write(self, location: &str, key: &str, content: Content, attempt: &str, options: PutOptions) -> Outcome<u64> {
        match self {
            Self::Objects(port) => Ok(port.put(location, key, content, attempt, options).await?.size),
            Self::Files(port) => Ok(port.write(location, key, content, attempt, options).await?.size),
        }
    }

    pub async fn get(self, location: &str, key: &str, range: Option<ByteRange>) -> Outcome<(u64, Body)> {
        match self {
            Self::Objects(port) => {
                port.get(location, key, range, GetOptions::default()).await.map(|(object, body)| (object.size, body))
            }
            Self::Files(port) => port.read(location, key, range).await.map(|(node, body)| (node.size, body)),
        }
    }

    /// The size of what is there.
    pub async fn look(self, location: &str, key: &str) -> Outcome<u64> {
        match self {
            Self::Objects(port) => Ok(port.head(location, key, GetOptions::default()).await?.size),
            Self::Files(port) => Ok(port.stat(location, key).await?.size),
        }
    }

    pub async fn is_there(self, location: &str, key: &str) -> anyhow::Result<Option<u64>> {
        match self.look(location, key).await {
            Ok(size) => Ok(Some(size)),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(told(failure).context(format!("a look at {key:?}"))),
        }
    }

    /// What lies directly under the folder, with the sizes; the folder ends with a slash. One call a page.
    pub async fn list(self, location: &str, folder: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        let (mut found, mut after) = (BTreeMap::new(), None);
        for _ in 0..MOST_PAGES {
            let (entries, next) = self.page(location, folder, after.take(), PAGE).await.map_err(told)?;
            for (name, size) in entries {
                ensure!(found.insert(name.clone(), size).is_none(), "{name:?} is listed twice");
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
        anyhow::bail!("the listing does not end")
    }

    pub async fn page(
        self,
        location: &str,
        folder: &str,
        after: Option<String>,
        limit: u32,
    ) -> Outcome<(Vec<(String, u64)>, Option<String>)> {
        match self {
            Self::Objects(port) => {
                let page = port
                    .list(location, ListOptions { prefix: folder.to_owned(), after, limit, ..ListOptions::default() })
                    .await?;
                let cut = |key: &str| key.strip_prefix(folder).unwrap_or(key).to_owned();
                Ok((page.entries.iter().map(|entry| (cut(&entry.key), entry.size)).collect(), page.next))
            }
            Self::Files(port) => {
                let page = port.read_directory(location, folder.trim_end_matches('/'), after.as_deref(), limit).await?;
                Ok((page.nodes.into_iter().map(|node| (node.name, node.size)).collect(), page.next))
            }
        }
    }

    pub async fn remove(self, location: &str, key: &str, attempt: &str) -> Outcome<()> {
        match self {
            Self::Objects(port) => {
                let outcomes = port.delete_many(location, vec![key.to_owned()], attempt).await?;
                outcomes.into_iter().try_for_each(|outcome| outcome.result)
            }
            Self::Files(port) => port.remove(location, key, attempt).await,
        }
    }

    /// Removes everything under the prefix, and says if something stays.
    pub async fn clear(self, location: &str, prefix: &str) -> anyhow::Result<()> {
        match self {
            Self::Objects(port) => clear_objects(port, location, prefix).await,
            Self::Files(port) => clear_files(port, location, prefix.trim_end_matches('/')).await,
        }
    }
}

async fn clear_objects(port: &dyn Objects, location: &str, prefix: &str) -> anyhow::Result<()> {
    let options = ListOptions { prefix: prefix.to_owned(), limit: PAGE, ..ListOptions::default() };
    // The first page each time: what was deleted is gone from it.
    for _ in 0..MOST_PAGES {
        let page = port.list(location, options.clone()).await.map_err(told)?;
        if page.entries.is_empty() && page.next.is_none() {
            return Ok(());
        }
        let keys: Vec<String> = page.entries.into_iter().map(|entry| entry.key).filter(|key| key.starts_with(prefix)).collect();
        ensure!(!keys.is_empty(), "pages without keys");
        for outcome in port.delete_many(location, keys, &format!("clear {prefix}")).await.map_err(told)? {
            outcome.result.map_err(told)?;
        }
    }
    anyhow::bail!("something stays under {prefix:?}")
}

async fn clear_files(port: &dyn Files, location: &str, root: &str) -> anyhow::Result<()> {
    // Depth first, without recursion: a directory is removed when what is in it is gone.
    let mut stack = vec![root.to_owned()];
    let mut turns = 0_usize;
    while let Some(path) = stack.last().cloned() {
        turns += 1;
        ensure!(stack.len() <= MOST_DEPTH && turns <= MOST_PAGES, "something stays under {root:?}");
        let page = match port.read_directory(location, &path, None, PAGE).await {
            Ok(page) => page,
            Err(failure) if failure.kind == Kind::NotFound => {
                stack.pop();
                continue;
            }
            Err(failure) => return Err(told(failure).context(format!("the directory {path:?}"))),
        };
        let mut deeper = None;
        for node in &page.nodes {
            let below = format!("{path}/{}", node.name);
            if node.kind == capstan_domain::ports::NodeKind::Directory {
                deeper = Some(below);
            } else {
                port.remove(location, &below, "clear").await.map_err(told)?;
            }
        }
        match deeper {
            Some(deeper) => stack.push(deeper),
            None if page.nodes.is_empty() && page.next.is_none() => {
                port.remove(location, &path, "clear").await.map_err(told)?;
                stack.pop();
            }
            None => {}
        }
    }
    Ok(())
}
