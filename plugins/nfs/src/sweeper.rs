//! Temporary files that dead writers left: whoever lists their directory removes them. When one is dead, and what happens if this
//! is cut short, is the same for all file trees (`capstan_sdk::whole_file`).
//!
//! One may be a second name of a whole file (a writer that died between LINK and REMOVE): then that name alone goes, and the touch,
//! which sets the moment of the last reading to what it is, leaves the file's mark.

use capstan_nfs3::procedures::{DirectoryEntry, GetAttributes, Handle, Remove, SetFileAttributes};
use capstan_nfs3::{Attributes, FileKind, SetAttributes, Status};
use capstan_sdk::whole_file::{self, SWEPT, is_abandoned, may_be_abandoned};
use capstan_sdk::{Outcome, log};

use crate::attributes::moment;
use crate::failures::refused;
use crate::lane::{self, Lane};
use crate::link::done;

const SUBJECT: &str = "a temporary file";

/// Of the names just listed.
pub(crate) async fn sweep(lane: &mut Lane, directory: &Handle, entries: &[DirectoryEntry]) {
    let left: Vec<_> = entries.iter().filter_map(left).take(SWEPT).collect();
    if left.is_empty() || lane::config().is_ok_and(|config| config.read_only) {
        return;
    }
    for (name, file, accessed) in left {
        match remove(lane, directory, name, file, accessed).await {
            Ok(true) => {
                log!(info, "a temporary file that a dead writer left was removed", "name" => String::from_utf8_lossy(name))
            }
            Ok(false) => {}
            // The list is what was asked for; who may only read leaves it to others.
            Err(failure) => {
                log!(debug, "a temporary file stays that a dead writer left", "why" => failure.fault().message);
                return;
            }
        }
    }
}

/// Name, handle and moment of the last reading, if it looks as if nobody wrote to it any more.
fn left(entry: &DirectoryEntry) -> Option<(&[u8], &Handle, (u32, u32))> {
    let (file, attributes) = (entry.handle.as_ref()?, entry.attributes.as_ref()?);
    let temporary = std::str::from_utf8(&entry.name).is_ok_and(whole_file::is_temporary);
    let old = attributes.kind == FileKind::File && may_be_abandoned(moment(attributes.modified));
    (temporary && old).then_some((entry.name.as_slice(), file, attributes.accessed))
}

/// False: somebody wrote to it not long ago, by the server's clock.
async fn remove(lane: &mut Lane, directory: &Handle, name: &[u8], file: &Handle, accessed: (u32, u32)) -> Outcome<bool> {
    let set = SetAttributes { accessed: Some(accessed), ..SetAttributes::default() };
    let touched = done(lane.link.ask(&SetFileAttributes { file: file.clone(), set }).await?, SUBJECT)?;
    let touched: Attributes = match touched {
        Some(touched) => touched,
        None => done(lane.link.ask(&GetAttributes { file: file.clone() }).await?, SUBJECT)?,
    };
    if !is_abandoned(moment(touched.modified), moment(touched.changed)) {
        return Ok(false);
    }
    match lane.link.ask(&Remove { directory: directory.clone(), name }).await? {
        Ok(()) | Err(Status::NOENT) => Ok(true),
        Err(status) => Err(refused(status, SUBJECT)),
    }
}
