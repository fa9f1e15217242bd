//! Plugin versions, also those that the load gate refused.

use capstan_domain::Outcome;
use capstan_domain::plugin::{PluginVersion, VersionState};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::{Row, json, sql};

fn read(row: &mut Row) -> Outcome<PluginVersion> {
    row.json()
}

/// The word lists are searched by.
fn state_word(state: &VersionState) -> &'static str {
    match state {
        VersionState::Active => "active",
        VersionState::Idle => "idle",
        VersionState::Quarantined { .. } => "quarantined",
        VersionState::Refused { .. } => "refused",
    }
}

impl Catalogue {
    /// Makes or replaces the row of this digest.
    pub async fn put_plugin_version(&self, version: &PluginVersion) -> Outcome<()> {
        let version = version.clone();
        self.write(move |connection| Box::pin(async move { put(connection, &version).await })).await
    }

    /// Makes this version the only active one of its plugin; the one that was active becomes idle.
    pub async fn activate_plugin_version(&self, plugin: &str, digest: &str, now: Timestamp) -> Outcome<PluginVersion> {
        let plugin = plugin.to_owned();
        let digest = digest.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let versions = sql("SELECT record FROM plugin_versions WHERE plugin = $1").bind(&plugin);
                let mut activated = None;
                for mut row in connection.all(versions).await? {
                    let mut version = read(&mut row)?;
                    if version.digest == digest {
                        version.state = VersionState::Active;
                        version.activated = Some(now);
                        put(connection, &version).await?;
                        activated = Some(version);
                    } else if version.state == VersionState::Active {
                        version.state = VersionState::Idle;
                        put(connection, &version).await?;
                    }
                }
                activated.ok_or_else(|| missing("plugin version"))
            })
        })
        .await
    }

    /// All versions of all plugins, or of one, newest first. There are few: one list holds them.
    pub async fn plugin_versions(&self, plugin: Option<&str>) -> Outcome<Vec<PluginVersion>> {
        let query = match plugin {
            Some(plugin) => sql("SELECT record FROM plugin_versions WHERE plugin = $1 ORDER BY installed DESC").bind(plugin),
            None => sql("SELECT record FROM plugin_versions ORDER BY plugin, installed DESC"),
        };
        let rows = self.read().await?.all(query).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    pub async fn plugin_version(&self, digest: &str) -> Outcome<PluginVersion> {
        let query = sql("SELECT record FROM plugin_versions WHERE digest = $1").bind(digest);
        match self.read().await?.one(query).await? {
            Some(mut row) => read(&mut row),
            None => Err(missing("plugin version")),
        }
    }

    pub async fn delete_plugin_version(&self, digest: &str) -> Outcome<()> {
        self.delete("plugin version", sql("DELETE FROM plugin_versions WHERE digest = $1").bind(digest)).await
    }
}

async fn put(connection: &mut Connection, version: &PluginVersion) -> Outcome<()> {
    let put = sql("INSERT INTO plugin_versions (digest, plugin, version, state, record, installed, activated) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) \
                   ON CONFLICT (digest) DO UPDATE SET plugin = excluded.plugin, version = excluded.version, state = excluded.state, \
                   record = excluded.record, installed = excluded.installed, activated = excluded.activated")
    .bind(&version.digest)
    .bind(&version.plugin)
    .bind(&version.version)
    .bind(state_word(&version.state))
    .bind(json(version))
    .bind(version.installed)
    .bind(version.activated);
    connection.run(put).await.map(|_| ())
}
