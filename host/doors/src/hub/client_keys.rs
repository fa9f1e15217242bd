//! Client keys.

use async_trait::async_trait;
use capstan_api_http::{Caller, Secret};
use capstan_api_hub::{Answer, ClientKey, ClientKeyInput, ClientKeys, Disclosed, Link, NewClientKey, Noun, Page, Window};
use capstan_domain::identity::ApiKey;
use capstan_domain::listing::Listing;

use super::Door;
use super::failures::{Fields, missing, missing_or, wrong_field};
use super::listing::{page, window};

const NOUN: &str = "client key";
const FIELDS: Fields = &[("blank", "name"), ("too-long", "name"), ("invalid", "name")];

fn shown(key: ApiKey) -> ClientKey {
    ClientKey { id: key.number, url: Link::to(Noun::ClientKey, key.number), name: key.name, user: key.user_name }
}

#[async_trait]
impl ClientKeys for Door {
    async fn list(&self, caller: &Caller, given: Window) -> Answer<Page<ClientKey>> {
        let caller = self.caller(caller)?;
        let found = window(given, Listing::first(0), |asked| self.app.identity.list_client_keys(&caller, asked)).await?;
        Ok(page(found, shown))
    }

    async fn create(&self, caller: &Caller, input: ClientKeyInput) -> Answer<NewClientKey> {
        let made = self.app.identity.create_client_key(&self.caller(caller)?, input.name.unwrap_or_default()).await;
        let (key, secret) = made.map_err(wrong_field(FIELDS))?;
        Ok(NewClientKey { key: shown(key), api_key: Disclosed(Secret::new(secret.reveal())) })
    }

    async fn show(&self, caller: &Caller, key: i64) -> Answer<ClientKey> {
        self.app.identity.client_key(&self.caller(caller)?, key).await.map(shown).map_err(missing(NOUN))
    }

    /// There is nothing of a key to change but its name.
    async fn update(&self, caller: &Caller, key: i64, input: ClientKeyInput) -> Answer<ClientKey> {
        let caller = self.caller(caller)?;
        let updated = match input.name {
            Some(name) => self.app.identity.rename_client_key(&caller, key, name).await,
            None => self.app.identity.client_key(&caller, key).await,
        };
        updated.map(shown).map_err(missing_or(NOUN, FIELDS))
    }

    async fn delete(&self, caller: &Caller, key: i64) -> Answer<()> {
        self.app.identity.delete_client_key(&self.caller(caller)?, key).await.map_err(missing(NOUN))
    }
}
