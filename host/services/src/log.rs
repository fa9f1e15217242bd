//! `capstan:host/log`: a plugin's lines, with who said them, at a rate that cannot hurt the host.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use capstan_bindings::latest::host::log::{Host, HostWithStore, Level};
use capstan_domain::context::JobContext;
use wasmtime::component::Access;

use crate::limits;
use crate::services::{Imports, Services, job};

/// Whose lines they are.
#[derive(Clone, Debug, Default)]
pub struct Speaker {
    pub plugin: String,
    pub version: String,
    pub target: String,
}

/// The log of one target. Lines beyond the rate are dropped and counted.
#[derive(Debug)]
pub struct Log {
    speaker: Speaker,
    per_second: u32,
    window: Mutex<Window>,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    dropped: u64,
}

impl Log {
    pub fn new(speaker: Speaker, per_second: u32) -> Self {
        let window = Window { since: Instant::now(), lines: 0, dropped: 0 };
        Self { speaker, per_second, window: Mutex::new(window), dropped: AtomicU64::new(0) }
    }

    /// Lines dropped since the target was opened.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Writes the line if the rate allows; says whether it did.
    pub fn write(&self, level: tracing::Level, message: &str, fields: &[(String, String)], job: Option<&str>) -> bool {
        let Some(missed) = self.admit() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        let Speaker { plugin, version, target } = &self.speaker;
        if missed > 0 {
            tracing::warn!(target: "plugin", plugin, version, target, missed, "lines of the plugin were dropped");
        }
        let message = cut(message, limits::LOG_MESSAGE_BYTES);
        let fields = shown(fields);
        match level {
            tracing::Level::ERROR => tracing::error!(target: "plugin", plugin, version, target, job, fields, "{message}"),
            tracing::Level::WARN => tracing::warn!(target: "plugin", plugin, version, target, job, fields, "{message}"),
            tracing::Level::INFO => tracing::info!(target: "plugin", plugin, version, target, job, fields, "{message}"),
            tracing::Level::DEBUG => tracing::debug!(target: "plugin", plugin, version, target, job, fields, "{message}"),
            tracing::Level::TRACE => tracing::trace!(target: "plugin", plugin, version, target, job, fields, "{message}"),
        }
        true
    }

    /// None: over the rate. Else the lines that were dropped in the second before.
    fn admit(&self) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missed = 0;
        if window.since.elapsed() >= Duration::from_secs(1) {
            missed = window.dropped;
            *window = Window { since: Instant::now(), lines: 0, dropped: 0 };
        }
        if window.lines >= self.per_second {
            window.dropped += 1;
            return None;
        }
        window.lines += 1;
        Some(missed)
    }
}

fn shown(fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields.iter().take(limits::LOG_FIELDS) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&format!("{}={:?}", cut(name, limits::LOG_FIELD_BYTES), cut(value, limits::LOG_FIELD_BYTES)));
    }
    text
}

/// One line, no control characters: a plugin cannot forge other lines.
fn cut(text: &str, bytes: usize) -> String {
    let end = text.floor_char_boundary(bytes);
    text.get(..end).unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Host for Services {}

impl<T: Send + 'static> HostWithStore<T> for Imports {
    fn write(
        mut access: Access<'_, T, Self>,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => tracing::Level::TRACE,
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error => tracing::Level::ERROR,
        };
        let job = job(&mut access)?;
        access.get().target().log.write(level, &message, &fields, job.as_ref().map(JobContext::id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_dropped_and_counted() {
        let log = Log::new(Speaker::default(), 3);
        let written = (0..10).filter(|_| log.write(tracing::Level::INFO, "x", &[], None)).count();
        assert_eq!(written, 3);
        assert_eq!(log.dropped(), 7);
    }

    #[test]
    fn a_message_is_cut_and_cannot_forge_lines() {
        assert_eq!(cut("a\nERROR b\u{1b}[0m", 100), "a ERROR b [0m");
        assert_eq!(cut(&"é".repeat(10), 5), "éé");
    }
}
