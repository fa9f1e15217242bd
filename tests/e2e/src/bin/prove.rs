//! The first cargo in full size: 20,000 files and one of 2 GiB go to Ceph RGW and back, the host is killed in the middle of both
//! ways, the plugin is replaced under way, and everything comes back as it was. Run by `cargo xtask prove first-cargo`.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use capstan_e2e::{Execution, Harbour, Shape, Tree, dist};
use capstan_test_servers::Rgw;
use clap::Parser;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove first-cargo", about = "Takes a large tree to Ceph RGW and back, through crashes and a swap")]
struct Arguments {
    /// Small files, 0 to 8 KiB.
    #[arg(long, default_value_t = 20_000)]
    files: usize,
    /// MiB of the one large file.
    #[arg(long, default_value_t = 2048)]
    large: u64,
    /// Leave out the crashes and the swap, to see the plain time.
    #[arg(long)]
    calm: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let rgw = Rgw::get()?;
    say(format_args!("Ceph RGW at {}", rgw.s3.endpoint));
    let mut harbour = Harbour::open("first-cargo", &rgw.s3)?;
    let before =
        harbour.load(&Shape { files: arguments.files, small: 8 << 10, large: vec![arguments.large << 20], odd: true })?;
    say(format_args!("{} files, {} MiB, every one hashed", before.files.len(), before.bytes() >> 20));

    let up = harbour.upward("copy")?;
    let start = Instant::now();
    harbour.cargo.act(up, "run")?;
    if !arguments.calm {
        harbour = crash(harbour, up, before.bytes() / 4)?;
        swap(&harbour)?;
        harbour = crash(harbour, up, before.bytes() / 2)?;
    }
    finish(&harbour, up, start)?;
    let keys = harbour.s3.list(&harbour.bucket)?;
    say(format_args!("the gateway lists {} objects", keys.len()));

    let down = harbour.downward()?;
    let start = Instant::now();
    harbour.cargo.act(down, "run")?;
    if !arguments.calm {
        harbour = crash(harbour, down, before.bytes() / 2)?;
    }
    finish(&harbour, down, start)?;
    let after = Tree::read(&harbour.inbound())?;
    before.same_as(&after)?;
    say(format_args!("VERIFIED: {} files, {} MiB came back as they were, by BLAKE3", after.files.len(), after.bytes() >> 20));
    harbour.close()
}

fn crash(harbour: Harbour, task: i64, bytes: u64) -> anyhow::Result<Harbour> {
    let seen = harbour.cargo.watch(task, PATIENCE, |run| run.bytes >= bytes)?;
    anyhow::ensure!(!seen.is_final(), "it was over before it could be interrupted");
    say(format_args!("kill -9 at {}", line(&seen)));
    harbour.crash_and_restart()
}

/// The next release of the plugin serves from here on.
fn swap(harbour: &Harbour) -> anyhow::Result<()> {
    let client = harbour.host.client();
    let component = std::fs::read(dist().join("fixtures/s3-next.wasm"))?;
    let installed = client.raw("POST", "/capstan/v1/plugins", Some("application/wasm"), &component)?;
    anyhow::ensure!(installed.status == 201, "the new version was not installed: {}", installed.text);
    let version = installed.json().get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
    client.post(&format!("/capstan/v1/plugins/s3/versions/{version}/activate"), &Value::Null)?;
    say(format_args!("the S3 plugin was replaced by {version} while it worked"));
    Ok(())
}

fn finish(harbour: &Harbour, task: i64, start: Instant) -> anyhow::Result<()> {
    let mut shown = Instant::now();
    let mut memory = 0;
    harbour.cargo.watch(task, PATIENCE, |run| {
        memory = memory.max(harbour.host.memory().unwrap_or_default());
        if shown.elapsed() > Duration::from_secs(10) {
            shown = Instant::now();
            say(line(run));
        }
        false
    })?;
    let last = harbour.cargo.finish(task, PATIENCE)?;
    say(format_args!("{} in {:.0} s, at most {} MiB resident", line(&last), start.elapsed().as_secs_f64(), memory >> 20));
    Ok(())
}

fn line(run: &Execution) -> String {
    format!("{}: {} of {} files, {} of {} MiB", run.status, run.files, run.all_files, run.bytes >> 20, run.all_bytes >> 20)
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
