//! The host killed 200 times while it migrates, recalls and deletes files of a space over Ceph RGW, under load: no byte is lost, none is
//! wrong, no job is stuck. Run by `cargo xtask prove hub-killed`.

use std::fmt::Display;
use std::io::Write;

use anyhow::{Context, ensure};
use capstan_e2e::hub_killed::{Deaths, Sizes};
use capstan_test_servers::Rgw;
use clap::Parser;

/// Jobs between two lines that tell how far it is.
const LINE: u32 = 10;
/// Of so many jobs at least one must have been cut off.
const JOBS_PER_DEATH: u32 = 4;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove hub-killed", about = "Kills the host in the midst of the jobs of a space")]
struct Arguments {
    #[arg(long, default_value_t = 200)]
    deaths: u32,
    /// The same again chooses the same files, jobs and moments; none: another each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Files of a folder: up to 64 KiB each, some of them empty.
    #[arg(long, default_value_t = 200)]
    small: u64,
    /// Of 1 to 3 MiB.
    #[arg(long, default_value_t = 8)]
    middle: u64,
    /// Of 20 to 40 MiB.
    #[arg(long, default_value_t = 4)]
    large: u64,
}

fn main() -> anyhow::Result<()> {
    let Arguments { deaths: wanted, seed, small, middle, large } = Arguments::parse();
    let seed = match seed {
        Some(seed) => seed,
        None => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs(),
    };
    say(format_args!("seed {seed}"));
    let rgw = Rgw::get()?;
    let mut deaths = Deaths::begin(&rgw.s3, Sizes { small, middle, large }, seed)?;
    loop {
        deaths.one_job().with_context(|| format!("seed {seed}"))?;
        let figures = deaths.figures();
        if figures.jobs.is_multiple_of(LINE) {
            say(&figures);
        }
        if figures.deaths() >= wanted {
            break;
        }
        ensure!(figures.jobs < JOBS_PER_DEATH * (wanted + LINE), "jobs end before the host can be killed: {figures}");
    }
    let figures = deaths.end().with_context(|| format!("seed {seed}"))?;
    say(format_args!("VERIFIED: no byte was lost, none was wrong, no job was stuck: {figures}"));
    Ok(())
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
