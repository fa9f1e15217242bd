//! Which drives lie together, read in pieces: a place may hold more of them than anybody wants in memory.

use capstan_domain::Outcome;
use capstan_domain::ids::{DriveId, Number, TargetId, UserId};

use crate::Catalogue;
use crate::query::{Value, sql};

impl Catalogue {
    /// The locations of targets that drives of an owner lie in, in order; `owner` none: of anybody. Drives that are being deleted
    /// lie nowhere.
    pub async fn drive_places(&self, owner: Option<UserId>) -> Outcome<Vec<(TargetId, String)>> {
        let of = if owner.is_some() { " AND owner = $1" } else { "" };
        let text =
            format!("SELECT DISTINCT target, location FROM drives WHERE state <> 'deleting'{of} ORDER BY target, location");
        let rows = self.read().await?.all(sql(text).bind_all(owner.map(Value::from))).await?;
        rows.into_iter().map(|mut row| Ok((row.take()?, row.take()?))).collect()
    }

    /// The drives of one of these places whose numbers are greater than `after`, in order, at most `limit`.
    pub async fn drives_of_place(
        &self,
        owner: Option<UserId>,
        (target, location): &(TargetId, String),
        after: Number,
        limit: u32,
    ) -> Outcome<Vec<(Number, DriveId)>> {
        // The few of an owner are found through the index of owners, although the target has one too.
        let (target_column, of) = if owner.is_some() { ("COALESCE(target, target)", " AND owner = $4") } else { ("target", "") };
        let text = format!(
            "SELECT number, id FROM drives WHERE {target_column} = $1 AND location = $2 AND number > $3 \
             AND state <> 'deleting'{of} ORDER BY number LIMIT {limit}"
        );
        let query = sql(text).bind(*target).bind(location).bind(after).bind_all(owner.map(Value::from));
        let rows = self.read().await?.all(query).await?;
        rows.into_iter().map(|mut row| Ok((row.take()?, row.take()?))).collect()
    }
}
