//! Settings that outlive a start, as open values under a name.

use capstan_domain::Outcome;
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::query::{json, sql};

impl Catalogue {
    pub async fn setting(&self, name: &str) -> Outcome<Option<serde_json::Value>> {
        let query = sql("SELECT setting FROM settings WHERE name = $1").bind(name);
        self.read().await?.one(query).await?.map(|mut row| row.json()).transpose()
    }

    pub async fn put_setting(&self, name: &str, value: &serde_json::Value) -> Outcome<()> {
        let put = sql("INSERT INTO settings (name, setting, updated) VALUES ($1, $2, $3) \
                       ON CONFLICT (name) DO UPDATE SET setting = excluded.setting, updated = excluded.updated");
        self.change("setting", put.bind(name).bind(json(value)).bind(Timestamp::now())).await
    }

    /// Puts it if there is none, and answers what is there: of two hosts that do, both get the same.
    pub async fn first_setting(&self, name: &str, value: &serde_json::Value) -> Outcome<serde_json::Value> {
        let put = sql("INSERT INTO settings (name, setting, updated) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(json(value))
            .bind(Timestamp::now());
        let ask = sql("SELECT setting FROM settings WHERE name = $1").bind(name);
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(put).await?;
                let mut row = connection.one(ask).await?.ok_or_else(|| missing("setting"))?;
                row.json()
            })
        })
        .await
    }

    pub async fn delete_setting(&self, name: &str) -> Outcome<()> {
        self.delete("setting", sql("DELETE FROM settings WHERE name = $1").bind(name)).await
    }
}
