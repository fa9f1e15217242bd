//! What a cartridge that is in a drive holds, found out.

use capstan_scsi::mode;
use capstan_scsi::tape::Partitions;
use capstan_sdk::{Failure, Outcome};

use super::contents::Volume;
use super::spacing::{One, one};
use super::{FILES, Without, archive, ltfs};
use crate::medium;
use crate::tape::{Spot, Tape};

/// What a drive says of the medium in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) density: Option<u8>,
    pub(crate) write_protected: bool,
    pub(crate) page: Option<Partitions>,
}

impl Shape {
    pub(crate) async fn ask(tape: &mut Tape) -> Outcome<Self> {
        let (settings, page) = match medium::mode_page(tape, Partitions::PAGE).await {
            Ok(told) => told,
            Err(Failure::Unsupported(_)) => return Ok(Self::default()),
            Err(failure) => return Err(failure),
        };
        let settings: mode::Parameters<'_> = medium::parameters(tape, &settings)?;
        let page = page.and_then(|page| Partitions::read(&page).ok());
        let density = settings.blocks.map(|blocks| blocks.density);
        Ok(Self { density, write_protected: settings.is_write_protected(), page })
    }

    pub(crate) fn partitions(&self) -> u8 {
        self.page.as_ref().map_or(1, |page| page.additional.saturating_add(1))
    }
}

/// LTFS where its labels are, else an archive where its label is, else why there are no files.
pub(crate) async fn look(tape: &mut Tape, shape: &Shape) -> Outcome<Result<Volume, Without>> {
    if shape.partitions() >= 2 {
        match ltfs::mount(tape).await? {
            Ok(ltfs) => return Ok(bounded(Volume::Ltfs(Box::new(ltfs)))),
            Err(why @ (Without::Damaged | Without::Large)) => return Ok(Err(why)),
            Err(Without::Blank | Without::Foreign) => {}
        }
    }
    Ok(match archive::mount(tape).await? {
        Ok(archive) => bounded(Volume::Archive(Box::new(archive))),
        Err(Without::Foreign) if is_bare(tape).await? => Err(Without::Blank),
        Err(why) => Err(why),
    })
}

/// One that has more files than there is room for is not shown in part.
fn bounded(volume: Volume) -> Result<Volume, Without> {
    if volume.files().objects() > FILES { Err(Without::Large) } else { Ok(volume) }
}

/// Nothing but a label, a mark and the end.
async fn is_bare(tape: &mut Tape) -> Outcome<bool> {
    tape.go(Spot { partition: 0, object: 0 }).await?;
    let found = match one(tape, u32::MAX).await {
        Ok(One::Block(label)) if label.len() == crate::label::BYTES && label.starts_with(b"VOL1") => {
            matches!(one(tape, u32::MAX).await?, One::Filemark) && matches!(one(tape, u32::MAX).await?, One::End)
        }
        Ok(_) | Err(Failure::Corrupt(_)) => false,
        Err(failure) => return Err(failure),
    };
    Ok(found)
}
