//! What a server and a filesystem are.

use super::{Handle, procedure};
use crate::attributes::Attributes;
use crate::rpc::Procedure;
use crate::xdr::{Malformed, Reader, Writer};

/// NULL (3.3.0): is it there?
#[derive(Clone, Copy, Debug)]
pub struct Null;

impl Procedure for Null {
    const PROGRAM: u32 = super::PROGRAM;
    const VERSION: u32 = super::VERSION;
    const NUMBER: u32 = 0;
    const NAME: &'static str = "NULL";
    type Answer = ();

    fn ask(&self, _out: &mut Writer) {}

    fn read(_answer: &mut Reader<'_>) -> Result<(), Malformed> {
        Ok(())
    }
}

/// FSINFO (3.3.19).
#[derive(Clone, Debug)]
pub struct FileSystemInfo {
    pub root: Handle,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The most of one READ, and of one WRITE.
    pub read: u32,
    pub write: u32,
    /// What it likes a directory to be read in.
    pub directory: u32,
    pub largest_file: u64,
    /// Whether it has hard links, and symbolic ones.
    pub links: bool,
    pub symlinks: bool,
}

procedure!(FileSystemInfo, 19, "FSINFO", Info, |me, out| me.root.write(out), |answer| {
    Attributes::read_optional(answer)?;
    let read = answer.u32("rtmax")?;
    answer.u64("rtpref and rtmult")?;
    let write = answer.u32("wtmax")?;
    answer.u64("wtpref and wtmult")?;
    let directory = answer.u32("dtpref")?;
    let largest_file = answer.u64("maxfilesize")?;
    answer.u64("time_delta")?;
    let properties = answer.u32("properties")?;
    Ok(Info { read, write, directory, largest_file, links: properties & 1 != 0, symlinks: properties & 2 != 0 })
});

/// FSSTAT (3.3.18).
#[derive(Clone, Debug)]
pub struct FileSystem {
    pub root: Handle,
}

/// Bytes of the filesystem, and of them free; files it has room for, and of them free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total: u64,
    pub free: u64,
    pub files: u64,
    pub free_files: u64,
}

procedure!(FileSystem, 18, "FSSTAT", Space, |me, out| me.root.write(out), |answer| {
    Attributes::read_optional(answer)?;
    let (total, free) = (answer.u64("tbytes")?, answer.u64("fbytes")?);
    answer.u64("abytes")?;
    let (files, free_files) = (answer.u64("tfiles")?, answer.u64("ffiles")?);
    Ok(Space { total, free, files, free_files })
});
