//! The catalogue: the one store of what exists and what was done.
//!
//! SQLite by default, PostgreSQL by URL, one set of functions over both. Reads take a pooled connection; writes are answered when they
//! are durable (`writer`). Lists, filters, order and counts happen in SQL (`select`). Every failure is one of the domain; the
//! database's own words go to its `detail`, for the log.
//!
//! One file a noun, each an `impl Catalogue`. An update writes the whole record back, or of a drive or a snapshot, which a job may
//! change at the same time, what it is given; `updated` is set here.

mod account;
mod adopt;
mod answers;
mod api_key;
mod attachment;
mod audit;
mod bucket;
mod cartridge;
mod cartridge_use;
mod connection;
mod crawl;
mod crawl_folders;
mod definition;
mod drive;
mod drive_change;
mod drive_job;
mod drive_places;
#[cfg(test)]
mod drive_plans;
mod drive_upload;
mod drive_user;
mod endpoint;
mod entry;
mod external_target;
mod failure;
mod file_state;
mod find;
mod grant;
mod group;
mod guest_state;
#[cfg(test)]
mod hub_plans;
mod inventory;
mod job;
mod job_input;
mod job_path;
mod left_upload;
mod library;
mod location;
mod machine;
mod member;
mod metrics;
mod migrate;
mod mounting;
mod node;
mod open;
mod outcome;
mod paths;
mod permission;
#[cfg(test)]
mod plans;
mod plugin;
mod pool;
mod profile;
mod query;
mod queue;
#[cfg(test)]
mod queue_plans;
mod quota;
mod record;
mod recorded;
mod removed_file;
mod replica;
mod scan;
mod secret;
mod seek;
mod select;
mod server;
mod setting;
mod site;
mod site_queue;
mod site_task;
mod snapshot;
mod space;
mod space_profile;
mod tag;
mod tape_drive;
mod tape_statistics;
mod target;
mod task;
mod task_advance;
mod task_claim;
mod task_end;
mod task_path;
mod text_key;
mod tree;
mod tree_snapshot;
mod upload;
mod upsert;
mod user;
mod workflow;
mod workflow_job;
mod workflow_request;
mod writer;

use std::sync::Arc;

use capstan_domain::Outcome;
use futures::future::BoxFuture;

use crate::answers::Answers;
use crate::connection::Connection;
use crate::failure::{Doing, translate};
use crate::open::Readers;
use crate::quota::Admitted;
use crate::seek::Seeks;
use crate::writer::Writer;

pub use crate::adopt::Adopted;
pub use crate::cartridge::Formatted;
pub use crate::cartridge_use::CARTRIDGE_BUSY;
pub use crate::crawl::{Crawl, Missing};
pub use crate::crawl_folders::KnownFolder;
pub use crate::file_state::CONTENT_LOST;
pub use crate::job::Holder;
pub use crate::job_input::InputHead;
pub use crate::left_upload::{LeftUpload, OwnerlessUpload};
pub use crate::metrics::{BATCH_BUCKETS, Histogram, LATENCY_BUCKETS, Metrics, Standing};
pub use crate::open::Options;
pub use crate::outcome::Tally;
pub use crate::queue::Release;
pub use crate::quota::{Admission, Asked, Key};
pub use crate::record::Record;
pub use crate::recorded::{CopiedFrom, ReadBack, Recorded};
pub use crate::removed_file::RemovedFile;
pub use crate::replica::{Held, NewReplica, StoredIn};
pub use crate::select::WINDOW;
pub use crate::target::SealedSecret;
pub use crate::task_claim::TASK_ATTEMPTS;
pub use crate::upload::{Begun, StoredPart};

/// The handle: cheap to clone; the database is closed when the last one is dropped.
#[derive(Clone)]
pub struct Catalogue {
    readers: Readers,
    writer: Writer,
    metrics: Arc<Metrics>,
    admitted: Arc<Admitted>,
    seeks: Arc<Seeks>,
    /// None where others write too.
    answers: Option<Arc<Answers>>,
}

impl Catalogue {
    async fn read(&self) -> Outcome<Connection> {
        match &self.readers {
            Readers::Sqlite(pool) => pool.acquire().await.map(Connection::Sqlite),
            Readers::Postgres(pool) => pool.acquire().await.map(Connection::Postgres),
        }
        .map_err(|error| translate(error, Doing::Other))
    }

    async fn write<T, F>(&self, write: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send + 'static,
    {
        self.writer.write(write).await
    }
}
