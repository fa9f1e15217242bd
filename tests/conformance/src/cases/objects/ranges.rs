//! Ranges of objects, at every edge.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{ByteRange, GetOptions};
use futures::future::try_join_all;

use super::put;
use crate::case::{Case, Want};
use crate::content::same;
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

const SIZE: u64 = 100_000;

pub fn all() -> Vec<Case> {
    use Want::Objects;
    group! { "objects";
        "range-first-byte", clause::GET, [Objects], "a range of the first byte is that byte", first;
        "range-last-byte", clause::GET, [Objects], "a range of the last byte is that byte", last;
        "range-middle", clause::GET, [Objects], "a range in the middle is those bytes and no others", middle;
        "range-to-the-end", clause::GET, [Objects], "a range without a length goes to the end", to_the_end;
        "range-over-the-end", clause::GET, [Objects], "a range that reaches over the end is cut there", over_the_end;
        "range-longest", clause::GET, [Objects], "a range of the longest length there is goes to the end", longest;
        "range-whole", clause::GET, [Objects], "a range of the whole is the whole", whole;
        "range-of-nothing", clause::GET, [Objects], "a range of no bytes has none, or is invalid", nothing;
        "range-at-the-end", clause::GET, [Objects], "a range that begins at the end is invalid", at_the_end;
        "range-beyond", clause::GET, [Objects], "a range that begins beyond the end is invalid, however far", beyond;
        "range-of-an-empty-object", clause::GET, [Objects], "a range from 0 of an empty object is empty, or invalid", of_empty;
        "range-size-of-the-whole", clause::GET, [Objects], "the size told with a range is the whole object's", size_of_whole;
        "range-in-parallel", clause::OVERLAP, [Objects], "ranges read at once are each their own bytes", parallel;
        "range-of-absent", clause::GET, [Objects], "a range of an absent key is not-found", absent;
    }
}

async fn read(stand: &Stand<'_>, offset: u64, length: Option<u64>, expected: u64) -> Check {
    let range = Some(ByteRange { offset, length });
    let got = stand.objects()?.get(stand.location, &stand.key("ranged"), range, GetOptions::default()).await;
    let (object, body) = got.map_err(told).with_context(|| format!("{length:?} bytes from {offset}"))?;
    ensure!(object.size == SIZE, "the object says {} bytes instead of {SIZE}", object.size);
    same(body, offset, expected).await.with_context(|| format!("{length:?} bytes from {offset}"))
}

async fn one(stand: &Stand<'_>, offset: u64, length: Option<u64>, expected: u64) -> Check {
    put(stand, "ranged", SIZE).await?;
    read(stand, offset, length, expected).await
}

async fn first(stand: &Stand<'_>) -> Check {
    one(stand, 0, Some(1), 1).await
}

async fn last(stand: &Stand<'_>) -> Check {
    one(stand, SIZE - 1, Some(1), 1).await?;
    read(stand, SIZE - 1, None, 1).await
}

async fn middle(stand: &Stand<'_>) -> Check {
    one(stand, 50_001, Some(1000), 1000).await?;
    read(stand, 65_535, Some(2), 2).await
}

async fn to_the_end(stand: &Stand<'_>) -> Check {
    one(stand, 7, None, SIZE - 7).await
}

async fn over_the_end(stand: &Stand<'_>) -> Check {
    one(stand, SIZE - 10, Some(1000), 10).await?;
    read(stand, 0, Some(SIZE + 1), SIZE).await
}

async fn longest(stand: &Stand<'_>) -> Check {
    one(stand, 3, Some(u64::MAX), SIZE - 3).await?;
    read(stand, 3, Some(u64::MAX - 3), SIZE - 3).await
}

async fn whole(stand: &Stand<'_>) -> Check {
    one(stand, 0, Some(SIZE), SIZE).await?;
    read(stand, 0, None, SIZE).await
}

async fn nothing(stand: &Stand<'_>) -> Check {
    put(stand, "ranged", SIZE).await?;
    for offset in [0, 10] {
        let range = Some(ByteRange { offset, length: Some(0) });
        match stand.objects()?.get(stand.location, &stand.key("ranged"), range, GetOptions::default()).await {
            Ok((_, body)) => same(body, offset, 0).await?,
            Err(failure) => ensure!(failure.kind == Kind::Invalid, told(failure)),
        }
    }
    Ok(())
}

async fn refused(stand: &Stand<'_>, offset: u64) -> Check {
    for length in [None, Some(1)] {
        let range = Some(ByteRange { offset, length });
        let got = stand.objects()?.get(stand.location, &stand.key("ranged"), range, GetOptions::default()).await;
        fails(got, Kind::Invalid, &format!("{length:?} bytes from {offset} of {SIZE}"))?;
    }
    Ok(())
}

async fn at_the_end(stand: &Stand<'_>) -> Check {
    put(stand, "ranged", SIZE).await?;
    refused(stand, SIZE).await
}

async fn beyond(stand: &Stand<'_>) -> Check {
    put(stand, "ranged", SIZE).await?;
    for offset in [SIZE + 1, 1 << 40, i64::MAX as u64, u64::MAX] {
        refused(stand, offset).await?;
    }
    Ok(())
}

async fn of_empty(stand: &Stand<'_>) -> Check {
    put(stand, "nothing", 0).await?;
    for length in [None, Some(10)] {
        let range = Some(ByteRange { offset: 0, length });
        match stand.objects()?.get(stand.location, &stand.key("nothing"), range, GetOptions::default()).await {
            Ok((object, body)) => {
                ensure!(object.size == 0, "the object says {} bytes", object.size);
                same(body, 0, 0).await?;
            }
            Err(failure) => ensure!(failure.kind == Kind::Invalid, told(failure)),
        }
    }
    let range = Some(ByteRange { offset: 1, length: None });
    let got = stand.objects()?.get(stand.location, &stand.key("nothing"), range, GetOptions::default()).await;
    fails(got, Kind::Invalid, "a range from 1 of an empty object")
}

async fn size_of_whole(stand: &Stand<'_>) -> Check {
    for (offset, length) in [(0, Some(1)), (SIZE - 1, None), (10, Some(20))] {
        one(stand, offset, length, length.unwrap_or(SIZE - offset)).await?;
    }
    Ok(())
}

async fn parallel(stand: &Stand<'_>) -> Check {
    put(stand, "ranged", SIZE).await?;
    try_join_all((0..20).map(|index| read(stand, index * 5000, Some(5000), 5000))).await.map(drop)
}

async fn absent(stand: &Stand<'_>) -> Check {
    let range = Some(ByteRange { offset: 0, length: Some(10) });
    fails(stand.objects()?.get(stand.location, &stand.key("no"), range, GetOptions::default()).await, Kind::NotFound, "a range")
}
