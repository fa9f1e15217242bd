//! Results as a table for people, in Markdown so that it can be kept.

use std::io::Write;

/// Prints the title, what it ran on, and the rows.
pub(crate) fn print(title: &str, notes: &[String], head: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n## {title}\n")?;
    writeln!(out, "{}", machine())?;
    for note in notes {
        writeln!(out, "{note}")?;
    }
    writeln!(out, "\n| {} |", head.join(" | "))?;
    writeln!(out, "|{}", "---|".repeat(head.len()))?;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    out.flush()?;
    Ok(())
}

/// A comparison whose other side cannot be had.
pub(crate) fn left_out(title: &str, reason: &anyhow::Error) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n## {title}\n\nLeft out: {reason:#}")?;
    out.flush()?;
    Ok(())
}

fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    let profile = if cfg!(debug_assertions) { "; DEBUG build: numbers mean nothing" } else { "" };
    format!("{model}, {cores} cores, load {load} at the end{profile}.")
}
