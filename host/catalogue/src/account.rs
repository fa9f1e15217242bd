//! Accounts on file servers: numbers that are given once and never again.

use capstan_domain::ids::GroupId;
use capstan_domain::{Failure, Outcome};

use crate::connection::Connection;
use crate::query::sql;

#[derive(Clone, Copy)]
pub(crate) enum Account {
    User,
    Group,
}

/// A number that nobody had. On PostgreSQL the row is held until the transaction ends, so that two hosts never give the same.
pub(crate) async fn next(connection: &mut Connection, account: Account) -> Outcome<u32> {
    let kind = match account {
        Account::User => "uid",
        Account::Group => "gid",
    };
    connection.run(sql("UPDATE account_numbers SET following = following + 1 WHERE kind = $1").bind(kind)).await?;
    connection.value(sql("SELECT following - 1 FROM account_numbers WHERE kind = $1").bind(kind)).await
}

/// A primary group has to have an account itself.
pub(crate) async fn has_account(connection: &mut Connection, group: GroupId) -> Outcome<()> {
    let known = sql("SELECT count(*) FROM user_groups WHERE id = $1 AND gid IS NOT NULL").bind(group);
    match connection.value::<i64>(known).await? {
        0 => Err(Failure::invalid("the primary group has no account on file servers").with_code("primary-group")),
        _ => Ok(()),
    }
}
