//! Users and the hashes of their passwords.

use capstan_domain::identity::{NewUser, Role, User};
use capstan_domain::ids::{Reference, UserId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::connection::Flavour;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Query, Row, sql, word};
use crate::select::{Field, Select, Type};

const USERS: Select = Select {
    columns: "t.id, t.number, t.name, t.role, t.disabled, t.created",
    from: "users t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("role", Type::Text, "t.role"),
        Field("disabled", Type::Flag, "t.disabled"),
        Field("created", Type::Integer, "t.created"),
    ],
    open: &[],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<User> {
    Ok(User {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        role: row.word()?,
        disabled: row.take()?,
        created: row.take()?,
    })
}

impl Catalogue {
    pub async fn create_user(&self, new: &NewUser) -> Outcome<User> {
        let id = UserId::new();
        // A release that knows no roles reads `administrator`.
        let insert = sql("INSERT INTO users (id, name, administrator, role, password, created) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(id)
            .bind(&new.name)
            .bind(new.role == Role::Administrator)
            .bind(word(&new.role))
            .bind(&new.password)
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                find(connection, &USERS, "user", id.into(), read).await
            })
        })
        .await
    }

    pub async fn user(&self, reference: impl Into<Reference<UserId>>) -> Outcome<User> {
        self.find(&USERS, "user", reference.into(), read).await
    }

    pub async fn users(&self, listing: &Listing) -> Outcome<Page<User>> {
        self.list(&USERS, listing, read).await
    }

    /// By the exact name, with the password's hash: for whoever proves passwords.
    pub async fn user_with_password(&self, name: &str) -> Outcome<(User, String)> {
        let query = sql(format!("SELECT {}, t.password FROM users t WHERE t.name = $1", USERS.columns)).bind(name);
        let mut row = self.read().await?.one(query).await?.ok_or_else(|| missing("user"))?;
        Ok((read(&mut row)?, row.take()?))
    }

    /// `password`: a hash in PHC form.
    pub async fn set_password(&self, id: UserId, password: &str) -> Outcome<()> {
        self.change("user", sql("UPDATE users SET password = $2 WHERE id = $1").bind(id).bind(password)).await
    }

    /// `Conflict` "last-administrator" if nobody were left who may everything; nothing is changed then.
    pub async fn update_user(&self, user: &User) -> Outcome<()> {
        let update = sql("UPDATE users SET name = $2, administrator = $3, role = $4, disabled = $5 WHERE id = $1")
            .bind(user.id)
            .bind(&user.name)
            .bind(user.role == Role::Administrator)
            .bind(word(&user.role))
            .bind(user.disabled);
        self.with_an_administrator(update).await
    }

    /// With their API keys. `Conflict` "last-administrator" as for `update_user`.
    pub async fn delete_user(&self, id: UserId) -> Outcome<()> {
        self.with_an_administrator(sql("DELETE FROM users WHERE id = $1").bind(id)).await
    }

    /// The look and the change are one transaction, so that two administrators cannot take each other's right at the same time.
    async fn with_an_administrator(&self, change: Query) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                if connection.flavour() == Flavour::Postgres {
                    connection.all(sql("SELECT number FROM users WHERE role = 'administrator' FOR UPDATE")).await?;
                }
                if connection.run(change).await? == 0 {
                    return Err(missing("user"));
                }
                let left = sql("SELECT count(*) FROM users WHERE role = 'administrator' AND disabled = 0");
                match connection.value::<i64>(left).await? {
                    0 => Err(Failure::new(Kind::Conflict, "somebody has to stay administrator")
                        .with_code("last-administrator")
                        .with_next_step("make another user administrator first")),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}
