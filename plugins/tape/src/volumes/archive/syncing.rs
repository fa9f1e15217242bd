//! The end of a section and its catalogue, onto the tape.

use capstan_sdk::Outcome;
use capstan_tape_archive::{Form, Step};

use super::{Archive, refused};
use crate::tape::Tape;
use crate::volumes::feed::Feed;
use crate::volumes::{Mount, now};

impl Archive {
    /// A full catalogue is left out where there is hardly room for it.
    fn finish(&mut self, left: Option<u64>) -> Outcome<()> {
        let fits = |left: u64| self.volume.closing_bytes(Form::Due).is_ok_and(|bytes| bytes <= left / 2);
        let form = if left.is_none_or(fits) { Form::Due } else { Form::Short };
        self.volume.finish(form, now()).map_err(|why| refused(why, ""))
    }

    fn finished(&mut self) -> Outcome<()> {
        self.volume.finished().map_err(|why| refused(why, ""))?;
        self.measure();
        Ok(())
    }
}

/// Everything is durable when this answers. After a failure nobody knows what the tape holds.
pub(crate) async fn sync(mount: &Mount, tape: &mut Tape) -> Outcome<()> {
    let next = mount.volume.borrow().files().next();
    let mut feed = Feed::begin(tape, next).await?;
    let left = mount.room.borrow().left();
    mount.archive(|archive| archive.finish(left))?;
    while let Some(step) = mount.archive(|archive| Ok(archive.volume.take()))? {
        match step {
            Step::Block(block) => feed.block(tape, block).await?,
            Step::Filemark { durable } => feed.mark(tape, durable).await?,
        }
    }
    feed.settle(tape).await?;
    mount.room.borrow_mut().wrote(&feed);
    mount.archive(Archive::finished)
}
