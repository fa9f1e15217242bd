//! One noun a file. The names of wire types are those of the published API.

pub(crate) mod availability_group;
pub(crate) mod capabilities;
pub(crate) mod drive;
pub(crate) mod drive_schema;
pub(crate) mod drive_user;
pub(crate) mod drives;
pub(crate) mod job;
pub(crate) mod profile;
pub(crate) mod server;
pub(crate) mod servers;
pub(crate) mod snapshot;
pub(crate) mod tag;

use std::sync::Arc;

use axum::Extension;
use capstan_api_http::{Caller, Json, PathOf, pairs};
use http::Uri;
use serde_json::Value;
use uuid::Uuid;

use crate::answer::Answer;
use crate::errors::{Error, ErrorItem};

pub use availability_group::{AvailabilityGroups, GroupPart, GroupParts};
pub use capabilities::{Capabilities, CapabilitiesOf, DriveLimits, Range, SnapshotLimits};
pub use drive::{
    Avoid, CloneOptions, Drive, DriveDefinition, DriveLicense, DriveRuntime, DriveStatus, Grantee, GranteeUser, Media,
};
pub use drive_user::{DriveUser, DriveUserDefinition, DriveUsers};
pub use drives::Drives;
pub use job::{Job, JobData, JobState, Jobs, OPERATION_DRIVE_CLONE};
pub use profile::{CloneNaming, Profile, ProfileChange, Profiles};
pub use server::{
    Absent, Device, DeviceChannel, Mount, Server, ServerAction, ServerChange, ServerDefinition, ServerDrive, ServerStatus,
};
pub use servers::{Recurse, Servers};
pub use snapshot::{Snapshot, SnapshotChange, SnapshotDefinition, SnapshotStatus, Snapshots};
pub use tag::{ResourceKind, Tag, TagDefinition, TagResource, Tags};

/// What handlers take: the caller whom the guard let through, a JSON body, and ids of the path. A path value that is no UUID names
/// nothing.
type Who = Extension<Arc<Caller>>;
type Body = Json<Value, Error>;
type At = PathOf<Uuid, Error>;

/// The last value of a parameter of the query.
fn asked(uri: &Uri, parameter: &str) -> Option<String> {
    pairs(uri).into_iter().rfind(|(name, _)| name == parameter).map(|(_, value)| value)
}

/// The action that `do` names.
fn action<A: Copy>(uri: &Uri, actions: &[(&'static str, A)]) -> Answer<A> {
    let Some(word) = asked(uri, "do") else { return Err(Error::all(vec![ErrorItem::required("do")])) };
    let found = actions.iter().find(|(name, _)| *name == word).map(|(_, action)| *action);
    found.ok_or_else(|| {
        let names: Vec<_> = actions.iter().map(|(name, _)| *name).collect();
        Error::invalid("do", format!("There is no action {word:?} here; the actions are {}", names.join(", ")))
    })
}

/// Drives and servers that `avoid` names. It is a wish: what is no UUID counts for nothing, and more than a few make no difference.
fn avoid(uri: &Uri) -> drive::Avoid {
    const AVOIDED_LIMIT: usize = 64;
    let given = asked(uri, "avoid").unwrap_or_default();
    given.split(',').filter_map(|uuid| uuid.trim().parse().ok()).take(AVOIDED_LIMIT).collect()
}
