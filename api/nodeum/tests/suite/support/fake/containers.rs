//! Containers and files.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::{AT, Fake};

fn container(name: &str) -> Container {
    Container {
        id: 1,
        name: name.into(),
        comment: None,
        push_pool_id: None,
        cleaning_pool_id: None,
        quota_total_size: None,
        quota_on_cache: None,
        stat_total_files: 0,
        only_on_cache_file_count: None,
        stat_total_size: 0,
        stat_size_on_cache: None,
        only_on_cache_file_size_sum: None,
        guest_right: GuestRight::None,
        last_update: Some(AT),
    }
}

fn file() -> File {
    File {
        id: 1,
        name: "one".into(),
        parent: None,
        primary_id: None,
        kind: FileKind::File,
        permission: Some(100_644),
        size: 3,
        change_date: Some(AT),
        modification_date: Some(AT),
        access_date: None,
        uid: Some(0),
        gid: Some(0),
        in_cache: "in_cache".into(),
        offline: "online".into(),
        external: 0,
        checksums: vec![],
        tapes: vec![],
        cloud_buckets: vec!["one".into()],
        nas_shares: vec![],
    }
}

fn on_tapes_file() -> OnTapesFile {
    OnTapesFile { id: 1, name: "one".into(), kind: FileKind::File, size: 3, barcodes: vec!["CAP001L9".into()] }
}

#[async_trait]
impl Containers for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Container>> {
        self.list(&listing, container("one"))
    }
    async fn create(&self, _: &Caller, input: ContainerInput) -> Answer<Container> {
        self.free(input.name.as_deref())?;
        Ok(container(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Container> {
        self.find("container_id", at).map(|()| container("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: ContainerInput) -> Answer<Container> {
        self.find("container_id", at)?;
        self.note(&input);
        Ok(container("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("container_id", at)
    }
}

#[async_trait]
impl OnTapesFiles for Fake {
    async fn index(&self, _: &Caller, pool: &Reference, folder: Option<i64>, listing: Listing) -> Answer<Page<OnTapesFile>> {
        self.find("pool_id", pool)?;
        folder.map_or(Ok(()), |folder| self.number("file_parent_id", folder))?;
        self.list(&listing, on_tapes_file())
    }
    async fn show(&self, _: &Caller, pool: &Reference, number: i64) -> Answer<OnTapesFile> {
        self.find("pool_id", pool)?;
        self.number("file_id", number).map(|()| on_tapes_file())
    }
}

#[async_trait]
impl Files for Fake {
    async fn index(&self, _: &Caller, of: FilesOf, listing: Listing) -> Answer<Page<File>> {
        match &of {
            FilesOf::Container(at) => self.find("container_id", at)?,
            FilesOf::Pool(at) => self.find("pool_id", at)?,
            FilesOf::Folder(number) => self.number("file_parent_id", *number)?,
            FilesOf::Roots => {}
        }
        self.list(&listing, file())
    }
    async fn show(&self, _: &Caller, number: i64) -> Answer<FileWithPath> {
        self.number("file_id", number).map(|()| FileWithPath { file: file(), file_path: "/c/one".into() })
    }
}
