//! One noun a file or two. The names of wire types follow the published API.

pub(crate) mod bucket;
pub(crate) mod client_key;
pub(crate) mod external_target;
pub(crate) mod file;
pub(crate) mod group;
pub(crate) mod health;
pub(crate) mod job;
pub(crate) mod job_filter;
pub(crate) mod job_stat;
pub(crate) mod jobs;
pub(crate) mod path_state;
pub(crate) mod permission;
pub(crate) mod remote_listing;
pub(crate) mod site;
pub(crate) mod site_input;
pub(crate) mod site_setting;
pub(crate) mod sites;
pub(crate) mod space;
pub(crate) mod space_input;
pub(crate) mod task;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod user_input;
pub(crate) mod users;
pub(crate) mod workflow;
pub(crate) mod workflow_run;

use std::sync::Arc;

use axum::Extension;
use capstan_api_http::{Caller, Json, PathOf};

use crate::errors::Error;

pub use bucket::{Bucket, BucketInput, Buckets, Protocol, StorageType};
pub use client_key::{ClientKey, ClientKeyInput, ClientKeys, NewClientKey};
pub use external_target::{
    BucketChoice, ExternalTarget, ExternalTargetInput, ExternalTargets, SpaceChoice, SpaceOfTarget, TargetFilter,
};
pub use file::{FileEntry, FileKind, FileQuery, FileStatus, Files, Folder, RemoteLocation, Within};
pub use group::{Group, GroupInput, GroupMember, Groups, NasGroup, ObjectPermission};
pub use health::{Health, HealthState, HubHealth, HubStatus, NodeHealth, SiteHealth};
pub use job::{Job, JobAction, JobProgress, JobState, JobStatistics, JobSummary, JobType};
pub use job_filter::{JobFilter, Owner};
pub use job_stat::{JobStat, JobStatFilter, JobStatStep, JobStats};
pub use jobs::{JobFile, Jobs, RECENT_JOBS};
pub use path_state::PathState;
pub use permission::{MyPermissions, Permission, PermissionOnObject, Permissions};
pub use remote_listing::{RemoteEntry, RemoteKind, RemoteListing, RemoteQuery, RemoteSummary};
pub use site::{Site, SpaceOfSite};
pub use site_input::SiteInput;
pub use site_setting::{SettingChange, SiteSetting};
pub use sites::Sites;
pub use space::{SiteOfSpace, SnapshotSchedule, Space, SpaceFilter, Spaces};
pub use space_input::{SiteChoice, SnapshotScheduleInput, SpaceInput};
pub use task::{Task, TaskFile, TaskFileFilter, TaskFilter, TaskPath, TaskState, Tasks};
pub use token::{AccessToken, PublicKey, TokenPair, TokenType, Tokens};
pub use user::{GroupOfUser, NasUser, Profile, User};
pub use user_input::{NasUserInput, PasswordChange, ProfileInput, USERNAME_LIMIT, UserInput};
pub use users::Users;
pub use workflow::{Discovery, Workflow, WorkflowInput, Workflows};
pub use workflow_run::{PathInput, WorkflowRun};

/// What handlers take: the caller whom the guard let through, a JSON body, and values of the path. A path value that is no number names
/// nothing.
type Who = Extension<Arc<Caller>>;
type Body<T> = Json<T, Error>;
type At = PathOf<i64, Error>;

/// A JSON object whose members are the client's own.
type Object = serde_json::Map<String, serde_json::Value>;
