//! API keys, found by a hash of the key; the key itself is never here.

use capstan_domain::Outcome;
use capstan_domain::identity::{ApiKey, NewApiKey, Scope, User};
use capstan_domain::ids::{ApiKeyId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, Value, json, sql};
use crate::select::{Field, Select, Type};

const KEYS: Select = Select {
    columns: "t.id, t.number, t.holder, u.name, t.name, t.tail, t.whole, t.scopes, t.created, t.last_used",
    from: "api_keys t JOIN users u ON u.id = t.holder",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("user", Type::Id, "t.holder"),
        Field("user_name", Type::Text, "u.name"),
        Field("whole", Type::Flag, "t.whole"),
        Field("name", Type::Text, "t.name"),
        Field("tail", Type::Text, "t.tail"),
        Field("created", Type::Integer, "t.created"),
        Field("last_used", Type::Integer, "t.last_used"),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<ApiKey> {
    let (id, number, user, user_name) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let (name, tail, whole, scopes): (_, _, bool, Vec<Scope>) = (row.take()?, row.take()?, row.take()?, row.json()?);
    let scopes = (!whole).then_some(scopes);
    Ok(ApiKey { id, number, user, user_name, name, tail, scopes, created: row.take()?, last_used: row.take()? })
}

impl Catalogue {
    pub async fn create_api_key(&self, new: &NewApiKey) -> Outcome<ApiKey> {
        let id = ApiKeyId::new();
        let insert = sql(
            "INSERT INTO api_keys (id, holder, name, tail, hash, scopes, created, whole) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(new.user)
        .bind(&new.name)
        .bind(&new.tail)
        .bind(new.hash.clone())
        .bind(scopes(new.scopes.as_deref()))
        .bind(Timestamp::now())
        .bind(new.scopes.is_none());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                find(connection, &KEYS, "API key", id.into(), read).await
            })
        })
        .await
    }

    pub async fn api_key(&self, reference: impl Into<Reference<ApiKeyId>>) -> Outcome<ApiKey> {
        self.find(&KEYS, "API key", reference.into(), read).await
    }

    pub async fn api_keys(&self, listing: &Listing) -> Outcome<Page<ApiKey>> {
        self.list(&KEYS, listing, read).await
    }

    /// The key with its holder.
    pub async fn api_key_by_hash(&self, hash: &[u8]) -> Outcome<(ApiKey, User)> {
        let text = format!("{} WHERE t.hash = $1", KEYS.text());
        let mut row = self.read().await?.one(sql(text).bind(hash)).await?.ok_or_else(|| missing("API key"))?;
        let key = read(&mut row)?;
        let user = self.user(key.user).await?;
        Ok((key, user))
    }

    /// Writes name and scopes.
    pub async fn update_api_key(&self, key: &ApiKey) -> Outcome<()> {
        let update = sql("UPDATE api_keys SET name = $2, scopes = $3, whole = $4 WHERE id = $1")
            .bind(key.id)
            .bind(&key.name)
            .bind(scopes(key.scopes.as_deref()))
            .bind(key.scopes.is_none());
        self.change("API key", update).await
    }

    pub async fn touch_api_key(&self, id: ApiKeyId, used: Timestamp) -> Outcome<()> {
        self.change("API key", sql("UPDATE api_keys SET last_used = $2 WHERE id = $1").bind(id).bind(used)).await
    }

    pub async fn delete_api_key(&self, id: ApiKeyId) -> Outcome<()> {
        self.delete("API key", sql("DELETE FROM api_keys WHERE id = $1").bind(id)).await
    }
}

fn scopes(given: Option<&[Scope]>) -> Value {
    json(&given.unwrap_or_default())
}
