//! Over blocks and marks: at once by a drive that tells how far it came, object by object with another.

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, Ended, Space, SpaceFar};
use capstan_sdk::Outcome;
use capstan_sdk::failure::invalid;
use capstan_sdk::types;

use super::{Found, Met, Tape};

impl Tape {
    /// Over so many blocks or marks, or to the end of the data.
    pub(crate) async fn space(&mut self, by: types::Spacing, count: i64) -> Outcome<()> {
        self.spot().await?;
        self.met = None;
        if self.knows == Some(true) { self.spaced(by, count).await } else { self.stepped(by, count).await }
    }

    async fn spaced(&mut self, by: types::Spacing, count: i64) -> Outcome<()> {
        let short = i32::try_from(count).ok();
        let (near, far) = match by {
            types::Spacing::EndOfData => (tape::space(Space::EndOfData), None),
            types::Spacing::Blocks => (short.map(Space::Blocks).and_then(tape::space), Some(SpaceFar::Blocks(count))),
            types::Spacing::Filemarks => (short.map(Space::Filemarks).and_then(tape::space), Some(SpaceFar::Filemarks(count))),
        };
        let cdb = match (near, far) {
            (Some(near), _) => near.to_vec(),
            (None, Some(far)) => tape::space_far(far).to_vec(),
            (None, None) => return Err(invalid("a way that is too long")),
        };
        let asked = u32::try_from(count.unsigned_abs()).unwrap_or(u32::MAX);
        let met = match self.unit.tell(&cdb, Data::None, asked).await {
            Ok((Ended::Whole | Ended::NearEnd { .. }, _)) => (by == types::Spacing::EndOfData).then_some(Met::EndOfData),
            Ok((Ended::Filemark { .. }, _)) => Some(Met::Filemark),
            Ok((Ended::EndOfData { .. } | Ended::EndOfMedium { .. }, _)) => Some(Met::EndOfData),
            Ok((Ended::Beginning { .. }, _)) => Some(Met::Beginning),
            Ok((ended, _)) => return Err(self.odd(ended)),
            Err(stop) => return Err(self.astray(stop)),
        };
        self.spot = None;
        self.spot().await?;
        self.met = met;
        if met == Some(Met::EndOfData) {
            self.ends_here();
        }
        Ok(())
    }

    /// The same object by object, for a drive that would not tell how far it came.
    async fn stepped(&mut self, by: types::Spacing, count: i64) -> Outcome<()> {
        let mut left = if by == types::Spacing::EndOfData { u64::MAX } else { count.unsigned_abs() };
        let backward = count < 0 && by != types::Spacing::EndOfData;
        while left > 0 {
            self.go_on()?;
            if backward && self.spot().await?.object == 0 {
                self.met = Some(Met::Beginning);
                return Ok(());
            }
            if backward {
                self.back().await?;
            }
            let found = self.peek().await?;
            if backward {
                self.back().await?;
            }
            match (found, by) {
                (Found::End, _) => return Ok(()),
                (Found::Filemark, types::Spacing::Blocks) => {
                    self.met = Some(Met::Filemark);
                    return Ok(());
                }
                (Found::Filemark, types::Spacing::Filemarks) | (Found::Block, types::Spacing::Blocks) => left -= 1,
                _ => {}
            }
        }
        // It ended where it was to end.
        self.met = None;
        Ok(())
    }
}
