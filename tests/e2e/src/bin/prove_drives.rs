//! The host killed at every change that an engine of drives is asked to make, before it and behind it, a second time while it makes
//! good what the first death left, and at moments spread over the time that an operation takes. Run by
//! `cargo xtask prove drives-killed`.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use capstan_e2e::drives::{Change, Dssd, Engine, Moment, Operation, Rig, Zadara};
use clap::Parser;

/// Changes of one operation at most.
const CHANGES: u64 = 40;
/// Between two moments that are spread by time, where an operation takes some milliseconds, and where it takes a second.
const STEP_OWN_DISKS: Duration = Duration::from_millis(2);
const STEP: Duration = Duration::from_millis(75);

#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove drives-killed", about = "Kills the host at every step of what is done to drives")]
struct Arguments {
    /// nvme, zadara or dssd; all of them when left out. May be given several times.
    #[arg(long)]
    engine: Vec<String>,
    /// Moments spread by time, of each operation.
    #[arg(long, default_value_t = 16)]
    spread: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut engines = arguments.engine.clone();
    if engines.is_empty() {
        engines = ["nvme", "zadara", "dssd"].map(str::to_owned).to_vec();
    }
    let mut deaths = 0;
    for name in engines {
        let engine: Option<Box<dyn Engine>> = match name.as_str() {
            "nvme" => None,
            "zadara" => Some(Box::new(Zadara::start()?)),
            "dssd" => Some(Box::new(Dssd::start()?)),
            other => anyhow::bail!("there is no engine {other}; there are nvme, zadara, dssd"),
        };
        deaths += prove(&name, engine, arguments.spread)?;
    }
    say(format_args!("VERIFIED: after {deaths} deaths every drive was as before or as asked, and no engine had more or less"));
    Ok(())
}

fn prove(name: &str, engine: Option<Box<dyn Engine>>, spread: u32) -> anyhow::Result<u64> {
    let own_disks = engine.is_none();
    let mut rig = Rig::start(engine)?;
    let mut operations = Operation::WITHIN.to_vec();
    operations.extend(Operation::ACROSS.into_iter().filter(|_| !own_disks));
    // A change of a directory is seen when it was made.
    let sides: &[bool] = if own_disks { &[true] } else { &[false, true] };
    let pause = if own_disks { STEP_OWN_DISKS } else { STEP };
    let mut all = 0;
    for operation in operations {
        let (start, mut deaths) = (Instant::now(), 0);
        for made in sides {
            deaths += at_every_change(&mut rig, operation, *made)?;
        }
        for step in 0..spread {
            rig.kill(operation, &[Moment::After(pause * step)])?;
            deaths += 1;
        }
        say(format_args!("{name}: {operation:?}: {deaths} deaths in {:.0} s", start.elapsed().as_secs_f64()));
        all += deaths;
    }
    rig.host.stop()?;
    Ok(all)
}

/// Until the operation is over before its n-th change.
fn at_every_change(rig: &mut Rig, operation: Operation, made: bool) -> anyhow::Result<u64> {
    let mut deaths = 0;
    for nth in 1..=CHANGES {
        let moment = Moment::At(Change { nth, made });
        deaths += 1;
        if !rig.kill(operation, &[moment])? {
            return Ok(deaths);
        }
        // Once more, while what that death left is made good.
        rig.kill(operation, &[moment, Moment::made(1)])?;
        deaths += 2;
    }
    anyhow::bail!("{operation:?} has more than {CHANGES} changes")
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
