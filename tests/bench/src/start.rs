//! How long a host takes to be ready when its plugins were compiled before.

use std::time::Instant;

use anyhow::{Context, ensure};
use capstan_e2e::{Host, HostOptions};
use serde_json::Value;

use crate::measure::{Series, has, number};
use crate::table;

const COMPONENTS: usize = 10;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let rounds = if has(arguments, "--quick") { 3 } else { 15 };
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let options = HostOptions { data: room.path().join("data"), ..HostOptions::default() };
    let start = Instant::now();
    let host = Host::start(options.clone())?;
    let first = start.elapsed();
    let installed = fill(&host)?;
    host.stop()?;

    let mut millis = Series::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let host = Host::start(options.clone())?;
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        host.stop()?;
    }
    let notes = vec![
        format!(
            "From the start of the process to its line `listening on`, {installed} compiled components (versions of the plugins, each with bytes and code of its own), {rounds} rounds."
        ),
        format!("The first start of all, with compiling and a new catalogue: {} ms.", number(first.as_secs_f64() * 1e3)),
    ];
    let row = vec![millis.text(), number(millis.quantile(0.99)), "200".into()];
    table::print("Start", &notes, &["median (spread), ms", "p99, ms", "aim, ms"], &[row])
}

/// Installs copies of the S3 plugin that differ by a custom section, until there are ten components.
fn fill(host: &Host) -> anyhow::Result<usize> {
    let client = host.client();
    let component =
        std::fs::read(capstan_e2e::dist().join("plugins/s3.wasm")).context("s3.wasm; build it with `cargo xtask plugins`")?;
    for copy in 0..COMPONENTS {
        if count(&client.get("/capstan/v1/plugins")?) >= COMPONENTS {
            break;
        }
        let mut bytes = component.clone();
        // Section 0, its length, the length of its name, its name, a byte that makes the difference.
        bytes.extend_from_slice(&[0, 7, 5, b'b', b'e', b'n', b'c', b'h', u8::try_from(copy)?]);
        let answer = client.raw("POST", "/capstan/v1/plugins", Some("application/wasm"), &bytes)?;
        ensure!(answer.status == 201, "the copy was not installed: {}: {}", answer.status, answer.text);
    }
    Ok(count(&client.get("/capstan/v1/plugins")?))
}

/// Versions of all plugins.
fn count(list: &Value) -> usize {
    let plugins = list.get("plugins").and_then(Value::as_array).into_iter().flatten();
    plugins.map(|plugin| plugin.get("versions").and_then(Value::as_array).map_or(1, Vec::len)).sum()
}
