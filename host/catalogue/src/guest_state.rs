//! What plugins keep for their targets: the domain's `StateStore`.

use async_trait::async_trait;
use capstan_domain::failure::{Blame, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{StateStore, StateValue};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::query::sql;

#[async_trait]
impl StateStore for Catalogue {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>> {
        let query = sql("SELECT data, version FROM guest_state WHERE target = $1 AND name = $2").bind(target).bind(key);
        self.read().await?.one(query).await?.map(|mut row| Ok(StateValue { data: row.take()?, version: row.take()? })).transpose()
    }

    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, expect: Option<u64>, most_keys: u64) -> Outcome<u64> {
        let key = key.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let now = version(connection, target, &key).await?;
                check(now, expect)?;
                if now == 0 {
                    let keys: u64 =
                        connection.value(sql("SELECT count(*) FROM guest_state WHERE target = $1").bind(target)).await?;
                    if keys >= most_keys {
                        return Err(Failure::new(Kind::NoSpace, format!("a target keeps at most {most_keys} keys"))
                            .with_blame(Blame::Plugin)
                            .with_code("too-many-keys"));
                    }
                }
                // Of the clock, so that a key that was removed and made again does not repeat a version.
                let next = u64::try_from(Timestamp::now().0).unwrap_or_default().max(now + 1);
                let put = sql("INSERT INTO guest_state (target, name, data, version) VALUES ($1, $2, $3, $4) \
                               ON CONFLICT (target, name) DO UPDATE SET data = excluded.data, version = excluded.version");
                connection.run(put.bind(target).bind(key).bind(data).bind(next)).await?;
                Ok(next)
            })
        })
        .await
    }

    async fn remove(&self, target: TargetId, key: &str, expect: Option<u64>) -> Outcome<()> {
        let key = key.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                check(version(connection, target, &key).await?, expect)?;
                connection
                    .run(sql("DELETE FROM guest_state WHERE target = $1 AND name = $2").bind(target).bind(key))
                    .await
                    .map(|_| ())
            })
        })
        .await
    }

    async fn keys(&self, target: TargetId, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        let text = format!(
            "SELECT name FROM guest_state WHERE target = $1 AND name > $2 AND substr(name, 1, CAST($3 AS INTEGER)) = $4 ORDER BY name LIMIT {limit}"
        );
        let length = u64::try_from(prefix.chars().count()).unwrap_or(u64::MAX);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let query = sql(text).bind(target).bind(after.unwrap_or_default()).bind(length).bind(prefix);
        let rows = self.read().await?.all(query).await?;
        rows.into_iter().map(|mut row| row.take()).collect()
    }
}

/// 0 when the key is absent. On PostgreSQL the target is held meanwhile, so that two writers take turns.
async fn version(connection: &mut Connection, target: TargetId, key: &str) -> Outcome<u64> {
    if connection.flavour() == Flavour::Postgres {
        connection.all(sql("SELECT number FROM targets WHERE id = $1 FOR UPDATE").bind(target)).await?;
    }
    let query = sql("SELECT version FROM guest_state WHERE target = $1 AND name = $2").bind(target).bind(key);
    match connection.one(query).await? {
        Some(mut row) => row.take(),
        None => Ok(0),
    }
}

fn check(version: u64, expect: Option<u64>) -> Outcome<()> {
    match expect {
        Some(expected) if expected != version => {
            Err(Failure::new(Kind::Conflict, format!("the key is at version {version}, not {expected}"))
                .with_blame(Blame::Plugin))
        }
        _ => Ok(()),
    }
}
