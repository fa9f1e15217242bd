//! A real iSCSI library that is as quick as the machine (tgt): one long stream through the sandboxed plugin, beside the same commands from a
//! native build of the same crates; and one large file through the mover, beside that.
//!
//! All bytes come from memory and go there.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use capstan_domain::content::Content;
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{Laying, Media};
use capstan_domain::secret::SecretText;
use capstan_grants::Granted;
use capstan_runtime::TargetSettings;
use capstan_test_servers::Vtl;
use futures::StreamExt;
use serde_json::json;
use tokio::runtime::Runtime;

use super::native::Native;
use crate::measure::{Series, has, option};
use crate::plugin::{Pattern, failed};
use crate::share::{Share, carried, local, whole};
use crate::table;

const TITLE: &str = "Tape: tgt";
const AIM: &str = "≥ 0.8×";
/// Bytes of a block.
const BLOCK: u32 = 256 << 10;
/// Cartridges, by number: of the plugin's stream, of the native one, and of files.
const STREAM: u16 = 1;
const NATIVE: u16 = 2;
const FILES: u16 = 3;
/// Drives of both sides, as the plugin names the one and the other's LUN; it is also the drive's address.
const OURS: &str = Vtl::DRIVE_NAMES[0];
const THEIRS: u16 = Vtl::DRIVES[1];

/// MiB/s.
#[derive(Default)]
struct Lane {
    write: Series,
    read: Series,
}

pub(super) fn run(runtime: &Runtime, arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 5 });
    // A cartridge holds 1,024.
    let mebibytes = option(arguments, "--mebibytes")?.unwrap_or(if quick { 128 } else { 768 });
    let library = match Vtl::start() {
        Ok(library) => library,
        Err(reason) => return table::left_out(TITLE, &reason),
    };
    let mut native = natively(&library)?;
    let share = Share::open("tape.wasm", &Vtl::label(FILES), runtime, |plugin| settings(plugin, library.port))?;
    let media = share.media()?;
    let size = mebibytes << 20;
    let (mut sandboxed, mut theirs, mut file) = (Lane::default(), Lane::default(), Lane::default());
    load(runtime, media.as_ref(), STREAM)?;
    for round in 1..=rounds {
        stream(runtime, media.as_ref(), size, &format!("stream-{round}"), &mut sandboxed)?;
        by(&mut native, size, &mut theirs)?;
    }
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir_in("/dev/shm")?;
    let from = room.path().join("from");
    std::fs::create_dir(&from)?;
    std::fs::write(from.join("file"), vec![7_u8; usize::try_from(size)?])?;
    runtime.block_on(media.unload(OURS, "unload")).map_err(failed)?;
    load(runtime, media.as_ref(), FILES)?;
    for round in 1..=rounds {
        // The cartridge has room for one.
        let (label, attempt) = (Vtl::label(FILES), format!("format-{round}"));
        runtime.block_on(media.format(OURS, &label, &attempt, Vec::new())).map_err(failed).context("format")?;
        copied(runtime, &share, (room.path(), &from), size, &mut file)?;
        by(&mut native, size, &mut theirs)?;
    }
    let notes = [format!(
        "{mebibytes} MiB on tgt's virtual tapes, {rounds} rounds in turns, CRC32C over iSCSI on both sides; MiB/s, median (spread). The streams \
         are blocks of {} KiB and a filemark, one command at a time, as tgt's drives know no LOCATE; the file goes through the mover as one \
         of an archive, hashed and synced.",
        BLOCK >> 10
    )];
    let mut rows = Vec::new();
    for (title, ours, theirs) in [
        ("a stream is written", &sandboxed.write, &theirs.write),
        ("a stream is read", &sandboxed.read, &theirs.read),
        ("a file is written", &file.write, &theirs.write),
        ("a file is read", &file.read, &theirs.read),
    ] {
        rows.push(vec![title.to_owned(), ours.text(), theirs.text(), ours.against(theirs), AIM.to_owned()]);
    }
    table::print(TITLE, &notes, &["", "Capstan", "native stream", "", "aim"], &rows)
}

/// A session with a drive that has a cartridge, as nobody else will use it.
fn natively(library: &Vtl) -> anyhow::Result<Native> {
    let mut robot = Native::open(library, Vtl::ROBOT)?;
    robot.wait()?;
    robot.move_medium(Vtl::FIRST_SLOT + NATIVE - 1, THEIRS)?;
    let mut drive = Native::open(library, THEIRS)?;
    drive.wait()?;
    Ok(drive)
}

fn load(runtime: &Runtime, media: &dyn Media, cartridge: u16) -> anyhow::Result<()> {
    let (label, attempt) = (Vtl::label(cartridge), format!("load-{cartridge}"));
    runtime.block_on(media.load(&label, Some(OURS), &attempt)).map_err(failed).context("load")?;
    Ok(())
}

/// MiB/s of so many bytes since then.
fn rate(size: u64, since: Instant) -> f64 {
    (size >> 20) as f64 / since.elapsed().as_secs_f64().max(1e-9)
}

fn by(native: &mut Native, size: u64, lane: &mut Lane) -> anyhow::Result<()> {
    let start = Instant::now();
    native.write(size, BLOCK).context("a native write")?;
    lane.write.push(rate(size, start));
    let start = Instant::now();
    native.read(size, BLOCK).context("a native read")?;
    lane.read.push(rate(size, start));
    Ok(())
}

/// From the beginning of the tape and back.
fn stream(runtime: &Runtime, media: &dyn Media, size: u64, attempt: &str, lane: &mut Lane) -> anyhow::Result<()> {
    let laying = Laying { partition: 0, object: 0, truncate: true, block: BLOCK, filemarks: 1 };
    let content: Content = Arc::new(Pattern::new(size));
    let start = Instant::now();
    let written = runtime.block_on(media.write(OURS, laying, content, attempt)).map_err(failed).context("a write")?;
    lane.write.push(rate(size, start));
    ensure!(written.bytes == size, "{} of {size} bytes were written", written.bytes);
    let start = Instant::now();
    let came = runtime.block_on(async {
        let (_, mut body) = media.read(OURS, 0, 0, size).await.map_err(failed)?;
        let mut came = 0;
        while let Some(piece) = body.next().await {
            came += piece.map_err(failed)?.len() as u64;
        }
        Ok::<_, anyhow::Error>(came)
    })?;
    lane.read.push(rate(size, start));
    ensure!(came == size, "{came} of {size} bytes were read");
    Ok(())
}

/// One file onto the tape and back, as a job copies it.
fn copied(runtime: &Runtime, share: &Share, (room, from): (&Path, &Path), size: u64, lane: &mut Lane) -> anyhow::Result<()> {
    let per_second = |seconds: f64| (size >> 20) as f64 / seconds.max(1e-9);
    lane.write.push(per_second(carried(runtime, whole(local("from", from)?), share.tree()?)?.as_secs_f64()));
    let to = tempfile::Builder::new().prefix("to-").tempdir_in(room)?;
    lane.read.push(per_second(carried(runtime, whole(share.tree()?), local("to", to.path())?)?.as_secs_f64()));
    Ok(())
}

fn settings(plugin: String, port: u16) -> TargetSettings {
    TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin,
        pinned: None,
        configuration: json!({ "host": "127.0.0.1", "port": port, "target": Vtl::TARGET, "chap-user": Vtl::USER }),
        secrets: vec![("chap-secret".into(), SecretText::new(Vtl::SECRET))],
        grants: vec![Granted { power: Power::Connect { host: "127.0.0.1".into(), port }, configured: true }],
    }
}
