//! Buckets: where data lies off site, with the credentials for it. Those come in, are kept, and are never shown again.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Given, Operation, Routes, Secret};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Object, Who};
use crate::answer::{Answer, Created, Nothing, Page};
use crate::paging::{Listed, Paging, Window, paged};
use crate::secrets::{Masked, SecretJson, unmask};
use crate::validation::{Check, For, NAME_LIMIT, given};

/// The kinds of storage that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(as = storage_type)]
pub enum StorageType {
    S3,
    AmazonS3,
    Azure,
    GoogleCloudStorage,
    #[serde(rename = "FS")]
    Fs,
}

impl TryFrom<String> for StorageType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "S3" => Self::S3,
            "AmazonS3" => Self::AmazonS3,
            "Azure" => Self::Azure,
            "GoogleCloudStorage" => Self::GoogleCloudStorage,
            "FS" => Self::Fs,
            other => {
                return Err(format!(
                    "\"{other:.80}\" is not a valid choice; served are S3, AmazonS3, Azure, GoogleCloudStorage and FS."
                ));
            }
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = protocol)]
pub enum Protocol {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = bucket)]
pub struct Bucket {
    pub id: i64,
    /// Of the bucket in the store.
    pub name: String,
    pub label: Option<String>,
    pub storage_type: StorageType,
    /// Host of the store.
    pub endpoint: Option<String>,
    pub port: Option<u16>,
    pub scheme: Option<Protocol>,
    pub region: Option<String>,
    pub ssl_verify: bool,
    /// Of Azure.
    pub access_key: Masked,
    pub access_key_id: Masked,
    pub secret_access_key: Masked,
    /// Of Google Cloud.
    pub credentials_json: Masked,
    /// A file with the same, on the sites.
    pub credentials_file: Option<String>,
    /// Of Azure.
    pub container: Option<String>,
    pub storage_account: Option<String>,
    /// Folder of a filesystem that stands for a bucket.
    pub migration_target_folder: Option<String>,
    #[schema(value_type = Object)]
    pub advanced_settings: Object,
    /// Ids of the targets that use it.
    pub external_targets: Vec<i64>,
    /// It was deleted, and work on it is still under way.
    pub soft_deleting: bool,
}

/// Members that are left out stay as they are; name and storage type are given on create.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = bucket_input)]
pub struct BucketInput {
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub label: Given<String>,
    pub storage_type: Option<StorageType>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub endpoint: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<u16>)]
    pub port: Given<u16>,
    #[serde(default)]
    #[schema(value_type = Option<Protocol>)]
    pub scheme: Given<Protocol>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub region: Given<String>,
    pub ssl_verify: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub access_key: Given<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub access_key_id: Given<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub secret_access_key: Given<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub credentials_json: Given<SecretJson>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub credentials_file: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub container: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub storage_account: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub migration_target_folder: Given<String>,
    #[schema(value_type = Option<Object>)]
    pub advanced_settings: Option<Object>,
}

impl BucketInput {
    fn check(&mut self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.name("name", self.name.as_deref(), NAME_LIMIT);
        check.required("storage_type", self.storage_type.as_ref());
        match self.storage_type {
            Some(StorageType::S3) => check.required("endpoint", given(&self.endpoint)),
            Some(StorageType::Azure) => check.required("storage_account", given(&self.storage_account)),
            Some(StorageType::Fs) => check.required("migration_target_folder", given(&self.migration_target_folder)),
            Some(StorageType::AmazonS3 | StorageType::GoogleCloudStorage) | None => {}
        }
        for (field, value) in [
            ("label", &self.label),
            ("endpoint", &self.endpoint),
            ("region", &self.region),
            ("credentials_file", &self.credentials_file),
            ("container", &self.container),
            ("storage_account", &self.storage_account),
        ] {
            check.text(field, given(value).map(String::as_str));
        }
        check.path("migration_target_folder", given(&self.migration_target_folder).map(String::as_str));
        check.amount("port", given(&self.port).map(|port| i64::from(*port)), 1, i64::from(u16::MAX));
        self.check_secrets(&mut check, purpose);
        check.finish()
    }

    fn check_secrets(&mut self, check: &mut Check, purpose: For) {
        for (field, value) in [
            ("access_key", &mut self.access_key),
            ("access_key_id", &mut self.access_key_id),
            ("secret_access_key", &mut self.secret_access_key),
        ] {
            check.text(field, given(value).map(Secret::reveal));
            if unmask(value, |secret| secret) && purpose == For::Create {
                check.refuse(field, MASK_IS_NO_SECRET);
            }
        }
        if unmask(&mut self.credentials_json, |secret| &secret.0) && purpose == For::Create {
            check.refuse("credentials_json", MASK_IS_NO_SECRET);
        }
    }
}

const MASK_IS_NO_SECRET: &str = "This stands for a secret and is none.";

#[async_trait]
pub trait Buckets: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, window: Window) -> Answer<Page<Bucket>>;
    async fn create(&self, caller: &Caller, input: BucketInput) -> Answer<Bucket>;
    async fn show(&self, caller: &Caller, bucket: i64) -> Answer<Bucket>;
    async fn update(&self, caller: &Caller, bucket: i64, input: BucketInput) -> Answer<Bucket>;
    /// It takes no new work from now on, and is gone when the work on it has ended; the data in the store stays.
    async fn delete(&self, caller: &Caller, bucket: i64) -> Answer<()>;
}

type Shared = State<Arc<dyn Buckets>>;

pub(crate) fn routes(buckets: Arc<dyn Buckets>) -> Routes {
    let scope = |verb| Access::Scope("buckets", verb);
    let (all, one) = ("/buckets/", "/buckets/{id}/");
    Routes::new()
        .on(
            paged(Operation::get(all, "list_buckets", scope("index")))
                .summary("Lists buckets.")
                .answers::<Listed<Bucket>>(200, "Buckets, their credentials masked."),
            list,
        )
        .on(
            Operation::post(all, "create_bucket", scope("create"))
                .summary("Adds a bucket.")
                .takes::<BucketInput>()
                .answers::<Bucket>(201, "The new bucket, its credentials masked."),
            create,
        )
        .on(
            Operation::get(one, "show_bucket", scope("show")).summary("Shows a bucket.").answers::<Bucket>(200, "The bucket."),
            show,
        )
        .on(
            Operation::patch(one, "update_bucket", scope("update"))
                .summary("Changes the members that are given; a credential that is its mask stays.")
                .takes::<BucketInput>()
                .answers::<Bucket>(200, "The bucket as it is now."),
            update,
        )
        .on(
            Operation::delete(one, "delete_bucket", scope("destroy"))
                .summary("Lets go of a bucket as soon as the work on it has ended; its data stays.")
                .answers_nothing(204, "Deleted, or being deleted."),
            delete,
        )
        .with_state(buckets)
}

async fn list(State(buckets): Shared, Extension(caller): Who, uri: Uri) -> Answer<Json<Listed<Bucket>>> {
    let paging = Paging::of(&uri)?;
    paging.listed(buckets.list(&caller, paging.window()).await?).map(Json)
}

async fn create(State(buckets): Shared, Extension(caller): Who, mut input: Body<BucketInput>) -> Answer<Created<Bucket>> {
    input.0.check(For::Create)?;
    buckets.create(&caller, input.0).await.map(Created)
}

async fn show(State(buckets): Shared, Extension(caller): Who, at: At) -> Answer<Json<Bucket>> {
    buckets.show(&caller, at.0).await.map(Json)
}

async fn update(State(buckets): Shared, Extension(caller): Who, at: At, mut input: Body<BucketInput>) -> Answer<Json<Bucket>> {
    input.0.check(For::Update)?;
    buckets.update(&caller, at.0, input.0).await.map(Json)
}

async fn delete(State(buckets): Shared, Extension(caller): Who, at: At) -> Answer<Nothing> {
    buckets.delete(&caller, at.0).await.map(|()| Nothing)
}
