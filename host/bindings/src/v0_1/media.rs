//! `capstan:target/media`: tape libraries.

use wasmtime::component::{FutureReader, Resource, StreamReader};

use super::WitFailure;
use super::host::types::NamedValue;
use super::types::{Element, ElementPage, Health, Library, Location, Medium, Place, Spacing, TapeDrive, Written};
use crate::content::HeldContent;
use crate::function::functions;

/// Where the bytes begin, the bytes, and the reason they ended.
pub type Download = (Place, StreamReader<u8>, FutureReader<Result<(), WitFailure>>);

functions! { "capstan:target/media@0.1.0" {
    ListLocations = "list-locations" () -> Result<Vec<Location>, WitFailure>;
    ListLibraries = "list-libraries" () -> Result<Vec<Library>, WitFailure>;
    ListElements = "list-elements" (String, Option<String>, u32) -> Result<ElementPage, WitFailure>;
    ListDrives = "list-drives" () -> Result<Vec<TapeDrive>, WitFailure>;
    TakeInventory = "take-inventory" (String, String) -> Result<(), WitFailure>;
    MoveCartridge = "move-cartridge" (String, String, u32, String) -> Result<Element, WitFailure>;
    EjectCartridge = "eject-cartridge" (String, String, String) -> Result<Element, WitFailure>;
    AdmitCartridge = "admit-cartridge" (String, u32, String) -> Result<Element, WitFailure>;
    Load = "load" (String, Option<String>, String) -> Result<TapeDrive, WitFailure>;
    Unload = "unload" (String, String) -> Result<(), WitFailure>;
    Inspect = "inspect" (String) -> Result<Medium, WitFailure>;
    Examine = "examine" (String) -> Result<Health, WitFailure>;
    PlanReading = "plan-reading" (String, Vec<String>) -> Result<Vec<u32>, WitFailure>;
    Position = "position" (String) -> Result<Place, WitFailure>;
    Locate = "locate" (String, u32, u64) -> Result<Place, WitFailure>;
    Space = "space" (String, Spacing, i64) -> Result<Place, WitFailure>;
    Read = "read" (String, u32, u64, u64) -> Result<Download, WitFailure>;
    Write = "write" (String, u32, u64, bool, Resource<HeldContent>, u32, u32, String) -> Result<Written, WitFailure>;
    Synchronize = "synchronize" (String) -> Result<Place, WitFailure>;
    Format = "format" (String, String, String, Vec<NamedValue>) -> Result<Medium, WitFailure>;
} }
