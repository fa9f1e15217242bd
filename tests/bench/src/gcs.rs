//! The plugin for Google Cloud Storage against Google's own client for Python, on the same simulator, in turns.
//!
//! The simulator answers one request at a time and the emulator behind it is slow with many objects, so the figures are of who waits less for
//! it, not of what a network could carry.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{Connection, GetOptions, Objects, Part, PutOptions, Uploads};
use capstan_domain::secret::SecretText;
use capstan_grants::Granted;
use capstan_runtime::{Limits, TargetSettings};
use capstan_test_servers::{Gcs, pypi_program};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::measure::{Series, has, number, option};
use crate::plugin::{Pattern, Room, failed};
use crate::table;

const BUCKET: &str = "bench-gcs";
const SCRIPT: &str = include_str!("gcs.py");
/// Bytes of a small object.
const SMALL: u64 = 4096;
/// Small objects on their way at a time, and parts of a large one: the same for both.
const SMALL_IN_FLIGHT: usize = 16;
const PARTS_IN_FLIGHT: usize = 4;

/// Amounts a second.
#[derive(Default)]
struct Lane {
    up: Series,
    down: Series,
    small: Series,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let mib = option(arguments, "--mib")?.unwrap_or(if quick { 64 } else { 1024 });
    let files = option(arguments, "--files")?.unwrap_or(if quick { 200 } else { 10_000 });
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let python = client_of_google()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (mut ours, mut theirs) = (Lane::default(), Lane::default());
    for _ in 0..rounds {
        // A fresh one each time: the emulator slows down with what it holds.
        let server = Gcs::start().context("the simulator")?;
        server.create_bucket(BUCKET)?;
        runtime.block_on(plugin(&server, mib << 20, files, &mut ours))?;
        let server = Gcs::start().context("the simulator")?;
        server.create_bucket(BUCKET)?;
        google(&python, &server, mib << 20, files, &mut theirs)?;
    }
    let ratio = |ours: &Series, theirs: &Series| format!("{}×", number(ours.median() / theirs.median()));
    let rows = [
        vec!["capstan's plugin".to_owned(), ours.up.text(), ours.down.text(), ours.small.text()],
        vec!["google-cloud-storage (Python)".to_owned(), theirs.up.text(), theirs.down.text(), theirs.small.text()],
        vec![
            "ours to theirs".to_owned(),
            ratio(&ours.up, &theirs.up),
            ratio(&ours.down, &theirs.down),
            ratio(&ours.small, &theirs.small),
        ],
    ];
    let notes = [format!(
        "Against the simulator before gcp-storage-emulator, which serves one request at a time: ratios only. {rounds} rounds in turns, \
         median (spread); {PARTS_IN_FLIGHT} parts and {SMALL_IN_FLIGHT} small objects in flight for both."
    )];
    let head = ["", &format!("{mib} MiB up, MiB/s"), "down, MiB/s", &format!("{files} × 4 KiB up, objects/s")];
    table::print("Google Cloud Storage", &notes, &head, &rows)
}

fn open(room: &Room, plugin: &str, server: &Gcs) -> anyhow::Result<Arc<dyn Connection>> {
    let port = server.endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?;
    Ok(room.runtime.open_target(TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin: plugin.into(),
        pinned: None,
        configuration: json!({
            "endpoint": server.endpoint, "token-endpoint": server.token_endpoint, "client-email": server.account.client_email
        }),
        secrets: vec![("private-key".into(), SecretText::new(server.account.private_key.as_str()))],
        grants: vec![Granted { power: Power::Connect { host: "127.0.0.1".into(), port }, configured: false }],
    }))
}

async fn plugin(server: &Gcs, size: u64, files: u64, lane: &mut Lane) -> anyhow::Result<()> {
    let room = Room::open(Limits::default())?;
    let (plugin, version) = room.install(capstan_e2e::dist().join("plugins/gcs.wasm")).await?;
    room.activate(&plugin, &version).await?;
    let connection = open(&room, &plugin, server)?;
    let objects = connection.objects().context("the plugin has no objects")?;
    let uploads = connection.uploads().context("the plugin has no uploads")?;
    let mib = size as f64 / f64::from(1 << 20);
    let start = Instant::now();
    in_parts(&*uploads, size).await?;
    lane.up.push(mib / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let (_, mut body) = objects.get(BUCKET, "large", None, GetOptions::default()).await.map_err(failed)?;
    let mut read = 0;
    while let Some(chunk) = body.next().await {
        read += chunk.map_err(failed)?.len() as u64;
    }
    ensure!(read == size, "{read} bytes came instead of {size}");
    lane.down.push(mib / start.elapsed().as_secs_f64());
    let start = Instant::now();
    small(&*objects, files).await?;
    lane.small.push(files as f64 / start.elapsed().as_secs_f64());
    Ok(())
}

async fn in_parts(uploads: &dyn Uploads, size: u64) -> anyhow::Result<()> {
    let begun = uploads.begin(BUCKET, "large", size, "bench", PutOptions::default()).await.map_err(failed)?;
    let content = Arc::new(Pattern::new(size));
    let count = u32::try_from(size.div_ceil(begun.part_size))?;
    let mut parts: Vec<Part> = futures::stream::iter(1..=count)
        .map(|number| {
            let offset = u64::from(number - 1) * begun.part_size;
            let length = begun.part_size.min(size - offset);
            uploads.put_part(BUCKET, "large", &begun.id, number, content.clone(), (offset, length))
        })
        .buffer_unordered(PARTS_IN_FLIGHT)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    parts.sort_by_key(|part| part.number);
    uploads.complete(BUCKET, "large", &begun.id, parts, "bench", PutOptions::default()).await.map_err(failed)?;
    Ok(())
}

async fn small(objects: &dyn Objects, files: u64) -> anyhow::Result<()> {
    let keys: Vec<String> = (0..files).map(|index| format!("small-{index:06}")).collect();
    let mut puts = futures::stream::iter(&keys)
        .map(|key| objects.put(BUCKET, key, Arc::new(Pattern::new(SMALL)), key, PutOptions::default()))
        .buffer_unordered(SMALL_IN_FLIGHT);
    while let Some(put) = puts.next().await {
        put.map_err(failed)?;
    }
    Ok(())
}

/// The Python that has Google's client, installed if it is not there yet.
fn client_of_google() -> anyhow::Result<std::path::PathBuf> {
    let python = pypi_program("python", "pip")?;
    let has = || Command::new(&python).args(["-c", "import google.cloud.storage"]).output().is_ok_and(|out| out.status.success());
    if !has() {
        let installed = Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "google-cloud-storage"])
            .output()?;
        ensure!(installed.status.success() && has(), "google-cloud-storage: {}", String::from_utf8_lossy(&installed.stderr));
    }
    Ok(python)
}

fn google(python: &Path, server: &Gcs, size: u64, files: u64, lane: &mut Lane) -> anyhow::Result<()> {
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let at = |name: &str| room.path().join(name);
    std::fs::write(at("gcs.py"), SCRIPT)?;
    let account = json!({
        "type": "service_account", "project_id": server.account.project, "client_email": server.account.client_email,
        "private_key": server.account.private_key, "token_uri": server.token_endpoint, "private_key_id": "1"
    });
    std::fs::write(at("account.json"), account.to_string())?;
    let source = std::fs::File::create(at("source"))?;
    source.set_len(size)?;
    let output = Command::new(python)
        .arg(at("gcs.py"))
        .arg(&server.endpoint)
        .arg(at("account.json"))
        .arg(BUCKET)
        .args([at("source"), at("target")])
        .args([files.to_string(), SMALL_IN_FLIGHT.to_string()])
        .output()?;
    if !output.status.success() {
        bail!("Google's client: {}", String::from_utf8_lossy(&output.stderr));
    }
    let took: Value = serde_json::from_slice(&output.stdout).context("the script's answer")?;
    let seconds = |name: &str| took.get(name).and_then(Value::as_f64).context("a time");
    let mib = size as f64 / f64::from(1 << 20);
    lane.up.push(mib / seconds("up")?);
    lane.down.push(mib / seconds("down")?);
    lane.small.push(files as f64 / seconds("small")?);
    Ok(())
}
