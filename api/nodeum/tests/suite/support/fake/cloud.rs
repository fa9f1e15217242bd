//! Connectors and their buckets.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::{Fake, found, queued};

pub(super) fn bucket() -> CloudBucket {
    CloudBucket { id: Some(1), cloud_connector_id: Some(1), name: "one".into(), ..CloudBucket::default() }
}

fn connector(name: &str, reveal: bool) -> CloudConnector {
    CloudConnector {
        id: 1,
        name: name.into(),
        url: Some("http://127.0.0.1:9000".into()),
        url_proxy: None,
        provider: Provider::GenericS3,
        region: None,
        access_key: Some("key".into()),
        secret_key: reveal.then(|| "hush".to_owned()),
        options: None,
    }
}

#[async_trait]
impl CloudConnectors for Fake {
    async fn index(&self, _: &Caller, listing: Listing, reveal: bool) -> Answer<Page<CloudConnector>> {
        self.list(&listing, connector("one", reveal))
    }
    async fn create(&self, _: &Caller, input: CloudConnectorInput) -> Answer<CloudConnector> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(connector(input.name.as_deref().unwrap_or_default(), false))
    }
    async fn show(&self, _: &Caller, at: &Reference, reveal: bool) -> Answer<CloudConnector> {
        self.find("cloud_connector_id", at).map(|()| connector("one", reveal))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: CloudConnectorInput) -> Answer<CloudConnector> {
        self.find("cloud_connector_id", at)?;
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(connector("one", false))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("cloud_connector_id", at)
    }
    async fn test(&self, _: &Caller, input: CloudConnectorInput) -> Answer<ActiveJob> {
        self.note(&input);
        Ok(queued())
    }
    async fn test_result(&self, _: &Caller, job: &str) -> Answer<Found> {
        found(job)
    }
}

#[async_trait]
impl CloudBuckets for Fake {
    async fn index(&self, _: &Caller, of: BucketsOf, listing: Listing) -> Answer<Page<CloudBucket>> {
        self.within_buckets(&of)?;
        self.list(&listing, bucket())
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<CloudBucket> {
        self.find("cloud_bucket_id", at).map(|()| bucket())
    }
    async fn update(&self, _: &Caller, at: &Reference, input: CloudBucketInput) -> Answer<CloudBucket> {
        self.find("cloud_bucket_id", at).map(|()| CloudBucket { price: input.price, ..bucket() })
    }
    async fn sync(&self, _: &Caller, at: &Reference) -> Answer<ActiveJob> {
        self.find("cloud_connector_id", at).map(|()| queued())
    }
    async fn sync_result(&self, _: &Caller, at: &Reference, job: &str) -> Answer<Found> {
        self.find("cloud_connector_id", at)?;
        found(job)
    }
}
