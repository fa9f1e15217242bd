//! A fresh volume.

use capstan_sdk::Outcome;
use capstan_sdk::failure::invalid;
use capstan_tape_archive::{Label, Step};

use crate::medium;
use crate::tape::{Spot, Tape};
use crate::volumes::feed::Feed;
use crate::volumes::now;

/// In one partition; nothing is left of what was on the tape.
pub(crate) async fn lay(tape: &mut Tape, label: &str, volume: [u8; 16], block_bytes: u32) -> Outcome<()> {
    let volume = capstan_sdk::text::hex(&volume);
    let label = Label::new(label, &volume, now(), block_bytes).map_err(|why| {
        invalid(format!("{label:?} in blocks of {block_bytes} bytes cannot be labelled")).detail(format!("{why:?}"))
    })?;
    medium::partition(tape, None).await?;
    let mut feed = Feed::begin(tape, Spot { partition: 0, object: 0 }).await?;
    for step in label.format() {
        match step {
            Step::Block(block) => feed.block(tape, block).await?,
            Step::Filemark { durable } => feed.mark(tape, durable).await?,
        }
    }
    feed.settle(tape).await
}
