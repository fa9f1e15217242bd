//! The plugin for Azure Blob Storage against Microsoft's own client for Python, on the same kind of server, in turns.
//!
//! Azurite is one process of Node.js that takes about what one core gives, so the figures are of who waits less for it and costs
//! less beside it, not of what a network could carry. Both sides begin with a fresh one.

use std::path::{Path, PathBuf};
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
use capstan_test_servers::{Azurite, pypi_program};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::measure::{Series, has, number, option};
use crate::plugin::{Pattern, Room, failed};
use crate::table;

const CONTAINER: &str = "bench-azure";
const SCRIPT: &str = include_str!("azure.py");
/// Bytes of a small blob.
const SMALL: u64 = 4096;
/// Small blobs on their way at a time, and blocks of a large one: the same for both.
const SMALL_IN_FLIGHT: usize = 16;
const PARTS_IN_FLIGHT: usize = 4;

/// Amounts a second.
#[derive(Default)]
struct Lane {
    up: Series,
    down: Series,
    small: Series,
}

/// What is carried.
#[derive(Clone, Copy)]
struct Load {
    /// Bytes of the large blob.
    size: u64,
    files: u64,
}

impl Load {
    fn mib(self) -> f64 {
        self.size as f64 / f64::from(1 << 20)
    }
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let mib = option(arguments, "--mib")?.unwrap_or(if quick { 64 } else { 1024 });
    let files = option(arguments, "--files")?.unwrap_or(if quick { 200 } else { 10_000 });
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let load = Load { size: mib << 20, files };
    let python = client_of_microsoft()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (mut ours, mut theirs) = (Lane::default(), Lane::default());
    for _ in 0..rounds {
        runtime.block_on(plugin(&Azurite::start().context("Azurite")?, load, &mut ours))?;
        microsoft(&python, &Azurite::start().context("Azurite")?, load, &mut theirs)?;
    }
    let ratio = |ours: &Series, theirs: &Series| format!("{}×", number(ours.median() / theirs.median()));
    let rows = [
        vec!["capstan's plugin".to_owned(), ours.up.text(), ours.down.text(), ours.small.text()],
        vec!["azure-storage-blob (Python)".to_owned(), theirs.up.text(), theirs.down.text(), theirs.small.text()],
        vec![
            "ours to theirs".to_owned(),
            ratio(&ours.up, &theirs.up),
            ratio(&ours.down, &theirs.down),
            ratio(&ours.small, &theirs.small),
        ],
    ];
    let notes = [format!(
        "Against Azurite on the same two cores. {rounds} rounds in turns, median (spread); {PARTS_IN_FLIGHT} blocks of 16 MiB and \
         {SMALL_IN_FLIGHT} small blobs in flight for both."
    )];
    let head = ["", &format!("{mib} MiB up, MiB/s"), "down, MiB/s", &format!("{files} × 4 KiB up, blobs/s")];
    table::print("Azure Blob Storage", &notes, &head, &rows)
}

fn open(room: &Room, plugin: &str, server: &Azurite) -> anyhow::Result<Arc<dyn Connection>> {
    let place = server.blob.endpoint.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let port = place.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?;
    Ok(room.runtime.open_target(TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin: plugin.into(),
        pinned: None,
        configuration: json!({ "endpoint": server.blob.endpoint, "account": server.blob.account }),
        secrets: vec![("account-key".into(), SecretText::new(server.blob.key.as_str()))],
        grants: vec![Granted { power: Power::Connect { host: "127.0.0.1".into(), port }, configured: true }],
    }))
}

async fn plugin(server: &Azurite, load: Load, lane: &mut Lane) -> anyhow::Result<()> {
    let room = Room::open(Limits::default())?;
    let (plugin, version) = room.install(capstan_e2e::dist().join("plugins/azure.wasm")).await?;
    room.activate(&plugin, &version).await?;
    let connection = open(&room, &plugin, server)?;
    let objects = connection.objects().context("the plugin has no objects")?;
    let uploads = connection.uploads().context("the plugin has no uploads")?;
    objects.create_location(CONTAINER, "bench", Vec::new()).await.map_err(failed)?;
    let start = Instant::now();
    in_parts(&*uploads, load.size).await?;
    lane.up.push(load.mib() / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let (_, mut body) = objects.get(CONTAINER, "large", None, GetOptions::default()).await.map_err(failed)?;
    let mut read = 0;
    while let Some(chunk) = body.next().await {
        read += chunk.map_err(failed)?.len() as u64;
    }
    ensure!(read == load.size, "{read} bytes came instead of {}", load.size);
    lane.down.push(load.mib() / start.elapsed().as_secs_f64());
    let start = Instant::now();
    small(&*objects, load.files).await?;
    lane.small.push(load.files as f64 / start.elapsed().as_secs_f64());
    Ok(())
}

async fn in_parts(uploads: &dyn Uploads, size: u64) -> anyhow::Result<()> {
    let begun = uploads.begin(CONTAINER, "large", size, "bench", PutOptions::default()).await.map_err(failed)?;
    let content = Arc::new(Pattern::new(size));
    let count = u32::try_from(size.div_ceil(begun.part_size))?;
    let mut parts: Vec<Part> = futures::stream::iter(1..=count)
        .map(|number| {
            let offset = u64::from(number - 1) * begun.part_size;
            let length = begun.part_size.min(size - offset);
            uploads.put_part(CONTAINER, "large", &begun.id, number, content.clone(), (offset, length))
        })
        .buffer_unordered(PARTS_IN_FLIGHT)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    parts.sort_by_key(|part| part.number);
    uploads.complete(CONTAINER, "large", &begun.id, parts, "bench", PutOptions::default()).await.map_err(failed)?;
    Ok(())
}

async fn small(objects: &dyn Objects, files: u64) -> anyhow::Result<()> {
    let piece = bytes::Bytes::from(vec![0x5a; usize::try_from(SMALL)?]);
    let keys: Vec<String> = (0..files).map(|index| format!("small-{index:06}")).collect();
    let mut puts = futures::stream::iter(&keys)
        .map(|key| {
            let content = Pattern { size: SMALL, piece: piece.clone() };
            objects.put(CONTAINER, key, Arc::new(content), key, PutOptions::default())
        })
        .buffer_unordered(SMALL_IN_FLIGHT);
    while let Some(put) = puts.next().await {
        put.map_err(failed)?;
    }
    Ok(())
}

/// The Python that has Microsoft's client, installed if it is not there yet.
fn client_of_microsoft() -> anyhow::Result<PathBuf> {
    let python = pypi_program("python", "pip")?;
    let has = || Command::new(&python).args(["-c", "import azure.storage.blob"]).output().is_ok_and(|out| out.status.success());
    if !has() {
        let installed = Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "azure-storage-blob"])
            .output()?;
        ensure!(installed.status.success() && has(), "azure-storage-blob: {}", String::from_utf8_lossy(&installed.stderr));
    }
    Ok(python)
}

fn microsoft(python: &Path, server: &Azurite, load: Load, lane: &mut Lane) -> anyhow::Result<()> {
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let (script, source) = (room.path().join("azure.py"), room.path().join("source"));
    std::fs::write(&script, SCRIPT)?;
    std::fs::File::create(&source)?.set_len(load.size)?;
    let output = Command::new(python)
        .arg(script)
        .args([&server.blob.endpoint, &server.blob.key])
        .arg(CONTAINER)
        .arg(source)
        .args([load.files.to_string(), SMALL_IN_FLIGHT.to_string(), PARTS_IN_FLIGHT.to_string()])
        .output()?;
    if !output.status.success() {
        bail!("Microsoft's client: {}", String::from_utf8_lossy(&output.stderr));
    }
    let took: Value = serde_json::from_slice(&output.stdout).context("the script's answer")?;
    let seconds = |name: &str| took.get(name).and_then(Value::as_f64).context("a time");
    lane.up.push(load.mib() / seconds("up")?);
    lane.down.push(load.mib() / seconds("down")?);
    lane.small.push(load.files as f64 / seconds("small")?);
    Ok(())
}
