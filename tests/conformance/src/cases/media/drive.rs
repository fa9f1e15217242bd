//! A drive, what is in it, and how both are; what is said where there is no drive, or nothing in it; and the order of reading.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ports::{Laying, NamedValues, PLANNED_PATHS, Spacing};

use super::library::{libraries, shelved};
use super::{LABEL, NO_CARTRIDGE, NOWHERE, ONE, Tape, at_end, loaded, reload};
use crate::case::{Case, Want};
use crate::content::seeded;
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

/// Names of counters whose values are decimal. Those of a medium are of its life, or of the time since it was loaded.
const OF_MEDIA: [&str; 21] = [
    "loads",
    "mebibytes-written",
    "mebibytes-read",
    "data-sets-written",
    "data-sets-read",
    "recovered-write-errors",
    "write-errors",
    "write-servo-errors",
    "unrecovered-write-servo-errors",
    "recovered-read-errors",
    "read-errors",
    "beginning-passes",
    "middle-passes",
    "write-retries",
    "permanent-write-errors",
    "suspended-writes",
    "fatal-suspended-writes",
    "read-retries",
    "permanent-read-errors",
    "suspended-reads",
    "fatal-suspended-reads",
];
const OF_LOADED_MEDIA: [&str; 17] = [
    "native-capacity",
    "used-native-capacity",
    "write-protected",
    "written-once",
    "last-load-write-errors",
    "last-load-read-errors",
    "last-load-bytes-written",
    "last-load-bytes-read",
    "last-load-write-compression",
    "last-load-read-compression",
    "write-compression",
    "read-compression",
    "compression-enabled",
    "bytes-from-host",
    "bytes-to-medium",
    "bytes-from-medium",
    "bytes-to-host",
];
const OF_DRIVES: [&str; 7] = ["loads", "cleanings", "power-on-hours", "motion-hours", "metres", "write-errors", "read-errors"];

pub fn all() -> Vec<Case> {
    use Want::Media;
    group! { "media";
        "inspect-what-is-in", clause::MEDIA_INSPECT, [Media], "what is in a drive is told by its label", inspect;
        "inspect-protection", clause::MEDIA_INSPECT, [Media], "a medium is written unless it is told to be write-protected, and then it is denied", protection;
        "inspect-counters", clause::MEDIA_VALUES, [Media], "a medium's counters are numbers, and do not fall", medium_counters;
        "examine-each", clause::MEDIA_EXAMINE, [Media], "each drive and library can be examined, and nobody else", examine;
        "examine-counters", clause::MEDIA_VALUES, [Media], "a drive's counters are numbers", drive_counters;
        "drive-empty", clause::MEDIA_ABSENT, [Media], "what needs a medium is offline where the drive is empty", empty;
        "drive-absent", clause::MEDIA_ABSENT, [Media], "a drive that is not there is not found, whatever it is asked for", absent;
        "plan-absent", clause::MEDIA_PLAN, [Media], "files that a cartridge does not have are not found, and no files need no order", plan_absent;
        "plan-too-many", clause::MEDIA_PLAN, [Media], "more paths than a plan has are refused", plan_too_many;
    }
}

async fn inspect(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let medium = tape.media.inspect(&tape.drive).await.map_err(told)?;
    ensure!(medium.cartridge.as_deref() == Some(stand.location), "{medium:?} is in the drive");
    ensure!(!medium.partitions.is_empty(), "a medium without a partition: {medium:?}");
    Ok(())
}

async fn examine(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let mut names = libraries(stand).await?;
    names.push(tape.drive.clone());
    for name in names {
        let health = tape.media.examine(&name).await.map_err(told)?;
        let flags: BTreeSet<u32> = health.alerts.iter().map(|alert| alert.flag).collect();
        ensure!(flags.len() == health.alerts.len() && !flags.contains(&0), "{name:?} tells {:?}", health.alerts);
    }
    fails(tape.media.examine(NOWHERE).await, Kind::NotFound, "the health of an absent drive")
}

async fn plan_absent(stand: &Stand<'_>) -> Check {
    // As it is: nothing has to be loaded to know what is on it.
    let media = stand.media()?;
    let order = media.plan_reading(stand.location, &[]).await.map_err(told)?;
    ensure!(order.is_empty(), "no files have the order {order:?}");
    let absent = ["kit/no-such-file".to_owned()];
    fails(media.plan_reading(stand.location, &absent).await, Kind::NotFound, "the order of files that are not there")?;
    fails(media.plan_reading(NO_CARTRIDGE, &[]).await, Kind::NotFound, "an order on a cartridge that nobody holds")
}

async fn plan_too_many(stand: &Stand<'_>) -> Check {
    let many = vec!["kit/no-such-file".to_owned(); PLANNED_PATHS + 1];
    fails(stand.media()?.plan_reading(stand.location, &many).await, Kind::Invalid, "a plan of more paths than one has")
}

async fn protection(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let medium = tape.media.inspect(&tape.drive).await.map_err(told)?;
    let formatted = tape.media.format(&tape.drive, LABEL, &stand.key("format"), Vec::new()).await;
    if !medium.write_protected {
        return formatted.map(drop).map_err(told).context("a medium that is told to be writable");
    }
    fails(formatted, Kind::Denied, "a format of a write-protected medium")?;
    let over = Laying { truncate: true, ..at_end(0, 1) };
    let written = tape.media.write(&tape.drive, over, seeded(ONE, 1), &stand.key("write")).await;
    fails(written, Kind::Denied, "a write to a write-protected medium")
}

/// Counters by name, those whose values are decimal.
fn numbers(counters: &NamedValues, names: &[&str]) -> anyhow::Result<Vec<(String, u64)>> {
    let known: Vec<_> = counters.iter().filter(|(name, _)| names.contains(&name.as_str())).collect();
    let once: BTreeSet<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(once.len() == known.len(), "a counter is told twice: {counters:?}");
    let number = |(name, value): &(String, String)| -> anyhow::Result<(String, u64)> {
        let number = value.parse::<u64>().with_context(|| format!("the counter {name:?} is {value:?}"))?;
        Ok((name.clone(), number))
    };
    known.into_iter().map(number).collect()
}

async fn medium_counters(stand: &Stand<'_>) -> Check {
    let mut tape = loaded(stand).await?;
    let before = tape.media.inspect(&tape.drive).await.map_err(told)?;
    numbers(&before.counters, &OF_LOADED_MEDIA)?;
    let before = numbers(&before.counters, &OF_MEDIA)?;
    tape.media.unload(&tape.drive, &stand.key("unload")).await.map_err(told)?;
    reload(&mut tape).await?;
    let after = tape.media.inspect(&tape.drive).await.map_err(told)?;
    let after = numbers(&after.counters, &OF_MEDIA)?;
    for (name, was) in &before {
        let is = after.iter().find(|(known, _)| known == name).map(|(_, is)| *is);
        ensure!(is.is_none_or(|is| is >= *was), "the counter {name:?} fell from {was} to {is:?}");
    }
    Ok(())
}

async fn drive_counters(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    let health = tape.media.examine(&tape.drive).await.map_err(told)?;
    numbers(&health.counters, &OF_DRIVES).map(drop)
}

/// How each call that needs a medium ends.
async fn asked(tape: &Tape<'_>, drive: &str) -> Vec<(&'static str, Option<Failure>)> {
    let (media, key) = (tape.media, |attempt: &str| tape.stand.key(attempt));
    vec![
        ("inspect", media.inspect(drive).await.err()),
        ("position", media.position(drive).await.err()),
        ("locate", media.locate(drive, 0, 0).await.err()),
        ("space", media.space(drive, Spacing::EndOfData, 0).await.err()),
        ("read", media.read(drive, 0, 0, ONE).await.err()),
        ("write", media.write(drive, at_end(0, 1), seeded(ONE, 1), &key("write")).await.err()),
        ("synchronize", media.synchronize(drive).await.err()),
        ("format", media.format(drive, LABEL, &key("format"), Vec::new()).await.err()),
    ]
}

async fn all_fail(tape: &Tape<'_>, drive: &str, kind: Kind) -> Check {
    for (call, failure) in asked(tape, drive).await {
        fails(failure.map_or(Ok(()), Err), kind, &format!("{call} of {drive:?}"))?;
    }
    Ok(())
}

async fn empty(stand: &Stand<'_>) -> Check {
    let (tape, ..) = shelved(stand).await?;
    all_fail(&tape, &tape.drive, Kind::Offline).await
}

async fn absent(stand: &Stand<'_>) -> Check {
    let tape = loaded(stand).await?;
    all_fail(&tape, NOWHERE, Kind::NotFound).await
}
