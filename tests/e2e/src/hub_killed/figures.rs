//! What was seen.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::work::Work;

#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// In jobs that had not ended.
    pub deaths: BTreeMap<Work, u32>,
    /// Of those, in jobs that had been cut off before.
    pub again: u32,
    pub jobs: u32,
    /// Read whole and held against what they must be, while nobody else was at them.
    pub files: u64,
    pub bytes: u64,
    /// By the readers, while the host worked or died.
    pub reads: u64,
    /// By the writer.
    pub changes: u64,
    pub time: Duration,
}

impl Figures {
    pub fn deaths(&self) -> u32 {
        self.deaths.values().sum()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_work: Vec<String> = self.deaths.iter().map(|(work, deaths)| format!("{work} {deaths}")).collect();
        write!(
            formatter,
            "{} deaths ({}; {} in jobs that went on from one before) in {} jobs; {} files with {} MiB verified; under load {} reads \
             and {} changes; {:.1} min",
            self.deaths(),
            by_work.join(", "),
            self.again,
            self.jobs,
            self.files,
            self.bytes >> 20,
            self.reads,
            self.changes,
            self.time.as_secs_f64() / 60.0
        )
    }
}
