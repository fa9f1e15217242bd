//! A large file into a share that can be written in ranges: parts at their offsets of one temporary file beside the final name, then
//! renamed.
//!
//! The temporary name is of the attempt, so that what one job left and another may give up is never what a third one writes.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_domain::content::{Body, Source};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ByteRange, PutOptions};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

use super::{FileTree, Inner, content, item_of, while_storing};
use crate::control::Control;
use crate::digest::{BLOCK, BlockHasher, Value};
use crate::ledger::{PartTables, UploadKey, UploadRecord};
use crate::local::temporary;
use crate::measured::Measured;
use crate::names;
use crate::resumable::{Filling, PART, Partial, describe, is_hopeless};
use crate::tree::{Arrival, Stored};

/// Option of a write, after the capability "ranged-write": where in the file the content goes, in place.
const OFFSET: &str = "offset";

pub(super) async fn store(
    tree: &FileTree,
    arrival: &Arrival,
    content: Arc<Measured>,
    tables: &dyn PartTables,
    control: &Control,
) -> Outcome<Stored> {
    let inner = &tree.inner;
    let native = inner.native(&arrival.path)?;
    let key = UploadKey { tree: inner.id.clone(), key: native.clone() };
    let described = describe(&content);
    let mut earlier = tables.find_upload(&key).await?;
    if let Some(outdated) = earlier.take_if(|earlier| earlier.content != described || earlier.part_size != PART) {
        give_up(inner, &outdated.id).await?;
        tables.forget_upload(&key, &outdated.id).await?;
    }
    let (upload, parts) = match earlier {
        Some(mut earlier) => {
            let parts = std::mem::take(&mut earlier.parts);
            (earlier, parts)
        }
        None => {
            let name = String::from_utf8_lossy(&temporary(&format!("{}\0{}", arrival.attempt, arrival.path))).into_owned();
            let upload = UploadRecord {
                id: names::join(names::parent_of(&native), &name),
                attempt: None,
                size: arrival.size,
                part_size: PART,
                content: described,
                extras: Vec::new(),
                parts: Vec::new(),
            };
            // Known before it exists: whatever happens, somebody can give it up.
            tables.begin_upload(&key, &upload).await?;
            (upload, Vec::new())
        }
    };
    let remote = Remote { inner: Arc::clone(inner), native: upload.id.clone(), attempt: arrival.attempt.clone() };
    let mut filling = Filling { partial: &remote, content: &content, tables, key: &key, upload: &upload, begun: true };
    let outcome = match filling.run(&parts, control).await {
        Ok(()) => finish(&remote, arrival, &content, native).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(stored) => {
            tables.forget_upload(&key, &upload.id).await?;
            Ok(stored)
        }
        Err(failure) => {
            if is_hopeless(&failure) || matches!(failure.kind, Kind::AlreadyExists | Kind::Corrupt) {
                give_up(inner, &upload.id).await?;
                tables.forget_upload(&key, &upload.id).await?;
            }
            Err(failure)
        }
    }
}

/// Proved, durable, then visible under its name, and that durable too.
async fn finish(remote: &Remote, arrival: &Arrival, content: &Measured, native: String) -> Outcome<Stored> {
    let digest = content.complete().await?;
    content.check(&digest)?;
    let (inner, files) = (&remote.inner, &remote.inner.files);
    inner.dress(&remote.native, arrival).await?;
    remote.sync().await?;
    let renamed = files.rename(&inner.share, &remote.native, &native, arrival.overwrite, &arrival.attempt).await;
    let node = match (renamed, files.stat(&inner.share, &native).await) {
        (Ok(()), node) => node?,
        // The answer may have been lost on the way: what was asked for may be done (D5). A look tells, and what was read back decides.
        (Err(failure), Ok(node)) if failure.maybe_done && node.size == arrival.size => node,
        (Err(failure), _) => return Err(failure),
    };
    files.sync(&inner.share, names::parent_of(&native)).await?;
    Ok(Stored { item: item_of(arrival.path.clone(), None, &node), key: native })
}

/// A temporary file that nobody will finish.
pub(super) async fn give_up(inner: &Inner, native: &str) -> Outcome<()> {
    match inner.files.remove(&inner.share, native, native).await {
        Err(failure) if failure.kind != Kind::NotFound => Err(failure),
        _ => Ok(()),
    }
}

struct Remote {
    inner: Arc<Inner>,
    native: String,
    attempt: String,
}

#[async_trait]
impl Partial for Remote {
    async fn write(&self, content: &Arc<Measured>, offset: u64, length: u64) -> Outcome<()> {
        let _permit = self.inner.permit().await?;
        let range = Arc::new(Range { content: Arc::clone(content), offset, length });
        let options = PutOptions { extras: vec![(OFFSET.to_owned(), offset.to_string())], ..PutOptions::default() };
        let attempt = format!("{}-{offset}", self.attempt);
        self.inner.files.write(&self.inner.share, &self.native, range, &attempt, options).await.map_err(while_storing)?;
        // A plugin may have read the range otherwise than in one go; what was not hashed was not written.
        match content.values(offset, length) {
            Some(_) => Ok(()),
            None => Err(Failure::new(Kind::PluginFault, "The plugin did not read what it was to write").with_code("unread")),
        }
    }

    async fn value(&self, offset: u64, length: u64, whole: u64) -> Outcome<Value> {
        let range = Some(ByteRange { offset, length: Some(length) });
        let (_, mut body) = self.inner.files.read(&self.inner.share, &self.native, range).await?;
        let mut hasher = BlockHasher::new(offset);
        let mut left = length;
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            left = left.checked_sub(chunk.len() as u64).ok_or_else(content::changed)?;
            hasher.update(&chunk);
        }
        if left > 0 {
            return Err(content::changed());
        }
        Ok(if whole <= BLOCK { hasher.finish_alone() } else { hasher.finish() })
    }

    async fn sync(&self) -> Outcome<()> {
        self.inner.files.sync(&self.inner.share, &self.native).await
    }
}

/// A range of content as content of its own.
struct Range {
    content: Arc<Measured>,
    offset: u64,
    length: u64,
}

impl Source for Range {
    fn size(&self) -> u64 {
        self.length
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        self.content.open(self.offset + offset, length)
    }
}
