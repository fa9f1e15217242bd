//! In which order files of a cartridge are read soonest: as its drive recommends, else as is reckoned from how its tape lies.

use capstan_scsi::tape::order::Segment;
use capstan_sdk::Outcome;
use capstan_sdk::failure::{invalid, not_found};

use super::contents::Run;
use super::depth::Depth;
use super::{Inside, Mount, drive_of, paths};
use crate::inventory::holder;
use crate::plan;
use crate::reading::{self, Geometry, Layout, Wanted};
use crate::site::site;
use crate::tape::Spot;

/// From here on more bytes came than went onto the tape because the drive compressed them.
const COMPRESSED: f64 = 1.05;
/// Paths of one plan.
const PATHS: usize = 4_096;

/// Indexes into `files`, each once. Nothing is moved for it.
pub(crate) async fn order(cartridge: &str, files: &[String]) -> Outcome<Vec<u32>> {
    if files.len() > PATHS {
        return Err(invalid(format!("{} paths are more than the {PATHS} of one plan", files.len())));
    }
    files.iter().try_for_each(|path| paths::check_inner(path))?;
    let site = site().await?;
    holder(&site, cartridge).await?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let (drive, mount) = match drive_of(cartridge) {
        Some((drive, inside @ Inside::Files(_))) => (drive, inside.files()?),
        Some((_, Inside::Nothing { .. })) => return Err(not_found(format!("cartridge {cartridge:?} has no files"))),
        None => return Err(not_found(format!("cartridge {cartridge:?} is in no drive, and its files are not known"))),
    };
    let wanted = files.iter().map(|path| wanted(&mount, path)).collect::<Outcome<Vec<Wanted>>>()?;
    let segments: Vec<Segment> = wanted.iter().map(segment).collect();
    let mut taken = site.drive(&drive)?.take().await?;
    let here = taken.it.here().unwrap_or(Spot { partition: 0, object: 0 });
    let recommended = plan::order(&mut taken.it, &segments).await?;
    taken.give_back();
    Ok(match recommended {
        Some(order) => order.into_iter().filter_map(|index| u32::try_from(index).ok()).collect(),
        None => {
            let depth = depth(&mount);
            let before = |object| depth.before(object);
            reading::order(layout(&mount, &depth).as_ref(), &before, (u32::from(here.partition), here.object), &wanted)
        }
    })
}

/// The blocks of a file; one of no bytes has none, and lies at the beginning.
fn wanted(mount: &Mount, path: &str) -> Outcome<Wanted> {
    let volume = mount.volume.borrow();
    let block = u64::from(volume.files().block()).max(1);
    let runs = volume.files().runs(path, 0, u64::MAX)?;
    let mut data = runs.iter().filter_map(|run| match run {
        Run::Data { at, skip, bytes } => Some((*at, u64::from(*skip).saturating_add(*bytes).div_ceil(block))),
        Run::Zeros { .. } => None,
    });
    let Some((first, blocks)) = data.next() else { return Ok(Wanted { partition: 0, object: 0, blocks: 0 }) };
    let end = data.fold(first.object.saturating_add(blocks), |end, (at, blocks)| {
        if at.partition == first.partition { end.max(at.object.saturating_add(blocks)) } else { end }
    });
    Ok(Wanted { partition: u32::from(first.partition), object: first.object, blocks: end.saturating_sub(first.object) })
}

fn segment(wanted: &Wanted) -> Segment {
    let partition = u8::try_from(wanted.partition).unwrap_or(u8::MAX);
    Segment { partition, first: wanted.object, last: wanted.object.saturating_add(wanted.blocks.saturating_sub(1)) }
}

fn depth(mount: &Mount) -> Depth {
    let volume = mount.volume.borrow();
    Depth::new(volume.files().block(), volume.files().stretches())
}

fn layout(mount: &Mount, depth: &Depth) -> Option<Layout> {
    let geometry = Geometry::of(mount.shape.density?)?;
    let (next, room) = (mount.volume.borrow().files().next(), mount.room.borrow());
    let sizes = mount.shape.page.as_ref().map(|page| (0..mount.shape.partitions()).filter_map(|at| page.size(usize::from(at))));
    let sizes: Vec<u64> = sizes.into_iter().flatten().collect();
    let used = room.capacity().zip(room.left()).and_then(|(capacity, left)| capacity.checked_sub(left));
    // A volume of which the end is not known is not written to.
    let used = used.filter(|used| *used > 0 && next.object != u64::MAX);
    let gain = used.map_or(1.0, |used| depth.before(next.object) as f64 / used as f64);
    // A little is what the drive writes besides, or counts coarsely.
    let gain = if gain > COMPRESSED { gain } else { 1.0 };
    if sizes.len() > 1 {
        let whole = sizes.iter().fold(0_u64, |whole, size| whole.saturating_add(*size));
        let layout = Layout::new(geometry, Some(whole), &sizes, gain);
        // The page counts in larger units than the cartridge's memory does.
        return Some(match room.capacity() {
            Some(capacity) => layout.with_partition(u32::from(next.partition), capacity, gain),
            None => layout,
        });
    }
    // Of one partition all is its own.
    Some(Layout::new(geometry, room.capacity(), &[], gain))
}
