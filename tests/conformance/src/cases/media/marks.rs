//! Filemarks: several, none, and the way over them.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::Spacing;

use super::stream::{spaced, two_files};
use super::{ALL, FIRST, ONE, blank, is_at};
use crate::case::{Case, Want};
use crate::content::seeded_bytes;
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "write-marks", clause::MEDIA_WRITE, [Media], "as many filemarks are written as were asked for, and each is an object", marks;
        "write-without-marks", clause::MEDIA_WRITE, [Media], "what is written without a filemark goes on", without_marks;
        "write-nothing", clause::MEDIA_WRITE, [Media], "content of no bytes leaves its filemarks alone", nothing;
        "locate-stands", clause::MEDIA_LOCATE, [Media], "a tape stands where it was sent to", stands;
        "space-marks-in-a-row", clause::MEDIA_SPACE, [Media], "each filemark counts, also behind another", in_a_row;
        "space-nowhere", clause::MEDIA_SPACE, [Media], "over nothing the tape stays where it is", nowhere;
        "format-wrong-label", clause::MEDIA_FORMAT, [Media], "a label that no cartridge can have is refused, and nothing is lost", wrong_label;
    }
}

async fn marks(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    // Objects 2, 3, 4 and the marks 5, 6, 7.
    let behind = tape.lay(FIRST, 2 * ONE + 10, 1, 3).await?;
    tape.holds(FIRST, 2 * ONE + 10, 1).await?;
    for mark in [FIRST + 4, FIRST + 5] {
        ensure!(tape.read(mark, ALL).await.map_err(told)?.is_empty(), "there are bytes in the filemark {mark}");
        tape.stands(mark + 1, Some("filemark")).await?;
    }
    ensure!(tape.read(behind, ALL).await.map_err(told)?.is_empty(), "something lies behind the filemarks");
    tape.stands(behind, Some("end-of-data")).await?;
    tape.put(behind, ONE, 2).await?;
    tape.holds(behind, ONE, 2).await
}

async fn without_marks(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let second = tape.lay(FIRST, 2 * ONE, 1, 0).await?;
    let end = tape.lay(second, ONE + 100, 2, 0).await?;
    let both = [seeded_bytes(1, 0, 2 * ONE), seeded_bytes(2, 0, ONE + 100)].concat();
    let bytes = tape.read(FIRST, ALL).await.map_err(told)?;
    ensure!(bytes == both, "{} bytes came instead of {}", bytes.len(), both.len());
    tape.stands(end, Some("end-of-data")).await
}

async fn nothing(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let behind = tape.lay(FIRST, 0, 1, 2).await?;
    tape.lay(behind, 0, 2, 0).await?;
    for mark in [FIRST, FIRST + 1] {
        ensure!(tape.read(mark, ALL).await.map_err(told)?.is_empty(), "there are bytes at {mark}");
        tape.stands(mark + 1, Some("filemark")).await?;
    }
    ensure!(tape.read(behind, ALL).await.map_err(told)?.is_empty(), "something was made of nothing");
    tape.stands(behind, Some("end-of-data")).await
}

async fn stands(stand: &Stand<'_>) -> Check {
    let tape = two_files(stand).await?;
    for object in [7, 0, 10, 5, 6, 2] {
        is_at(&tape.media.locate(&tape.drive, 0, object).await.map_err(told)?, object, None)?;
        tape.stands(object, None).await?;
    }
    Ok(())
}

async fn in_a_row(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    // Objects 2, 3 and the marks 4, 5, 6; 7 and the mark 8.
    let second = tape.lay(FIRST, 2 * ONE, 1, 3).await?;
    tape.put(second, ONE, 2).await?;
    is_at(&tape.media.locate(&tape.drive, 0, FIRST).await.map_err(told)?, FIRST, None)?;
    spaced(&tape, Spacing::Filemarks, 1, 5, None).await?;
    spaced(&tape, Spacing::Filemarks, 1, 6, None).await?;
    spaced(&tape, Spacing::Filemarks, 1, 7, None).await?;
    spaced(&tape, Spacing::Filemarks, -3, 4, None).await?;
    spaced(&tape, Spacing::Filemarks, 2, 6, None).await
}

async fn nowhere(stand: &Stand<'_>) -> Check {
    let tape = two_files(stand).await?;
    is_at(&tape.media.locate(&tape.drive, 0, 5).await.map_err(told)?, 5, None)?;
    spaced(&tape, Spacing::Blocks, 0, 5, None).await?;
    spaced(&tape, Spacing::Filemarks, 0, 5, None).await
}

async fn wrong_label(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.put(FIRST, ONE, 1).await?;
    for label in ["", "A234567890B234567890C234567890D23"] {
        let attempt = stand.key(&format!("label of {}", label.len()));
        let formatted = tape.media.format(&tape.drive, label, &attempt, Vec::new()).await;
        fails(formatted, Kind::Invalid, "a label that no cartridge can have")?;
    }
    tape.holds(FIRST, ONE, 1).await
}
