//! Ways over marks and blocks while a volume is looked for: they tell how far they came, and the tape's number is not known afterwards.

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, Ended, Form, Place, Position, Space};
use capstan_sdk::Outcome;
use capstan_sdk::failure::{cancelled, invalid};

use crate::lane::Ahead;
use crate::outside;
use crate::stream::{Next, next, stop};
use crate::tape::{Met, Spot, Tape};

/// What one read finds; the tape is behind it.
pub(crate) enum One {
    Block(Vec<u8>),
    Filemark,
    End,
}

/// One block; of one that is longer than `most` bytes its beginning.
pub(crate) async fn one(tape: &mut Tape, most: u32) -> Outcome<One> {
    let mut ahead = Ahead::default();
    // Not several at once.
    tape.steady = false;
    let read = next(tape, &mut ahead, u64::from(tape::LENGTH)).await;
    stop(tape, &mut ahead).await;
    Ok(match read? {
        Next::Block(mut block) => {
            block.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            One::Block(block)
        }
        // Than any command can name.
        Next::TooLong(_) => One::Block(Vec::new()),
        Next::Over if tape.met == Some(Met::Filemark) => One::Filemark,
        Next::Over => One::End,
    })
}

/// How far a way led.
pub(crate) struct Spaced {
    /// Blocks or filemarks, without the one that was met.
    pub(crate) done: u32,
    pub(crate) met: Option<Met>,
}

/// A drive that does not know places does not always tell how far it came either: it is sent over one filemark after the other.
pub(crate) async fn space(tape: &mut Tape, by: Space) -> Outcome<Spaced> {
    let Space::Filemarks(count @ 2..) = by else { return spaced(tape, by).await };
    if tape.knows_places() {
        return spaced(tape, by).await;
    }
    for done in 0..count.unsigned_abs() {
        if outside::cancelled() {
            return Err(cancelled("the job was cancelled"));
        }
        let one = spaced(tape, Space::Filemarks(1)).await?;
        if one.met.is_some() {
            return Ok(Spaced { done, met: one.met });
        }
    }
    Ok(Spaced { done: count.unsigned_abs(), met: None })
}

async fn spaced(tape: &mut Tape, by: Space) -> Outcome<Spaced> {
    let count = match by {
        Space::Blocks(count) | Space::Filemarks(count) => count.unsigned_abs(),
        Space::EndOfData => 0,
    };
    let cdb = tape::space(by).ok_or_else(|| invalid("a way that is too long"))?;
    let ended = match tape.unit.tell(&cdb, Data::None, count).await {
        Ok((ended, _)) => ended,
        Err(stop) => return Err(tape.astray(stop)),
    };
    tape.lose();
    let (left, met) = match ended {
        Ended::Whole | Ended::NearEnd { .. } => (Some(0), None),
        Ended::Filemark { left } => (left, Some(Met::Filemark)),
        Ended::EndOfData { left } | Ended::EndOfMedium { left } => (left, Some(Met::EndOfData)),
        Ended::Beginning { left } => (left, Some(Met::Beginning)),
        Ended::Length { .. } => return Err(tape.odd(ended)),
    };
    match left {
        Some(left) => Ok(Spaced { done: count.saturating_sub(left), met }),
        // Of one none was done.
        None if count == 1 => Ok(Spaced { done: 0, met }),
        // Wherever that is.
        None if by == Space::EndOfData => Ok(Spaced { done: 0, met }),
        None => Err(tape.odd(ended)),
    }
}

/// The end of a partition's data.
pub(crate) struct End {
    pub(crate) object: u64,
    /// Before it.
    pub(crate) filemarks: Option<u64>,
}

/// To there; none: the drive does not tell where that is.
pub(crate) async fn to_end(tape: &mut Tape, partition: u8) -> Outcome<Option<End>> {
    let here = tape.spot().await?;
    let known = tape.knows_places();
    let far = tape::locate_far(Place::EndOfData, Some(partition));
    let located = match known {
        true => match tape.unit.tell(&far, Data::None, 0).await {
            Ok(_) => true,
            Err(stop) if stop.is_unknown() => false,
            Err(stop) => return Err(tape.astray(stop)),
        },
        false => false,
    };
    if !located {
        if here.partition != partition {
            tape.go(Spot { partition, object: 0 }).await?;
        }
        space(tape, Space::EndOfData).await?;
    }
    tape.lose();
    if !known {
        return Ok(None);
    }
    for form in [Form::Long, Form::Short] {
        let told = match tape.unit.ask(&tape::read_position(form), Data::In(u32::from(form.bytes()))).await {
            Ok(told) => told,
            Err(stop) if stop.is_unknown() => continue,
            Err(stop) => return Err(tape.astray(stop)),
        };
        let position = Position::read(&told, form).ok();
        let end = position.and_then(|position| Some(End { object: position.object?, filemarks: position.files }));
        if end.is_some() {
            return Ok(end);
        }
    }
    Ok(None)
}
