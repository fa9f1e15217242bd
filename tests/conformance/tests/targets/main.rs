//! The plugins of this repository, and some made to fail, held to the contract. One program, because each links the whole runtime.

mod azure;
mod azure_ways;
mod checksums;
mod clocks;
mod fronts;
mod full;
mod gcs;
mod gcs_ways;
mod liars;
mod liars_files;
mod logins;
mod logins_swift;
mod memory;
mod nfs;
mod objects;
mod posix;
mod program;
mod s3;
mod s3_full;
mod s3_ways;
mod smb;
mod swift;
mod swift_access;
mod swift_large;
mod vendor;
