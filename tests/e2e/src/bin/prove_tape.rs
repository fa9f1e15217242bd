//! The life of an archive in full size, on tgt's library and on the simulator: two tapes formatted, 20,000 files archived, originals deleted,
//! all recalled verified, and learned anew from the tapes alone. Run by `cargo xtask prove tape`.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use capstan_e2e::Shape;
use capstan_e2e::tape::{Library, plan, tell};
use clap::Parser;

const PATIENCE: Duration = Duration::from_secs(3600);
/// Of the simulated library.
const DRIVES: u16 = 2;
const CARTRIDGES: u16 = 4;
const LIBRARIES: [&str; 3] = ["tgt", "portal", "devices"];

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask prove tape",
    about = "Archives a large tree on tapes, recalls it, and learns it anew from the tapes"
)]
struct Arguments {
    /// Small files, 0 to 8 KiB.
    #[arg(long, default_value_t = 20_000)]
    files: usize,
    /// MiB of the one large file.
    #[arg(long, default_value_t = 256)]
    large: u64,
    /// tgt, portal (the simulator by iSCSI) or devices (the simulator as SCSI devices); tgt and portal when left out. May be given several
    /// times.
    #[arg(long)]
    library: Vec<String>,
    /// How many seconds of the simulator's model pass in one; left out: nobody waits for what a real library would take.
    #[arg(long)]
    times: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let shape = Shape { files: arguments.files, small: 8 << 10, large: vec![arguments.large << 20], odd: true };
    let mut libraries = arguments.library;
    if libraries.is_empty() {
        libraries = ["tgt", "portal"].map(str::to_owned).to_vec();
    }
    for name in &libraries {
        let plan = plan(DRIVES, CARTRIDGES, arguments.times);
        let library = match name.as_str() {
            "tgt" => Library::tgt()?,
            "portal" => Library::portal(&plan)?,
            "devices" => Library::devices(&plan)?,
            other => anyhow::bail!("there is no library {other}; there are {}", LIBRARIES.join(", ")),
        };
        let start = Instant::now();
        tell(library, &shape, PATIENCE, |line| say(format_args!("{name}: {line}")))?;
        say(format_args!("{name}: all of it in {:.0} s", start.elapsed().as_secs_f64()));
    }
    Ok(())
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
