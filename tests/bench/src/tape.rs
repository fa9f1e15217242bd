//! Tapes: recalls in a good order, a stream that does not stop, and what the sandbox costs.
//!
//! Names of measurements among the arguments choose; without any, all are made. The first two are on the library's simulator, whose model of
//! LTO-9 tells the seconds and counts the stops; the third is on tgt, which is as quick as the machine.

mod library;
mod loopback;
mod native;
mod optimum;
mod plant;
mod recall;
mod stream;

use anyhow::Context;
use tokio::runtime::Runtime;

use crate::measure::has;

type Measurement = fn(&Runtime, &[String]) -> anyhow::Result<()>;

const MEASUREMENTS: [(&str, Measurement); 3] = [("recall", recall::run), ("stream", stream::run), ("loopback", loopback::run)];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let all = !MEASUREMENTS.iter().any(|(name, _)| has(arguments, name));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (name, measure) in MEASUREMENTS {
        if all || has(arguments, name) {
            measure(&runtime, arguments).context(name)?;
        }
    }
    Ok(())
}
