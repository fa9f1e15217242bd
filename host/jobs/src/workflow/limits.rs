//! Every bound of the work on tasks.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct WorkflowLimits {
    /// Tasks that run together; more wait in their queues.
    pub workers: usize,
    /// How long a worker holds a task without a sign of life.
    pub lease: Duration,
    /// Between two signs of life of a task; also how soon a request is seen.
    pub tick: Duration,
    /// Between two looks into the queues when nobody rang.
    pub poll: Duration,
    /// Between two heartbeats of the node.
    pub heartbeat: Duration,
    /// Between two looks for tasks whose worker is gone.
    pub recovery: Duration,
    /// Between two looks for what is left of jobs that ended.
    pub sweep: Duration,
    /// How long a discovery that waits for the tasks it made lies in its queue before it looks again.
    pub wait: Duration,
    /// The first pause before a task that broke down for a while is taken up again; doubled each time.
    pub pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// How long running tasks may take to stop when the host goes down; then they are dropped, which is safe.
    pub stop: Duration,
    /// A look at a tree whose run has not ended after so long is given up.
    pub abandoned: Duration,
    /// How long a job is kept after its end.
    pub kept: Duration,
    /// Of the entries an earlier look knew, the share that may be gone in the next (D12), in percent.
    pub guard_percent: u64,
    /// Entries that may be gone at once (D12).
    pub guard_entries: u64,
    /// Up to so many may be gone without asking for the share: half of a handful is no accident.
    pub guard_floor: u64,
}

impl Default for WorkflowLimits {
    fn default() -> Self {
        Self {
            workers: 8,
            lease: Duration::from_secs(30),
            tick: Duration::from_secs(1),
            poll: Duration::from_secs(1),
            heartbeat: Duration::from_secs(30),
            recovery: Duration::from_secs(10),
            sweep: Duration::from_secs(5 * 60),
            wait: Duration::from_millis(250),
            pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(300),
            stop: Duration::from_secs(10),
            abandoned: Duration::from_secs(30 * 24 * 60 * 60),
            kept: Duration::from_secs(90 * 24 * 60 * 60),
            guard_percent: 25,
            guard_entries: 10_000,
            guard_floor: 16,
        }
    }
}
