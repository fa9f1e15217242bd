//! `capstan space …`

use serde_json::{Map, Value, json};

use super::{show, table};
use crate::cli::Space;
use crate::client::Client;

pub(crate) async fn run(client: Client, command: Space) -> anyhow::Result<()> {
    match command {
        Space::Export { space, bucket } => {
            let body = given([("bucket", bucket)]);
            let exports = client.post(&["spaces", &space, "export"], Some(&body)).await?;
            show(&client, &exports, |exports| {
                table::columns(
                    table::items(exports, "exports"),
                    &[
                        ("BUCKET", "/bucket"),
                        ("FILES", "/files"),
                        ("WRITTEN", "/written"),
                        ("REMOVED", "/removed"),
                        ("MISSING", "/missing"),
                    ],
                )
            })
        }
        Space::Rebuild { space, bucket, from } => {
            let body = given([("bucket", bucket), ("from", from)]);
            let rebuilds = client.post(&["spaces", &space, "rebuild"], Some(&body)).await?;
            show(&client, &rebuilds, rebuilt)
        }
    }
}

/// What is left out stands in no body.
fn given<const N: usize>(members: [(&str, Option<String>); N]) -> Value {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    Value::Object(given.collect::<Map<_, _>>())
}

fn rebuilt(answer: &Value) -> String {
    let counts = table::columns(
        table::items(answer, "rebuilds"),
        &[
            ("BUCKET", "/bucket"),
            ("MADE", "/made"),
            ("THERE", "/there"),
            ("KEPT", "/kept"),
            ("FAILED", "/failed"),
            ("BATCHES", "/batches"),
            ("TORN", "/torn"),
        ],
    );
    let mut left = table::items(answer, "rebuilds").flat_map(|rebuild| table::items(rebuild, "left")).peekable();
    if left.peek().is_none() {
        return counts;
    }
    let left = table::columns(left, &[("PATH", "/path"), ("WHY", "/failure/message")]);
    format!("{counts}\n\n{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_told_below_the_counts() {
        let bucket = |left: Value| {
            json!({ "rebuilds": [{
                "bucket": "b", "made": 3, "there": 0, "kept": 1, "failed": 0, "batches": 2, "torn": 0, "left": left,
            }] })
        };
        let shown = rebuilt(&bucket(json!([{ "path": "a", "failure": { "message": "stays" } }])));
        assert_eq!(
            shown,
            "BUCKET  MADE  THERE  KEPT  FAILED  BATCHES  TORN\nb       3     0      1     0       2        0\n\nPATH  WHY\na     stays"
        );
        assert_eq!(rebuilt(&bucket(json!([]))).lines().count(), 2);
    }

    #[test]
    fn only_what_is_given_is_asked() {
        assert_eq!(given([("bucket", None), ("from", Some("x".to_owned()))]), json!({ "from": "x" }));
    }
}
