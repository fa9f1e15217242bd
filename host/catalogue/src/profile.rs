//! What a user keeps for themselves: an open record, which only the dialect that wrote it reads.

use capstan_domain::Outcome;
use capstan_domain::ids::UserId;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::query::{json, sql};

impl Catalogue {
    /// An empty record until one was set.
    pub async fn profile(&self, user: UserId) -> Outcome<serde_json::Value> {
        let query = sql("SELECT attributes FROM profiles WHERE holder = $1").bind(user);
        match self.read().await?.one(query).await? {
            Some(mut row) => row.json(),
            None => Ok(serde_json::Value::Object(serde_json::Map::new())),
        }
    }

    /// Replaces the whole record.
    pub async fn set_profile(&self, user: UserId, profile: serde_json::Value) -> Outcome<()> {
        let put = sql("INSERT INTO profiles (holder, attributes, updated) VALUES ($1, $2, $3) \
                       ON CONFLICT (holder) DO UPDATE SET attributes = excluded.attributes, updated = excluded.updated");
        self.change("user", put.bind(user).bind(json(&profile)).bind(Timestamp::now())).await
    }
}
