//! `capstan:target/objects`: objects under keys.

use wasmtime::component::{FutureReader, Resource, StreamReader};

use super::WitFailure;
use super::host::types::NamedValue;
use super::types::{ByteRange, GetOptions, ListOptions, Location, Object, Outcome, Page, PutOptions};
use crate::content::HeldContent;
use crate::function::functions;

/// An object with its body and the reason the body ended.
pub type Download = (Object, StreamReader<u8>, FutureReader<Result<(), WitFailure>>);

functions! { "capstan:target/objects@0.1.0" {
    ListLocations = "list-locations" () -> Result<Vec<Location>, WitFailure>;
    CreateLocation = "create-location" (String, String, Vec<NamedValue>) -> Result<Location, WitFailure>;
    DeleteLocation = "delete-location" (String, String) -> Result<(), WitFailure>;
    Put = "put" (String, String, Resource<HeldContent>, String, PutOptions) -> Result<Object, WitFailure>;
    Get = "get" (String, String, Option<ByteRange>, GetOptions) -> Result<Download, WitFailure>;
    Head = "head" (String, String, GetOptions) -> Result<Object, WitFailure>;
    List = "list" (String, ListOptions) -> Result<Page, WitFailure>;
    DeleteMany = "delete-many" (String, Vec<String>, String) -> Result<Vec<Outcome>, WitFailure>;
    Copy = "copy" (String, String, String, String, String, PutOptions) -> Result<Object, WitFailure>;
    Restore = "restore" (String, String, u32, String, Vec<NamedValue>) -> Result<Object, WitFailure>;
} }
