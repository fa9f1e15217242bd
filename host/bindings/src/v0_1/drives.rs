//! `capstan:target/drives`: block volumes.

use wasmtime::component::{FutureReader, Resource, StreamReader};

use super::WitFailure;
use super::host::types::NamedValue;
use super::types::{Attachment, Drive, DriveLimits, DrivePage, ExtentPage, Location, Snapshot, SnapshotPage};
use crate::content::HeldContent;
use crate::function::functions;

/// A drive with bytes of it and the reason they ended.
pub type Download = (Drive, StreamReader<u8>, FutureReader<Result<(), WitFailure>>);

functions! { "capstan:target/drives@0.1.0" {
    ListLocations = "list-locations" () -> Result<Vec<Location>, WitFailure>;
    Limits = "limits" (String) -> Result<DriveLimits, WitFailure>;
    Get = "get" (String, String) -> Result<Drive, WitFailure>;
    List = "list" (String, Option<String>, u32) -> Result<DrivePage, WitFailure>;
    Create = "create" (String, String, u64, String, Vec<NamedValue>) -> Result<Drive, WitFailure>;
    Resize = "resize" (String, String, u64, String) -> Result<Drive, WitFailure>;
    CloneDrive = "clone" (String, String, Option<String>, String, String, Vec<NamedValue>) -> Result<Drive, WitFailure>;
    Delete = "delete" (String, String, String) -> Result<(), WitFailure>;
    TakeSnapshot = "take-snapshot" (String, String, String, String) -> Result<Snapshot, WitFailure>;
    ListSnapshots = "list-snapshots" (String, String, Option<String>, u32) -> Result<SnapshotPage, WitFailure>;
    RestoreSnapshot = "restore-snapshot" (String, String, String, String) -> Result<Drive, WitFailure>;
    DeleteSnapshot = "delete-snapshot" (String, String, String, String) -> Result<(), WitFailure>;
    Read = "read" (String, String, u64, u64) -> Result<Download, WitFailure>;
    Write = "write" (String, String, u64, Resource<HeldContent>, String) -> Result<(), WitFailure>;
    Discard = "discard" (String, String, u64, u64, String) -> Result<(), WitFailure>;
    Flush = "flush" (String, String) -> Result<(), WitFailure>;
    Extents = "extents" (String, String, u64, u64, u32) -> Result<ExtentPage, WitFailure>;
    Attach = "attach" (String, String, bool, String) -> Result<Attachment, WitFailure>;
    Detach = "detach" (String, String, String) -> Result<(), WitFailure>;
} }
