//! Who is in which group.
//!
//! Administrators has no rows of its own: who is in it has the role of administrator, and who leaves it is a member from then on.

use std::fmt::Write as _;

use capstan_domain::Outcome;
use capstan_domain::group::{Group, Standard};
use capstan_domain::identity::User;
use capstan_domain::ids::{GroupId, UserId};

use crate::Catalogue;
use crate::connection::Connection;
use crate::query::{Value, sql, tuples};

/// Ids of one statement.
const CHUNK: usize = 400;

impl Catalogue {
    /// Of all these groups, each with its group, by number.
    pub async fn members_of(&self, groups: &[GroupId]) -> Outcome<Vec<(GroupId, User)>> {
        let mut connection = self.read().await?;
        let mut members = Vec::new();
        for chunk in groups.chunks(CHUNK) {
            let text = format!(
                "SELECT m.of_group, {} FROM {} JOIN memberships m ON m.member = t.id WHERE m.of_group IN {} ORDER BY t.number",
                crate::user::USERS.columns,
                crate::user::USERS.from,
                tuples(1, chunk.len())
            );
            let values = chunk.iter().map(|id| Value::from(*id));
            for mut row in connection.all(sql(text).bind_all(values)).await? {
                members.push((row.take()?, crate::user::read(&mut row)?));
            }
        }
        Ok(members)
    }

    /// Of all these users, each with its user, by number.
    pub async fn groups_of(&self, users: &[UserId]) -> Outcome<Vec<(UserId, Group)>> {
        let mut connection = self.read().await?;
        let mut groups = Vec::new();
        for chunk in users.chunks(CHUNK) {
            let text = format!(
                "SELECT m.member, {} FROM {} JOIN memberships m ON m.of_group = t.id WHERE m.member IN {} ORDER BY t.number",
                crate::group::GROUPS.columns,
                crate::group::GROUPS.from,
                tuples(1, chunk.len())
            );
            let values = chunk.iter().map(|id| Value::from(*id));
            for mut row in connection.all(sql(text).bind_all(values)).await? {
                groups.push((row.take()?, crate::group::read(&mut row)?));
            }
        }
        Ok(groups)
    }
}

/// The group's members become exactly these.
pub(crate) async fn set_members(connection: &mut Connection, group: &Group, members: &[UserId]) -> Outcome<()> {
    if group.standard == Some(Standard::Administrators) {
        return set_administrators(connection, members).await;
    }
    connection.run(sql("DELETE FROM group_members WHERE of_group = $1").bind(group.id)).await?;
    for member in members {
        join(connection, group.id, *member).await?;
    }
    Ok(())
}

/// The user's groups become exactly these; answers whether Administrators is among them.
pub(crate) async fn set_groups(connection: &mut Connection, user: UserId, groups: &[GroupId]) -> Outcome<bool> {
    let administrators: Option<GroupId> =
        match connection.one(sql("SELECT id FROM user_groups WHERE standard = 'administrators'")).await? {
            Some(mut row) => Some(row.take()?),
            None => None,
        };
    connection.run(sql("DELETE FROM group_members WHERE member = $1").bind(user)).await?;
    let mut among = false;
    for group in groups {
        if Some(*group) == administrators {
            among = true;
        } else {
            join(connection, *group, user).await?;
        }
    }
    Ok(among)
}

/// Twice changes nothing.
async fn join(connection: &mut Connection, group: GroupId, member: UserId) -> Outcome<()> {
    let insert = sql("INSERT INTO group_members (of_group, member) VALUES ($1, $2) ON CONFLICT (of_group, member) DO NOTHING");
    connection.run(insert.bind(group).bind(member)).await.map(|_| ())
}

/// Whose role changes is proved anew.
async fn set_administrators(connection: &mut Connection, members: &[UserId]) -> Outcome<()> {
    let mut left = String::from(
        "UPDATE users SET role = 'member', administrator = 0, generation = generation + 1 WHERE role = 'administrator'",
    );
    if !members.is_empty() {
        let _ = write!(left, " AND id NOT IN {}", tuples(1, members.len()));
    }
    connection.run(sql(left).bind_all(members.iter().map(|id| Value::from(*id)))).await?;
    for chunk in members.chunks(CHUNK) {
        let joined = format!(
            "UPDATE users SET role = 'administrator', administrator = 1, generation = generation + 1 \
             WHERE role <> 'administrator' AND id IN {}",
            tuples(1, chunk.len())
        );
        connection.run(sql(joined).bind_all(chunk.iter().map(|id| Value::from(*id)))).await?;
    }
    Ok(())
}
