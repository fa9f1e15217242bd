//! The host killed at 200 moments of a task that writes onto tape, spread over its time and over what the library is given: each time all that
//! was said to be stored is read back, and the task goes on to its end. Run by `cargo xtask prove tape-killed`.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use capstan_e2e::Shape;
use capstan_e2e::tape::{Deaths, Library, plan};
use clap::Parser;

/// One drive writes, and one is left for whoever wants it.
const DRIVES: u16 = 2;
const CARTRIDGES: u16 = 2;
/// Deaths between two lines that tell how far it is.
const LINE: usize = 10;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove tape-killed", about = "Kills the host at many moments of a write onto tape")]
struct Arguments {
    #[arg(long, default_value_t = 200)]
    deaths: u32,
    /// Files of one task, 0 to 64 KiB.
    #[arg(long, default_value_t = 150)]
    files: usize,
    /// How many seconds of the simulator's model pass in one.
    #[arg(long, default_value_t = 500.0)]
    times: f64,
    /// Its devices are the host's own, not iSCSI's.
    #[arg(long)]
    devices: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let plan = plan(DRIVES, CARTRIDGES, Some(arguments.times));
    let library = if arguments.devices { Library::devices(&plan)? } else { Library::portal(&plan)? };
    let shape = Shape { files: arguments.files, small: 64 << 10, large: vec![3 << 20, (1 << 20) + 1], odd: true };
    let start = Instant::now();
    let mut deaths = Deaths::begin(library, shape)?;
    let moments = deaths.spread(arguments.deaths);
    let mut in_the_middle = 0;
    for (index, moment) in moments.iter().enumerate() {
        let (stored, files) = deaths.die(*moment)?;
        in_the_middle += usize::from(stored > 0 && stored < files);
        if index % LINE == 0 {
            say(format_args!("death {} of {} at {moment:?}: {stored} of {files} files stored", index + 1, moments.len()));
        }
    }
    deaths.close()?;
    let seconds = start.elapsed().as_secs_f64();
    say(format_args!(
        "VERIFIED: after {} deaths, {in_the_middle} of them with a part stored, every file that was said to be stored came back; {seconds:.0} s",
        moments.len()
    ));
    Ok(())
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
