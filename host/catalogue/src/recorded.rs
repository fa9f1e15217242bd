//! Copies seen from the side of where they lie: what is recorded of a location, and what reading it back came to.

use capstan_domain::Outcome;
use capstan_domain::entry::{Replica, Tree};
use capstan_domain::ids::{LocationId, Number, PoolId, ReplicaId, SpaceId};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::paths::CHUNK;
use crate::query::{Value, sql};
use crate::replica::{COLUMNS, read};
use crate::text_key::text_key;
use crate::tree::tree_row;

/// A copy in a list of those of a location.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub replica: Replica,
    /// Where the list goes on.
    place: (Vec<u8>, Number),
}

/// An entry that has a copy under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFrom {
    pub key: String,
    pub tree: Tree,
    pub path: String,
}

/// A copy that was read back.
#[derive(Clone, Debug)]
pub struct ReadBack {
    pub replica: ReplicaId,
    /// BLAKE3 and subtree values, where none were recorded: from now on they are.
    pub learned: Option<(Vec<u8>, Vec<u8>)>,
}

impl Catalogue {
    /// Copies on a location, in an order of the catalogue's own, behind `after`.
    pub async fn recorded(&self, location: LocationId, after: Option<&Recorded>, limit: u32) -> Outcome<Vec<Recorded>> {
        let text = format!(
            "SELECT {COLUMNS}, r.name_key, r.number FROM replicas r JOIN entries e ON e.number = r.entry \
             WHERE r.location = $1 AND (r.name_key, r.number) > ($2, $3) ORDER BY r.name_key, r.number LIMIT {limit}"
        );
        let (key, number) = after.map_or_else(|| (Vec::new(), 0), |after| after.place.clone());
        let rows = self.read().await?.all(sql(text).bind(location).bind(key).bind(number)).await?;
        rows.into_iter().map(|mut row| Ok(Recorded { replica: read(&mut row)?, place: (row.take()?, row.take()?) })).collect()
    }

    /// The entries that have a copy under these keys of a location, in no order. Of one key there may be several.
    pub async fn copied_from(&self, location: LocationId, keys: &[String]) -> Outcome<Vec<CopiedFrom>> {
        let mut connection = self.read().await?;
        let mut found = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let marks: Vec<String> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
            let text = format!(
                "SELECT r.name, f.space, f.pool, e.path FROM replicas r JOIN entries e ON e.number = r.entry \
                 JOIN trees f ON f.number = e.tree WHERE r.location = $1 AND r.name_key IN ({})",
                marks.join(", ")
            );
            for mut row in connection.all(sql(text).bind(location).bind_all(chunk.iter().map(|key| text_key(&[key])))).await? {
                let key = row.take()?;
                let (space, pool): (Option<SpaceId>, Option<PoolId>) = (row.take()?, row.take()?);
                let Some(tree) = space.map(Tree::Space).or(pool.map(Tree::Pool)) else { continue };
                found.push(CopiedFrom { key, tree, path: row.take()? });
            }
        }
        Ok(found)
    }

    /// The locations that hold copies of what stands at or below a path of a tree.
    pub async fn holding_under(&self, tree: Tree, path: &str) -> Outcome<Vec<LocationId>> {
        let mut connection = self.read().await?;
        let row = tree_row(&mut connection, tree).await?;
        let query = sql("SELECT DISTINCT r.location FROM entries e JOIN replicas r ON r.entry = e.number \
                         WHERE e.tree = $1 AND ($2 = '' OR e.path = $2 OR (e.path > $3 AND e.path < $4))");
        // "0" is what follows "/".
        let query = query.bind(row.number).bind(path).bind(format!("{path}/")).bind(format!("{path}0"));
        connection.all(query).await?.into_iter().map(|mut row| row.take()).collect()
    }

    /// They were read from where they lie and are what is recorded, or their hash is recorded now.
    pub async fn record_read_back(&self, read: Vec<ReadBack>, at: Timestamp) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                for chunk in read.chunks(CHUNK) {
                    let marks: Vec<String> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
                    let text = format!("UPDATE replicas SET verified = $1 WHERE id IN ({})", marks.join(", "));
                    let query = sql(text).bind(at).bind_all(chunk.iter().map(|one| Value::from(one.replica)));
                    connection.run(query).await?;
                }
                for (replica, (blake3, subtrees)) in read.into_iter().filter_map(|one| Some((one.replica, one.learned?))) {
                    let learn = sql("UPDATE replicas SET blake3 = $2, subtrees = $3 WHERE id = $1");
                    connection.run(learn.bind(replica).bind(blake3.clone()).bind(subtrees)).await?;
                    let entry = sql("UPDATE entries SET blake3 = $2 WHERE blake3 IS NULL AND resident = 0 \
                         AND EXISTS (SELECT 1 FROM replicas r WHERE r.id = $1 AND r.entry = entries.number AND r.size = entries.size)");
                    connection.run(entry.bind(replica).bind(blake3)).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
