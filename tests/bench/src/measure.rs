//! Time, and what is made of many times.

use std::time::{Duration, Instant};

use anyhow::Context;

/// One run: how long it took by the clock, and how much CPU this process spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub wall: Duration,
    pub cpu: Duration,
}

/// Starts both clocks.
pub(crate) struct Watch {
    wall: Instant,
    cpu: Duration,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    pub(crate) fn stop(&self) -> Taken {
        Taken { wall: self.wall.elapsed(), cpu: cpu().saturating_sub(self.cpu) }
    }
}

/// CPU time of all threads that still live; those of an async runtime do. Nanoseconds, where ticks would be ten milliseconds.
fn cpu() -> Duration {
    let mut total = 0;
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for thread in threads {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        total += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Duration::from_nanos(total)
}

/// Many values of one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// `part` of the values are not above it.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// "1.23 (1.10–1.31)": median and the whole spread.
    pub(crate) fn text(&self) -> String {
        format!("{} ({}–{})", number(self.median()), number(self.quantile(0.0)), number(self.quantile(1.0)))
    }

    pub(crate) fn against(&self, other: &Self) -> String {
        format!("{:.2}×", self.median() / other.median())
    }
}

/// Three digits that matter.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// GiB a second.
pub(crate) fn rate(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / f64::from(1 << 30) / time.as_secs_f64().max(1e-9)
}

/// The number behind an option.
pub(crate) fn option(arguments: &[String], option: &str) -> anyhow::Result<Option<u64>> {
    let Some(at) = arguments.iter().position(|argument| argument == option) else { return Ok(None) };
    let number = arguments.get(at + 1).and_then(|text| text.parse().ok());
    number.map(Some).with_context(|| format!("{option} wants a number"))
}

/// Is the option among the arguments?
pub(crate) fn has(arguments: &[String], option: &str) -> bool {
    arguments.iter().any(|argument| argument == option)
}
