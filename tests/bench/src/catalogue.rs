//! The catalogue: rows inserted as a scan inserts them, beside raw sqlite3 on the same schema; and pages out of millions.
//!
//! The other side of the insert is Python's sqlite3, which prepares one statement and binds in C: the same file with the same tables,
//! indexes and pragmas, the same batches, each synced. Rows are made before the clock starts on both sides, in turns.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use capstan_catalogue::{Catalogue, Crawl, Options};
use capstan_domain::entry::{EntryKind, NewEntry, Tree};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::space::{NewSpace, Space};
use capstan_domain::time::Timestamp;
use serde_json::json;

use crate::measure::{Series, has, number, option};
use crate::plugin::failed;
use crate::table;

/// Entries a scan writes together.
const BATCH: usize = 4_096;
/// Files of each folder but the large one.
const FOLDER: u64 = 1_000;
const PAGE: u32 = 50;
const PAGES: u64 = 2_000;
const MILLION: u64 = 1_000_000;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rows = match option(arguments, "--rows")? {
        Some(rows) => rows,
        None if quick => MILLION / 5,
        None => 10 * MILLION,
    };
    let (inserted, rounds) = (rows.min(MILLION), if quick { 2 } else { 3 });
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(inserts(room.path(), inserted, rounds))?;
    runtime.block_on(pages(room.path(), rows))
}

async fn inserts(room: &Path, rows: u64, rounds: usize) -> anyhow::Result<()> {
    let (mut ours, mut raws) = (Series::default(), Series::default());
    let mut version = String::new();
    for round in 0..rounds {
        let empty = room.join(format!("raw-{round}.db"));
        drop(open(&empty).await?);
        settled(&empty).await?;
        let (seconds, found) = raw(&empty, rows)?;
        raws.push(rows as f64 / seconds);
        version = found;

        let file = room.join(format!("ours-{round}.db"));
        let (catalogue, space) = open(&file).await?;
        let mut crawl = catalogue.begin_crawl(Tree::Space(space.id)).await.map_err(failed)?;
        let mut taken = Duration::ZERO;
        for start in (0..rows).step_by(BATCH) {
            let batch =
                batch(&space, start..rows.min(start + BATCH as u64), |index| format!("d{:05}/f{index:08}", index / FOLDER));
            let clock = Instant::now();
            crawl.found(batch).await.map_err(failed)?;
            taken += clock.elapsed();
        }
        ours.push(rows as f64 / taken.as_secs_f64());
        let kept = catalogue.space(space.id).await.map_err(failed)?.file_count;
        ensure!(kept == rows, "{kept} of {rows} files are in the catalogue");
    }
    let notes = vec![format!(
        "{rows} files in folders of {FOLDER}, batches of {BATCH}, each synced; {rounds} rounds in turns, rows/s, median (spread). Ours also makes \
         the folders and keeps the counts. Raw: {version}, same schema, pragmas and batches."
    )];
    let lines = vec![
        vec!["raw sqlite3".into(), raws.text(), "1.00×".into()],
        vec!["catalogue, as a scan".into(), ours.text(), ours.against(&raws)],
    ];
    table::print("Catalogue: insert", &notes, &["", "rows/s", "to raw"], &lines)
}

async fn pages(room: &Path, rows: u64) -> anyhow::Result<()> {
    let file = room.join("pages.db");
    let (catalogue, space) = open(&file).await?;
    let large = rows / 2;
    let mut crawl: Crawl = catalogue.begin_crawl(Tree::Space(space.id)).await.map_err(failed)?;
    let path = |index: u64| match index < large {
        true => format!("large/f{index:08}"),
        false => format!("many/d{:05}/f{index:08}", index / FOLDER),
    };
    let clock = Instant::now();
    for start in (0..rows).step_by(BATCH) {
        crawl.found(batch(&space, start..rows.min(start + BATCH as u64), path)).await.map_err(failed)?;
    }
    let filled = clock.elapsed();
    let number_of =
        async |path: &str| catalogue.entry_at(Tree::Space(space.id), path).await.map(|entry| entry.number).map_err(failed);
    let (folder, many) = (number_of("large").await?, number_of("many").await?);
    let folders = rows.saturating_sub(large).div_ceil(FOLDER).saturating_sub(2).max(1);

    let listing = |of: i64, offset: u64| Listing { offset, ..Listing::first(PAGE) }.with("parent_number", Operator::Equal, of);
    let clock = Instant::now();
    catalogue.entries(&listing(folder, large - u64::from(PAGE))).await.map_err(failed)?;
    let first = clock.elapsed();
    let (mut deep, mut small, mut filtered, mut top) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..PAGES {
        let offset = dice.below(large.saturating_sub(u64::from(PAGE)).max(1));
        deep.push(timed(&catalogue, &listing(folder, offset), u64::from(PAGE)).await?);
        let one = number_of(&format!("many/d{:05}", large / FOLDER + 1 + dice.below(folders))).await?;
        small.push(timed(&catalogue, &listing(one, dice.below(FOLDER - u64::from(PAGE))), 1).await?);
        filtered.push(
            timed(&catalogue, &listing(one, 0).with("name", Operator::Like, "%7").with("size", Operator::Greater, 10), 0).await?,
        );
        top.push(timed(&catalogue, &listing(many, dice.below(folders)), 0).await?);
    }
    let row = |name: &str, times: Vec<f64>| {
        let times = Series::of(times);
        vec![name.into(), number(times.median()), number(times.quantile(0.99)), number(times.quantile(1.0))]
    };
    let notes = vec![format!(
        "{rows} files, {large} of them in one folder and the rest in folders of {FOLDER}, filled in {:.0} s; pages of {PAGE} with their count, random \
         windows, {PAGES} of each, ms. The first page at the end of the large folder, which learns its marks: {:.0} ms.",
        filled.as_secs_f64(),
        first.as_secs_f64() * 1e3
    )];
    let lines = vec![
        row("any window of the large folder", deep),
        row("any window of a folder of 1,000", small),
        row("filtered by name and size, in a folder of 1,000", filtered),
        row("folders of a folder", top),
    ];
    table::print("Catalogue: pages", &notes, &["", "median", "p99", "worst"], &lines)
}

async fn timed(catalogue: &Catalogue, listing: &Listing, least: u64) -> anyhow::Result<f64> {
    let clock = Instant::now();
    let page = catalogue.entries(listing).await.map_err(failed)?;
    let taken = clock.elapsed().as_secs_f64() * 1e3;
    ensure!(page.items.len() as u64 >= least, "a page of {} items, {least} were wanted", page.items.len());
    Ok(taken)
}

async fn open(file: &Path) -> anyhow::Result<(Catalogue, Space)> {
    let url = file.to_str().ok_or_else(|| anyhow!("the temporary directory is no UTF-8"))?;
    let catalogue = Catalogue::open(url, Options::default()).await.map_err(failed)?;
    let new = NewSpace {
        name: "bench".to_owned(),
        comment: None,
        directory: "/bench".to_owned(),
        quota_bytes: None,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    };
    let space = catalogue.create_space(&new).await.map_err(failed)?;
    Ok((catalogue, space))
}

/// The writer closes its connections after the handle is gone.
async fn settled(file: &Path) -> anyhow::Result<()> {
    let log = file.with_extension("db-wal");
    for _ in 0..100 {
        if !fs::exists(&log)? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Python takes over what the log holds.
    Ok(())
}

fn batch(space: &Space, indices: std::ops::Range<u64>, path: impl Fn(u64) -> String) -> Vec<NewEntry> {
    indices
        .map(|index| NewEntry {
            tree: Tree::Space(space.id),
            path: path(index),
            kind: EntryKind::File,
            size: index % 1_000,
            modified: Timestamp(1_700_000_000_000_000_000),
            changed: Some(Timestamp(1_700_000_000_000_000_000)),
            mode: Some(0o644),
            uid: Some(1_000),
            gid: Some(1_000),
            inode: Some(index + 1),
            blake3: None,
        })
        .collect()
}

/// Seconds, and what it ran on.
fn raw(file: &Path, rows: u64) -> anyhow::Result<(f64, String)> {
    let output = Command::new("python3")
        .args(["-c", RAW])
        .arg(file)
        .args([rows.to_string(), FOLDER.to_string(), BATCH.to_string()])
        .output()
        .context("python3 is needed for the other side")?;
    ensure!(output.status.success(), "raw sqlite3: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (seconds, version) = text.trim().split_once(' ').context("no time from the other side")?;
    Ok((seconds.parse()?, version.to_owned()))
}

/// Folders are there before the clock starts; a batch is one transaction.
const RAW: &str = r#"
import os, sqlite3, sys, time
file, rows, folder, batch = sys.argv[1], *map(int, sys.argv[2:])
db = sqlite3.connect(file, isolation_level=None)
for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "cache_size=-32768", "temp_store=memory"):
    db.execute("PRAGMA " + pragma)
tree, root = db.execute("SELECT number, root FROM trees").fetchone()
insert = "INSERT INTO entries (id, tree, parent, name, path, kind, size, modified, changed, mode, uid, gid, inode, blake3, resident, seen) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
now, parents = time.time_ns(), {}
def key(index):
    # Ordered by time, as the ids of the other side are.
    return (now // 1000000 + index // 1000).to_bytes(6, "big") + os.urandom(10)
db.execute("BEGIN")
for index in range((rows + folder - 1) // folder):
    name = "d%05d" % index
    parents[index] = db.execute(insert, (key(0), tree, root, name, name, "folder", 0, now, None, None, None, None, None, None, 1, now)).lastrowid
db.execute("COMMIT")
taken = 0.0
for start in range(0, rows, batch):
    some = []
    for index in range(start, min(rows, start + batch)):
        name = "f%08d" % index
        some.append((key(index), tree, parents[index // folder], name, "d%05d/%s" % (index // folder, name), "file", index % 1000,
                     now, now, 420, 1000, 1000, index + 1, None, 1, now))
    began = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.executemany(insert, some)
    db.execute("COMMIT")
    taken += time.perf_counter() - began
print(taken, "Python %d.%d with SQLite %s" % (*sys.version_info[:2], sqlite3.sqlite_version))
"#;

/// The same windows in every run.
struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
