//! How many users of a remote desktop service a drive is licensed for: one record a drive.

use capstan_domain::Outcome;
use capstan_domain::drive::DriveUser;
use capstan_domain::ids::DriveId;
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::{Query, Row, sql};
use crate::select::{Field, Select, Type};

const DRIVE_USERS: Select = Select {
    columns: "t.drive, d.owner, t.amount",
    from: "drive_users t JOIN drives d ON d.id = t.drive",
    fields: &[
        Field("number", Type::Integer, "t.number"),
        Field("drive", Type::Id, "t.drive"),
        Field("owner", Type::Id, "d.owner"),
        Field("state", Type::Text, "d.state"),
        Field("amount", Type::Integer, "t.amount"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<DriveUser> {
    Ok(DriveUser { drive: row.take()?, owner: row.take()?, amount: row.take()? })
}

impl Catalogue {
    /// `new`: `AlreadyExists` "taken" if the drive has users already; else it must have.
    pub async fn set_drive_user(&self, drive: DriveId, amount: u64, new: bool) -> Outcome<DriveUser> {
        let put = if new {
            "INSERT INTO drive_users (drive, amount, created, updated) VALUES ($1, $2, $3, $3)"
        } else {
            "UPDATE drive_users SET amount = $2, updated = $3 WHERE drive = $1"
        };
        let put = sql(put).bind(drive).bind(amount).bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(put).await? == 0 {
                    return Err(missing("drive user"));
                }
                one(connection, of(drive)).await
            })
        })
        .await
    }

    pub async fn drive_user(&self, drive: DriveId) -> Outcome<DriveUser> {
        one(&mut self.read().await?, of(drive)).await
    }

    pub async fn drive_users(&self, listing: &Listing) -> Outcome<Page<DriveUser>> {
        self.list(&DRIVE_USERS, listing, read).await
    }

    pub async fn delete_drive_user(&self, drive: DriveId) -> Outcome<()> {
        self.delete("drive user", sql("DELETE FROM drive_users WHERE drive = $1").bind(drive)).await
    }
}

fn of(drive: DriveId) -> Query {
    sql(format!("{} WHERE t.drive = $1", DRIVE_USERS.text())).bind(drive)
}

async fn one(connection: &mut Connection, query: Query) -> Outcome<DriveUser> {
    let mut row = connection.one(query).await?.ok_or_else(|| missing("drive user"))?;
    read(&mut row)
}
