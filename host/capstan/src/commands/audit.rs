//! `capstan audit`

use super::{show, table};
use crate::cli::Window;
use crate::client::Client;

pub(crate) async fn run(client: Client, window: Window) -> anyhow::Result<()> {
    let query = [("limit", window.limit.to_string()), ("offset", window.offset.to_string())];
    let list = client.get(&["audit"], &query).await?;
    show(&client, &list, |list| {
        table::columns(
            table::items(list, "items"),
            &[
                ("AT", "/at"),
                ("WHO", "/actor"),
                ("ACTION", "/action"),
                ("NOUN", "/noun"),
                ("WHICH", "/subject"),
                ("VERDICT", "/verdict"),
                ("DETAIL", "/detail"),
            ],
        )
    })
}
