//! `capstan:target/objects`.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_bindings::latest::objects as wit;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{
    ByteRange, GetOptions, KeyOutcome, ListOptions, LocationInfo, NamedValues, Object, ObjectPage, Objects, PutOptions,
};

use super::{Handle, claims};

#[async_trait]
impl Objects for Handle {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(self.ask::<wit::ListLocations, _>(()).await?.into_iter().map(Into::into).collect())
    }

    async fn create_location(&self, name: &str, attempt: &str, extras: NamedValues) -> Outcome<LocationInfo> {
        let extras = extras.into_iter().map(Into::into).collect();
        Ok(self.change::<wit::CreateLocation, _>((name.to_owned(), attempt.to_owned(), extras)).await?.into())
    }

    async fn delete_location(&self, name: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::DeleteLocation, _>((name.to_owned(), attempt.to_owned())).await
    }

    async fn put(&self, location: &str, key: &str, content: Content, attempt: &str, options: PutOptions) -> Outcome<Object> {
        let (location, key, attempt) = (location.to_owned(), key.to_owned(), attempt.to_owned());
        let size = content.size();
        let make = move |lent| (location, key, lent, attempt, options.into());
        let (object, by) = self.upload::<wit::Put, _>(Arc::clone(&content), size, make).await?;
        let object = Object::from(object);
        by.claim::<wit::Put, _>(claims::stored(&content, size, &object.checksums, true, object.size))?;
        Ok(object)
    }

    async fn get(&self, location: &str, key: &str, range: Option<ByteRange>, options: GetOptions) -> Outcome<(Object, Body)> {
        let parameters = (location.to_owned(), key.to_owned(), range.map(Into::into), options.into());
        let (object, body) = self.download::<wit::Get, _>(range, parameters, |object| object.size).await?;
        Ok((object.into(), body))
    }

    async fn head(&self, location: &str, key: &str, options: GetOptions) -> Outcome<Object> {
        Ok(self.ask::<wit::Head, _>((location.to_owned(), key.to_owned(), options.into())).await?.into())
    }

    async fn list(&self, location: &str, options: ListOptions) -> Outcome<ObjectPage> {
        let (after, limit) = (options.after.clone(), options.limit);
        let (page, by) = self.answered::<wit::List, _>((location.to_owned(), options.into())).await?;
        let page = ObjectPage::from(page);
        let items = page.entries.len() + page.prefixes.len();
        by.claim::<wit::List, _>(claims::page(after.as_deref(), page.next.as_deref(), items, limit))?;
        Ok(page)
    }

    async fn delete_many(&self, location: &str, keys: Vec<String>, attempt: &str) -> Outcome<Vec<KeyOutcome>> {
        let outcomes = self.change::<wit::DeleteMany, _>((location.to_owned(), keys, attempt.to_owned())).await?;
        Ok(outcomes.into_iter().map(Into::into).collect())
    }

    async fn copy(&self, source: (&str, &str), destination: (&str, &str), attempt: &str, options: PutOptions) -> Outcome<Object> {
        let parameters = (
            source.0.to_owned(),
            source.1.to_owned(),
            destination.0.to_owned(),
            destination.1.to_owned(),
            attempt.to_owned(),
            options.into(),
        );
        Ok(self.change::<wit::Copy, _>(parameters).await?.into())
    }

    async fn restore(&self, location: &str, key: &str, days: u32, attempt: &str, extras: NamedValues) -> Outcome<Object> {
        let extras = extras.into_iter().map(Into::into).collect();
        Ok(self.change::<wit::Restore, _>((location.to_owned(), key.to_owned(), days, attempt.to_owned(), extras)).await?.into())
    }
}
