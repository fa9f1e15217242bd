//! Buckets and external targets of the fake host.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::*;

use super::Fake;

fn bucket() -> Bucket {
    Bucket {
        id: 1,
        name: "one".into(),
        label: None,
        storage_type: StorageType::S3,
        endpoint: Some("s3.example".into()),
        port: Some(443),
        scheme: Some(Protocol::Https),
        region: None,
        ssl_verify: true,
        access_key: Masked(false),
        access_key_id: Masked(true),
        secret_access_key: Masked(true),
        credentials_json: Masked(false),
        credentials_file: None,
        container: None,
        storage_account: None,
        migration_target_folder: None,
        advanced_settings: serde_json::Map::new(),
        external_targets: vec![1],
        soft_deleting: false,
    }
}

fn target() -> ExternalTarget {
    ExternalTarget {
        id: 1,
        name: "one".into(),
        local_file_regex: ".*".into(),
        space: SpaceOfTarget { name: "one".into(), mountpoint: "/mmfs1/one".into(), sites: vec![1] },
        bucket: bucket(),
        bucket_instance: 1,
        available_on_sites: vec![1],
        enabled: true,
        delete_on_recall: false,
        backup_only: false,
        backup_site: None,
        endpoint_name: "one".into(),
        is_ready: true,
        advanced_settings: serde_json::Map::new(),
    }
}

#[async_trait]
impl Buckets for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<Bucket>> {
        self.page((), window, bucket())
    }

    async fn create(&self, _: &Caller, input: BucketInput) -> Answer<Bucket> {
        self.note(&input);
        self.free(input.name.as_deref()).map(|()| bucket())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Bucket> {
        self.find("bucket", id).map(|()| bucket())
    }

    async fn update(&self, _: &Caller, id: i64, input: BucketInput) -> Answer<Bucket> {
        self.find("bucket", id)?;
        self.note(&input);
        Ok(bucket())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("bucket", id)
    }
}

#[async_trait]
impl ExternalTargets for Fake {
    async fn list(&self, _: &Caller, filter: TargetFilter, window: Window) -> Answer<Page<ExternalTarget>> {
        self.page(filter, window, target())
    }

    async fn create(&self, _: &Caller, input: ExternalTargetInput) -> Answer<ExternalTarget> {
        self.note(&input);
        self.free(input.name.as_deref()).map(|()| target())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<ExternalTarget> {
        self.find("external target", id).map(|()| target())
    }

    async fn update(&self, _: &Caller, id: i64, input: ExternalTargetInput) -> Answer<ExternalTarget> {
        self.find("external target", id)?;
        self.note(&input);
        Ok(target())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("external target", id)
    }

    async fn files(&self, _: &Caller, id: i64, query: RemoteQuery) -> Answer<RemoteListing> {
        self.find("external target", id)?;
        self.note(&query);
        let file = RemoteEntry { name: "a".into(), path: "x/a".into(), size: Some(1), kind: RemoteKind::File };
        Ok(RemoteListing {
            path: query.path,
            marker: query.marker,
            next_marker: None,
            directories: Vec::new(),
            files: vec![file],
            summary: RemoteSummary { directories: 0, files: 1, size: 1 },
        })
    }
}
