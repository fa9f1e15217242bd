//! A tree taken into the catalogue, beside `find -printf`, which only looks.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;
use capstan_e2e::{Cargo, Host, HostOptions};
use serde_json::{Value, json};

use crate::measure::{Series, has, number};
use crate::{primary_scan, rivals, table};

const FOLDER: usize = 1000;
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(1800);

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (files, rounds) = if has(arguments, "--quick") { (20_000, 2) } else { (300_000, 5) };
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
    let cargo = Cargo { poll: LOOK, ..Cargo::new(host.client()) };
    let (mut scans, mut again, mut finds) = (Series::default(), Series::default(), Series::default());
    for round in 0..rounds {
        let name = format!("tree{round}");
        cargo.container(&name)?;
        let root = host.container(&name);
        for index in 0..files {
            let folder = root.join(format!("folder-{:04}", index / FOLDER));
            if index % FOLDER == 0 {
                std::fs::create_dir_all(&folder)?;
            }
            std::fs::write(folder.join(format!("file-{index:07}")), b"")?;
        }
        let mut find = Command::new("find");
        find.arg(&root).args(["-printf", "%p %s %T@ %m %i\\n"]);
        finds.push(files as f64 / rivals::run(find)?.as_secs_f64());
        let task = task(&cargo, &name)?;
        // The second scan finds everything known.
        for series in [&mut scans, &mut again] {
            let start = Instant::now();
            let end = cargo.run(task, PATIENCE)?;
            series.push(files as f64 / start.elapsed().as_secs_f64());
            ensure!(end.all_files >= files as u64 || end.files >= files as u64, "the scan saw {} of {files} files", end.files);
        }
    }
    host.stop()?;
    let notes = vec![format!(
        "{files} empty files in folders of {FOLDER}, warm cache, {rounds} rounds in turns, files/s, median (spread). Scans over REST, the end seen every {} ms.",
        LOOK.as_millis()
    )];
    let rows = vec![
        vec!["find -printf".into(), finds.text(), "1.00×".into()],
        vec!["scan into the catalogue".into(), scans.text(), format!("{}×", number(scans.median() / finds.median()))],
        vec!["scan of a known tree".into(), again.text(), format!("{}×", number(again.median() / finds.median()))],
    ];
    table::print("Scan", &notes, &["", "files/s", "to find"], &rows)?;
    primary_scan::run(files, rounds.min(3))
}

/// A task that scans a container.
fn task(cargo: &Cargo, container: &str) -> anyhow::Result<i64> {
    let input = json!({
        "name": format!("scan {container}"), "workflow_type": "maintenance", "workflow_action": "scan",
        "source_type": "container", "activate": true,
    });
    let answer = cargo.client.post("/api/v2/tasks", &input)?;
    let id = answer.get("id").and_then(Value::as_i64).ok_or_else(|| anyhow::anyhow!("no id in {answer}"))?;
    cargo.client.post(&format!("/api/v2/tasks/{id}/task_sources"), &json!({ "file_path": format!("/{container}") }))?;
    Ok(id)
}
