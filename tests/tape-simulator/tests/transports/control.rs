//! Orders to a library.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use capstan_tape_simulator::control;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Add(u32, u32),
    Fail,
}

fn obey(order: Order) -> Result<Value, String> {
    match order {
        Order::Add(one, other) => Ok(json!(one + other)),
        Order::Fail => Err("it cannot be".to_owned()),
    }
}

fn serving(path: &Path) -> Runtime {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(async { control::listen(path) }).unwrap();
    runtime.spawn(control::serve(listener, obey));
    runtime
}

fn told(stream: &mut UnixStream, line: &str) -> Option<Value> {
    // A line that is too long is not read to its end.
    let _ = stream.write_all(line.as_bytes());
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok().filter(|bytes| *bytes > 0)?;
    Some(serde_json::from_str(&answer).unwrap())
}

#[test]
fn every_line_is_an_order_and_has_an_answer() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("control");
    let _runtime = serving(&path);
    let mut stream = UnixStream::connect(&path).unwrap();
    assert_eq!(told(&mut stream, "{\"add\": [2, 3]}\n").unwrap(), json!({ "done": 5 }));
    assert_eq!(told(&mut stream, "\"fail\"\n").unwrap(), json!({ "refused": "it cannot be" }));
    assert!(told(&mut stream, "nonsense\n").unwrap()["refused"].is_string());
    assert_eq!(told(&mut stream, "{\"add\": [1, 1]}\n").unwrap(), json!({ "done": 2 }));
}

#[test]
fn a_line_that_is_too_long_ends_its_connection_and_no_other() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("control");
    let _runtime = serving(&path);
    let mut other = UnixStream::connect(&path).unwrap();
    let mut stream = UnixStream::connect(&path).unwrap();
    assert_eq!(told(&mut stream, &"x".repeat(1 << 20)), None);
    assert_eq!(told(&mut other, "{\"add\": [1, 1]}\n").unwrap(), json!({ "done": 2 }));
}

#[test]
fn a_socket_of_an_earlier_run_is_replaced() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("control");
    drop(serving(&path));
    let _runtime = serving(&path);
    assert!(told(&mut UnixStream::connect(&path).unwrap(), "\"fail\"\n").is_some());
}
