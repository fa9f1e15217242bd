//! Users and the hashes of their passwords.

use capstan_domain::Outcome;
use capstan_domain::identity::{NewUser, User};
use capstan_domain::ids::{Reference, UserId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, sql};
use crate::select::{Field, Select, Type};

const USERS: Select = Select {
    columns: "t.id, t.number, t.name, t.administrator, t.created",
    from: "users t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("administrator", Type::Flag, "t.administrator"),
        Field("created", Type::Integer, "t.created"),
    ],
    open: &[],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<User> {
    Ok(User { id: row.take()?, number: row.take()?, name: row.take()?, administrator: row.take()?, created: row.take()? })
}

impl Catalogue {
    pub async fn create_user(&self, new: &NewUser) -> Outcome<User> {
        let id = UserId::new();
        let insert = sql("INSERT INTO users (id, name, administrator, password, created) VALUES ($1, $2, $3, $4, $5)");
        let insert = insert.bind(id).bind(&new.name).bind(new.administrator).bind(&new.password).bind(Timestamp::now());
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
        let query = sql("SELECT t.id, t.number, t.name, t.administrator, t.created, t.password FROM users t WHERE t.name = $1")
            .bind(name);
        let mut row = self.read().await?.one(query).await?.ok_or_else(|| missing("user"))?;
        Ok((read(&mut row)?, row.take()?))
    }

    /// `password`: a hash in PHC form.
    pub async fn set_password(&self, id: UserId, password: &str) -> Outcome<()> {
        self.change("user", sql("UPDATE users SET password = $2 WHERE id = $1").bind(id).bind(password)).await
    }

    pub async fn update_user(&self, user: &User) -> Outcome<()> {
        let update = sql("UPDATE users SET name = $2, administrator = $3 WHERE id = $1");
        self.change("user", update.bind(user.id).bind(&user.name).bind(user.administrator)).await
    }

    /// With their API keys.
    pub async fn delete_user(&self, id: UserId) -> Outcome<()> {
        self.delete("user", sql("DELETE FROM users WHERE id = $1").bind(id)).await
    }
}
