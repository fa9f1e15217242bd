//! One noun a file. The names of wire types are those of the published schemas.

pub(crate) mod active_job;
pub(crate) mod api_key;
pub(crate) mod cloud_bucket;
pub(crate) mod cloud_connector;
pub(crate) mod container;
pub(crate) mod file;
pub(crate) mod mount;
pub(crate) mod nas;
pub(crate) mod nas_share;
pub(crate) mod on_tapes_file;
pub(crate) mod pool;
pub(crate) mod primary_scan;
pub(crate) mod tape;
pub(crate) mod tape_drive;
pub(crate) mod tape_library;
pub(crate) mod tape_stat;
pub(crate) mod task;
pub(crate) mod task_action;
pub(crate) mod task_destination;
pub(crate) mod task_execution;
pub(crate) mod task_option;
pub(crate) mod task_source;

use std::sync::Arc;

use axum::Extension;
use capstan_api_http::{Caller, Json, PathOf};

use crate::errors::Error;

pub use active_job::{ActiveJob, ActiveJobState, JobQuery};
pub use api_key::{ApiKey, ApiKeyFull, ApiKeyInput, ApiKeyScope, ApiKeys};
pub use cloud_bucket::{BucketsOf, CloudBucket, CloudBucketInput, CloudBuckets, Found};
pub use cloud_connector::{CloudConnector, CloudConnectorInput, CloudConnectors, Provider};
pub use container::{Container, ContainerInput, Containers, GuestRight};
pub use file::{File, FileKind, FileWithPath, Files, FilesOf, ImportFile};
pub use mount::{MountInfo, MountKind, MountStatus, Mounts};
pub use nas::{Nas, NasInput, NasProtocol, NasServers};
pub use nas_share::{CENSORED, NasShare, NasShareInput, NasShares, SharesOf};
pub use on_tapes_file::{OnTapesFile, OnTapesFiles};
pub use pool::{Pool, PoolContent, PoolInput, PoolKind, Pools, StorageExtraData, StorageExtraDataInput};
pub use primary_scan::{PrimaryScan, PrimaryScanInput, PrimaryScans, Unit};
pub use tape::{Tape, TapeKind, Tapes, TapesOf};
pub use tape_drive::{DrivesOf, FoundDrives, TapeDrive, TapeDriveDevice, TapeDriveInput, TapeDrives};
pub use tape_library::{
    FoundLibraries, LibraryProtocol, LibraryStatus, TapeLibraries, TapeLibrary, TapeLibraryDevice, TapeLibraryInput,
};
pub use tape_stat::{TapeStat, TapeStats};
pub use task::{ConflictResolution, RequestedAction, Task, TaskInput, TaskStatus, Tasks, Where, WorkflowAction, WorkflowType};
pub use task_action::{TaskAction, TaskActions};
pub use task_destination::{TaskDestination, TaskDestinationInput, TaskDestinations};
pub use task_execution::{TaskExecution, TaskExecutions};
pub use task_option::{OptionKind, TaskOption, TaskOptionInput, TaskOptions};
pub use task_source::{TaskSource, TaskSourceInput, TaskSources};

/// What handlers take: the caller whom the guard let through, a JSON body, and values of the path.
type Who = Extension<Arc<Caller>>;
type Body<T> = Json<T, Error>;
type At<T> = PathOf<T, Error>;
