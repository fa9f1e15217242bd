//! API keys of the caller.

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_nodeum::{Answer, ApiKey, ApiKeyFull, ApiKeyInput, ApiKeyScope, ApiKeys, Listing, Page};
use capstan_domain::identity;

use super::Door;
use super::failures::{error, missing};
use super::listing::listing;

/// What stands for the part of a key that nobody can read any more.
const MASK: &str = "****************";

fn masked(key: &identity::ApiKey) -> ApiKey {
    ApiKey { id: key.number, key: format!("{MASK}{}", key.tail), name: key.name.clone() }
}

fn full(key: &identity::ApiKey) -> ApiKeyFull {
    let scope = |scope: &identity::Scope| ApiKeyScope { controller: scope.noun.clone(), action: scope.verb.clone() };
    ApiKeyFull { key: masked(key), api_key_scopes: key.scopes.iter().flatten().map(scope).collect() }
}

fn scopes(given: Vec<ApiKeyScope>) -> Vec<identity::Scope> {
    given.into_iter().map(|scope| identity::Scope { noun: scope.controller, verb: scope.action }).collect()
}

#[async_trait]
impl ApiKeys for Door {
    async fn index(&self, caller: &Caller, given: Listing) -> Answer<Page<ApiKey>> {
        let caller = self.caller(caller)?;
        let page = self.app.identity.list_api_keys(&caller, listing(&given, &[])?).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(masked).collect() })
    }

    async fn create(&self, caller: &Caller, input: ApiKeyInput) -> Answer<ApiKeyFull> {
        let (name, scopes) = (input.name.unwrap_or_default(), scopes(input.api_key_scopes.unwrap_or_default()));
        let (key, secret) = self.app.identity.create_api_key(&self.caller(caller)?, name, scopes).await.map_err(error)?;
        let mut created = full(&key);
        created.key.key = secret.reveal().to_owned();
        Ok(created)
    }

    async fn show(&self, caller: &Caller, key: i64) -> Answer<ApiKeyFull> {
        let found = self.app.identity.api_key(&self.caller(caller)?, key).await;
        found.map(|key| full(&key)).map_err(missing("api_key_id", &key.to_string()))
    }

    async fn update(&self, caller: &Caller, key: i64, input: ApiKeyInput) -> Answer<ApiKeyFull> {
        let changed =
            self.app.identity.update_api_key(&self.caller(caller)?, key, input.name, input.api_key_scopes.map(scopes)).await;
        changed.map(|key| full(&key)).map_err(missing("api_key_id", &key.to_string()))
    }

    async fn destroy(&self, caller: &Caller, key: i64) -> Answer<()> {
        let gone = self.app.identity.delete_api_key(&self.caller(caller)?, key).await;
        gone.map_err(missing("api_key_id", &key.to_string()))
    }
}
