//! Large objects: bytes that nobody holds in memory.

use anyhow::{Context, ensure};
use capstan_domain::ports::{ByteRange, GetOptions, PutOptions};

use crate::case::{Case, Want};
use crate::content::{same_sparse, sparse};
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub fn all() -> Vec<Case> {
    use Want::{Durable, Objects};
    group! { "objects";
        "large-put", clause::PUT, [Objects, Durable], "a large object is put in one piece and got back", whole, scaled;
        "large-ranges", clause::GET, [Objects, Durable], "ranges far into a large object are its bytes there", ranges, scaled;
    }
}

/// As much as one put may have.
async fn put(stand: &Stand<'_>) -> anyhow::Result<(String, u64)> {
    let most = stand.number("max-single-put-bytes", u64::MAX).min(stand.number("max-object-bytes", u64::MAX));
    let (key, size) = (stand.key("large"), stand.size.large().min(most));
    let object = stand.objects()?.put(stand.location, &key, sparse(size), "large", PutOptions::default()).await;
    let object = object.map_err(told).with_context(|| format!("a put of {size} bytes"))?;
    ensure!(object.size == size, "a put of {size} bytes says {}", object.size);
    Ok((key, size))
}

async fn whole(stand: &Stand<'_>) -> Check {
    let (key, size) = put(stand).await?;
    let (object, body) = stand.objects()?.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?;
    ensure!(object.size == size, "get says {} bytes", object.size);
    same_sparse(body, 0, size).await
}

async fn ranges(stand: &Stand<'_>) -> Check {
    let (key, size) = put(stand).await?;
    for offset in [0, (size / 2).next_multiple_of(1 << 20) - 5, (1 << 32) - 5, size - 12] {
        if offset + 12 > size {
            continue;
        }
        let range = Some(ByteRange { offset, length: Some(12) });
        let (_, body) = stand.objects()?.get(stand.location, &key, range, GetOptions::default()).await.map_err(told)?;
        same_sparse(body, offset, 12).await.with_context(|| format!("12 bytes from {offset}"))?;
    }
    Ok(())
}
