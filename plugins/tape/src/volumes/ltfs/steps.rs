//! Steps of a format or a commit, done by the drive.

use std::iter::Peekable;

use capstan_iscsi::Data;
use capstan_ltfs::memory::{Coherency, change_reference, id};
use capstan_ltfs::{Index, IndexWriter, Step, Uuid};
use capstan_scsi::attribute::{self, Attribute};
use capstan_sdk::Outcome;
use capstan_sdk::failure::malformed;

use crate::medium;
use crate::tape::{Spot, Tape};
use crate::unit::Stop;
use crate::volumes::feed::Feed;

/// What the steps wrote.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Blocks of the first index.
    pub(super) index_blocks: u64,
    pub(super) near_end: bool,
}

/// `gigabytes`: of the index partition, where it is made.
pub(super) async fn run(tape: &mut Tape, steps: Vec<Step>, index: &Index, block_bytes: u32, gigabytes: u16) -> Outcome<Done> {
    let mut feed = None;
    let mut done = Done::default();
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::MakePartitions => medium::partition(tape, Some(gigabytes)).await?,
            Step::Locate { number, block } => {
                ended(tape, &mut feed, &mut done).await?;
                feed = Some(Feed::begin(tape, Spot { partition: number, object: block }).await?);
            }
            Step::WriteBlock(block) => here(&mut feed)?.block(tape, block).await?,
            Step::WriteFilemark => here(&mut feed)?.mark(tape, !goes_on(&mut steps)).await?,
            Step::WriteIndex(pointers) => {
                let feed = here(&mut feed)?;
                feed.settle(tape).await?;
                if tape.here().is_some_and(|here| here.object != pointers.location.block) {
                    return Err(malformed(
                        format!("{} is not where an index was to go", tape.unit.subject),
                        format!("{pointers:?}"),
                    ));
                }
                let mut blocks: u64 = 0;
                for block in IndexWriter::new(index, pointers, block_bytes) {
                    feed.block(tape, block).await?;
                    blocks = blocks.saturating_add(1);
                }
                if done.index_blocks == 0 {
                    done.index_blocks = blocks;
                }
            }
            Step::WriteAttributes { number, attributes } => {
                ended(tape, &mut feed, &mut done).await?;
                write_memory(tape, number, &attributes).await?;
            }
            Step::Remember { number, held } => {
                ended(tape, &mut feed, &mut done).await?;
                remember(tape, number, held.generation, held.block, index.volume).await?;
            }
        }
    }
    ended(tape, &mut feed, &mut done).await?;
    Ok(done)
}

/// An index follows, whose own mark says that all of it is there.
fn goes_on(steps: &mut Peekable<impl Iterator<Item = Step>>) -> bool {
    matches!(steps.peek(), Some(Step::WriteIndex(_)))
}

fn here(feed: &mut Option<Feed>) -> Outcome<&mut Feed> {
    feed.as_mut().ok_or_else(|| malformed("a tape is written to before it is sent anywhere", ""))
}

async fn ended(tape: &mut Tape, feed: &mut Option<Feed>, done: &mut Done) -> Outcome<()> {
    if let Some(mut feed) = feed.take() {
        feed.settle(tape).await?;
        done.near_end |= feed.near_end;
    }
    Ok(())
}

/// A cartridge without a memory, or a drive that does not write it, does without.
async fn write_memory(tape: &mut Tape, number: u8, attributes: &[Attribute]) -> Outcome<()> {
    let Some((cdb, list)) = attribute::write(number, true, attributes) else { return Ok(()) };
    match tape.unit.ask(&cdb, Data::Out(list)).await {
        Err(Stop::Failed(failure)) => Err(failure),
        Ok(_) | Err(Stop::Refused(_)) => Ok(()),
    }
}

async fn remember(tape: &mut Tape, number: u8, generation: u64, block: u64, volume: Uuid) -> Outcome<()> {
    let memory = medium::memory(tape, number).await?;
    let reference = memory.iter().find(|attribute| attribute.id == id::VOLUME_CHANGE_REFERENCE);
    let Some(change_reference) = reference.and_then(|attribute| change_reference(&attribute.value)) else { return Ok(()) };
    let coherency = Coherency { change_reference, generation, block, volume };
    write_memory(tape, number, &[coherency.to_attribute()]).await
}
