//! Files to an NFS export and back through the mover and the sandboxed plugin, beside libnfs's nfs-cp on the same server, in turns.
//!
//! nfs-cp copies one file a run; for many files, as many runs are under way at a time as Capstan has calls.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_grants::Granted;
use capstan_runtime::TargetSettings;
use capstan_test_servers::Ganesha;
use serde_json::json;

use crate::measure::{has, number, option};
use crate::share::{Lane, Share, plant, swept, synced};
use crate::{rivals, table};

/// Runs of nfs-cp at a time.
const AT_A_TIME: u32 = 16;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let mebibytes = option(arguments, "--mebibytes")?.unwrap_or(if quick { 128 } else { 1024 });
    let files = option(arguments, "--files")?.unwrap_or(if quick { 500 } else { 10_000 });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The server's disk and ours are the same one.
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir_in("/var/tmp")?;
    let (large, small) = (room.path().join("large"), room.path().join("small"));
    plant(&large, &small, mebibytes << 20, files)?;
    let server = Ganesha::start()?;
    let export = server.export("open");
    let share = Share::open("nfs.wasm", "open", &runtime, |plugin| settings(plugin, &server, &export))?;
    let mut rows = Vec::new();
    for (title, from, unit, amount) in [
        (format!("1 file of {mebibytes} MiB"), &large, "MiB/s", mebibytes as f64),
        (format!("{files} files of 4 KiB"), &small, "files/s", files as f64),
    ] {
        let (mut ours, mut theirs) = (Lane::default(), Lane::default());
        for _ in 0..rounds {
            swept(&export)?;
            share.round(&runtime, from, room.path(), amount, &mut ours)?;
            swept(&export)?;
            rival(&server, &export, from, room.path(), amount, &mut theirs)?;
        }
        let mut row = vec![format!("{title} ({unit})")];
        for (ours, theirs) in [(&ours.up, &theirs.up), (&ours.down, &theirs.down)] {
            row.extend([ours.text(), theirs.text(), format!("{}×", number(ours.median() / theirs.median()))]);
        }
        rows.push(row);
    }
    let notes = vec![format!(
        "nfs-ganesha on the same disk, {rounds} rounds in turns, median (spread). nfs-cp's clock includes a sync of what it wrote; small files: {AT_A_TIME} of it at a time."
    )];
    table::print("NFS", &notes, &["", "Capstan up", "nfs-cp up", "", "Capstan down", "nfs-cp down", ""], &rows)
}

fn settings(plugin: String, server: &Ganesha, export: &Path) -> TargetSettings {
    let grant = |port| Granted { power: Power::Connect { host: "127.0.0.1".into(), port }, configured: true };
    TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin,
        pinned: None,
        configuration: json!({
            "host": "127.0.0.1", "port": server.port, "mount-port": server.mount_port, "export": export.display().to_string(),
        }),
        secrets: Vec::new(),
        grants: vec![grant(server.port), grant(server.mount_port)],
    }
}

fn rival(server: &Ganesha, export: &Path, from: &Path, room: &Path, amount: f64, lane: &mut Lane) -> anyhow::Result<()> {
    // One of its own for each round: what goes from under the server, it remembers for a while.
    let up = tempfile::Builder::new().prefix("nfs-cp-").tempdir_in(export)?;
    let there = |name: &str| {
        let (path, port, mount) = (up.path().display(), server.port, server.mount_port);
        format!("nfs://127.0.0.1{path}/{name}?version=3&nfsport={port}&mountport={mount}")
    };
    let took = copied(from, "{}", &there("{}"), from)?;
    lane.up.push(amount / (took + synced(export)?).as_secs_f64());
    let to = tempfile::Builder::new().prefix("to-").tempdir_in(room)?;
    let took = copied(from, &there("{}"), "{}", to.path())?;
    lane.down.push(amount / (took + synced(to.path())?).as_secs_f64());
    let (arrived, sent) = (std::fs::read_dir(to.path())?.count(), std::fs::read_dir(from)?.count());
    ensure!(arrived == sent, "nfs-cp brought {arrived} of {sent} files");
    Ok(())
}

/// Every name of `names` from here to there, each in a run of its own; runs in `within`.
fn copied(names: &Path, from: &str, to: &str, within: &Path) -> anyhow::Result<std::time::Duration> {
    let mut list = tempfile::NamedTempFile::new()?;
    for entry in std::fs::read_dir(names)? {
        std::io::Write::write_all(&mut list, format!("{}\n", entry?.file_name().display()).as_bytes())?;
    }
    let mut command = Command::new("xargs");
    command.args(["-P", &AT_A_TIME.to_string(), "-I", "{}", "nfs-cp", from, to]).current_dir(within);
    command.stdin(list.reopen()?);
    rivals::run(command).context("nfs-cp; to have it: apt-get install libnfs-utils")
}
