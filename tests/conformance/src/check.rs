//! The kit as tests run it: a component, a target, some or all cases, a report.

use std::path::Path;

use anyhow::Context;

use crate::kit::{Kit, NotLoaded};
use crate::report::Report;
use crate::runner::{Run, Stopped, USUAL_JOBS, select};
use crate::size::Size;
use crate::target_file::TargetFile;
use crate::{host, registry, shown, told};

/// What a plugin says and does on a server that works.
pub const CONTRACT: &[&str] = &["target/*", "objects/*", "uploads/*", "files/*", "drives/*", "media/*", "calls/*"];
/// What it does when the server, or the way to it, does not.
pub const FAULTS: &[&str] = &["faults/*"];
/// What another way of talking to the same server could change.
pub const OBJECTS: &[&str] = &["objects/*", "uploads/*"];
/// The same for files.
pub const FILES: &[&str] = &["files/*"];

/// Cases about faults at a time.
const FAULTS_AT_ONCE: usize = 10;

/// All cases, or those that match one of the patterns, at the small size.
pub async fn small(component: &Path, file: TargetFile, patterns: &[&str]) -> anyhow::Result<Report> {
    let kit = load(component, file, Size::Small).await?;
    // Who waits for a fault to show needs no core.
    let jobs = if !patterns.is_empty() && patterns.iter().all(|pattern| pattern.starts_with("faults/")) {
        FAULTS_AT_ONCE
    } else {
        USUAL_JOBS
    };
    run(&kit, patterns, jobs).await
}

/// All cases that apply and match one of the patterns, at the small size; fails unless they pass.
pub async fn kept(plugin: &str, file: TargetFile, patterns: &[&str]) -> anyhow::Result<()> {
    small(&host::built(plugin), file, patterns).await?.passed()
}

pub async fn load(component: &Path, file: TargetFile, size: Size) -> anyhow::Result<Kit> {
    Kit::load(host::read(component)?, file, size).await.map_err(|why| match why {
        NotLoaded::Usage(wrong) => wrong,
        NotLoaded::Refused(failure) => told(failure).context("the load gate refuses the component"),
    })
}

/// The lines of the report go to the test's output as the cases end.
pub async fn run(kit: &Kit, patterns: &[&str], jobs: usize) -> anyhow::Result<Report> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    let cases = select(registry::all(), &patterns);
    anyhow::ensure!(!cases.is_empty(), "no case matches {patterns:?}");
    let ended = |line: &crate::report::Line| eprintln!("{}", shown::line(line));
    Run { kit, cases, jobs, ended: &ended }
        .run()
        .await
        .map_err(|stopped| match stopped {
            Stopped::Unreachable(failure) => told(failure).context("the target does not answer"),
            Stopped::NoLocation(why) => why,
        })
        .context("nothing was run")
}
