//! Orders to the library from whoever tests with it: one JSON value a line on a Unix socket, one a line in answer.
//!
//! The answer is `{"done": VALUE}` or `{"refused": "why"}`. A line that is too long ends its connection.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Bytes of an order.
const LINE: u64 = 64 << 10;
/// Connections at a time.
const MOST_CONNECTIONS: usize = 16;

/// # Errors
/// The socket's own. One of an earlier run is replaced.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => Err(failure),
        _ => UnixListener::bind(path),
    }
}

/// Has every order carried out by `obey` until this is dropped.
///
/// # Errors
/// The listener's own.
pub async fn serve<Order, Obey>(listener: UnixListener, obey: Obey) -> io::Result<()>
where
    Order: DeserializeOwned,
    Obey: Fn(Order) -> Result<Value, String> + Send + Sync + 'static,
{
    let obey = Arc::new(obey);
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let (stream, _) = listener.accept().await?;
        let obey = Arc::clone(&obey);
        tokio::spawn(async move {
            // Who gives orders sees by himself that his connection has ended.
            let _ = answer_all(stream, &*obey).await;
            drop(place);
        });
    }
}

async fn answer_all<Order: DeserializeOwned>(
    mut stream: UnixStream,
    obey: &(impl Fn(Order) -> Result<Value, String> + Sync),
) -> io::Result<()> {
    let (source, mut sink) = stream.split();
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut source).take(LINE).read_until(b'\n', &mut line).await?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        let done = serde_json::from_slice(&line).map_err(|failure| failure.to_string()).and_then(obey);
        let mut answer = match done {
            Ok(value) => json!({ "done": value }),
            Err(why) => json!({ "refused": why }),
        }
        .to_string();
        answer.push('\n');
        sink.write_all(answer.as_bytes()).await?;
    }
}
