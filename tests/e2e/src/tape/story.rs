//! The whole life of an archive: two tapes are formatted, a tree of files goes onto them, the originals are deleted once they are safe, the
//! files come back verified, and a host that knows nothing learns from the tapes alone what was there.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::known::{agree, known};
use super::library::Library;
use super::rig::{POOL, TapeRig};
use crate::client::Client;
use crate::tree::Shape;

/// The tapes of the pool.
const TAPES: [u16; 2] = [1, 2];
const CONTAINER: &str = "field";

/// `patience`: for each task. `say`: hears how it goes.
pub fn tell(library: Library, shape: &Shape, patience: Duration, mut say: impl FnMut(&str)) -> anyhow::Result<()> {
    let mut rig = TapeRig::open(library, "")?;
    let mut clock = Instant::now();
    let mut lap = |what: &str| {
        say(&format!("{what}: {:.1} s", clock.elapsed().as_secs_f64()));
        clock = Instant::now();
    };

    for number in TAPES {
        rig.inventory_has(number)?;
    }
    rig.format(&TAPES, patience)?;
    rig.pool(POOL, &TAPES)?;
    lap("two tapes formatted and in a pool");

    let before = rig.fill(CONTAINER, shape)?;
    let (files, mib) = (before.files.len(), before.bytes() >> 20);
    lap(&format!("{files} files, {mib} MiB made"));
    let archived = rig.cargo.run(rig.archiving("copy", CONTAINER, POOL)?, patience).context("archive")?;
    ensure!(archived.files == files as u64, "{} of {files} files were archived: {}", archived.files, archived.whole);
    lap("archived and read back");

    let labels = rig.labels(&TAPES);
    let of_container = format!("/api/v2/containers/{CONTAINER}/files");
    let shown = known(&rig.cargo.client, &of_container)?;
    agree(&before, &shown, &labels).context("what is shown of the archived files")?;
    ensure!(shown.values().all(|file| file.in_cache), "a copy takes nothing away");
    let (path, one) = shown.iter().next().context("a file")?;
    let tapes = rig.cargo.client.get(&format!("/api/v2/pools/{POOL}/files/{}/tapes", one.id))?;
    let barcode = tapes.pointer("/tapes/0/barcode").cloned();
    let path = String::from_utf8_lossy(path);
    ensure!(barcode == one.tapes.first().map(|tape| json!(tape)), "{path:?} is on {:?}, and not on {tapes}", one.tapes);
    lap("every file's tapes seen");

    rig.cargo.run(rig.archiving("move", CONTAINER, POOL)?, patience).context("deletion of the originals")?;
    ensure!(rig.left(CONTAINER)?.files.is_empty(), "originals are left");
    let shown = known(&rig.cargo.client, &of_container)?;
    agree(&before, &shown, &labels).context("what is shown of files without originals")?;
    ensure!(shown.values().all(|file| !file.in_cache), "a file is shown in the cache that is not there");
    lap("originals deleted");

    let (end, after) = rig.recall(POOL, patience)?;
    before.same_as(&after)?;
    ensure!(end.files == files as u64, "{} of {files} files came back: {}", end.files, end.whole);
    lap(&format!("VERIFIED: {files} files, {mib} MiB recalled as they were, by BLAKE3"));

    let mut rig = rig.forget_everything()?;
    for number in TAPES {
        rig.inventory_has(number)?;
    }
    rig.pool(POOL, &TAPES)?;
    let read = rig.cargo.run(rig.maintenance("get_index", &TAPES)?, patience).context("get_index")?;
    ensure!(read.files == TAPES.len() as u64, "not all tapes were read: {}", read.whole);
    let learned = known(&rig.cargo.client, &format!("/api/v2/pools/{POOL}/files"))?;
    agree(&before, &learned, &labels).context("what another host learned from the tapes")?;
    found_on_tapes(&rig.cargo.client)?;
    lap(&format!("VERIFIED: a host with an empty catalogue knows {files} files, their hashes and tapes"));

    let (_, after) = rig.recall(POOL, patience)?;
    before.same_as(&after)?;
    lap("VERIFIED: recalled by that host too");
    rig.close()
}

/// What was found at the top of the tapes, as a pool of tapes lists it: the same as the pool's files, with barcodes.
fn found_on_tapes(client: &Client) -> anyhow::Result<()> {
    let top = format!("/api/v2/pools/{POOL}/on_tapes_files");
    let files = client.get(&format!("/api/v2/pools/{POOL}/files?limit=1000"))?;
    let found = client.get(&format!("{top}?limit=1000"))?;
    let all = |page: &Value, list: &str| page.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let as_found = |file: &Value| json!({ "id": file["id"], "name": file["name"], "type": file["type"], "size": file["size"], "barcodes": file["tapes"] });
    let expected: Vec<Value> = all(&files, "files").iter().map(as_found).collect();
    let found = all(&found, "on_tapes_files");
    ensure!(!found.is_empty() && found == expected, "on the tapes were found {found:?}, and not {expected:?}");
    for one in &found {
        let shown = client.get(&format!("{top}/{}", one["id"]))?;
        ensure!(shown == *one, "{shown} was listed as {one}");
    }
    let folder = found.iter().find(|one| one["type"] == "folder").context("a folder")?;
    let inside = client.get(&format!("{top}/{}/children", folder["id"]))?;
    ensure!(!all(&inside, "on_tapes_files").is_empty(), "nothing was found in {folder}");
    Ok(())
}
