//! Sealed secrets of targets: opaque bytes under a name.

use capstan_domain::Outcome;
use capstan_domain::ids::TargetId;

use crate::Catalogue;
use crate::connection::Connection;
use crate::query::sql;
use crate::target::SealedSecret;

impl Catalogue {
    pub async fn put_secret(&self, target: TargetId, name: &str, sealed: Vec<u8>) -> Outcome<()> {
        let name = name.to_owned();
        self.write(move |connection| Box::pin(put_secret(connection, target, name, sealed))).await
    }

    pub async fn secrets(&self, target: TargetId) -> Outcome<Vec<SealedSecret>> {
        let query = sql("SELECT name, sealed FROM secrets WHERE target = $1 ORDER BY name").bind(target);
        let rows = self.read().await?.all(query).await?;
        rows.into_iter().map(|mut row| Ok((row.take()?, row.take()?))).collect()
    }
}

pub(crate) async fn put_secret(connection: &mut Connection, target: TargetId, name: String, sealed: Vec<u8>) -> Outcome<()> {
    let put = sql("INSERT INTO secrets (target, name, sealed) VALUES ($1, $2, $3) \
                   ON CONFLICT (target, name) DO UPDATE SET sealed = excluded.sealed");
    connection.run(put.bind(target).bind(name).bind(sealed)).await.map(|_| ())
}
