//! Every bound of this room.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Limits {
    /// Jobs of the long lane (bytes moved, trees read) that run together; more wait in the queue.
    pub workers: usize,
    /// Jobs of the brief lane (what is asked of targets and waited for, such as a new drive) that run together; more wait in the
    /// queue.
    pub brief_workers: usize,
    /// Jobs of this process alone (probes of unsaved targets) that run together; one more is refused.
    pub own: usize,
    /// How long a worker holds a job without a sign of life.
    pub lease: Duration,
    /// Between two reports of progress; also how soon a request is seen.
    pub tick: Duration,
    /// Between two looks into the queue when nobody rang.
    pub poll: Duration,
    /// Between two looks at the schedule.
    pub schedule: Duration,
    /// Between two inventories of a tape library that nobody asked for.
    pub inventory: Duration,
    /// How long a cartridge stays in its drive that no job uses.
    pub idle_drive: Duration,
    /// The same in a drive that asks to be cleaned.
    pub idle_dirty_drive: Duration,
    /// Between two tries to clean a drive that asks for it.
    pub cleaning_pause: Duration,
    /// Between two times that a library is said to have no cartridge for it.
    pub missing_cleaner_pause: Duration,
    /// How long a job may wait for a drive, a mail slot or a cartridge of a tape library to come free, from its start; then it has failed.
    pub mechanics_wait: Duration,
    /// Between two looks for what ended jobs left at their targets, when no job ended meanwhile.
    pub leftovers: Duration,
    /// Times a job is taken up because its target was away, the first one included; then it has failed.
    pub attempts: u32,
    /// How long a job may wait for files that come out of cold storage, from its start; then it has failed.
    pub cold_wait: Duration,
    /// How long a drive that is to go, or what a clone needed on its way, may wait for its target, from the job's start.
    pub volume_wait: Duration,
    /// The first pause before such a job is taken up again; doubled each time.
    pub pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// How long running jobs may take to stop between two files when the host goes down; then they are dropped, which is safe.
    pub stop: Duration,
    /// Entries that a scan writes together.
    pub scan_batch: usize,
    /// Of the entries a scan knows, the share that may vanish by inference (D12), in percent.
    pub guard_percent: u64,
    /// Entries that may vanish by inference at once (D12).
    pub guard_entries: u64,
    /// How long scans may look only at folders that changed; then one looks at every file.
    pub complete_every: Duration,
    /// Of each transfer.
    pub transfer: capstan_mover::Limits,
    /// Bytes a second of each transfer, and of each copy of a drive from one target to another; none: unlimited.
    pub bandwidth: Option<u64>,
    /// Up to so many vanish without asking for the share: half of a handful is no accident.
    pub guard_floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: 4,
            brief_workers: 8,
            own: 16,
            lease: Duration::from_secs(20),
            tick: Duration::from_millis(500),
            poll: Duration::from_secs(2),
            schedule: Duration::from_secs(5),
            inventory: Duration::from_secs(5 * 60),
            idle_drive: Duration::from_secs(10 * 60),
            idle_dirty_drive: Duration::from_secs(30),
            cleaning_pause: Duration::from_secs(6 * 60 * 60),
            missing_cleaner_pause: Duration::from_secs(60 * 60),
            mechanics_wait: Duration::from_secs(24 * 60 * 60),
            leftovers: Duration::from_secs(60),
            attempts: 8,
            cold_wait: Duration::from_secs(7 * 24 * 60 * 60),
            volume_wait: Duration::from_secs(7 * 24 * 60 * 60),
            pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(300),
            stop: Duration::from_secs(10),
            scan_batch: 4096,
            guard_percent: 25,
            guard_entries: 10_000,
            complete_every: Duration::from_secs(24 * 60 * 60),
            transfer: capstan_mover::Limits::default(),
            bandwidth: None,
            guard_floor: 16,
        }
    }
}

impl Limits {
    /// Of what has a limit of its own: the lower one holds.
    pub(crate) fn bandwidth_of(&self, own: Option<u64>) -> Option<u64> {
        own.into_iter().chain(self.bandwidth).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_hosts_bandwidth_and_a_tasks_own_the_lower_holds() {
        let unlimited = Limits::default();
        assert_eq!((unlimited.bandwidth_of(None), unlimited.bandwidth_of(Some(5))), (None, Some(5)));
        let limited = Limits { bandwidth: Some(7), ..Limits::default() };
        assert_eq!([None, Some(5), Some(9)].map(|own| limited.bandwidth_of(own)), [Some(7), Some(5), Some(7)]);
    }
}
