//! A tree in full size round every kind of target: from an NFS share to Azure, to Google Cloud Storage, to an SMB share and back, verified. Run by
//! `cargo xtask prove every-target`.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use capstan_e2e::{Shape, Tour};
use clap::Parser;

const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove every-target", about = "Takes a large tree from target to target and back")]
struct Arguments {
    /// Small files, 0 to 8 KiB.
    #[arg(long, default_value_t = 20_000)]
    files: usize,
    /// MiB of the one large file.
    #[arg(long, default_value_t = 256)]
    large: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (tour, legs) = Tour::open()?;
    let before = tour.load(&Shape { files: arguments.files, small: 8 << 10, large: vec![arguments.large << 20], odd: true })?;
    say(format_args!("{} files, {} MiB in the NFS share, every one hashed", before.files.len(), before.bytes() >> 20));
    for leg in &legs {
        let start = Instant::now();
        let end = tour.run(leg, PATIENCE)?;
        anyhow::ensure!(end.files == before.files.len() as u64, "{}: {} files arrived", leg.name, end.files);
        let memory = tour.host.memory().unwrap_or_default() >> 20;
        say(format_args!("{}: {} in {:.0} s, {memory} MiB resident", leg.name, end.status, start.elapsed().as_secs_f64()));
    }
    let after = tour.back()?;
    before.same_as(&after)?;
    say(format_args!("VERIFIED: {} files, {} MiB came back as they were, by BLAKE3", after.files.len(), after.bytes() >> 20));
    tour.host.stop()
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
