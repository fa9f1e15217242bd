//! The scan of a primary pool over an NFS export, whole and again, beside libnfs's `nfs-ls -R`, which only looks.
//!
//! A pool's scan over an unchanged export looks at its folders and at none of its files; the third line says what it takes when one
//! file came into every fiftieth folder.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_e2e::{Cargo, Client, Host, HostOptions};
use capstan_test_servers::Ganesha;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::measure::{Series, number};
use crate::{rivals, table};

const FOLDER: usize = 1000;
/// Of the folders, every so manieth changes.
const CHANGED: usize = 50;
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(1800);

pub(crate) fn run(files: usize, rounds: usize) -> anyhow::Result<()> {
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let server = Ganesha::start()?;
    let export = server.export("open");
    plant(&export, files)?;
    let (mut lists, mut whole, mut again, mut changed) =
        (Series::default(), Series::default(), Series::default(), Series::default());
    for round in 0..rounds {
        // A host that knows nothing of the export.
        let host = Host::start(HostOptions { data: room.path().join(format!("data-{round}")), ..HostOptions::default() })?;
        let pool = Pool::open(host.client(), &server, &export)?;
        lists.push(files as f64 / rivals::run(list(&server, &export))?.as_secs_f64());
        let (took, seen) = pool.scanned("POST")?;
        whole.push(files as f64 / took.as_secs_f64());
        ensure!(seen >= files as u64, "{seen} of {files} files were seen");
        // A folder read within seconds of a change of it is read once more.
        std::thread::sleep(Duration::from_secs(6));
        again.push(files as f64 / pool.scanned("PUT")?.0.as_secs_f64());
        for folder in (0..files.div_ceil(FOLDER)).step_by(CHANGED) {
            std::fs::write(export.join(format!("folder-{folder:04}/new-{round}")), b"")?;
        }
        changed.push(files as f64 / pool.scanned("PUT")?.0.as_secs_f64());
        host.stop()?;
    }
    let row = |name: &str, series: &Series| {
        vec![name.to_owned(), series.text(), format!("{}×", number(series.median() / lists.median()))]
    };
    let rows = [
        row("nfs-ls -R", &lists),
        row("first scan", &whole),
        row("nothing changed", &again),
        row(&format!("a file more in every {CHANGED}th folder"), &changed),
    ];
    let notes = [format!(
        "{files} empty files in folders of {FOLDER} on an export of nfs-ganesha, {rounds} rounds in turns, files known a second of the \
         scan's own time, median (spread)."
    )];
    table::print("Primary scan", &notes, &["", "files/s", "to nfs-ls"], &rows)
}

fn plant(export: &Path, files: usize) -> anyhow::Result<()> {
    for index in 0..files {
        let folder = export.join(format!("folder-{:04}", index / FOLDER));
        if index % FOLDER == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        std::fs::write(folder.join(format!("file-{index:07}")), b"")?;
    }
    Ok(())
}

fn list(server: &Ganesha, export: &Path) -> Command {
    let mut list = Command::new("nfs-ls");
    let (path, port, mount) = (export.display(), server.port, server.mount_port);
    list.arg("-R").arg(format!("nfs://127.0.0.1{path}?version=3&nfsport={port}&mountport={mount}"));
    list
}

struct Pool {
    client: Client,
}

impl Pool {
    fn open(client: Client, server: &Ganesha, export: &Path) -> anyhow::Result<Self> {
        let options = format!("port={},mountport={}", server.port, server.mount_port);
        let share = json!({ "name": "share", "path": export, "options": options });
        Cargo::new(client.clone()).nas_pool("pool", "nfs_v3", "primary", &share)?;
        Ok(Self { client })
    }

    /// Makes or changes the pool's scan, which is due at once then; how long it ran, and the files it saw.
    fn scanned(&self, method: &str) -> anyhow::Result<(Duration, u64)> {
        let before = self.newest()?;
        let setting = json!({ "enabled": true, "operand": 1, "unit": "weeks" });
        let answer = self.client.send(method, "/api/v2/pools/pool/primary_scan", &setting)?;
        ensure!(answer.status < 300, "{}", answer.text);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            std::thread::sleep(LOOK);
            let job = self.newest()?;
            let text = |name: &str| job.get(name).and_then(Value::as_str);
            let moment = |name: &str| text(name).and_then(|text| text.parse::<Timestamp>().ok());
            if job.get("id") == before.get("id") || text("work") != Some("scan") {
                continue;
            }
            if let (Some(started), Some(finished)) = (moment("started"), moment("finished")) {
                ensure!(text("state") == Some("done"), "{job}");
                let seen = job.pointer("/progress/files_processed").and_then(Value::as_u64);
                return Ok((Duration::try_from(finished.duration_since(started))?, seen.context("no count of files")?));
            }
        }
        anyhow::bail!("the scan did not end within {PATIENCE:?}")
    }

    fn newest(&self) -> anyhow::Result<Value> {
        let jobs = self.client.get("/capstan/v1/jobs?limit=1")?;
        Ok(jobs.pointer("/items/0").cloned().unwrap_or_default())
    }
}
