//! What an LTFS mount wants, done by the drive.

use capstan_ltfs::bounds::Room;
use capstan_ltfs::{Answer, Mount, Unmountable, Want, memory::id};
use capstan_scsi::attribute::Attribute;
use capstan_scsi::tape::Space;
use capstan_sdk::{Failure, Outcome, log};

use super::Ltfs;
use crate::medium;
use crate::tape::{END_OF_DATA, Met, Spot, Tape};
use crate::volumes::spacing::{One, one, space, to_end};
use crate::volumes::{FILES, Without};

/// Bytes of what is kept of an index beside its entries: names, extents, attributes.
const INDEX_BYTES: u64 = 128 << 20;

pub(crate) async fn mount(tape: &mut Tape) -> Outcome<Result<Ltfs, Without>> {
    let entries = u32::try_from(FILES).unwrap_or(u32::MAX);
    let mut mount = Mount::new(Room { entries, bytes: INDEX_BYTES });
    loop {
        let want = mount.want();
        if want == Want::Nothing {
            break;
        }
        match done(tape, want).await {
            Ok(done) => mount.take(done.answer()),
            // Of the medium, not of the way to it.
            Err(Failure::Corrupt(_)) => mount.take(Answer::Unreadable),
            Err(failure) if failure.fault().code.as_deref() == Some(END_OF_DATA) => mount.take(Answer::End),
            Err(failure) => return Err(failure),
        }
    }
    let mounted = match mount.finish() {
        Ok(mounted) => mounted,
        Err(why) => return without(why, &tape.unit.subject).map(Err),
    };
    if let Some(generation) = mounted.lost_generation {
        log!(warn, "an index of a tape cannot be read, the one before it is taken", "tape" => tape.unit.subject, "lost" => generation);
    }
    if !mounted.decision.is_consistent() {
        log!(info, "a tape was not closed when it was last used; it is put in order before the next write", "tape" => tape.unit.subject);
    }
    Ok(Ok(Ltfs::new(mounted)))
}

fn without(why: Unmountable, subject: &str) -> Outcome<Without> {
    match why {
        Unmountable::Blank => Ok(Without::Blank),
        Unmountable::Foreign | Unmountable::TwoVolumes => Ok(Without::Foreign),
        Unmountable::NoIndex | Unmountable::Damaged => Ok(Without::Damaged),
        Unmountable::Unfinished => {
            Err(capstan_sdk::failure::malformed(format!("{subject} went elsewhere than it was sent"), why.to_string()))
        }
    }
}

/// What came of it, kept for as long as the answer points to it.
enum Done {
    Block(Vec<u8>),
    Filemark,
    End,
    At(u64),
    Memory(Vec<Attribute>),
}

impl Done {
    fn answer(&self) -> Answer<'_> {
        match self {
            Self::Block(block) => Answer::Block(block),
            Self::Filemark => Answer::Filemark,
            Self::End => Answer::End,
            Self::At(block) => Answer::At(*block),
            Self::Memory(memory) => {
                let value = |id| memory.iter().find(|attribute| attribute.id == id).map(|attribute| attribute.value.as_slice());
                Answer::Attributes {
                    change_reference: value(id::VOLUME_CHANGE_REFERENCE),
                    coherency: value(id::VOLUME_COHERENCY),
                }
            }
        }
    }
}

async fn done(tape: &mut Tape, want: Want) -> Outcome<Done> {
    match want {
        Want::Read { number, block, bytes } => {
            tape.go(Spot { partition: number, object: block }).await?;
            Ok(match one(tape, bytes).await? {
                One::Block(block) => Done::Block(block),
                One::Filemark => Done::Filemark,
                One::End => Done::End,
            })
        }
        Want::Attributes { number } => Ok(Done::Memory(medium::memory(tape, number).await?)),
        Want::End { number } => match to_end(tape, number).await? {
            Some(end) => Ok(Done::At(end.object)),
            None => Err(capstan_sdk::failure::corrupt(format!("{} does not tell where its data ends", tape.unit.subject))),
        },
        Want::FilemarkBefore { number, block } => {
            tape.go(Spot { partition: number, object: block }).await?;
            let spaced = space(tape, Space::Filemarks(-1)).await?;
            if spaced.met == Some(Met::Beginning) {
                return Ok(Done::End);
            }
            Ok(Done::At(tape.spot().await?.object))
        }
        Want::Nothing => Ok(Done::End),
    }
}
