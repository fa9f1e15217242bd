//! The bytes of a drive. They stay in the host: streams are handed on untouched.

use capstan_sdk::content::Content;
use capstan_sdk::drive::end_within;
use capstan_sdk::failure::{Failure, Outcome, corrupt};
use capstan_sdk::files::{self, Creation, Kind, Status};
use capstan_sdk::types::{Drive, Extent, ExtentPage};
use capstan_sdk::{FutureReader, StreamReader};

use crate::config::BLOCK;
use crate::drives::absent;
use crate::names;
use crate::tree::{self, root};

/// Extents of one page at most: what the host looks up in one call.
const MAX_EXTENTS: u32 = 10_000;

type Download = (Drive, StreamReader<u8>, FutureReader<Result<(), Failure>>);

/// The file of a drive and its size, for a range that lies within it and on its blocks.
async fn disk(path: &str, offset: u64, length: u64) -> Outcome<String> {
    let disk = names::disk(path);
    let status = tree::stat(&disk).await?.ok_or_else(|| absent(path))?;
    within(&status, offset, length)?;
    Ok(disk)
}

fn within(status: &Status, offset: u64, length: u64) -> Outcome<()> {
    // What is no file was put there by somebody else, and has no bytes to give.
    let size = if status.kind == Kind::File { status.size } else { 0 };
    end_within(size, BLOCK, offset, length).map(drop)
}

pub(crate) async fn read(location: &str, name: &str, offset: u64, length: u64) -> Outcome<Download> {
    let path = names::drive(location, name)?;
    let opened = files::read(root(), names::disk(&path), offset, Some(length)).await;
    let (status, stream, end) = tree::there(opened)?.ok_or_else(|| absent(&path))?;
    within(&status, offset, length)?;
    let drive = Drive {
        name: name.to_owned(),
        size: status.size,
        used: Some(status.allocated),
        // The file does not know it.
        created: None,
        extras: Vec::new(),
    };
    Ok((drive, stream, end))
}

pub(crate) async fn write(location: &str, name: &str, offset: u64, content: &Content) -> Outcome<()> {
    let path = names::drive(location, name)?;
    let size = content.size();
    let disk = disk(&path, offset, size).await?;
    let written = files::write(root(), disk, Creation::Existing, offset, content.open(0, size)).await;
    let written = tree::there(written.map_err(|failure| content.broken().unwrap_or(failure)))?;
    match written {
        Some(written) if written == size => Ok(()),
        Some(written) => {
            let short = || corrupt(format!("the content ended after {written} of {size} bytes"));
            Err(content.broken().unwrap_or_else(short))
        }
        None => Err(absent(&path)),
    }
}

pub(crate) async fn discard(location: &str, name: &str, offset: u64, length: u64) -> Outcome<()> {
    let path = names::drive(location, name)?;
    let disk = disk(&path, offset, length).await?;
    tree::there(files::discard(root(), disk, offset, length).await)?.ok_or_else(|| absent(&path))
}

pub(crate) async fn flush(location: &str, name: &str) -> Outcome<()> {
    let path = names::drive(location, name)?;
    tree::there(tree::sync(&names::disk(&path)).await)?.ok_or_else(|| absent(&path))
}

pub(crate) async fn extents(location: &str, name: &str, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage> {
    let path = names::drive(location, name)?;
    let limit = limit.clamp(1, MAX_EXTENTS);
    let found = files::extents(root(), names::disk(&path), offset, length, limit).await;
    let found = tree::there(found)?.ok_or_else(|| absent(&path))?;
    Ok(page(&found, (offset, offset.saturating_add(length)), limit))
}

/// In whole blocks, which those of a file system need not be, but never out of what was asked.
fn page(found: &[files::Extent], (from, to): (u64, u64), limit: u32) -> ExtentPage {
    let block = u64::from(BLOCK);
    let mut extents: Vec<Extent> = Vec::with_capacity(found.len());
    for files::Extent { offset, length } in found {
        let start = (offset / block * block).max(from);
        let end = offset.saturating_add(*length).checked_next_multiple_of(block).unwrap_or(u64::MAX).min(to);
        match extents.last_mut() {
            Some(last) if last.offset + last.length >= start => last.length = end.max(last.offset + last.length) - last.offset,
            _ => extents.push(Extent { offset: start, length: end.saturating_sub(start) }),
        }
    }
    let full = found.len() >= limit as usize;
    let next = extents.last().map(|last| last.offset + last.length).filter(|end| full && *end < to);
    ExtentPage { extents, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::tests::named;

    #[test]
    fn a_range_lies_within_the_drive_and_on_its_blocks() {
        let status = named("disk", Kind::File, 40960).status;
        for (offset, length) in [(0, 40960), (4096, 8192), (40960, 0), (0, 0)] {
            assert!(within(&status, offset, length).is_ok(), "{length} at {offset}");
        }
        for (offset, length) in [(0, 45056), (40960, 4096), (45056, 0), (512, 4096), (0, 100), (u64::MAX - 4095, 4096)] {
            assert!(within(&status, offset, length).is_err(), "{length} at {offset}");
        }
    }

    fn told(found: &[(u64, u64)], range: (u64, u64), limit: u32) -> (Vec<(u64, u64)>, Option<u64>) {
        let found: Vec<_> = found.iter().map(|(offset, length)| files::Extent { offset: *offset, length: *length }).collect();
        let page = page(&found, range, limit);
        (page.extents.into_iter().map(|extent| (extent.offset, extent.length)).collect(), page.next)
    }

    #[test]
    fn extents_are_whole_blocks_apart_and_within_the_range() {
        assert_eq!(told(&[(0, 4096), (8192, 4096)], (0, 1 << 20), 10), (vec![(0, 4096), (8192, 4096)], None));
        // Of a file system with blocks of 1 KiB: what lies in one block of the drive is one extent.
        assert_eq!(told(&[(1024, 1024), (3072, 4096), (20480, 512)], (0, 1 << 20), 10), (vec![(0, 8192), (20480, 4096)], None));
        assert_eq!(told(&[(8192, 4096)], (8192, 12288), 10), (vec![(8192, 4096)], None));
        assert_eq!(told(&[], (0, 1 << 20), 10), (vec![], None));
    }

    #[test]
    fn a_page_that_is_full_leads_on_from_its_end() {
        assert_eq!(told(&[(0, 4096), (8192, 4096)], (0, 1 << 20), 2).1, Some(12288));
        assert_eq!(told(&[(0, 4096), (8192, 1024)], (0, 1 << 20), 2).1, Some(12288));
        assert_eq!(told(&[(0, 4096), (8192, 4096)], (0, 1 << 20), 3).1, None);
        // Nothing is left of the range.
        assert_eq!(told(&[(0, 4096)], (0, 4096), 1).1, None);
    }
}
