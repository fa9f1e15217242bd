//! What benches of object plugins beside the service's own client have in common.
//!
//! The servers are of the tests and share the two cores, so the figures are of who waits less for them and costs less beside them, not
//! of what a network could carry. Both sides begin with a fresh server, since some slow down with what they hold.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{GetOptions, Objects, Part, PutOptions, Uploads};
use capstan_domain::secret::SecretText;
use capstan_grants::Granted;
use capstan_runtime::{Limits, TargetSettings};
use capstan_test_servers::pypi_program;
use futures::StreamExt;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::measure::{Series, has, number, option};
use crate::plugin::{Pattern, Room, failed};
use crate::served::{Burden, Served};
use crate::table;

/// Where everything goes.
pub(crate) const LOCATION: &str = "bench";
/// Bytes of a small object.
const SMALL: u64 = 4096;
/// Small objects on their way at a time, and parts of a large one: the same for both.
pub(crate) const SMALL_IN_FLIGHT: usize = 16;
pub(crate) const PARTS_IN_FLIGHT: usize = 4;

/// Amounts a second.
#[derive(Default)]
pub(crate) struct Lane {
    up: Series,
    down: Series,
    small: Series,
    burden: Burden,
}

impl Lane {
    fn row(&self, name: &str) -> Vec<String> {
        vec![name.to_owned(), self.up.text(), self.down.text(), self.small.text()]
    }
}

/// What is carried, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    mib: u64,
    files: u64,
    rounds: u64,
}

impl Load {
    pub(crate) fn asked(arguments: &[String]) -> anyhow::Result<Self> {
        let quick = has(arguments, "--quick");
        Ok(Self {
            mib: option(arguments, "--mib")?.unwrap_or(if quick { 64 } else { 1024 }),
            files: option(arguments, "--files")?.unwrap_or(if quick { 200 } else { 10_000 }),
            rounds: option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 }),
        })
    }

    /// Bytes of the large object.
    pub(crate) fn size(self) -> u64 {
        self.mib << 20
    }
}

/// A client that is not ours, as a Python script that takes its own arguments, then the load's, and prints seconds as JSON.
pub(crate) struct Rival {
    /// As people call it.
    pub name: &'static str,
    /// As PyPI does.
    pub package: &'static str,
    /// As Python does.
    pub module: &'static str,
    pub script: &'static str,
}

impl Rival {
    /// The Python that has it, installed if it is not there yet.
    pub(crate) fn python(&self) -> anyhow::Result<PathBuf> {
        let python = pypi_program("python", "pip")?;
        let has = || {
            let import = format!("import {}", self.module);
            Command::new(&python).args(["-c", &import]).output().is_ok_and(|out| out.status.success())
        };
        if !has() {
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", self.package];
            let installed = Command::new(&python).args(install).output()?;
            ensure!(installed.status.success() && has(), "{}: {}", self.package, String::from_utf8_lossy(&installed.stderr));
        }
        Ok(python)
    }

    /// Runs the script: `own`, then the location, a file of the large size, how many small ones, and how much at a time.
    pub(crate) fn run(&self, own: &[&str], load: Load, lane: &mut Lane) -> anyhow::Result<()> {
        let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
        let (script, source) = (room.path().join("script.py"), room.path().join("source"));
        std::fs::write(&script, self.script)?;
        std::fs::File::create(&source)?.set_len(load.size())?;
        let output = Command::new(self.python()?)
            .arg(script)
            .args(own)
            .arg(LOCATION)
            .arg(source)
            .args([load.files.to_string(), SMALL_IN_FLIGHT.to_string(), PARTS_IN_FLIGHT.to_string()])
            .output()?;
        if !output.status.success() {
            bail!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        let took: Value = serde_json::from_slice(&output.stdout).context("the script's answer")?;
        let seconds = |name: &str| took.get(name).and_then(Value::as_f64).context("a time");
        lane.up.push(load.mib as f64 / seconds("up")?);
        lane.down.push(load.mib as f64 / seconds("down")?);
        lane.small.push(load.files as f64 / seconds("small")?);
        Ok(())
    }
}

/// A target over a plugin on this machine, which may connect to these ports.
pub(crate) struct Target {
    /// The file of the component.
    pub plugin: &'static str,
    pub configuration: Value,
    pub secret: (&'static str, String),
    pub ports: Vec<u16>,
}

/// In turns: ours, then theirs, each on a server of its own.
pub(crate) fn side_by_side<S>(
    title: &str,
    load: Load,
    rival: &Rival,
    start: impl Fn() -> anyhow::Result<S>,
    ours: impl Fn(&S) -> anyhow::Result<Target>,
    theirs: impl Fn(&S, &mut Lane) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    rival.python()?;
    let runtime = Runtime::new()?;
    let (mut our_lane, mut their_lane) = (Lane::default(), Lane::default());
    for _ in 0..load.rounds {
        let server = start().context("the server")?;
        runtime.block_on(plugin(ours(&server)?, load, &mut our_lane))?;
        drop(server);
        theirs(&start().context("the server")?, &mut their_lane)?;
    }
    let ratio = |ours: &Series, theirs: &Series| format!("{}×", number(ours.median() / theirs.median()));
    let rows = [
        our_lane.row("capstan's plugin"),
        their_lane.row(rival.name),
        vec![
            "ours to theirs".to_owned(),
            ratio(&our_lane.up, &their_lane.up),
            ratio(&our_lane.down, &their_lane.down),
            ratio(&our_lane.small, &their_lane.small),
        ],
    ];
    let notes = [
        format!(
            "The server on the same two cores: ratios only. {} rounds in turns, median (spread); {PARTS_IN_FLIGHT} parts and \
         {SMALL_IN_FLIGHT} small objects in flight for both.",
            load.rounds
        ),
        our_lane.burden.note(),
    ];
    let head = ["", &format!("{} MiB up, MiB/s", load.mib), "down, MiB/s", &format!("{} × 4 KiB up, objects/s", load.files)];
    table::print(title, &notes, &head, &rows)
}

async fn plugin(target: Target, load: Load, lane: &mut Lane) -> anyhow::Result<()> {
    let room = Room::open(Limits::default())?;
    let (plugin, version) = room.install(capstan_e2e::dist().join("plugins").join(target.plugin)).await?;
    room.activate(&plugin, &version).await?;
    let (name, secret) = target.secret;
    let connect = |port| Granted { power: Power::Connect { host: "127.0.0.1".into(), port }, configured: true };
    let connection = room.runtime.open_target(TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin,
        pinned: None,
        configuration: target.configuration,
        secrets: vec![(name.into(), SecretText::new(secret))],
        grants: target.ports.into_iter().map(connect).collect(),
    });
    let objects = connection.objects().context("the plugin has no objects")?;
    let uploads = connection.uploads().context("the plugin has no uploads")?;
    objects.create_location(LOCATION, "bench", Vec::new()).await.map_err(failed)?;
    let start = Instant::now();
    in_parts(&*uploads, load.size()).await?;
    lane.up.push(load.mib as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let (_, mut body) = objects.get(LOCATION, "large", None, GetOptions::default()).await.map_err(failed)?;
    let mut read = 0;
    while let Some(chunk) = body.next().await {
        read += chunk.map_err(failed)?.len() as u64;
    }
    ensure!(read == load.size(), "{read} bytes came instead of {}", load.size());
    lane.down.push(load.mib as f64 / start.elapsed().as_secs_f64());
    let (start, served) = (Instant::now(), Served::start());
    small(&*objects, load.files).await?;
    lane.small.push(load.files as f64 / start.elapsed().as_secs_f64());
    served.stop(load.files as f64, &mut lane.burden);
    Ok(())
}

async fn in_parts(uploads: &dyn Uploads, size: u64) -> anyhow::Result<()> {
    let begun = uploads.begin(LOCATION, "large", size, "bench", PutOptions::default()).await.map_err(failed)?;
    let content = Arc::new(Pattern::new(size));
    let count = u32::try_from(size.div_ceil(begun.part_size))?;
    let mut parts: Vec<Part> = futures::stream::iter(1..=count)
        .map(|number| {
            let offset = u64::from(number - 1) * begun.part_size;
            let length = begun.part_size.min(size - offset);
            uploads.put_part(LOCATION, "large", &begun.id, number, content.clone(), (offset, length))
        })
        .buffer_unordered(PARTS_IN_FLIGHT)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    parts.sort_by_key(|part| part.number);
    uploads.complete(LOCATION, "large", &begun.id, parts, "bench", PutOptions::default()).await.map_err(failed)?;
    Ok(())
}

async fn small(objects: &dyn Objects, files: u64) -> anyhow::Result<()> {
    let piece = bytes::Bytes::from(vec![0x5a; usize::try_from(SMALL)?]);
    let keys: Vec<String> = (0..files).map(|index| format!("small-{index:06}")).collect();
    let mut puts = futures::stream::iter(&keys)
        .map(|key| {
            let content = Pattern { size: SMALL, piece: piece.clone() };
            objects.put(LOCATION, key, Arc::new(content), key, PutOptions::default())
        })
        .buffer_unordered(SMALL_IN_FLIGHT);
    while let Some(put) = puts.next().await {
        put.map_err(failed)?;
    }
    Ok(())
}

/// The port of an address on this machine.
pub(crate) fn port(url: &str) -> anyhow::Result<u16> {
    let place = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    place.rsplit(':').next().and_then(|port| port.parse().ok()).with_context(|| format!("no port in {url}"))
}
