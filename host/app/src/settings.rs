//! Every setting of the host, with its unit, its default and whether the bound waits or refuses.
//!
//! The program reads them from a TOML file with these names; what the file leaves out has the default, and a name that is not known is an
//! error, so that a misspelt limit is never silently the default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use capstan_catalogue::Options as CatalogueOptions;
use capstan_domain::Outcome;
use capstan_domain::job::Verify;
use capstan_jobs::{Limits as JobLimits, WorkflowLimits};
use capstan_mover::Limits as MoverLimits;
use capstan_nbd::Tls;
use capstan_runtime::{Limits, Signatures};
use capstan_services::Limits as ServiceLimits;
use serde::Deserialize;

use crate::mounts::Writing;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    pub api: ApiSettings,
    pub tls: Option<TlsSettings>,
    pub catalogue: CatalogueSettings,
    pub spaces: SpaceSettings,
    pub site: SiteSettings,
    pub plugins: PluginSettings,
    /// What plugins may use; the runtime's `Limits` say what each one is and whether it waits or refuses.
    pub guests: Limits,
    /// What the services of one target may use; the services' `Limits` say what each one is and whether it waits or refuses.
    pub services: ServiceLimits,
    pub mover: MoverSettings,
    pub jobs: JobSettings,
    pub drives: DriveSettings,
    pub views: ViewSettings,
    pub log: LogSettings,
}

/// The listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ApiSettings {
    /// Used when `--listen` is not given.
    pub listen: Option<SocketAddr>,
    /// Threads that serve requests and nothing else, so that no guest and no compile delays an answer.
    pub threads: usize,
    /// Connections open at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Milliseconds a client may take for the head of a request; then the connection is closed.
    pub head_timeout_ms: u64,
    /// Bytes of a request's body, components apart; a larger one is refused.
    pub body_bytes_max: usize,
    /// Milliseconds running requests and jobs get at shutdown; then they are cut, and jobs are taken up again at the next start.
    pub drain_ms: u64,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            listen: None,
            threads: 2,
            connections_max: 4096,
            head_timeout_ms: 15_000,
            body_bytes_max: 1 << 20,
            drain_ms: 20_000,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsSettings {
    /// PEM, the server's certificate first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CatalogueSettings {
    /// `sqlite://…` or `postgres://…`; none: SQLite in the data directory. `--database` wins.
    pub url: Option<String>,
    /// Connections that read at the same time (SQLite), or all connections (PostgreSQL); further callers wait.
    pub connections: Option<u32>,
    /// Milliseconds a caller waits for a connection; then it is refused as busy.
    pub acquire_ms: Option<u64>,
    /// Milliseconds SQLite waits for a lock that another process holds; then the call is refused as busy.
    pub busy_ms: Option<u64>,
    /// Page cache of the SQLite connection that writes, KiB; each of those that read has an eighth of it.
    pub cache_kib: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpaceSettings {
    /// Directories under which spaces may be made, besides the one in the data directory. A worker has its raw trees in the first.
    pub roots: Vec<PathBuf>,
    /// Days that the copies of a removed file stay in their buckets; none: 7.
    pub recycle_days: Option<u16>,
    /// What stands before the mountpoints of spaces on this machine; none: they are mounted where they say.
    pub mounted_under: Option<PathBuf>,
}

impl SpaceSettings {
    pub(crate) fn recycle(&self) -> Duration {
        self.recycle_days.map_or(capstan_spaces::RECYCLE, |days| Duration::from_secs(u64::from(days) * 24 * 60 * 60))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PluginSettings {
    /// Where the plugins that come with the host lie; none: `plugins` beside the program.
    pub bundled: Option<PathBuf>,
    /// SHA-256 digests (hex) that may be installed; empty: any.
    pub trusted_digests: Vec<String>,
    /// Whose components run; those that come with the host are judged like all others.
    pub signatures: Signatures,
}

/// What each transfer may use; what is left out has the mover's own default. What exceeds one waits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MoverSettings {
    /// A file up to this many bytes is held in memory whole.
    pub small_file_bytes: Option<u64>,
    /// Small files that are settled together.
    pub batch_files: Option<usize>,
    /// Bytes of small files that are settled together.
    pub batch_bytes: Option<u64>,
    /// Batches in flight.
    pub batches: Option<usize>,
    /// Large files in flight.
    pub large_files: Option<usize>,
    /// Tries of one file, the first one included; then it has failed.
    pub tries: Option<u32>,
    /// Blocks of 16 MiB read back together of one large file.
    pub verify_streams: Option<usize>,
    /// Bytes that a tape takes before it is synced and read back.
    pub tape_round_bytes: Option<u64>,
    /// Files that a tape takes before that.
    pub tape_round_files: Option<usize>,
    /// Bytes of memory for what is read ahead of a tape, or from one.
    pub tape_spool_bytes: Option<u64>,
    /// Lists of found items between the walk and the workers.
    pub walk_queue: Option<usize>,
    /// Bytes a second that all files of a transfer may move together, or a drive that is copied from one target to another; a task's own
    /// limit holds where it is lower. None: no limit.
    pub bytes_per_second: Option<u64>,
}

impl Settings {
    /// What attached drives are encrypted with, where TLS is set up.
    pub(crate) fn drives_tls(&self) -> Outcome<Option<Tls>> {
        let open = |tls: &TlsSettings| Tls::open(&tls.certificate, &tls.key, self.drives.client_authority.as_deref());
        self.tls.as_ref().map(open).transpose()
    }

    pub(crate) fn catalogue_options(&self) -> CatalogueOptions {
        let (mut options, given) = (CatalogueOptions::default(), &self.catalogue);
        options.connections = given.connections.map_or(options.connections, |connections| connections.max(1));
        options.acquire = given.acquire_ms.map_or(options.acquire, Duration::from_millis);
        options.busy = given.busy_ms.map_or(options.busy, Duration::from_millis);
        options.cache_kib = given.cache_kib.unwrap_or(options.cache_kib);
        options
    }

    fn mover_limits(&self) -> MoverLimits {
        let (mut limits, given) = (MoverLimits::default(), &self.mover);
        limits.small_file = given.small_file_bytes.unwrap_or(limits.small_file);
        limits.batch_files = given.batch_files.map_or(limits.batch_files, |files| files.max(1));
        limits.batch_bytes = given.batch_bytes.unwrap_or(limits.batch_bytes);
        limits.batches = given.batches.map_or(limits.batches, |batches| batches.max(1));
        limits.large_files = given.large_files.map_or(limits.large_files, |files| files.max(1));
        limits.tries = given.tries.map_or(limits.tries, |tries| tries.max(1));
        limits.verify_streams = given.verify_streams.map_or(limits.verify_streams, |streams| streams.max(1));
        limits.round_bytes = given.tape_round_bytes.unwrap_or(limits.round_bytes);
        limits.round_files = given.tape_round_files.map_or(limits.round_files, |files| files.max(1));
        limits.spool = given.tape_spool_bytes.unwrap_or(limits.spool);
        limits.walk_queue = given.walk_queue.map_or(limits.walk_queue, |lists| lists.max(1));
        limits
    }

    pub(crate) fn writing(&self) -> Writing {
        Writing { verify: self.jobs.verify, limits: self.mover_limits(), spool_bytes: self.views.spool_bytes }
    }

    pub(crate) fn job_limits(&self) -> JobLimits {
        let (mut limits, given) = (JobLimits::default(), &self.jobs);
        limits.workers = given.workers.unwrap_or(limits.workers);
        limits.brief_workers = given.brief_workers.map_or(limits.brief_workers, |workers| workers.max(1));
        limits.lease = given.lease_ms.map_or(limits.lease, Duration::from_millis);
        limits.attempts = given.attempts.unwrap_or(limits.attempts);
        limits.cold_wait =
            given.cold_wait_hours.map_or(limits.cold_wait, |hours| Duration::from_secs(hours.saturating_mul(3600)));
        limits.guard_percent = given.guard_percent.unwrap_or(limits.guard_percent);
        limits.guard_entries = given.guard_entries.unwrap_or(limits.guard_entries);
        limits.complete_every =
            given.complete_scan_hours.map_or(limits.complete_every, |hours| Duration::from_secs(hours.saturating_mul(3600)));
        limits.inventory =
            given.inventory_minutes.map_or(limits.inventory, |minutes| Duration::from_secs(minutes.max(1).saturating_mul(60)));
        limits.idle_drive =
            given.idle_drive_minutes.map_or(limits.idle_drive, |minutes| Duration::from_secs(minutes.max(1).saturating_mul(60)));
        limits.mechanics_wait =
            given.mechanics_wait_hours.map_or(limits.mechanics_wait, |hours| Duration::from_secs(hours.saturating_mul(3600)));
        limits.transfer = self.mover_limits();
        limits.bandwidth = self.mover.bytes_per_second;
        limits
    }

    pub(crate) fn workflow_limits(&self) -> WorkflowLimits {
        let usual = WorkflowLimits::default();
        let lease = self.jobs.lease_ms.map_or(usual.lease, Duration::from_millis);
        // Leases that end sooner are looked for sooner.
        WorkflowLimits { lease, recovery: usual.recovery.min(lease), ..usual }
    }
}

/// Jobs; what is left out has the job room's own default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct JobSettings {
    /// How copies are proved whose task does not say: "read_back" (every byte, the default) or "claim" (the target's own checksum or
    /// size). A move reads back whatever this says: its source goes.
    pub verify: Verify,
    /// Jobs that move bytes or read trees and run together; more wait in the queue.
    pub workers: Option<usize>,
    /// Jobs that ask targets for what somebody waits for, such as a new drive, and run together; more wait in the queue.
    pub brief_workers: Option<usize>,
    /// Milliseconds a worker holds a job, or a task of a workflow, without a sign of life; then another takes it up.
    pub lease_ms: Option<u64>,
    /// Times a job is taken up because its target was away; then it has failed.
    pub attempts: Option<u32>,
    /// Hours a job may wait for files that come out of cold storage, from its start; then it has failed.
    pub cold_wait_hours: Option<u64>,
    /// Share of the known entries, in percent, that one scan may find gone; beyond it, the scan stops.
    pub guard_percent: Option<u64>,
    /// Entries that one scan may find gone; beyond it, the scan stops.
    pub guard_entries: Option<u64>,
    /// Hours in which primary scans may look only at folders that changed; then one looks at every file. 0: always at every file.
    pub complete_scan_hours: Option<u64>,
    /// Minutes between two looks at what a tape library holds; something that was carried by the host is looked for at once.
    pub inventory_minutes: Option<u64>,
    /// Minutes after which a cartridge that no job uses is taken out of its drive.
    pub idle_drive_minutes: Option<u64>,
    /// Hours a job may wait for a drive, a mail slot or a cartridge of a tape library to come free, from its start; then it has failed.
    pub mechanics_wait_hours: Option<u64>,
}

/// Block volumes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DriveSettings {
    /// Id of the plugin that makes new drives whose maker does not say; none: `dssd` where a target of it serves, else `nvme`.
    pub default_storage_type: Option<String>,
    /// PEM: authorities that vouch for clients of attached drives. Beyond this machine only clients are served that show a
    /// certificate of one of them, under the certificate of `[tls]`; none: no drive is attached beyond this machine.
    pub client_authority: Option<PathBuf>,
}

/// Whom this host works for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SiteSettings {
    /// Of the site; empty: the one that is there from the first start on.
    pub name: String,
    /// What this host is called there; empty: as the machine is.
    pub node: String,
}

impl SiteSettings {
    pub fn node(&self) -> String {
        if !self.node.is_empty() {
            return self.node.clone();
        }
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        match machine.trim() {
            "" => "localhost".to_owned(),
            name => name.to_owned(),
        }
    }
}

/// Mounted pools and spaces.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ViewSettings {
    /// Bytes that files may have together which are being written through views, in the data directory; a write beyond is refused.
    pub spool_bytes: u64,
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self { spool_bytes: 64 << 30 }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogSettings {
    /// A filter such as "info" or "capstan=debug,warn"; the environment's `CAPSTAN_LOG` wins.
    pub filter: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".into(), json: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_becomes_a_limit_and_what_is_left_out_keeps_its_default() {
        let settings = Settings {
            mover: MoverSettings { large_files: Some(0), bytes_per_second: Some(5 << 20), ..MoverSettings::default() },
            catalogue: CatalogueSettings { cache_kib: Some(64), ..CatalogueSettings::default() },
            jobs: JobSettings { brief_workers: Some(0), ..JobSettings::default() },
            ..Settings::default()
        };
        // None at all would wait for ever.
        assert_eq!(settings.job_limits().transfer.large_files, 1);
        assert_eq!(settings.job_limits().brief_workers, 1);
        assert_eq!(settings.job_limits().workers, JobLimits::default().workers);
        assert_eq!(settings.job_limits().transfer.tries, MoverLimits::default().tries);
        assert_eq!((settings.job_limits().bandwidth, Settings::default().job_limits().bandwidth), (Some(5 << 20), None));
        assert_eq!(settings.catalogue_options().cache_kib, 64);
    }

    #[test]
    fn a_shorter_lease_is_one_of_workflows_too_and_dead_workers_are_looked_for_as_often() {
        let settings = Settings { jobs: JobSettings { lease_ms: Some(4000), ..JobSettings::default() }, ..Settings::default() };
        let (limits, usual) = (settings.workflow_limits(), Settings::default().workflow_limits());
        assert_eq!((limits.lease, limits.recovery), (Duration::from_secs(4), Duration::from_secs(4)));
        assert_eq!(usual.lease, WorkflowLimits::default().lease);
        assert!(usual.recovery < usual.lease);
    }
}
