//! API keys, found by a hash of the key; the key itself is never here.

use capstan_domain::Outcome;
use capstan_domain::identity::{ApiKey, NewApiKey, User};
use capstan_domain::ids::{ApiKeyId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql};
use crate::select::{Field, Select, Type};

const KEYS: Select = Select {
    columns: "t.id, t.number, t.holder, t.name, t.tail, t.scopes, t.created, t.last_used",
    from: "api_keys t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("user", Type::Id, "t.holder"),
        Field("name", Type::Text, "t.name"),
        Field("tail", Type::Text, "t.tail"),
        Field("created", Type::Integer, "t.created"),
        Field("last_used", Type::Integer, "t.last_used"),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<ApiKey> {
    Ok(ApiKey {
        id: row.take()?,
        number: row.take()?,
        user: row.take()?,
        name: row.take()?,
        tail: row.take()?,
        scopes: row.json()?,
        created: row.take()?,
        last_used: row.take()?,
    })
}

impl Catalogue {
    pub async fn create_api_key(&self, new: &NewApiKey) -> Outcome<ApiKey> {
        let id = ApiKeyId::new();
        let insert =
            sql("INSERT INTO api_keys (id, holder, name, tail, hash, scopes, created) VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(id)
                .bind(new.user)
                .bind(&new.name)
                .bind(&new.tail)
                .bind(new.hash.clone())
                .bind(json(&new.scopes))
                .bind(Timestamp::now());
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
        let text = format!(
            "SELECT {}, u.id, u.number, u.name, u.role, u.disabled, u.created FROM api_keys t JOIN users u ON u.id = t.holder WHERE t.hash = $1",
            KEYS.columns
        );
        let mut row = self.read().await?.one(sql(text).bind(hash)).await?.ok_or_else(|| missing("API key"))?;
        Ok((read(&mut row)?, crate::user::read(&mut row)?))
    }

    /// Writes name and scopes.
    pub async fn update_api_key(&self, key: &ApiKey) -> Outcome<()> {
        let update = sql("UPDATE api_keys SET name = $2, scopes = $3 WHERE id = $1");
        self.change("API key", update.bind(key.id).bind(&key.name).bind(json(&key.scopes))).await
    }

    pub async fn touch_api_key(&self, id: ApiKeyId, used: Timestamp) -> Outcome<()> {
        self.change("API key", sql("UPDATE api_keys SET last_used = $2 WHERE id = $1").bind(id).bind(used)).await
    }

    pub async fn delete_api_key(&self, id: ApiKeyId) -> Outcome<()> {
        self.delete("API key", sql("DELETE FROM api_keys WHERE id = $1").bind(id)).await
    }
}
