//! REWIND, SPACE and LOCATE (SSC-4, sections 7.11, 7.14, 7.15, 7.8, 7.9).

use super::{Drive, Place};
use crate::fields::Fields;
use crate::sense::{Reply, Sense, Stop};
use crate::time::{locate_seconds, rewind_seconds};

impl Drive {
    /// What is buffered comes to the medium; the seconds are spent.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        let partition = self.place.partition;
        self.spent += self.stream.flush(&mut self.totals);
        self.seat.loaded()?.commit(partition, u64::MAX)?;
        Ok(())
    }

    /// The tape goes there.
    pub(super) fn go(&mut self, to: Place) -> Result<(), Stop> {
        self.ready()?;
        self.flush()?;
        let (from, at) = (self.spot(self.place), self.spot(to));
        if to != self.place {
            let seconds = locate_seconds(from, at);
            self.stream.stop();
            self.spent += seconds;
            self.totals.locate_seconds += seconds;
            self.totals.locates += 1;
            (self.place, self.warned) = (to, false);
        }
        Ok(())
    }

    pub(super) fn return_to_beginning(&mut self) -> Result<(), Stop> {
        self.flush()?;
        let seconds = rewind_seconds(self.spot(self.place));
        self.stream.stop();
        self.spent += seconds;
        self.totals.rewind_seconds += seconds;
        (self.place, self.warned) = (Place { record: 0, ..self.place }, false);
        Ok(())
    }

    /// To the beginning of the partition.
    pub(super) fn rewind(&mut self, _command: Fields<'_>) -> Reply {
        self.ready()?;
        if self.place.partition == 0 {
            self.return_to_beginning()?
        } else {
            self.go(Place { record: 0, ..self.place })?
        }
        Ok(Vec::new())
    }

    pub(super) fn space(&mut self, command: Fields<'_>) -> Reply {
        let long = command.byte(0) == 0x91;
        let count = if long {
            command.eight(4).cast_signed()
        } else {
            // Of three bytes, with a sign.
            i64::from((command.three(2) << 8).cast_signed() >> 8)
        };
        let at = self.place;
        let partition = self.ready()?.partition(at.partition).ok_or(Sense::INTERNAL)?;
        let (end, marks) = (partition.count(), partition.marks());
        let (record, stop) = match command.byte(1) & 0x0f {
            0 => blocks(at.record, count, end, marks),
            1 => filemarks(at.record, count, end, marks),
            3 => (end, None),
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        self.go(Place { record, ..at })?;
        stop.map_or(Ok(Vec::new()), |sense| Err(sense.into()))
    }

    pub(super) fn locate(&mut self, command: Fields<'_>) -> Reply {
        let long = command.byte(0) == 0x92;
        let wanted = if long { command.eight(4) } else { u64::from(command.four(3)) };
        let changes = command.bit(1, 0x02);
        let asked = if long { command.byte(3) } else { command.byte(8) };
        let number = if changes { asked } else { self.place.partition };
        let kind = if long { (command.byte(1) >> 3) & 0x07 } else { 0 };
        let partition = self.ready()?.partition(number).ok_or(Sense::INVALID_FIELD)?;
        let (end, marks) = (partition.count(), partition.marks());
        let record = match kind {
            0 => Some(wanted).filter(|wanted| *wanted <= end),
            // A file begins behind the filemark before it.
            1 if wanted == 0 => Some(0),
            1 => usize::try_from(wanted - 1).ok().and_then(|mark| marks.get(mark)).map(|mark| mark + 1),
            3 => Some(end),
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        self.go(Place { partition: number, record: record.unwrap_or(end) })?;
        record.map(|_| Vec::new()).ok_or(Sense::END_OF_DATA.into())
    }
}

/// Where a space over so many blocks ends, and what stopped it.
fn blocks(at: u64, count: i64, end: u64, marks: &[u64]) -> (u64, Option<Sense>) {
    let before = marks.partition_point(|mark| *mark < at);
    let many = count.unsigned_abs();
    if count >= 0 {
        let mark = marks.get(before).copied().filter(|mark| at.saturating_add(many) > *mark);
        match mark {
            Some(mark) => (mark + 1, Some(Sense::FILEMARK.left(left(many, mark - at)))),
            None if at.saturating_add(many) > end => (end, Some(Sense::END_OF_DATA.left(left(many, end - at)))),
            None => (at + many, None),
        }
    } else {
        let mark =
            before.checked_sub(1).and_then(|mark| marks.get(mark)).copied().filter(|mark| at.saturating_sub(many) <= *mark);
        match mark {
            Some(mark) => (mark, Some(Sense::FILEMARK.left(left(many, at - mark - 1)))),
            None if many > at => (0, Some(Sense::BEGINNING.left(left(many, at)))),
            None => (at - many, None),
        }
    }
}

fn filemarks(at: u64, count: i64, end: u64, marks: &[u64]) -> (u64, Option<Sense>) {
    let before = marks.partition_point(|mark| *mark < at);
    let many = count.unsigned_abs();
    if count == 0 {
        return (at, None);
    }
    let steps = usize::try_from(many).unwrap_or(usize::MAX);
    if count > 0 {
        match before.checked_add(steps - 1).and_then(|mark| marks.get(mark)) {
            Some(mark) => (mark + 1, None),
            None => (end, Some(Sense::END_OF_DATA.left(left(many, (marks.len() - before) as u64)))),
        }
    } else {
        match before.checked_sub(steps).and_then(|mark| marks.get(mark)) {
            Some(mark) => (*mark, None),
            None => (0, Some(Sense::BEGINNING.left(left(many, before as u64)))),
        }
    }
}

fn left(asked: u64, done: u64) -> i64 {
    i64::try_from(asked.saturating_sub(done)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks at 0, 1 and 3, filemarks at 2 and 4.
    const MARKS: [u64; 2] = [2, 4];

    #[test]
    fn a_space_over_blocks_stops_behind_a_filemark_and_before_it_on_the_way_back() {
        assert_eq!(blocks(0, 2, 5, &MARKS), (2, None));
        assert_eq!(blocks(0, 3, 5, &MARKS), (3, Some(Sense::FILEMARK.left(1))));
        assert_eq!(blocks(4, -3, 5, &MARKS), (2, Some(Sense::FILEMARK.left(2))));
        assert_eq!(blocks(2, -9, 5, &MARKS), (0, Some(Sense::BEGINNING.left(7))));
    }

    #[test]
    fn a_space_over_filemarks_ends_behind_the_last_and_before_it_on_the_way_back() {
        assert_eq!(filemarks(0, 2, 5, &MARKS), (5, None));
        assert_eq!(filemarks(5, -1, 5, &MARKS), (4, None));
        assert_eq!(filemarks(0, 3, 5, &MARKS), (5, Some(Sense::END_OF_DATA.left(1))));
        assert_eq!(filemarks(3, -2, 5, &MARKS), (0, Some(Sense::BEGINNING.left(1))));
    }
}
