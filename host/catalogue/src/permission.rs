//! What groups and users are given.

use std::collections::BTreeSet;

use capstan_domain::group::{GivenPermission, Holder};
use capstan_domain::ids::{GroupId, Number, UserId};
use capstan_domain::permission::{Action, Given, Noun, Permission};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::query::{Query, Row, Value, sql, tuples, word};

/// Ids of one statement.
const CHUNK: usize = 400;

const COLUMNS: &str = "p.number, p.of_group, p.of_user, p.permission, p.object";

fn read(row: &mut Row) -> Outcome<GivenPermission> {
    let number = row.take()?;
    let (group, user): (Option<GroupId>, Option<UserId>) = (row.take()?, row.take()?);
    let holder = match (group, user) {
        (Some(group), _) => Holder::Group(group),
        (None, Some(user)) => Holder::User(user),
        (None, None) => return Err(Failure::host("a record of the catalogue cannot be read", "a permission of nobody")),
    };
    Ok(GivenPermission { number, holder, permission: row.word()?, object: row.take()? })
}

impl Catalogue {
    /// All that these groups were given, in the order it was.
    pub async fn permissions_of_groups(&self, groups: &[GroupId]) -> Outcome<Vec<GivenPermission>> {
        let mut connection = self.read().await?;
        let mut permissions = Vec::new();
        for chunk in groups.chunks(CHUNK) {
            let text = format!(
                "SELECT {COLUMNS} FROM permissions_given p WHERE p.of_group IN {} ORDER BY p.number",
                tuples(1, chunk.len())
            );
            let query = sql(text).bind_all(chunk.iter().map(|id| Value::from(*id)));
            permissions.extend(all(&mut connection, query).await?);
        }
        Ok(permissions)
    }

    /// What a user was given by themselves, and by each of their groups.
    pub async fn permissions_of_user(&self, user: UserId) -> Outcome<Vec<GivenPermission>> {
        let text = format!(
            "SELECT {COLUMNS} FROM permissions_given p WHERE p.of_user = $1 \
             OR p.of_group IN (SELECT m.of_group FROM group_members m WHERE m.member = $1) ORDER BY p.number"
        );
        all(&mut self.read().await?, sql(text).bind(user)).await
    }

    /// The same, taken together.
    pub async fn given(&self, user: UserId) -> Outcome<Given> {
        Ok(self.permissions_of_user(user).await?.into_iter().collect())
    }

    /// What the user has by themselves becomes exactly this.
    pub async fn set_permissions_of_user(&self, user: UserId, given: &Given) -> Outcome<()> {
        let given = given.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let holder = Holder::User(user);
                replace(connection, holder, false, given.everywhere.into_iter().map(|permission| (permission, None))).await?;
                let objects = given.objects.into_iter().map(|given| (given.permission, Some(given.object)));
                replace(connection, holder, true, objects).await
            })
        })
        .await
    }
}

async fn all(connection: &mut Connection, query: Query) -> Outcome<Vec<GivenPermission>> {
    connection.all(query).await?.into_iter().map(|mut row| read(&mut row)).collect()
}

/// What the holder has on all objects, or on single ones, becomes exactly this.
pub(crate) async fn replace(
    connection: &mut Connection,
    holder: Holder,
    on_objects: bool,
    given: impl Iterator<Item = (Permission, Option<Number>)>,
) -> Outcome<()> {
    let (column, id) = place(holder);
    let objects = if on_objects { "object IS NOT NULL" } else { "object IS NULL" };
    connection.run(sql(format!("DELETE FROM permissions_given WHERE {column} = $1 AND {objects}")).bind(id)).await?;
    for (permission, object) in given.collect::<BTreeSet<_>>() {
        give(connection, holder, permission, object).await?;
    }
    Ok(())
}

pub(crate) async fn give(
    connection: &mut Connection,
    holder: Holder,
    permission: Permission,
    object: Option<Number>,
) -> Outcome<()> {
    let (column, id) = place(holder);
    let text = format!("INSERT INTO permissions_given ({column}, permission, object) VALUES ($1, $2, $3)");
    connection.run(sql(text).bind(id).bind(word(&permission)).bind(object)).await.map(|_| ())
}

/// What was given on objects goes with them. `numbers`: a statement with `?`, that gives theirs.
pub(crate) async fn forget_objects(connection: &mut Connection, noun: Noun, numbers: Query) -> Outcome<()> {
    let codenames = Action::ALL.map(|action| Value::from(Permission::new(action, noun).codename()));
    let text = format!(
        "DELETE FROM permissions_given WHERE permission IN {} AND object IN ({})",
        tuples(1, codenames.len()),
        numbers.text
    );
    connection.run(sql(text).bind_all(codenames).bind_all(numbers.values)).await.map(|_| ())
}

fn place(holder: Holder) -> (&'static str, Value) {
    match holder {
        Holder::Group(id) => ("of_group", id.into()),
        Holder::User(id) => ("of_user", id.into()),
    }
}
