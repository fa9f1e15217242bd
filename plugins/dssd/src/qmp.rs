//! The storage daemon's control: QMP, lines of JSON over a connection of its own.
//!
//! It greets one client at a time and keeps the others waiting without a word. So a connection is opened, used and closed within a
//! call, by one call of the instance at a time; who is not greeted in time says that the daemon is busy.

use capstan_sdk::failure::{Failure, busy, malformed, unavailable};
use capstan_sdk::tcp::{Connection, connect};
use capstan_sdk::turn::Turn;
use capstan_sdk::{Outcome, Retry, named};
use serde_json::{Value, json};

use crate::client::Client;

/// Bytes of one line: the list of some ten thousand exports.
const LINE_BYTES: usize = 4 << 20;
const PIECE: u32 = 64 << 10;
/// Events that may come before an answer.
const EVENTS: usize = 10_000;
/// How long a greeting and each answer may take, milliseconds. Opening an image asks the cluster.
const SILENCE_MS: u32 = 20_000;
const CONNECT_MS: u32 = 10_000;

/// A connection in good order; it ends when it is dropped.
pub(crate) struct Qmp<'a> {
    connection: Connection,
    held: Vec<u8>,
    // Given up behind the connection: fields drop in this order.
    _turn: Turn<'a>,
}

/// Why the daemon does not do as it is told, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) String);

impl Wrong {
    pub(crate) fn has(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    pub(crate) fn failure(&self, message: &str) -> Failure {
        unavailable(message).code("qmp").detail(self.0.clone()).next_step("Look into the storage daemon's log.")
    }
}

impl<'a> Qmp<'a> {
    pub(crate) async fn open(client: &'a Client) -> Outcome<Self> {
        let turn = client.orders.take().await?;
        let (host, port) = (client.config.qmp_host().to_owned(), client.config.qmp_port);
        let extras = vec![named("timeout-ms", CONNECT_MS.to_string()), named("read-timeout-ms", SILENCE_MS.to_string())];
        let connection = connect(host, port, extras).await?;
        let mut qmp = Self { connection, held: Vec::new(), _turn: turn };
        let greeting = qmp.line().await.map_err(|failure| match failure {
            Failure::TimedOut(_) => {
                busy("the storage daemon is taking orders from somebody else").code("qmp-busy").after_ms(1_000)
            }
            other => other,
        })?;
        if greeting.get("QMP").is_none() {
            return Err(no_qmp("the first line is no greeting"));
        }
        qmp.run("qmp_capabilities", json!({})).await?.map_err(|wrong| wrong.failure("the storage daemon takes no orders"))?;
        Ok(qmp)
    }

    /// The outer failure: the connection. The inner one: the daemon will not.
    pub(crate) async fn run(&mut self, command: &str, arguments: Value) -> Outcome<Result<Value, Wrong>> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string().into_bytes();
        line.push(b'\n');
        self.connection.write(line).await?;
        for _ in 0..EVENTS {
            if let Some(answer) = answer(self.line().await?)? {
                return Ok(answer);
            }
        }
        Err(no_qmp("events without end"))
    }

    async fn line(&mut self) -> Outcome<Value> {
        let mut looked_at = 0;
        loop {
            let end = self.held.iter().skip(looked_at).position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let rest = self.held.split_off(looked_at + end + 1);
                let line = std::mem::replace(&mut self.held, rest);
                return serde_json::from_slice(&line).map_err(|error| no_qmp(&error.to_string()));
            }
            looked_at = self.held.len();
            if looked_at > LINE_BYTES {
                return Err(no_qmp("a line that is too long"));
            }
            let piece = self.connection.read(PIECE).await?;
            if piece.is_empty() {
                return Err(unavailable("the storage daemon closed its control").code("connection-lost").retry(Retry::AtOnce));
            }
            self.held.extend_from_slice(&piece);
        }
    }
}

/// What a line answers; none: it is an event.
fn answer(mut line: Value) -> Outcome<Option<Result<Value, Wrong>>> {
    if line.get("event").is_some() {
        return Ok(None);
    }
    if let Some(answer) = line.get_mut("return") {
        return Ok(Some(Ok(answer.take())));
    }
    let said = line.get("error").ok_or_else(|| no_qmp("a line that answers nothing"))?;
    let words = said.get("desc").and_then(Value::as_str).unwrap_or("no reason");
    Ok(Some(Err(Wrong(words.chars().filter(|character| !character.is_control()).take(400).collect()))))
}

fn no_qmp(detail: &str) -> Failure {
    malformed("what answers at \"qmp-port\" does not speak as a storage daemon's control does", detail)
        .next_step("Check \"qmp-host\" and \"qmp-port\" of the target.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_errors_and_events_are_told_apart() {
        assert_eq!(answer(json!({ "return": [1] })).unwrap(), Some(Ok(json!([1]))));
        assert_eq!(answer(json!({ "event": "BLOCK_EXPORT_DELETED", "data": {} })).unwrap(), None);
        let wrong = answer(json!({ "error": { "class": "GenericError", "desc": "Export 'x' is not found" } })).unwrap();
        assert!(matches!(wrong, Some(Err(wrong)) if wrong.has("not found")));
        for nonsense in [json!({}), json!([1]), json!("return"), json!(null)] {
            assert_eq!(answer(nonsense).unwrap_err().fault().code.as_deref(), Some("malformed-answer"));
        }
    }
}
