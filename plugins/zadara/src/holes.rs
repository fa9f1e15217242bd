//! Room that holds nothing: given back, and told.
//!
//! A range is given back by WRITE SAME(16) of a block of zeros with UNMAP set: whatever a target then does with it, the range reads
//! as zeros (SBC-3, section 5.50). UNMAP alone is a hint, which a target may pass over for the blocks that it likes. A target that
//! has no WRITE SAME is written zeros.

use std::cell::Cell;

use capstan_iscsi::Data;
use capstan_scsi::{block, primary};
use capstan_sdk::drive::end_within;
use capstan_sdk::types::{Extent, ExtentPage};
use capstan_sdk::{Failure, Outcome};

use crate::bytes::on_disk;
use crate::disk::{Disk, PIECE, Piece, pieces};
use crate::pools::BLOCK;
use crate::record::Place;

/// Pages of vital product data (SBC-3, section 6.5): what there are, block limits, thin provisioning.
const PAGES: u8 = 0x00;
const BLOCK_LIMITS: u8 = 0xb0;
const PROVISIONING: u8 = 0xb2;
/// Bytes of one WRITE SAME, whatever the target would take: it is to be done in a moment.
const SAME_BYTES: u64 = 1 << 30;
/// The same where it has to write the zeros.
const WRITTEN_BYTES: u64 = 16 << 20;
/// Bytes of an answer to GET LBA STATUS, and how many are asked for in one call.
const STATUS_BYTES: u32 = 4096;
const QUESTIONS: usize = 256;

thread_local! {
    /// The VPSA was seen not to tell which blocks hold data.
    static TELLS_NOT: Cell<bool> = const { Cell::new(false) };
}

/// How zeros get where they are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// Given back as well.
    unmap: bool,
    /// Bytes of one command.
    most: u64,
}

/// What a unit says that it does with room (SBC-3, sections 6.5.3 and 6.5.4).
fn way(limits: &[u8], provisioning: &[u8], thin: bool) -> Way {
    // LBPWS: WRITE SAME(16) unmaps.
    let unmap = thin && provisioning.get(1).is_some_and(|flags| flags & 0x40 != 0);
    let told = limits.get(32..40).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    let bytes = told.saturating_mul(u64::from(BLOCK));
    let most = if unmap { SAME_BYTES } else { WRITTEN_BYTES };
    Way { unmap, most: if told == 0 { most } else { bytes.min(most) } }
}

async fn page(disk: &mut Disk, page: u8) -> Outcome<Vec<u8>> {
    let bytes = disk.run(&primary::inquiry_page(page), Data::In(u32::from(primary::PAGE_BYTES))).await?;
    Ok(primary::read_page(&bytes, page).map(<[u8]>::to_vec).unwrap_or_default())
}

async fn way_of(disk: &mut Disk) -> Outcome<Way> {
    let there = page(disk, PAGES).await?;
    let limits = if there.contains(&BLOCK_LIMITS) { page(disk, BLOCK_LIMITS).await? } else { Vec::new() };
    let provisioning = if there.contains(&PROVISIONING) { page(disk, PROVISIONING).await? } else { Vec::new() };
    Ok(way(&limits, &provisioning, disk.capacity.thin))
}

pub(crate) async fn discard(place: Place<'_>, range: Piece) -> Outcome<()> {
    on_disk(place, async |disk: &mut Disk| {
        end_within(disk.capacity.bytes(), BLOCK, range.offset, range.length)?;
        if range.length == 0 {
            return Ok(());
        }
        let way = way_of(disk).await?;
        let same = async |piece: Piece| {
            let cdb = block::write_same(piece.block(), piece.blocks(), way.unmap);
            Ok((cdb.to_vec(), Data::Out(vec![0; BLOCK as usize])))
        };
        match disk.run_all(pieces(range, way.most), same, async |_, _| Ok(true)).await {
            // Not this way.
            Err(Failure::Unsupported(_)) => {}
            done => return done,
        }
        let zeros = async |piece: Piece| {
            let bytes = vec![0; usize::try_from(piece.length).unwrap_or(0)];
            Ok((block::write(piece.block(), piece.blocks(), false).to_vec(), Data::Out(bytes)))
        };
        disk.run_all(pieces(range, u64::from(PIECE)), zeros, async |_, _| Ok(true)).await
    })
    .await
}

/// Where data may be. A VPSA that does not tell may have it everywhere.
pub(crate) async fn extents(place: Place<'_>, range: Piece, limit: u32) -> Outcome<ExtentPage> {
    on_disk(place, async |disk: &mut Disk| {
        end_within(disk.capacity.bytes(), BLOCK, range.offset, range.length)?;
        if range.length == 0 {
            return Ok(ExtentPage { extents: Vec::new(), next: None });
        }
        let all = || ExtentPage { extents: vec![Extent { offset: range.offset, length: range.length }], next: None };
        if TELLS_NOT.get() || !disk.capacity.unmapped_are_zero {
            return Ok(all());
        }
        match mapped(disk, range, limit.max(1) as usize).await {
            Err(Failure::Unsupported(_)) => {
                TELLS_NOT.set(true);
                Ok(all())
            }
            told => told,
        }
    })
    .await
}

async fn mapped(disk: &mut Disk, range: Piece, limit: usize) -> Outcome<ExtentPage> {
    let end = range.offset + range.length;
    let (mut at, mut extents): (u64, Vec<Extent>) = (range.offset, Vec::new());
    for _ in 0..QUESTIONS {
        if at >= end {
            return Ok(ExtentPage { extents, next: None });
        }
        let cdb = block::get_lba_status(at / u64::from(BLOCK), STATUS_BYTES);
        let answer = disk.run(&cdb, Data::In(STATUS_BYTES)).await?;
        let told = block::read_lba_status(&answer, at / u64::from(BLOCK));
        if told.is_empty() {
            // What is not told may be there.
            add(&mut extents, at, end);
            return Ok(ExtentPage { extents, next: None });
        }
        for part in told {
            let stop = part.end.saturating_mul(u64::from(BLOCK)).min(end);
            if part.mapped {
                let full = extents.len() >= limit && extents.last().is_none_or(|last| last.offset + last.length != at);
                if full {
                    return Ok(ExtentPage { extents, next: Some(at) });
                }
                add(&mut extents, at, stop);
            }
            at = stop;
            if at >= end {
                break;
            }
        }
    }
    let next = (at < end).then_some(at);
    Ok(ExtentPage { extents, next })
}

/// Neighbours become one.
fn add(extents: &mut Vec<Extent>, from: u64, to: u64) {
    match extents.last_mut() {
        Some(last) if last.offset + last.length == from => last.length = to - last.offset,
        _ if from < to => extents.push(Extent { offset: from, length: to - from }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_asked_for_what_it_says_it_can() {
        let mut limits = vec![0; 60];
        let provisioning = [0, 0x60, 0, 0];
        assert_eq!(way(&limits, &provisioning, true), Way { unmap: true, most: SAME_BYTES });
        assert_eq!(way(&limits, &provisioning, false), Way { unmap: false, most: WRITTEN_BYTES });
        assert_eq!(way(&limits, &[], true), Way { unmap: false, most: WRITTEN_BYTES });
        limits[39] = 8;
        assert_eq!(way(&limits, &provisioning, true), Way { unmap: true, most: 4096 });
        assert_eq!(way(&[], &provisioning, true), Way { unmap: true, most: SAME_BYTES });
    }

    #[test]
    fn neighbouring_extents_are_one() {
        let mut extents = Vec::new();
        for (from, to) in [(0, 10), (10, 20), (30, 40), (40, 40)] {
            add(&mut extents, from, to);
        }
        assert_eq!(extents, [Extent { offset: 0, length: 20 }, Extent { offset: 30, length: 10 }]);
    }
}
