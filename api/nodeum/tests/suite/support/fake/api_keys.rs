//! Keys of the API.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_nodeum::*;

use super::Fake;

fn key(text: &str) -> ApiKeyFull {
    ApiKeyFull { key: ApiKey { id: 1, key: text.into(), name: "one".into() }, api_key_scopes: vec![] }
}

#[async_trait]
impl ApiKeys for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<ApiKey>> {
        self.list(&listing, key("****cdef").key)
    }
    async fn create(&self, _: &Caller, input: ApiKeyInput) -> Answer<ApiKeyFull> {
        self.note(&input);
        Ok(key("0123456789abcdef"))
    }
    async fn show(&self, _: &Caller, number: i64) -> Answer<ApiKeyFull> {
        self.number("api_key_id", number).map(|()| key("****cdef"))
    }
    async fn update(&self, _: &Caller, number: i64, _: ApiKeyInput) -> Answer<ApiKeyFull> {
        self.number("api_key_id", number).map(|()| key("****cdef"))
    }
    async fn destroy(&self, _: &Caller, number: i64) -> Answer<()> {
        self.number("api_key_id", number)
    }
}
