//! The contract's side of granted directories.

use std::sync::Arc;

use capstan_bindings::latest::WitFailure;
use capstan_bindings::latest::host::files as wit;
use capstan_domain::Outcome;
use wasmtime::component::{Accessor, FutureReader, StreamReader};

use super::{Changes, Creation, Directory, FileKind, Status};
use crate::services::{Imports, Services};
use crate::stream;

impl wit::Host for Services {}

type Answer<A> = wasmtime::Result<Result<A, WitFailure>>;
type Download = (wit::Status, StreamReader<u8>, FutureReader<Result<(), WitFailure>>);

impl<T: Send + 'static> wit::HostWithStore<T> for Imports {
    async fn stat(accessor: &Accessor<T, Self>, root: String, path: String) -> Answer<wit::Status> {
        with(accessor, &root, async |directory| directory.stat(&path).await.map(wit::Status::from)).await
    }

    async fn read_directory(
        accessor: &Accessor<T, Self>,
        root: String,
        path: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<wit::Page> {
        with(accessor, &root, async |directory| {
            let page = directory.read_directory(&path, after, limit).await?;
            let entries = page.entries.into_iter().map(|(name, status)| wit::Named { name, status: status.into() }).collect();
            Ok(wit::Page { entries, next: page.next, escaped: page.escaped })
        })
        .await
    }

    async fn read(
        accessor: &Accessor<T, Self>,
        root: String,
        path: String,
        offset: u64,
        length: Option<u64>,
    ) -> Answer<Download> {
        let read = match directory(accessor, &root) {
            Ok(directory) => directory.read(&path, offset, length).await,
            Err(failure) => Err(failure),
        };
        let (status, body) = match read {
            Ok(read) => read,
            Err(failure) => return Ok(Err(failure.into())),
        };
        let (stream, end) = accessor.with(|access| stream::reader_with_end(access, body))?;
        Ok(Ok((status.into(), stream, end)))
    }

    async fn write(
        accessor: &Accessor<T, Self>,
        root: String,
        path: String,
        creation: wit::Creation,
        offset: u64,
        data: StreamReader<u8>,
    ) -> Answer<u64> {
        let body = accessor.with(|mut access| {
            let counters = Arc::clone(&access.get().target().streams);
            stream::unwrap(access, data, &counters)
        })?;
        let creation = match creation {
            wit::Creation::Existing => Creation::Existing,
            wit::Creation::Truncate => Creation::Truncate,
            wit::Creation::Exclusive => Creation::Exclusive,
            wit::Creation::Keep => Creation::Keep,
        };
        with(accessor, &root, async |directory| directory.write(&path, creation, offset, body.into_body()).await).await
    }

    async fn sync(accessor: &Accessor<T, Self>, root: String, path: String) -> Answer<()> {
        with(accessor, &root, async |directory| directory.sync(&path).await).await
    }

    async fn make_directory(accessor: &Accessor<T, Self>, root: String, path: String) -> Answer<()> {
        with(accessor, &root, async |directory| directory.make_directory(&path).await).await
    }

    async fn remove(accessor: &Accessor<T, Self>, root: String, path: String) -> Answer<()> {
        with(accessor, &root, async |directory| directory.remove(&path).await).await
    }

    async fn rename(accessor: &Accessor<T, Self>, root: String, path: String, to: String, replace: bool) -> Answer<()> {
        with(accessor, &root, async |directory| directory.rename(&path, &to, replace).await).await
    }

    async fn set_attributes(accessor: &Accessor<T, Self>, root: String, path: String, times: wit::Times) -> Answer<wit::Status> {
        let changes = Changes { modified: times.modified, mode: times.mode, uid: times.uid, gid: times.gid };
        with(accessor, &root, async |directory| directory.set_attributes(&path, changes).await.map(wit::Status::from)).await
    }

    async fn read_link(accessor: &Accessor<T, Self>, root: String, path: String) -> Answer<String> {
        with(accessor, &root, async |directory| directory.read_link(&path).await).await
    }

    async fn make_link(accessor: &Accessor<T, Self>, root: String, path: String, target: String) -> Answer<()> {
        with(accessor, &root, async |directory| directory.make_link(&path, &target).await).await
    }

    async fn copy(accessor: &Accessor<T, Self>, root: String, path: String, to: String) -> Answer<u64> {
        with(accessor, &root, async |directory| directory.copy(&path, &to).await).await
    }

    async fn reflink(accessor: &Accessor<T, Self>, root: String, path: String, to: String) -> Answer<()> {
        with(accessor, &root, async |directory| directory.reflink(&path, &to).await).await
    }

    async fn resize(accessor: &Accessor<T, Self>, root: String, path: String, size: u64) -> Answer<wit::Status> {
        with(accessor, &root, async |directory| directory.resize(&path, size).await.map(wit::Status::from)).await
    }

    async fn discard(accessor: &Accessor<T, Self>, root: String, path: String, offset: u64, length: u64) -> Answer<()> {
        with(accessor, &root, async |directory| directory.discard_range(&path, offset, length).await).await
    }

    async fn extents(
        accessor: &Accessor<T, Self>,
        root: String,
        path: String,
        offset: u64,
        length: u64,
        limit: u32,
    ) -> Answer<Vec<wit::Extent>> {
        with(accessor, &root, async |directory| {
            let extents = directory.extents(&path, offset, length, limit).await?;
            Ok(extents.into_iter().map(|extent| wit::Extent { offset: extent.offset, length: extent.length }).collect())
        })
        .await
    }

    async fn get_xattrs(accessor: &Accessor<T, Self>, root: String, path: String) -> Answer<Vec<(String, Vec<u8>)>> {
        with(accessor, &root, async |directory| directory.get_xattrs(&path).await).await
    }

    async fn set_xattr(
        accessor: &Accessor<T, Self>,
        root: String,
        path: String,
        name: String,
        value: Option<Vec<u8>>,
    ) -> Answer<()> {
        with(accessor, &root, async |directory| directory.set_xattr(&path, &name, value).await).await
    }

    async fn space(accessor: &Accessor<T, Self>, root: String) -> Answer<(u64, u64)> {
        with(accessor, &root, async |directory| directory.space().await).await
    }
}

/// Runs a call on the directory that was granted under this name.
async fn with<T: 'static, A>(
    accessor: &Accessor<T, Imports>,
    root: &str,
    call: impl AsyncFnOnce(Arc<Directory>) -> Outcome<A>,
) -> Answer<A> {
    let answer = match directory(accessor, root) {
        Ok(directory) => call(directory).await,
        Err(failure) => Err(failure),
    };
    Ok(answer.map_err(WitFailure::from))
}

fn directory<T: 'static>(accessor: &Accessor<T, Imports>, root: &str) -> Outcome<Arc<Directory>> {
    let target = accessor.with(|mut access| Arc::clone(access.get().target()));
    target.directory(root)
}

impl From<Status> for wit::Status {
    fn from(status: Status) -> Self {
        let Status { kind, size, modified, changed, mode, uid, gid, device, inode, links, allocated } = status;
        let kind = match kind {
            FileKind::File => wit::Kind::File,
            FileKind::Directory => wit::Kind::Directory,
            FileKind::Symlink => wit::Kind::Symlink,
            FileKind::Other => wit::Kind::Other,
        };
        Self { kind, size, modified, changed, mode, uid, gid, device, inode, links, allocated }
    }
}
