//! `capstan:target/files`: file trees.

use wasmtime::component::{FutureReader, Resource, StreamReader};

use super::WitFailure;
use super::types::{Attributes, ByteRange, Location, Node, NodePage, PutOptions};
use crate::content::HeldContent;
use crate::function::functions;

/// A file with its bytes and the reason they ended.
pub type Download = (Node, StreamReader<u8>, FutureReader<Result<(), WitFailure>>);
/// Extended attributes by name.
pub type Xattrs = Vec<(String, Vec<u8>)>;

functions! { "capstan:target/files@0.1.0" {
    ListLocations = "list-locations" () -> Result<Vec<Location>, WitFailure>;
    Stat = "stat" (String, String) -> Result<Node, WitFailure>;
    ReadDirectory = "read-directory" (String, String, Option<String>, u32) -> Result<NodePage, WitFailure>;
    Read = "read" (String, String, Option<ByteRange>) -> Result<Download, WitFailure>;
    Write = "write" (String, String, Resource<HeldContent>, String, PutOptions) -> Result<Node, WitFailure>;
    MakeDirectory = "make-directory" (String, String, String) -> Result<(), WitFailure>;
    Remove = "remove" (String, String, String) -> Result<(), WitFailure>;
    Rename = "rename" (String, String, String, bool, String) -> Result<(), WitFailure>;
    SetAttributes = "set-attributes" (String, String, Attributes, String) -> Result<Node, WitFailure>;
    MakeLink = "make-link" (String, String, String, String) -> Result<Node, WitFailure>;
    GetXattrs = "get-xattrs" (String, String) -> Result<Xattrs, WitFailure>;
    SetXattr = "set-xattr" (String, String, String, Option<Vec<u8>>, String) -> Result<(), WitFailure>;
    GetAcl = "get-acl" (String, String) -> Result<String, WitFailure>;
    SetAcl = "set-acl" (String, String, String, String) -> Result<(), WitFailure>;
    Sync = "sync" (String, String) -> Result<(), WitFailure>;
} }
