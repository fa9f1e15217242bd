//! Groups, together with who is in them and what they are given.
//!
//! Whoever makes or changes a group does it in one transaction with its members and its permissions.

use capstan_domain::group::{Group, GroupChange, Holder, NewGroup, Standard};
use capstan_domain::ids::{GroupId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::account::{Account, next};
use crate::connection::Connection;
use crate::find::find;
use crate::member::set_members;
use crate::permission::{give, replace};
use crate::query::{Row, sql, word};
use crate::select::{Field, Select, Type};
use crate::user::{hold_administrators, some_administrator};

pub(crate) const GROUPS: Select = Select {
    columns: "t.id, t.number, t.name, t.description, t.standard, t.gid, t.created, t.updated",
    from: "user_groups t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("description", Type::Text, "t.description"),
        Field("standard", Type::Text, "t.standard"),
        Field("gid", Type::Integer, "t.gid"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
        Field(
            "member",
            Type::Id,
            "t.number IN (SELECT n.number FROM memberships m JOIN user_groups n ON n.id = m.of_group WHERE {m.member})",
        ),
    ],
    open: &[],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<Group> {
    Ok(Group {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        description: row.take()?,
        standard: row.word_option()?,
        gid: row.take()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// Makes what is missing of the groups that every catalogue has.
    pub async fn make_standard_groups(&self) -> Outcome<()> {
        self.write(|connection| {
            Box::pin(async move {
                for standard in Standard::ALL {
                    let id = GroupId::new();
                    let insert = sql("INSERT INTO user_groups (id, name, description, standard, created, updated) \
                                      VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING")
                    .bind(id)
                    .bind(standard.name())
                    .bind(standard.description())
                    .bind(word(&standard))
                    .bind(Timestamp::now());
                    if connection.run(insert).await? > 0 {
                        for permission in standard.permissions() {
                            give(connection, Holder::Group(id), *permission, None).await?;
                        }
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// `AlreadyExists` "taken" if the name is.
    pub async fn create_group(&self, new: &NewGroup) -> Outcome<Group> {
        let new = new.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let id = GroupId::new();
                let gid = if new.account { Some(next(connection, Account::Group).await?) } else { None };
                let insert =
                    sql("INSERT INTO user_groups (id, name, description, gid, created, updated) VALUES ($1, $2, $3, $4, $5, $5)")
                        .bind(id)
                        .bind(&new.name)
                        .bind(&new.description)
                        .bind(gid)
                        .bind(Timestamp::now());
                connection.run(insert).await?;
                let group = find(connection, &GROUPS, "group", id.into(), read).await?;
                set_members(connection, &group, &new.members).await?;
                let everywhere = new.permissions.iter().map(|permission| (*permission, None));
                replace(connection, Holder::Group(id), false, everywhere).await?;
                let objects = new.objects.iter().map(|given| (given.permission, Some(given.object)));
                replace(connection, Holder::Group(id), true, objects).await?;
                Ok(group)
            })
        })
        .await
    }

    /// `Conflict` "last-administrator" if nobody were left in Administrators, "in-use" if an account has the group as its primary one
    /// and it were to lose its gid; nothing is changed then.
    pub async fn update_group(&self, id: GroupId, change: GroupChange) -> Outcome<Group> {
        self.write(move |connection| {
            Box::pin(async move {
                let mut group = find(connection, &GROUPS, "group", id.into(), read).await?;
                group.gid = match (change.account, group.gid) {
                    (Some(true), None) => Some(next(connection, Account::Group).await?),
                    (Some(false), Some(_)) => {
                        not_primary(connection, id).await?;
                        None
                    }
                    (_, gid) => gid,
                };
                let update = sql("UPDATE user_groups SET name = $2, description = $3, gid = $4, updated = $5 WHERE id = $1")
                    .bind(id)
                    .bind(change.name.unwrap_or_else(|| group.name.clone()))
                    .bind(change.description.unwrap_or_else(|| group.description.clone()))
                    .bind(group.gid)
                    .bind(Timestamp::now());
                connection.run(update).await?;
                if let Some(members) = change.members {
                    hold_administrators(connection).await?;
                    set_members(connection, &group, &members).await?;
                    some_administrator(connection).await?;
                }
                if let Some(permissions) = change.permissions {
                    let everywhere = permissions.into_iter().map(|permission| (permission, None));
                    replace(connection, Holder::Group(id), false, everywhere).await?;
                }
                if let Some(objects) = change.objects {
                    let objects = objects.into_iter().map(|given| (given.permission, Some(given.object)));
                    replace(connection, Holder::Group(id), true, objects).await?;
                }
                find(connection, &GROUPS, "group", id.into(), read).await
            })
        })
        .await
    }

    pub async fn group(&self, reference: impl Into<Reference<GroupId>>) -> Outcome<Group> {
        self.find(&GROUPS, "group", reference.into(), read).await
    }

    pub async fn groups(&self, listing: &Listing) -> Outcome<Page<Group>> {
        self.list(&GROUPS, listing, read).await
    }

    /// The groups of these names; a name that is not there is an `Invalid` "not-found".
    pub async fn groups_named(&self, names: &[String]) -> Outcome<Vec<Group>> {
        let mut found = Vec::with_capacity(names.len());
        let mut connection = self.read().await?;
        for name in names {
            let query = sql(format!("{} WHERE t.name = $1", GROUPS.text())).bind(name);
            let unknown = || Failure::invalid(format!("there is no group {name}")).with_code("not-found");
            found.push(read(&mut connection.one(query).await?.ok_or_else(unknown)?)?);
        }
        Ok(found)
    }

    /// Its members stay. `Conflict` "in-use" while an account has it as its primary group.
    pub async fn delete_group(&self, id: GroupId) -> Outcome<()> {
        self.delete("group", sql("DELETE FROM user_groups WHERE id = $1 AND standard IS NULL").bind(id)).await
    }
}

async fn not_primary(connection: &mut Connection, id: GroupId) -> Outcome<()> {
    let accounts = sql("SELECT count(*) FROM users WHERE primary_group = $1").bind(id);
    match connection.value::<i64>(accounts).await? {
        0 => Ok(()),
        _ => Err(Failure::new(Kind::Conflict, "accounts have it as their primary group")
            .with_code("in-use")
            .with_next_step("give these users another primary group first")),
    }
}
