//! `write` of a range of a file (capability `ranged-write`).

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;
use futures::future::try_join_all;

use super::{holds, write};
use crate::case::{Case, Want};
use crate::content::{bytes, collect, counting, seeded_bytes};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

const RANGED: Want = Want::Capability("ranged-write", "true");

pub fn all() -> Vec<Case> {
    use Want::Files;
    group! { "files";
        "ranged-write-in-place", clause::CAPABILITIES, [Files, RANGED], "a range goes in place, the rest of the file stays", in_place;
        "ranged-write-makes-the-file", clause::CAPABILITIES, [Files, RANGED], "a range makes the file and its directories where there are none", makes;
        "ranged-write-beyond-the-end", clause::CAPABILITIES, [Files, RANGED], "a range beyond the end leaves zeros between", beyond;
        "ranged-writes-at-once", clause::OVERLAP, [Files, RANGED], "ranges written at once make the whole file", at_once;
        "ranged-write-again", clause::ATTEMPT, [Files, RANGED], "the same range ten times is that range", again;
        "ranged-write-wrong-offset", clause::CAPABILITIES, [Files, RANGED], "an offset that is no number is invalid", wrong_offset;
    }
}

async fn put(
    stand: &Stand<'_>,
    name: &str,
    content: capstan_domain::content::Content,
    offset: &str,
) -> capstan_domain::Outcome<()> {
    let port = stand.files().map_err(|gone| capstan_domain::Failure::host("no files", gone))?;
    let options = PutOptions { extras: vec![("offset".to_owned(), offset.to_owned())], ..PutOptions::default() };
    port.write(stand.location, &stand.key(name), content, &format!("range {offset}"), options).await?;
    port.sync(stand.location, &stand.key(name)).await
}

async fn read(stand: &Stand<'_>, name: &str) -> anyhow::Result<Vec<u8>> {
    let (_, body) = stand.files()?.read(stand.location, &stand.key(name), None).await.map_err(told)?;
    collect(body, 64 << 20).await.map_err(told)
}

async fn in_place(stand: &Stand<'_>) -> Check {
    write(stand, "ranged", 100_000).await?;
    put(stand, "ranged", crate::content::seeded(1000, 3), "50000").await.map_err(told)?;
    let mut wanted = bytes(0, 50_000);
    wanted.extend(seeded_bytes(3, 0, 1000));
    wanted.extend(bytes(51_000, 49_000));
    ensure!(read(stand, "ranged").await? == wanted, "other bytes than the range changed, or the range did not");
    Ok(())
}

async fn makes(stand: &Stand<'_>) -> Check {
    put(stand, "new/folder/ranged", counting(5000), "0").await.map_err(told)?;
    holds(stand, "new/folder/ranged", 5000).await
}

async fn beyond(stand: &Stand<'_>) -> Check {
    put(stand, "holes", counting(10), "100000").await.map_err(told)?;
    let read = read(stand, "holes").await?;
    ensure!(read.len() == 100_010, "the file has {} bytes", read.len());
    ensure!(read.iter().take(100_000).all(|byte| *byte == 0), "what was never written is not zero");
    ensure!(read.ends_with(&bytes(0, 10)), "the range is not at its place");
    Ok(())
}

async fn at_once(stand: &Stand<'_>) -> Check {
    const PART: u64 = 300_001;
    let whole = bytes(0, 8 * PART);
    let writes = (0..8_u64).map(|part| async move {
        let range = crate::content::part_of_counting(part * PART, PART);
        put(stand, "at once", range, &(part * PART).to_string()).await.map_err(told)
    });
    try_join_all(writes).await?;
    ensure!(read(stand, "at once").await? == whole, "the ranges together are not the whole");
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    for _ in 0..10 {
        put(stand, "again", counting(5000), "0").await.map_err(told)?;
    }
    holds(stand, "again", 5000).await
}

async fn wrong_offset(stand: &Stand<'_>) -> Check {
    for offset in ["-1", "x", "1.5", ""] {
        fails(put(stand, "wrong", counting(5), offset).await, Kind::Invalid, &format!("the offset {offset:?}"))?;
    }
    Ok(())
}
