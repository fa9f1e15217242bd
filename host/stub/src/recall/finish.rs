//! The end of a recall: the file is whole, durably, or a stub as before.

use capstan_digest as digest;
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::{Failure, Outcome};

use super::{Arrived, Filling, PIECE, Phase, Progress};
use crate::fault::{self, Named};
use crate::hole;
use crate::record::Stage;
use crate::steps::{Step, reached};
use crate::tree::RawTree;

/// Recalls that share two syncs.
pub const FINISH_TOGETHER: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sealed {
    Now,
    /// It was whole already.
    Before,
}

impl Filling {
    /// The content is whole: it is synced, then the record says premigrated, durably, and the file is what it was before it was migrated.
    /// Fails with `Conflict` (`incomplete`) when pieces are missing, and then may go on; any other failure, of a sync above all (D7),
    /// leaves a stub. Nothing, when it is whole already.
    pub fn finish(&self) -> Outcome<()> {
        if self.seal()? == Sealed::Before {
            return Ok(());
        }
        self.flip(self.file.sync())?;
        self.settle_end(self.file.sync())
    }

    /// A stub again, with what was brought freed. Nothing, when it ended already; fails with `Busy` while somebody finishes it.
    pub fn abandon(&self) -> Outcome<()> {
        let mut progress = self.change();
        match progress.phase {
            Phase::Whole | Phase::StubAgain => Ok(()),
            Phase::Finishing => Err(fault::busy(self.file.shown())),
            Phase::Filling => self.free(&mut progress),
        }
    }

    fn free(&self, progress: &mut Progress) -> Outcome<()> {
        progress.phase = Phase::StubAgain;
        progress.pieces.fill(Arrived::Not);
        let content = &self.record.content;
        let mut record = self.record.at(Stage::Migrated);
        record.leading = progress.leading;
        let freed = hole::punch(&self.file, record.leading, content.size, content.size).on(self.file.shown());
        let done = freed
            .and_then(|()| self.attributes.put_back(&self.file, content.modified))
            .and_then(|()| self.file.write_record(&record));
        // Where that failed the record still says that it is being recalled, which is as good as a stub.
        progress.lock = None;
        done
    }

    /// Everything but the syncs and the record.
    fn seal(&self) -> Outcome<Sealed> {
        let mut progress = self.change();
        match progress.phase {
            Phase::Whole => return Ok(Sealed::Before),
            Phase::StubAgain => return Err(self.given_up()),
            Phase::Finishing => return Err(fault::busy(self.file.shown())),
            Phase::Filling => self.check_complete(&progress)?,
        }
        progress.phase = Phase::Finishing;
        let proved = self.check_proved(&progress);
        drop(progress);
        let sealed = proved
            .and_then(|()| self.attributes.put_back(&self.file, self.record.content.modified))
            .and_then(|()| reached(Step::ContentTimed).on(self.file.shown()));
        sealed.map(|()| Sealed::Now).map_err(|failure| self.fail(failure))
    }

    /// `synced`: whether the content is durable.
    fn flip(&self, synced: Outcome<()>) -> Outcome<()> {
        let mut record = self.record.at(Stage::Premigrated);
        record.leading = 0;
        let flipped = synced
            .and_then(|()| reached(Step::ContentSynced).on(self.file.shown()))
            .and_then(|()| self.file.write_record(&record))
            .and_then(|()| reached(Step::PremigratedWritten).on(self.file.shown()));
        flipped.map_err(|failure| self.fail(failure))
    }

    /// `synced`: whether the record is durable.
    fn settle_end(&self, synced: Outcome<()>) -> Outcome<()> {
        match synced.and_then(|()| reached(Step::PremigratedSynced).on(self.file.shown())) {
            Ok(()) => {
                let mut progress = self.change();
                progress.phase = Phase::Whole;
                progress.lock = None;
                Ok(())
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    fn fail(&self, failure: Failure) -> Failure {
        match self.free(&mut self.change()) {
            Ok(()) => failure,
            Err(worse) => failure.with_detail(format!("it could not be made a stub again: {worse}")),
        }
    }

    fn check_complete(&self, progress: &Progress) -> Outcome<()> {
        let missing = progress.pieces.iter().filter(|piece| matches!(piece, Arrived::Not | Arrived::Coming)).count();
        if missing == 0 {
            return Ok(());
        }
        let message = format!("{missing} pieces of {:?} are not here yet", self.file.shown());
        Err(Failure::new(Kind::Conflict, message).with_retry(Retry::Later).with_code("incomplete"))
    }

    /// Pieces of which nothing was known are proved together.
    fn check_proved(&self, progress: &Progress) -> Outcome<()> {
        if self.expected.is_some() {
            return Ok(());
        }
        let content = &self.record.content;
        let value = |piece: &Arrived| match piece {
            Arrived::Unproved(value) => Some(*value),
            _ => None,
        };
        let values: Option<Vec<_>> = progress.pieces.iter().map(value).collect();
        if values.and_then(|values| digest::root(&values, content.size, PIECE)) == Some(content.blake3) {
            return Ok(());
        }
        Err(fault::differs(self.file.shown(), "not the content that was stored"))
    }
}

impl RawTree {
    /// Finishes many recalls of this tree with two syncs. Answers for each, in their order; those beyond [`FINISH_TOGETHER`] are
    /// finished each on its own.
    pub fn finish_all(&self, fillings: &[&Filling]) -> Vec<Outcome<()>> {
        let (together, alone) = fillings.split_at_checked(FINISH_TOGETHER).unwrap_or((fillings, &[]));
        let sealed: Vec<_> = together.iter().map(|filling| filling.seal()).collect();
        let content = self.sync_if(sealed.contains(&Ok(Sealed::Now)));
        let flip = |(filling, sealed): (&&Filling, Outcome<Sealed>)| match sealed? {
            Sealed::Before => Ok(Sealed::Before),
            Sealed::Now => filling.flip(content.clone()).map(|()| Sealed::Now),
        };
        let flipped: Vec<_> = together.iter().zip(sealed).map(flip).collect();
        let record = self.sync_if(flipped.contains(&Ok(Sealed::Now)));
        let end = |(filling, flipped): (&&Filling, Outcome<Sealed>)| match flipped? {
            Sealed::Before => Ok(()),
            Sealed::Now => filling.settle_end(record.clone()),
        };
        let ended = together.iter().zip(flipped).map(end);
        ended.chain(alone.iter().map(|filling| filling.finish())).collect()
    }

    fn sync_if(&self, wanted: bool) -> Outcome<()> {
        if wanted { self.sync() } else { Ok(()) }
    }
}
