//! `capstan:target/uploads`.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_bindings::latest::uploads as wit;
use capstan_domain::Outcome;
use capstan_domain::content::Content;
use capstan_domain::ports::{Object, Part, PutOptions, Upload, Uploads};

use super::{Handle, claims};

#[async_trait]
impl Uploads for Handle {
    async fn begin(&self, location: &str, key: &str, size: u64, attempt: &str, options: PutOptions) -> Outcome<Upload> {
        let parameters = (location.to_owned(), key.to_owned(), size, attempt.to_owned(), options.into());
        Ok(self.change::<wit::Begin, _>(parameters).await?.into())
    }

    async fn put_part(
        &self,
        location: &str,
        key: &str,
        upload: &str,
        number: u32,
        content: Content,
        (offset, length): (u64, u64),
    ) -> Outcome<Part> {
        let (location, key, upload) = (location.to_owned(), key.to_owned(), upload.to_owned());
        let whole = offset == 0 && length == content.size();
        let make = move |lent| (location, key, upload, number, lent, offset, length);
        let (part, by) = self.upload::<wit::PutPart, _>(Arc::clone(&content), length, make).await?;
        let part = Part::from(part);
        by.claim::<wit::PutPart, _>(claims::stored(&content, length, &part.checksums, whole, part.size))?;
        Ok(part)
    }

    async fn list_parts(&self, location: &str, key: &str, upload: &str, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        let parameters = (location.to_owned(), key.to_owned(), upload.to_owned(), after, limit);
        let (parts, by) = self.answered::<wit::ListParts, _>(parameters).await?;
        by.claim::<wit::ListParts, _>(claims::page(None, None, parts.len(), limit))?;
        Ok(parts.into_iter().map(Into::into).collect())
    }

    async fn complete(
        &self,
        location: &str,
        key: &str,
        upload: &str,
        parts: Vec<Part>,
        attempt: &str,
        options: PutOptions,
    ) -> Outcome<Object> {
        let parts = parts.into_iter().map(Into::into).collect();
        let parameters = (location.to_owned(), key.to_owned(), upload.to_owned(), parts, attempt.to_owned(), options.into());
        Ok(self.change::<wit::Complete, _>(parameters).await?.into())
    }

    async fn abort(&self, location: &str, key: &str, upload: &str) -> Outcome<()> {
        self.change::<wit::Abort, _>((location.to_owned(), key.to_owned(), upload.to_owned())).await
    }
}
