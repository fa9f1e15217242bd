//! What an object carries beside its bytes.

use anyhow::{Context, ensure};
use capstan_domain::ports::{ByteRange, GetOptions, NamedValues, PutOptions};

use crate::case::{Case, Want};
use crate::content::{counting, has};
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub fn all() -> Vec<Case> {
    use Want::Objects;
    group! { "objects";
        "metadata", clause::PUT, [Objects], "metadata comes back with head and get", comes_back;
        "metadata-odd-values", clause::TEXT, [Objects], "metadata is kept byte for byte: empty, spaced, signs, other scripts", odd;
        "metadata-as-much-as-allowed", clause::PUT, [Objects], "metadata of nearly 2 KiB is kept", much;
        "metadata-replaced", clause::PUT, [Objects], "a put replaces the metadata with the object", replaced;
        "metadata-of-none", clause::PUT, [Objects], "an object put without metadata has none", none;
        "content-type", clause::PUT, [Objects], "the content type that is told is the one that was given", content_type;
        "checksums-told", clause::CHECKSUMS, [Objects], "a checksum that is told of an object is the one its bytes have", checksums_told;
        "attempt-is-not-metadata", clause::ATTEMPT, [Objects], "no mark of an attempt shows in the metadata", no_mark;
    }
}

fn values(pairs: &[(&str, &str)]) -> NamedValues {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn kept(stand: &Stand<'_>, name: &str, metadata: NamedValues) -> Check {
    let (port, key) = (stand.objects()?, stand.key(name));
    let options = PutOptions { metadata: metadata.clone(), ..PutOptions::default() };
    port.put(stand.location, &key, counting(3), name, options).await.map_err(told)?;
    let mut seen = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.metadata;
    let mut got = port.get(stand.location, &key, None, GetOptions::default()).await.map_err(told)?.0.metadata;
    let mut wanted = metadata;
    for list in [&mut seen, &mut got, &mut wanted] {
        list.sort();
    }
    ensure!(seen == wanted, "head tells {seen:?} instead of {wanted:?}");
    ensure!(got == wanted, "get tells {got:?} instead of {wanted:?}");
    Ok(())
}

async fn comes_back(stand: &Stand<'_>) -> Check {
    kept(stand, "described", values(&[("capstan-mtime", "1795252337"), ("name", "plain")])).await
}

async fn odd(stand: &Stand<'_>) -> Check {
    let odd = [
        ("script", "grün und 日本語 🗄"),
        ("signs", "a=b; c=\"d\" %41 +, ?x=<y>&z"),
        ("spaced", "in the  middle"),
        ("combined", "e\u{301}"),
    ];
    kept(stand, "odd", values(&odd)).await
}

async fn much(stand: &Stand<'_>) -> Check {
    let long = "v".repeat(170);
    let metadata = (0..10).map(|number| (format!("name-{number}"), long.clone())).collect();
    kept(stand, "much", metadata).await
}

async fn replaced(stand: &Stand<'_>) -> Check {
    kept(stand, "replaced", values(&[("first", "1"), ("both", "1")])).await?;
    let (port, key) = (stand.objects()?, stand.key("replaced"));
    let options = PutOptions { metadata: values(&[("both", "2")]), ..PutOptions::default() };
    port.put(stand.location, &key, counting(4), "second", options).await.map_err(told)?;
    let seen = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.metadata;
    ensure!(seen == values(&[("both", "2")]), "{seen:?}");
    Ok(())
}

async fn none(stand: &Stand<'_>) -> Check {
    kept(stand, "bare", Vec::new()).await
}

async fn content_type(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("typed"));
    let options = PutOptions { content_type: Some("video/mp4".to_owned()), ..PutOptions::default() };
    port.put(stand.location, &key, counting(3), "typed", options).await.map_err(told)?;
    let extras = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?.extras;
    let told_type = extras.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    ensure!(told_type.is_none_or(|told| told == "video/mp4"), "it is told as {told_type:?}");
    Ok(())
}

async fn no_mark(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("unmarked"));
    let options = PutOptions {
        if_absent: stand.said("conditional-put").is_some(),
        metadata: values(&[("mine", "1")]),
        ..PutOptions::default()
    };
    port.put(stand.location, &key, counting(3), "the attempt 7", options).await.map_err(told)?;
    let head = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?;
    ensure!(head.metadata == values(&[("mine", "1")]), "{:?}", head.metadata);
    Ok(())
}

async fn checksums_told(stand: &Stand<'_>) -> Check {
    let (port, key) = (stand.objects()?, stand.key("told"));
    for size in [1, 70_001] {
        let (content, whole) = (counting(size), (0, size));
        let put = port.put(stand.location, &key, counting(size), &format!("put {size}"), PutOptions::default()).await;
        has(&content, whole, &put.map_err(told)?.checksums).await.context("put")?;
        let head = port.head(stand.location, &key, GetOptions::default()).await.map_err(told)?;
        has(&content, whole, &head.checksums).await.context("head")?;
        // Of the whole object, whatever range was asked for.
        let range = Some(ByteRange { offset: 0, length: Some(1) });
        let (got, _) = port.get(stand.location, &key, range, GetOptions::default()).await.map_err(told)?;
        has(&content, whole, &got.checksums).await.context("get of a range")?;
    }
    Ok(())
}
