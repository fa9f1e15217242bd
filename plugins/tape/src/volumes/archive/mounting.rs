//! What an archive's mount asks for, done by the drive.

use capstan_scsi::tape::Space;
use capstan_sdk::{Failure, Outcome, log};
use capstan_tape_archive::{Abilities, Action, Answer, Met, Mount, MountFailure};

use super::Archive;
use crate::tape::{self, Spot, Tape};
use crate::volumes::Without;
use crate::volumes::spacing::{One, Spaced, one, space, to_end};

/// None of it is this format's, or all that is needed of it cannot be read.
pub(crate) async fn mount(tape: &mut Tape) -> Outcome<Result<Archive, Without>> {
    tape.spot().await?;
    // A drive that knows no places is not trusted to count its way back.
    let knows = tape.knows_places();
    let mut mount = Mount::new(Abilities { locate: knows, backwards: knows });
    loop {
        let action = mount.next();
        if action == Action::Finished {
            break;
        }
        let mut block = Vec::new();
        let answer = act(tape, action, &mut block).await?;
        if let Err(why) = mount.answer(answer) {
            tape.lose();
            return without(why, &tape.unit.subject).map(Err);
        }
    }
    // Ways by filemarks tell no number.
    tape.lose();
    match mount.finish() {
        Ok((volume, report)) => {
            if !report.is_sound() {
                log!(warn, "a part of a tape cannot be read", "tape" => tape.unit.subject, "report" => format!("{report:?}"));
            }
            if report.trailing {
                log!(info, "what was not synced when a tape was last used is gone", "tape" => tape.unit.subject);
            }
            Ok(Ok(Archive::new(volume)))
        }
        Err(why) => without(why, &tape.unit.subject).map(Err),
    }
}

fn without(why: MountFailure, subject: &str) -> Outcome<Without> {
    match why {
        MountFailure::Blank => Ok(Without::Blank),
        MountFailure::NotOurs => Ok(Without::Foreign),
        MountFailure::Damaged => Ok(Without::Damaged),
        MountFailure::Astray | MountFailure::Unfinished => {
            Err(capstan_sdk::failure::malformed(format!("{subject} went elsewhere than it was sent"), format!("{why:?}")))
        }
    }
}

async fn act<'a>(tape: &mut Tape, action: Action, block: &'a mut Vec<u8>) -> Outcome<Answer<'a>> {
    let done = match action {
        Action::Rewind => tape.go(Spot { partition: 0, object: 0 }).await.map(|()| Answer::Done),
        Action::Locate { object } => tape.go(Spot { partition: 0, object }).await.map(|()| Answer::Done),
        Action::SpaceFilemarks { count } => space(tape, Space::Filemarks(count)).await.map(answer),
        Action::SpaceBlocks { count } => space(tape, Space::Blocks(i32::try_from(count).unwrap_or(i32::MAX))).await.map(answer),
        Action::SpaceEnd => to_end(tape, 0).await.map(|end| Answer::AtEnd { filemarks: end.and_then(|end| end.filemarks) }),
        Action::Read { bytes } => match one(tape, bytes).await {
            Ok(One::Block(read)) => {
                *block = read;
                Ok(Answer::Block(block))
            }
            Ok(One::Filemark) => Ok(Answer::Stopped { done: 0, met: Met::Filemark }),
            Ok(One::End) => Ok(Answer::Stopped { done: 0, met: Met::EndOfData }),
            Err(failure) => Err(failure),
        },
        Action::Finished => Ok(Answer::Done),
    };
    match done {
        // Of the medium, not of the way to it.
        Err(Failure::Corrupt(_)) => Ok(Answer::Unreadable),
        other => other,
    }
}

fn answer(spaced: Spaced) -> Answer<'static> {
    match spaced.met {
        None => Answer::Done,
        Some(met) => Answer::Stopped {
            done: u64::from(spaced.done),
            met: match met {
                tape::Met::Filemark => Met::Filemark,
                tape::Met::EndOfData => Met::EndOfData,
                tape::Met::Beginning => Met::Beginning,
            },
        },
    }
}
