//! What was found on the tapes of a pool and nothing else knew: the pool's own tree, which only a pool of tapes on which such files were
//! found has beside the primary pools.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, File, Files, FilesOf, Listing, OnTapesFile, OnTapesFiles, Page};
use capstan_domain::entry::{Entry, Tree};
use capstan_domain::pool::{Pool, PoolContent};
use capstan_domain::{Failure, Outcome};

use super::Door;
use super::failures::missing;

fn shown(file: File) -> OnTapesFile {
    OnTapesFile { id: file.id, name: file.name, kind: file.kind, size: file.size, barcodes: file.tapes }
}

impl Door {
    /// The pool, if it is one of tapes on which something was found.
    async fn found_on(&self, at: &Reference) -> Answer<Option<Pool>> {
        let pool = self.pool(at).await?;
        Ok(Some(pool).filter(|pool| pool.content == PoolContent::Tape && pool.root.is_some()))
    }

    /// Of this pool's tree, or not there.
    async fn found_in(&self, pool: Option<&Pool>, number: i64) -> Outcome<Entry> {
        let entry = self.app.entries.find(number).await?;
        match pool {
            Some(pool) if entry.tree == Tree::Pool(pool.id) => Ok(entry),
            _ => Err(Failure::not_found("the pool's tapes have no such file").with_code("not-found")),
        }
    }
}

#[async_trait]
impl OnTapesFiles for Door {
    async fn index(&self, caller: &Caller, at: &Reference, folder: Option<i64>, given: Listing) -> Answer<Page<OnTapesFile>> {
        let pool = self.found_on(at).await?;
        let of = match folder {
            Some(number) => {
                self.found_in(pool.as_ref(), number).await.map_err(missing("file_parent_id", &number.to_string()))?;
                FilesOf::Folder(number)
            }
            None if pool.is_none() => return Ok(Page::empty()),
            None => FilesOf::Pool(at.clone()),
        };
        let page = Files::index(self, caller, of, given).await?;
        Ok(Page { count: page.count, items: page.items.into_iter().map(shown).collect() })
    }

    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<OnTapesFile> {
        let pool = self.found_on(at).await?;
        let entry = self.found_in(pool.as_ref(), number).await.map_err(missing("file_id", &number.to_string()))?;
        self.file_with_path(&entry).await.map(|file| shown(file.file))
    }
}
