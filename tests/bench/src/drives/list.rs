//! Pages of a long list of drives, over one connection; beside bare axum, over the same client. The drives are made over REST, which
//! is measured on the way.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_e2e::{Client, PASSWORD, USER};
use serde_json::{Value, json};

use super::rig::{API, NVME, PATIENCE, Rig, wish};
use crate::measure::{Series, has, number, option};
use crate::server::Server;
use crate::table;

/// Bytes of a drive; the smallest there is.
const SIZE: u64 = 512 << 20;
/// Drives of one request, as many as it may have.
const BATCH: u64 = 256;
/// Drives of a page.
const PAGE: usize = 20;
/// Between two looks at drives that are being made.
const LOOK: Duration = Duration::from_millis(200);
/// Pages are taken so far from each other, modulo the list.
const STRIDE: u64 = 7_919;

const LISTS: [(&str, &str); 5] = [
    ("bare axum, a JSON object", "–"),
    ("the first page", "≤ 10"),
    ("any page", "≤ 10"),
    ("the first page in detail", "≤ 10"),
    ("any page in detail", "≤ 10"),
];

pub(super) fn run(rig: &Rig, arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let drives = option(arguments, "--listed")?.unwrap_or(if quick { 1_000 } else { 10_000 });
    let requests = if quick { 100 } else { 500 };
    ensure!(drives > PAGE as u64, "a list of {drives} drives has no pages of {PAGE}");
    let (answers, filled) = fill(rig, drives)?;
    let hello = Server::start("serve-hello")?;
    let bare = Client::new(&format!("http://127.0.0.1:{}", hello.port), USER, PASSWORD);
    let mut times: [Vec<f64>; LISTS.len()] = Default::default();
    // The first of each is not counted: it connects.
    for request in 0..=requests {
        let offset = request * STRIDE % (drives - PAGE as u64);
        let asked = [
            (&bare, 0, "/".to_owned()),
            (&rig.client, PAGE, format!("{API}?limit={PAGE}")),
            (&rig.client, PAGE, format!("{API}?limit={PAGE}&offset={offset}")),
            (&rig.client, PAGE, format!("{API}detail/?limit={PAGE}")),
            (&rig.client, PAGE, format!("{API}detail/?limit={PAGE}&offset={offset}")),
        ];
        for ((client, objects, path), millis) in asked.iter().zip(&mut times) {
            let took = timed(client, path, *objects)?;
            if request > 0 {
                millis.push(took);
            }
        }
    }
    let row = |(name, aim): (&str, &str), times: Vec<f64>| {
        let times = Series::of(times);
        vec![name.to_owned(), number(times.median()), number(times.quantile(0.99)), number(times.quantile(1.0)), aim.to_owned()]
    };
    let rows: Vec<_> = LISTS.into_iter().zip(times).map(|(list, times)| row(list, times)).collect();
    let notes = [
        format!("{drives} nvme drives, pages of {PAGE}, {requests} requests of each in turns over one connection; ms."),
        format!(
            "The drives were made over REST, {BATCH} a request, answered in {} ms, median (spread); all could be used after {} s, {} a second.",
            answers.text(),
            number(filled.as_secs_f64()),
            number(drives as f64 / filled.as_secs_f64())
        ),
    ];
    table::print("Drives: list", &notes, &["", "median", "p99", "longest", "aim, p99"], &rows)
}

/// Milliseconds until each request was answered, and the time until the last drive could be used.
fn fill(rig: &Rig, drives: u64) -> anyhow::Result<(Series, Duration)> {
    let start = Instant::now();
    let firsts = || (0..drives.div_ceil(BATCH)).map(|batch| batch * BATCH);
    let mut answers = Vec::new();
    for first in firsts() {
        let objects: Vec<Value> =
            (first..drives.min(first + BATCH)).map(|index| wish(&format!("listed-{index:06}"), SIZE, NVME)).collect();
        let clock = Instant::now();
        rig.client.post(API, &json!({ "objects": objects }))?;
        answers.push(clock.elapsed().as_secs_f64() * 1e3);
    }
    for first in firsts() {
        let path = format!("{API}?fields=status&limit={BATCH}&offset={first}");
        loop {
            let page = rig.client.get(&path)?;
            let all = page.pointer("/meta/total_count").and_then(Value::as_u64);
            ensure!(all == Some(drives), "{all:?} of {drives} drives are listed");
            let objects = page.get("objects").and_then(Value::as_array).context("a list without objects")?;
            let are =
                |status: &str| objects.iter().filter(|one| one.get("status").and_then(Value::as_str) == Some(status)).count();
            if are("unmounted") == objects.len() {
                break;
            }
            ensure!(are("unavailable") == 0, "drives could not be made");
            ensure!(start.elapsed() < PATIENCE, "drives were not made within {PATIENCE:?}");
            sleep(LOOK);
        }
    }
    Ok((Series::of(answers), start.elapsed()))
}

/// Milliseconds until the whole answer is there, which has so many objects.
fn timed(client: &Client, path: &str, objects: usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    let answer = client.raw("GET", path, None, b"")?;
    let took = start.elapsed();
    ensure!(answer.status == 200, "GET {path}: {}: {}", answer.status, answer.text);
    let shown = answer.json().get("objects").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(shown == objects, "GET {path}: {shown} objects");
    Ok(took.as_secs_f64() * 1e3)
}
