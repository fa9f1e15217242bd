//! `capstan:host/content`: bytes the host holds, lent to a plugin for one call.

use capstan_bindings::content::HeldContent;
use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::content::{Host, HostContent, HostContentWithStore};
use capstan_domain::content::Content;
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;
use wasmtime::component::{Access, Accessor, Resource, StreamReader};

use crate::digest::Digest;
use crate::services::{Imports, Services};
use crate::stream;

impl Host for Services {}

impl HostContent for Services {
    fn size(&mut self, held: Resource<HeldContent>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&held)?.content.size())
    }

    fn checksum(&mut self, held: Resource<HeldContent>, algorithm: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.table.get(&held)?.content.checksum(&algorithm))
    }

    fn broken(&mut self, held: Resource<HeldContent>) -> wasmtime::Result<Option<WitFailure>> {
        Ok(self.table.get(&held)?.why_broken().map(WitFailure::from))
    }

    fn drop(&mut self, held: Resource<HeldContent>) -> wasmtime::Result<()> {
        self.table.delete(held)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostContentWithStore<T> for Imports {
    fn open(
        mut access: Access<'_, T, Self>,
        held: Resource<HeldContent>,
        offset: u64,
        length: u64,
    ) -> wasmtime::Result<StreamReader<u8>> {
        let held = access.get().table.get(&held)?.clone();
        let body = match within(held.content.size(), offset, length) {
            Ok(()) => held.content.open(offset, length),
            Err(failure) => Box::pin(futures::stream::once(std::future::ready(Err(failure)))),
        };
        stream::reader(access, body, Some(held.broken))
    }

    async fn digest(
        accessor: &Accessor<T, Self>,
        held: Resource<HeldContent>,
        algorithm: String,
        offset: u64,
        length: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, WitFailure>> {
        let content = accessor.with(|mut access| access.get().table.get(&held).map(|held| held.content.clone()))?;
        Ok(digest(&content, &algorithm, offset, length).await.map_err(WitFailure::from))
    }
}

fn within(size: u64, offset: u64, length: u64) -> Outcome<()> {
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(Failure::invalid(format!("the range {offset}+{length} is not in the {size} bytes of the content"))),
    }
}

/// Reads the range once and hashes it on the way. Runs as a task of its own, so that hashing a large range does not hold up the other
/// calls of the instance.
async fn digest(content: &Content, algorithm: &str, offset: u64, length: u64) -> Outcome<Vec<u8>> {
    within(content.size(), offset, length)?;
    if offset == 0
        && length == content.size()
        && let Some(known) = content.checksum(algorithm)
    {
        return Ok(known);
    }
    let mut digest = Digest::new(algorithm)?;
    let mut body = content.open(offset, length);
    let task = crate::task::spawn(async move {
        let mut read = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            read += chunk.len() as u64;
            digest.update(&chunk);
        }
        if read == length {
            Ok(digest.finish())
        } else {
            Err(Failure::new(capstan_domain::Kind::Conflict, "the content ended short"))
        }
    });
    task.await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use capstan_domain::content::{Body, Source};

    use super::*;

    struct Fixed(&'static [u8]);

    impl Source for Fixed {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn open(&self, offset: u64, length: u64) -> Body {
            let range = offset as usize..(offset + length) as usize;
            Box::pin(futures::stream::iter([Ok(Bytes::from_static(&self.0[range]))]))
        }
    }

    #[tokio::test]
    async fn a_digest_covers_exactly_its_range() {
        let content: Content = Arc::new(Fixed(b"xx123456789yy"));
        assert_eq!(digest(&content, "crc32c", 2, 9).await.unwrap(), 0xe306_9283_u32.to_be_bytes());
        for (offset, length) in [(0, 14), (13, 1), (u64::MAX, 2)] {
            assert_eq!(digest(&content, "md5", offset, length).await.unwrap_err().kind, capstan_domain::Kind::Invalid);
        }
    }
}
