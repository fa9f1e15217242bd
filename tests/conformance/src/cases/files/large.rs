//! Large files: bytes that nobody holds in memory.

use anyhow::{Context, ensure};
use capstan_domain::ports::{ByteRange, PutOptions};

use crate::case::{Case, Want};
use crate::content::{same_sparse, sparse};
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub fn all() -> Vec<Case> {
    use Want::{Durable, Files};
    group! { "files";
        "large-write", clause::WRITE, [Files, Durable], "a large file is written and read back, whole and in ranges", large, scaled;
    }
}

async fn large(stand: &Stand<'_>) -> Check {
    let (port, path, size) = (stand.files()?, stand.key("large"), stand.size.large() + 4321);
    let node = port.write(stand.location, &path, sparse(size), "large", PutOptions::default()).await.map_err(told)?;
    ensure!(node.size == size, "a write of {size} bytes says {}", node.size);
    port.sync(stand.location, &path).await.map_err(told)?;
    let (node, body) = port.read(stand.location, &path, None).await.map_err(told)?;
    ensure!(node.size == size, "the file says {} bytes", node.size);
    same_sparse(body, 0, size).await?;
    for offset in [(size / 2).next_multiple_of(1 << 20) - 5, size - 12] {
        let range = Some(ByteRange { offset, length: Some(12) });
        let (_, body) = port.read(stand.location, &path, range).await.map_err(told)?;
        same_sparse(body, offset, 12).await.with_context(|| format!("12 bytes from {offset}"))?;
    }
    Ok(())
}
