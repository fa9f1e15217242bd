//! `capstan:target/uploads`: objects put in parts.

use wasmtime::component::Resource;

use super::WitFailure;
use super::types::{Object, Part, PutOptions, Upload};
use crate::content::HeldContent;
use crate::function::functions;

functions! { "capstan:target/uploads@0.1.0" {
    Begin = "begin" (String, String, u64, String, PutOptions) -> Result<Upload, WitFailure>;
    PutPart = "put-part" (String, String, String, u32, Resource<HeldContent>, u64, u64) -> Result<Part, WitFailure>;
    ListParts = "list-parts" (String, String, String, u32, u32) -> Result<Vec<Part>, WitFailure>;
    Complete = "complete" (String, String, String, Vec<Part>, String, PutOptions) -> Result<Object, WitFailure>;
    Abort = "abort" (String, String, String) -> Result<(), WitFailure>;
} }
