//! What is on a tape.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Laying, Spacing};

use super::{ALL, BLOCK, FIRST, LABEL, ONE, Tape, blank, is_at};
use crate::case::{Case, Want};
use crate::content::{breaking, seeded};
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "format-label", clause::MEDIA_FORMAT, [Media], "a formatted tape has its label, a mark, and nothing behind it, and stands there", label;
        "format-again", clause::MEDIA_FORMAT, [Media], "the same attempt to format leaves what was written since", format_again;
        "format-takes-all", clause::MEDIA_FORMAT, [Media], "another attempt to format leaves nothing", format_takes_all;
        "write-then-read", clause::MEDIA_WRITE, [Media], "what is written is read, of every length", write_then_read;
        "write-again", clause::MEDIA_WRITE, [Media], "the same attempt has the effect of one", write_again;
        "write-not-at-end", clause::MEDIA_WRITE, [Media], "what is there is not cut off unless it is asked for", not_at_end;
        "write-truncates", clause::MEDIA_WRITE, [Media], "with truncate, what lay behind is gone", truncates;
        "write-wrong-block", clause::MEDIA_WRITE, [Media], "blocks that the medium does not take are refused, and nothing is written", wrong_block;
        "write-broken-source", clause::CONTENT, [Media], "a source that breaks fails the write, and its attempt goes on from the beginning", broken_source;
        "read-from-the-middle", clause::MEDIA_READ, [Media], "blocks are read from any object on", from_the_middle;
        "read-ends-before", clause::MEDIA_READ, [Media], "a block that would lead beyond the length is not read", ends_before;
        "read-at-the-end", clause::MEDIA_READ, [Media], "behind the data there is nothing to read", at_the_end;
        "locate-beyond", clause::MEDIA_LOCATE, [Media], "a place behind the end of the data is invalid", beyond;
        "space-over-marks", clause::MEDIA_SPACE, [Media], "marks are gone over both ways", over_marks;
        "space-over-blocks", clause::MEDIA_SPACE, [Media], "blocks are gone over up to a mark, both ways", over_blocks;
        "synchronize-stays", clause::MEDIA_SYNCHRONIZE, [Media], "the tape stays where it is", synchronize;
    }
}

async fn label(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.stands(FIRST, None).await?;
    let bytes = tape.read(0, ALL).await.map_err(told)?;
    ensure!(bytes.len() == 80 && bytes.starts_with(format!("VOL1{LABEL}").as_bytes()), "the label is {bytes:?}");
    tape.stands(FIRST, Some("filemark")).await?;
    ensure!(tape.read(FIRST, ALL).await.map_err(told)?.is_empty(), "something lies behind the label");
    tape.stands(FIRST, Some("end-of-data")).await
}

async fn format_again(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    tape.format("format").await?;
    tape.holds(FIRST, 3 * ONE, 1).await
}

async fn format_takes_all(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    tape.format("another").await?;
    ensure!(tape.read(FIRST, ALL).await.map_err(told)?.is_empty(), "something lies behind the label of a new format");
    Ok(())
}

async fn write_then_read(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let sizes = [ONE, 1_000, 5 * ONE + 4_321, 0, 10 * ONE];
    let (mut at, mut files) = (FIRST, Vec::new());
    for (size, seed) in sizes.into_iter().zip(1..) {
        files.push((at, size, seed));
        at = tape.put(at, size, seed).await?;
    }
    for (at, size, seed) in files.into_iter().rev() {
        tape.holds(at, size, seed).await?;
    }
    Ok(())
}

async fn write_again(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let behind = tape.put(FIRST, 2 * ONE + 1_000, 1).await?;
    tape.put(FIRST, 2 * ONE + 1_000, 1).await?;
    tape.holds(FIRST, 2 * ONE + 1_000, 1).await?;
    ensure!(tape.read(behind, ALL).await.map_err(told)?.is_empty(), "the same attempt wrote twice");
    tape.stands(behind, Some("end-of-data")).await
}

/// A write that must be refused since the data does not end there.
async fn is_refused(tape: &Tape<'_>, object: u64) -> Check {
    let failure =
        fails_as(tape.write(object, ONE, 9, "not at end").await, &[Kind::Conflict], "a write where the data does not end")?;
    ensure!(failure.code.as_deref() == Some("not-at-end"), "its code is {:?}", failure.code);
    Ok(())
}

async fn not_at_end(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let behind = tape.put(FIRST, 3 * ONE, 1).await?;
    for object in [0, FIRST, FIRST + 1, behind - 1, behind + 1] {
        is_refused(&tape, object).await?;
    }
    tape.holds(FIRST, 3 * ONE, 1).await
}

async fn truncates(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    let laying = Laying { partition: 0, object: FIRST, truncate: true, block: BLOCK, filemarks: 1 };
    tape.media.write(&tape.drive, laying, seeded(ONE, 2), &stand.key("truncate")).await.map_err(told)?;
    tape.holds(FIRST, ONE, 2).await?;
    ensure!(tape.read(FIRST + 2, ALL).await.map_err(told)?.is_empty(), "what lay behind is still there");
    Ok(())
}

async fn wrong_block(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let medium = tape.media.inspect(&tape.drive).await.map_err(told)?;
    let longer = medium.block_maximum.checked_add(1);
    for block in [Some(0), longer].into_iter().flatten() {
        let laying = Laying { partition: 0, object: FIRST, truncate: false, block, filemarks: 1 };
        let content = seeded(u64::from(block).max(ONE), 1);
        let written = tape.media.write(&tape.drive, laying, content, &stand.key(&format!("block {block}"))).await;
        fails(written, Kind::Invalid, "a block that the medium does not take")?;
    }
    ensure!(tape.read(FIRST, ALL).await.map_err(told)?.is_empty(), "something was written");
    Ok(())
}

async fn broken_source(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let laying = Laying { partition: 0, object: FIRST, truncate: false, block: BLOCK, filemarks: 1 };
    let attempt = stand.key("broken");
    // After a piece that comes whole, also for who asks for all of it at once.
    let broken = tape.media.write(&tape.drive, laying, breaking(16 * ONE, 8 * ONE), &attempt).await;
    ensure!(broken.is_err(), "a source that broke was written: {broken:?}");
    tape.media.write(&tape.drive, laying, seeded(16 * ONE, 3), &attempt).await.map_err(told)?;
    tape.holds(FIRST, 16 * ONE, 3).await
}

async fn from_the_middle(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.put(FIRST, 4 * ONE + 10, 1).await?;
    let whole = tape.read(FIRST, ALL).await.map_err(told)?;
    for block in [3, 1, 4] {
        let rest = tape.read(FIRST + block, ALL).await.map_err(told)?;
        let skipped = usize::try_from(block * ONE)?;
        ensure!(whole.get(skipped..) == Some(&rest[..]), "from block {block} on {} bytes came", rest.len());
    }
    Ok(())
}

async fn ends_before(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    let bytes = tape.read(FIRST, 2 * ONE + ONE / 2).await.map_err(told)?;
    ensure!(bytes.len() as u64 == 2 * ONE, "{} bytes came of two blocks and a half", bytes.len());
    tape.stands(FIRST + 2, None).await?;
    let failure = fails_as(tape.read(FIRST, 10).await, &[Kind::Invalid], "a block that is longer than was asked for")?;
    ensure!(failure.code.as_deref() == Some("block-length"), "its code is {:?}", failure.code);
    Ok(())
}

async fn at_the_end(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let behind = tape.put(FIRST, ONE, 1).await?;
    for _ in 0..2 {
        ensure!(tape.read(behind, ALL).await.map_err(told)?.is_empty(), "something lies behind the data");
        tape.stands(behind, Some("end-of-data")).await?;
    }
    Ok(())
}

async fn beyond(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let behind = tape.put(FIRST, 2 * ONE, 1).await?;
    for object in [behind + 1, behind + 1_000, 1 << 40] {
        let located = tape.media.locate(&tape.drive, 0, object).await;
        let failure = fails_as(located, &[Kind::Invalid], "a place behind the end")?;
        ensure!(failure.code.as_deref() == Some("end-of-data"), "its code is {:?}", failure.code);
    }
    for object in [behind, 0, FIRST + 1] {
        is_at(&tape.media.locate(&tape.drive, 0, object).await.map_err(told)?, object, None)?;
    }
    Ok(())
}

pub(super) async fn spaced(tape: &Tape<'_>, by: Spacing, count: i64, object: u64, met: Option<&str>) -> Check {
    is_at(&tape.media.space(&tape.drive, by, count).await.map_err(told)?, object, met)
}

/// Two files of three blocks: objects 2, 3, 4 and the mark 5; 6, 7, 8 and the mark 9.
pub(super) async fn two_files<'a>(stand: &'a Stand<'a>) -> anyhow::Result<Tape<'a>> {
    let tape = blank(stand).await?;
    let second = tape.put(FIRST, 3 * ONE, 1).await?;
    tape.put(second, 3 * ONE, 2).await?;
    Ok(tape)
}

async fn over_marks(stand: &Stand<'_>) -> Check {
    let tape = two_files(stand).await?;
    spaced(&tape, Spacing::EndOfData, 0, 10, Some("end-of-data")).await?;
    spaced(&tape, Spacing::Filemarks, -2, 5, None).await?;
    spaced(&tape, Spacing::Filemarks, 1, 6, None).await?;
    spaced(&tape, Spacing::Filemarks, -9, 0, Some("beginning")).await?;
    spaced(&tape, Spacing::Filemarks, 9, 10, Some("end-of-data")).await
}

async fn over_blocks(stand: &Stand<'_>) -> Check {
    let tape = two_files(stand).await?;
    is_at(&tape.media.locate(&tape.drive, 0, FIRST).await.map_err(told)?, FIRST, None)?;
    spaced(&tape, Spacing::Blocks, 2, 4, None).await?;
    spaced(&tape, Spacing::Blocks, 9, 6, Some("filemark")).await?;
    spaced(&tape, Spacing::Blocks, -9, 5, Some("filemark")).await?;
    spaced(&tape, Spacing::Blocks, -1, 4, None).await
}

async fn synchronize(stand: &Stand<'_>) -> Check {
    let tape = two_files(stand).await?;
    is_at(&tape.media.locate(&tape.drive, 0, 7).await.map_err(told)?, 7, None)?;
    is_at(&tape.media.synchronize(&tape.drive).await.map_err(told)?, 7, None)?;
    tape.holds(6, 3 * ONE, 2).await
}
