//! What lasts: over an unload, over the end of the instance that wrote it, over an attempt that comes again too late.

use anyhow::ensure;

use super::{ALL, FIRST, ONE, blank, reload};
use crate::case::{Case, Want};
use crate::content::seeded_bytes;
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub fn all() -> Vec<Case> {
    use Want::{Durable, Host, Media};
    group! { "media";
        "write-again-leaves", clause::MEDIA_WRITE, [Media], "an attempt that comes again takes nothing that another wrote behind it", leaves;
        "write-again-anew", clause::MEDIA_WRITE, [Media, Host, Durable], "another instance knows what an attempt wrote", anew;
        "marks-last", clause::MEDIA_WRITE, [Media, Host, Durable], "what a filemark follows is there for another instance", marks_last;
        "synchronize-lasts", clause::MEDIA_SYNCHRONIZE, [Media, Host, Durable], "what was synchronized is there for another instance", synchronize_lasts;
        "unload-lasts", clause::MEDIA_UNLOAD, [Media], "what was written is there after the cartridge was out", unload_lasts;
    }
}

async fn leaves(stand: &Stand<'_>) -> Check {
    let tape = blank(stand).await?;
    let second = tape.put(FIRST, 3 * ONE, 1).await?;
    tape.put(second, 2 * ONE, 2).await?;
    // Who remembers it answers as before; who does not may refuse.
    let attempt = format!("lay {FIRST} 1");
    if let Ok(again) = tape.write(FIRST, 3 * ONE, 1, &attempt).await {
        ensure!(again.bytes == 3 * ONE && again.place.object == second, "the same attempt answers {again:?}");
    }
    tape.holds(FIRST, 3 * ONE, 1).await?;
    tape.holds(second, 2 * ONE, 2).await
}

async fn anew(stand: &Stand<'_>) -> Check {
    let mut tape = blank(stand).await?;
    let behind = tape.put(FIRST, 3 * ONE, 1).await?;
    stand.kit()?.restart().await?;
    reload(&mut tape).await?;
    tape.put(FIRST, 3 * ONE, 1).await?;
    tape.holds(FIRST, 3 * ONE, 1).await?;
    ensure!(tape.read(behind, ALL).await.map_err(told)?.is_empty(), "the same attempt wrote twice");
    Ok(())
}

async fn marks_last(stand: &Stand<'_>) -> Check {
    let mut tape = blank(stand).await?;
    tape.put(FIRST, 2 * ONE + 5, 1).await?;
    stand.kit()?.restart().await?;
    reload(&mut tape).await?;
    tape.holds(FIRST, 2 * ONE + 5, 1).await
}

async fn synchronize_lasts(stand: &Stand<'_>) -> Check {
    let mut tape = blank(stand).await?;
    tape.lay(FIRST, 2 * ONE + 5, 1, 0).await?;
    tape.media.synchronize(&tape.drive).await.map_err(told)?;
    stand.kit()?.restart().await?;
    reload(&mut tape).await?;
    let bytes = tape.read(FIRST, ALL).await.map_err(told)?;
    ensure!(bytes == seeded_bytes(1, 0, 2 * ONE + 5), "another instance reads {} bytes", bytes.len());
    Ok(())
}

async fn unload_lasts(stand: &Stand<'_>) -> Check {
    let mut tape = blank(stand).await?;
    tape.lay(FIRST, 2 * ONE + 5, 1, 0).await?;
    tape.media.unload(&tape.drive, &stand.key("unload")).await.map_err(told)?;
    reload(&mut tape).await?;
    let bytes = tape.read(FIRST, ALL).await.map_err(told)?;
    ensure!(bytes == seeded_bytes(1, 0, 2 * ONE + 5), "after it was out {} bytes are read", bytes.len());
    Ok(())
}
