//! Users and the hashes of their passwords.

use capstan_domain::identity::{
    Account as AccountRecord, AccountRequest, Enrolment, NewUser, Person, Role, User, UserRecordChange,
};
use capstan_domain::ids::{GroupId, Number, Reference, UserId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};

use crate::Catalogue;
use crate::account::{Account, has_account, next};
use crate::connection::{Connection, Flavour};
use crate::failure::missing;
use crate::find::find;
use crate::member::set_groups;
use crate::query::{Row, json, sql, word};
use crate::select::{Field, Select, Type};

pub(crate) const USERS: Select = Select {
    columns: "t.id, t.number, t.name, t.role, t.disabled, t.email, t.first_name, t.last_name, t.profile, t.uid, t.primary_group, a.name, \
              t.allow_ssh, t.generation, t.last_login, t.created",
    from: "users t LEFT JOIN user_groups a ON a.id = t.primary_group",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("role", Type::Text, "t.role"),
        Field("disabled", Type::Flag, "t.disabled"),
        Field("email", Type::Text, "t.email"),
        Field("first_name", Type::Text, "t.first_name"),
        Field("last_name", Type::Text, "t.last_name"),
        Field("uid", Type::Integer, "t.uid"),
        Field("primary_group", Type::Id, "t.primary_group"),
        Field("last_login", Type::Integer, "t.last_login"),
        Field("created", Type::Integer, "t.created"),
        Field(
            "group",
            Type::Id,
            "t.number IN (SELECT n.number FROM memberships m JOIN users n ON n.id = m.member WHERE {m.of_group})",
        ),
    ],
    open: &["profile"],
    order: "t.number",
};

pub(crate) fn read(row: &mut Row) -> Outcome<User> {
    let (id, number, name, role, disabled) = (row.take()?, row.take()?, row.take()?, row.word()?, row.take()?);
    let person = Person { email: row.take()?, first_name: row.take()?, last_name: row.take()?, profile: row.json()? };
    let (uid, group, group_name, allow_ssh): (Option<u32>, Option<GroupId>, Option<String>, bool) =
        (row.take()?, row.take()?, row.take()?, row.take()?);
    let account = uid.zip(group.zip(group_name)).map(|(uid, (primary_group, primary_group_name))| AccountRecord {
        uid,
        primary_group,
        primary_group_name,
        allow_ssh,
    });
    let (generation, last_login, created) = (row.take()?, row.take()?, row.take()?);
    Ok(User { id, number, name, role, disabled, person, account, generation, last_login, created })
}

impl Catalogue {
    pub async fn create_user(&self, new: &NewUser) -> Outcome<User> {
        self.enrol_user(new, Enrolment::default()).await
    }

    /// A user with all that is told of them. In Administrators they have its role, whatever `new` says.
    pub async fn enrol_user(&self, new: &NewUser, enrolment: Enrolment) -> Outcome<User> {
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
                put_person(connection, id, &enrolment.person).await?;
                if let Some(account) = enrolment.account {
                    put_account(connection, id, Some(account)).await?;
                }
                if set_groups(connection, id, &enrolment.groups).await? {
                    put_role(connection, id, Role::Administrator).await?;
                }
                find(connection, &USERS, "user", id.into(), read).await
            })
        })
        .await
    }

    pub async fn user(&self, reference: impl Into<Reference<UserId>>) -> Outcome<User> {
        self.find(&USERS, "user", reference.into(), read).await
    }

    /// By the exact name, also where that is digits.
    pub async fn user_named(&self, name: &str) -> Outcome<User> {
        self.user_with_password(name).await.map(|(user, _)| user)
    }

    /// The users of these names; a name that is not there is an `Invalid` "not-found".
    pub async fn users_named(&self, names: &[String]) -> Outcome<Vec<User>> {
        let mut found = Vec::with_capacity(names.len());
        let mut connection = self.read().await?;
        for name in names {
            let query = sql(format!("{} WHERE t.name = $1", USERS.text())).bind(name);
            let unknown = || Failure::invalid(format!("there is no user {name}")).with_code("not-found");
            found.push(read(&mut connection.one(query).await?.ok_or_else(unknown)?)?);
        }
        Ok(found)
    }

    pub async fn users(&self, listing: &Listing) -> Outcome<Page<User>> {
        self.list(&USERS, listing, read).await
    }

    /// By the exact name, with the password's hash: for whoever proves passwords.
    pub async fn user_with_password(&self, name: &str) -> Outcome<(User, String)> {
        let query = sql(format!("SELECT {}, t.password FROM {} WHERE t.name = $1", USERS.columns, USERS.from)).bind(name);
        let mut row = self.read().await?.one(query).await?.ok_or_else(|| missing("user"))?;
        Ok((read(&mut row)?, row.take()?))
    }

    /// `password`: a hash in PHC form. Tokens made before hold no more.
    pub async fn set_password(&self, id: UserId, password: &str) -> Outcome<()> {
        let update = sql("UPDATE users SET password = $2, generation = generation + 1 WHERE id = $1");
        self.change("user", update.bind(id).bind(password)).await
    }

    /// They came in with their password.
    pub async fn touch_user(&self, number: Number, login: Timestamp) -> Outcome<()> {
        self.change("user", sql("UPDATE users SET last_login = $2 WHERE number = $1").bind(number).bind(login)).await
    }

    /// All of the change or nothing of it. `Conflict` "last-administrator" if nobody were left who may everything.
    pub async fn update_user(&self, id: UserId, change: UserRecordChange) -> Outcome<User> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_administrators(connection).await?;
                let old = find(connection, &USERS, "user", id.into(), read).await?;
                if let Some(disabled) = change.disabled.filter(|disabled| *disabled != old.disabled) {
                    let update = sql("UPDATE users SET disabled = $2, generation = generation + 1 WHERE id = $1");
                    connection.run(update.bind(id).bind(disabled)).await?;
                }
                if let Some(password) = change.password {
                    let update = sql("UPDATE users SET password = $2, generation = generation + 1 WHERE id = $1");
                    connection.run(update.bind(id).bind(password)).await?;
                }
                if let Some(person) = &change.person {
                    put_person(connection, id, person).await?;
                }
                if let Some(account) = change.account {
                    put_account(connection, id, account).await?;
                }
                let role = change.role.unwrap_or(old.role);
                let role = match change.groups {
                    None => role,
                    Some(groups) => match (set_groups(connection, id, &groups).await?, role) {
                        (true, _) => Role::Administrator,
                        (false, Role::Administrator) => Role::Member,
                        (false, role) => role,
                    },
                };
                if role != old.role {
                    put_role(connection, id, role).await?;
                }
                some_administrator(connection).await?;
                find(connection, &USERS, "user", id.into(), read).await
            })
        })
        .await
    }

    /// With their API keys. `Conflict` "last-administrator" as for `update_user`.
    pub async fn delete_user(&self, id: UserId) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_administrators(connection).await?;
                if connection.run(sql("DELETE FROM users WHERE id = $1").bind(id)).await? == 0 {
                    return Err(missing("user"));
                }
                some_administrator(connection).await
            })
        })
        .await
    }
}

async fn put_person(connection: &mut Connection, id: UserId, person: &Person) -> Outcome<()> {
    let update = sql("UPDATE users SET email = $2, first_name = $3, last_name = $4, profile = $5 WHERE id = $1")
        .bind(id)
        .bind(&person.email)
        .bind(&person.first_name)
        .bind(&person.last_name)
        .bind(json(&person.profile));
    connection.run(update).await.map(|_| ())
}

async fn put_role(connection: &mut Connection, id: UserId, role: Role) -> Outcome<()> {
    let update = sql("UPDATE users SET role = $2, administrator = $3, generation = generation + 1 WHERE id = $1");
    connection.run(update.bind(id).bind(word(&role)).bind(role == Role::Administrator)).await.map(|_| ())
}

/// A user has one uid, whatever becomes of the account.
async fn put_account(connection: &mut Connection, id: UserId, account: Option<AccountRequest>) -> Outcome<()> {
    let Some(account) = account else {
        let gone = sql("UPDATE users SET primary_group = NULL, allow_ssh = 0 WHERE id = $1");
        return connection.run(gone.bind(id)).await.map(|_| ());
    };
    has_account(connection, account.primary_group).await?;
    let known: Option<u32> = connection.value(sql("SELECT uid FROM users WHERE id = $1").bind(id)).await?;
    let uid = match known {
        Some(uid) => uid,
        None => next(connection, Account::User).await?,
    };
    let update = sql("UPDATE users SET uid = $2, primary_group = $3, allow_ssh = $4 WHERE id = $1");
    connection.run(update.bind(id).bind(uid).bind(account.primary_group).bind(account.allow_ssh)).await.map(|_| ())
}

/// The look and the change are one transaction, so that two administrators cannot take each other's right at the same time.
pub(crate) async fn hold_administrators(connection: &mut Connection) -> Outcome<()> {
    if connection.flavour() == Flavour::Postgres {
        connection.all(sql("SELECT number FROM users WHERE role = 'administrator' ORDER BY number FOR UPDATE")).await?;
    }
    Ok(())
}

/// Somebody who may come in has to be left who may everything.
pub(crate) async fn some_administrator(connection: &mut Connection) -> Outcome<()> {
    let left = sql("SELECT count(*) FROM users WHERE role = 'administrator' AND disabled = 0");
    match connection.value::<i64>(left).await? {
        0 => Err(Failure::new(Kind::Conflict, "somebody has to stay administrator")
            .with_code("last-administrator")
            .with_next_step("make another user administrator first")),
        _ => Ok(()),
    }
}
