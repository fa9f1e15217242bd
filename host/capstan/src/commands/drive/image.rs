//! `capstan drive download`, `capstan drive upload`: what broke off goes on where it was, a few times by itself, else when it is
//! told to.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use axum::body::Body;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::client::{Client, Refused};
use crate::commands::{show, table};

/// Tries in a row that come no further; then it has failed.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a file that are read at once.
const PIECE: u64 = 256 << 10;

pub(super) async fn download(client: &Client, drive: &str, path: &Path, resume: bool) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let size = number(&client.get(&["drives", drive], &[]).await?, "size")?;
    let mut file = if resume {
        File::options().write(true).create(true).truncate(false).open(path).await
    } else {
        File::options().write(true).create_new(true).open(path).await
    }
    .with_context(named)?;
    let mut come = file.metadata().await.with_context(named)?.len();
    ensure!(come <= size, "{} is larger than the drive", named());
    file.seek(SeekFrom::Start(come)).await?;
    let mut tries = 0;
    while come < size {
        let before = come;
        match fetch(client, drive, &mut file, &mut come).await {
            Ok(()) if come < size => tries += 1,
            Ok(()) => break,
            Err(error) if tries + 1 < TRIES && !Refused::is_final(&error) => {
                eprintln!("capstan: {error:#}; going on from byte {come}");
                tries += 1;
            }
            Err(error) => return Err(error),
        }
        ensure!(tries < TRIES, "the host answers no more bytes of the drive");
        if come > before {
            tries = 0;
        }
        // What was left out at the end is a hole.
        file.set_len(come).await.with_context(named)?;
        tokio::time::sleep(PAUSE).await;
    }
    file.set_len(size).await.with_context(named)?;
    file.sync_all().await.with_context(named)?;
    show(client, &json!({ "file": named(), "size": size }), table::members)
}

/// As many bytes as come. Zeros become holes.
async fn fetch(client: &Client, drive: &str, file: &mut File, come: &mut u64) -> anyhow::Result<()> {
    let mut bytes = client.download(&["drives", drive, "image"], *come).await?;
    while let Some(piece) = bytes.next().await? {
        if piece.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Start(*come + piece.len() as u64)).await?;
        } else {
            file.write_all(&piece).await?;
        }
        *come += piece.len() as u64;
    }
    file.flush().await.map_err(Into::into)
}

pub(super) async fn upload(client: &Client, drive: &str, path: &Path, anew: bool) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(named)?.len();
    ensure!(size > 0, "{} is empty", named());
    let mut come = if anew { 0 } else { progress(client, drive, size).await? };
    let mut tries = 0;
    loop {
        let sent = send(client, drive, path, come, size).await;
        let error = match sent {
            Ok(answer) if answer.get("complete").and_then(Value::as_bool) == Some(true) => {
                return show(client, &answer, |_| format!("{size} bytes"));
            }
            Ok(_) => anyhow::anyhow!("not all of the image came"),
            Err(error) if Refused::is_final(&error) => return Err(error),
            Err(error) => error,
        };
        let reached = progress(client, drive, size).await.unwrap_or(come);
        tries = if reached > come { 0 } else { tries + 1 };
        if tries >= TRIES {
            return Err(error);
        }
        come = reached;
        eprintln!("capstan: {error:#}; going on from byte {come}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Bytes of an image of this size that are there.
async fn progress(client: &Client, drive: &str, size: u64) -> anyhow::Result<u64> {
    let state = client.get(&["drives", drive], &[]).await?;
    // Before it is sent for nothing.
    ensure!(state.get("mounted").and_then(Value::as_bool) != Some(true), "the drive is mounted; detach it first");
    if state.get("state").and_then(Value::as_str) != Some("uploading") {
        return Ok(0);
    }
    match client.get(&["drives", drive, "upload"], &[]).await {
        Ok(upload) if number(&upload, "size")? == size => number(&upload, "received"),
        _ => Ok(0),
    }
}

async fn send(client: &Client, drive: &str, path: &Path, from: u64, size: u64) -> anyhow::Result<Value> {
    let mut file = File::open(path).await.with_context(|| path.display().to_string())?;
    file.seek(SeekFrom::Start(from)).await?;
    let range = if from < size { format!("bytes {from}-{}/{size}", size - 1) } else { format!("bytes */{size}") };
    let length = (size - from).to_string();
    let headers =
        [("content-type", "application/octet-stream"), ("content-range", range.as_str()), ("content-length", length.as_str())];
    let pieces = futures::stream::try_unfold((file, size - from), |(mut file, left)| async move {
        let mut piece = Vec::new();
        let read = (&mut file).take(PIECE.min(left)).read_to_end(&mut piece).await?;
        if read == 0 && left > 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the image became shorter"));
        }
        Ok((read > 0).then(|| (piece, (file, left.saturating_sub(read as u64)))))
    });
    client.upload(&["drives", drive, "image"], Body::from_stream(pieces), &headers).await
}

fn number(value: &Value, name: &str) -> anyhow::Result<u64> {
    match value.get(name).and_then(Value::as_u64) {
        Some(number) => Ok(number),
        None => bail!("the host's answer has no {name}"),
    }
}
