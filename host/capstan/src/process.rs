//! What the host and its workers say to the terminal.

use std::io::Write;

pub(crate) fn announce(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A failure for the terminal: what is wrong, the cause, and what to do.
pub(crate) fn explained(failure: capstan_domain::Failure) -> anyhow::Error {
    let mut text = failure.to_string();
    if let Some(detail) = &failure.detail {
        text.push_str(": ");
        text.push_str(detail);
    }
    if let Some(next_step) = &failure.next_step {
        text.push_str("\n  next: ");
        text.push_str(next_step);
    }
    anyhow::anyhow!(text)
}
