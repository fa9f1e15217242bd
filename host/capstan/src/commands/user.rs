//! `capstan user …`

use std::io::BufRead;

use anyhow::Context;
use serde_json::{Value, json};

use super::{show, table};
use crate::cli::{Role, User};
use crate::client::Client;

pub(crate) async fn run(client: Client, command: User) -> anyhow::Result<()> {
    match command {
        User::List(window) => {
            let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
            let list = client.get(&["users"], &query).await?;
            show(&client, &list, |list| users_table(table::items(list, "items")))
        }
        User::Show { user } => {
            let user = client.get(&["users", &user], &[]).await?;
            show(&client, &user, table::members)
        }
        User::Create { name, role } => {
            let body = json!({ "name": name, "role": word(role), "password": password()? });
            let user = client.post(&["users"], Some(&body)).await?;
            show(&client, &user, |user| users_table([user].into_iter()))
        }
        User::Role { user, role } => change(&client, &user, &json!({ "role": word(role) })).await,
        User::Password { user: Some(user) } => change(&client, &user, &json!({ "password": password()? })).await,
        User::Password { user: None } => {
            let old = std::env::var("CAPSTAN_PASSWORD").context("CAPSTAN_PASSWORD holds the password that is to be changed")?;
            let answer = client.put(&["users", "me", "password"], &json!({ "old": old, "new": password()? })).await?;
            show(&client, &answer, |_| "changed".to_owned())
        }
        User::Disable { user } => change(&client, &user, &json!({ "disabled": true })).await,
        User::Enable { user } => change(&client, &user, &json!({ "disabled": false })).await,
        User::Remove { user } => {
            let answer = client.delete(&["users", &user]).await?;
            show(&client, &answer, |_| "removed".to_owned())
        }
    }
}

async fn change(client: &Client, user: &str, change: &Value) -> anyhow::Result<()> {
    let user = client.put(&["users", user], change).await?;
    show(client, &user, |user| users_table([user].into_iter()))
}

/// From standard input, so that it stands in no process list and no history.
fn password() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("reading the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "the password is the first line of standard input, and there was none");
    Ok(password.to_owned())
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Administrator => "administrator",
        Role::Operator => "operator",
        Role::Reader => "reader",
    }
}

fn users_table<'a>(users: impl Iterator<Item = &'a Value>) -> String {
    table::columns(
        users,
        &[("NUMBER", "/number"), ("NAME", "/name"), ("ROLE", "/role"), ("DISABLED", "/disabled"), ("CREATED", "/created")],
    )
}
