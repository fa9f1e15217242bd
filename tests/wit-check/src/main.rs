//! `capstan-wit-check [DIRECTORY] [--freeze PACKAGE/TRACK]`: reads the contract, refuses what would break a plugin that shipped.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

mod contract;
mod frozen;

fn main() -> anyhow::Result<()> {
    let mut directory = PathBuf::from("wit");
    let mut freeze = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--freeze" => freeze = Some(arguments.next().context("--freeze wants PACKAGE/TRACK, such as capstan-target/0.1")?),
            other => directory = PathBuf::from(other),
        }
    }
    let tracks = contract::tracks(&directory)?;
    contract::parse(&tracks)?;
    if let Some(wanted) = freeze {
        let track = tracks.iter().find(|track| track.name() == wanted).with_context(|| format!("there is no track {wanted}"))?;
        frozen::freeze(track)?;
    }
    let mut out = std::io::stdout();
    for track in &tracks {
        let state = frozen::check(track).with_context(|| format!("wit/{}", track.name()))?;
        writeln!(out, "wit/{}: {state}", track.name())?;
    }
    Ok(())
}
