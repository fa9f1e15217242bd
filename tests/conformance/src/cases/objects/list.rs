//! `list`: which keys, in which order, folded where.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, ListOptions};

use super::{flat, list, locations::ABSENT, put};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

const ORDERED: Want = Want::Capability("list-order", "bytewise");

pub fn all() -> Vec<Case> {
    use Want::Objects;
    group! { "objects";
        "list-nothing", clause::LIST, [Objects], "a prefix that no key has lists nothing", nothing;
        "list-prefix", clause::LIST, [Objects], "a listing holds the keys that begin with the prefix, and no others", prefix;
        "list-prefix-is-a-key", clause::LIST, [Objects], "a key that is the prefix itself is listed", own_prefix;
        "list-order", clause::LIST, [Objects, ORDERED], "keys come ordered by their bytes", ordered;
        "list-folds", clause::LIST, [Objects], "keys that go on behind the delimiter are rolled up, once", folds;
        "list-folds-in-pages", clause::LIST, [Objects], "rolled-up keys come once, whatever the length of a page", folds_in_pages;
        "list-folds-a-marker", clause::LIST, [Objects], "a key that ends with the delimiter rolls up into itself", folds_marker;
        "list-folds-deeper", clause::LIST, [Objects], "a prefix that ends in a folder shows what is directly in it", deeper;
        "list-folds-other-delimiter", clause::LIST, [Objects], "any character can be the delimiter", other_delimiter;
        "list-folds-empty-delimiter", clause::LIST, [Objects], "an empty delimiter rolls nothing up", empty_delimiter;
        "list-tells", clause::LIST, [Objects], "an entry tells what head tells: size, etag", tells;
        "list-after-delete", clause::LIST, [Objects], "what was deleted is not listed any more", after_delete;
        "list-absent-location", clause::KINDS, [Objects], "a listing of an absent location is not-found", absent_location;
        "list-odd-prefix", clause::TEXT, [Objects], "a prefix is taken as it stands, signs and other scripts included", odd_prefix;
    }
}

async fn fill(stand: &Stand<'_>, names: &[&str]) -> Check {
    for name in names {
        put(stand, name, 1).await?;
    }
    Ok(())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn folded(prefix: &str, limit: u32) -> ListOptions {
    ListOptions { delimiter: Some("/".to_owned()), ..flat(prefix, limit) }
}

async fn nothing(stand: &Stand<'_>) -> Check {
    let page = stand.objects()?.list(stand.location, flat(&stand.key("nobody has this"), 10)).await.map_err(told)?;
    ensure!(page.entries.is_empty() && page.prefixes.is_empty() && page.next.is_none(), "{page:?}");
    Ok(())
}

async fn prefix(stand: &Stand<'_>) -> Check {
    fill(stand, &["pre", "pref/a", "prefix", "prefix/a", "prefixes", "Prefix", "pre\u{301}fix"]).await?;
    let (keys, _) = list(stand, flat("prefix", 100)).await?;
    ensure!(sorted(keys.clone()) == ["prefix", "prefix/a", "prefixes"], "{keys:?}");
    Ok(())
}

async fn own_prefix(stand: &Stand<'_>) -> Check {
    fill(stand, &["self", "self/below"]).await?;
    let (keys, _) = list(stand, flat("self", 100)).await?;
    ensure!(sorted(keys.clone()) == ["self", "self/below"], "{keys:?}");
    Ok(())
}

async fn ordered(stand: &Stand<'_>) -> Check {
    // A slash sorts before a letter and after a dot and a hyphen; beyond ASCII the bytes of UTF-8 decide.
    let mut names = ["o/a", "o/a-b", "o/a.b", "o/a/b", "o/aB", "o/ab", "o/Z", "o/z", "o/é", "o/日", "o/🗄", "o/~"];
    fill(stand, &names).await?;
    names.sort_unstable();
    for limit in [1, 3, 5, 1000] {
        let (keys, _) = list(stand, flat("o/", limit)).await?;
        ensure!(keys == names, "pages of {limit}: {keys:?}");
    }
    Ok(())
}

const TREE: [&str; 7] = ["fold/a", "fold/b/1", "fold/b/2", "fold/b/3", "fold/c/1", "fold/d", "fold/e/x/1"];

async fn folds(stand: &Stand<'_>) -> Check {
    fill(stand, &TREE).await?;
    let (keys, prefixes) = list(stand, folded("fold/", 1000)).await?;
    ensure!(sorted(keys.clone()) == ["fold/a", "fold/d"], "entries {keys:?}");
    ensure!(sorted(prefixes.clone()) == ["fold/b/", "fold/c/", "fold/e/"], "prefixes {prefixes:?}");
    Ok(())
}

async fn folds_in_pages(stand: &Stand<'_>) -> Check {
    fill(stand, &TREE).await?;
    for limit in [1, 2, 3, 4] {
        let (keys, prefixes) = list(stand, folded("fold/", limit)).await?;
        ensure!(sorted(keys.clone()) == ["fold/a", "fold/d"], "pages of {limit}: entries {keys:?}");
        ensure!(sorted(prefixes.clone()) == ["fold/b/", "fold/c/", "fold/e/"], "pages of {limit}: prefixes {prefixes:?}");
    }
    Ok(())
}

async fn folds_marker(stand: &Stand<'_>) -> Check {
    fill(stand, &["mark/", "mark/in", "mark/sub/"]).await?;
    let (keys, prefixes) = list(stand, folded("", 100)).await?;
    ensure!(keys.is_empty() && prefixes == ["mark/"], "entries {keys:?}, prefixes {prefixes:?}");
    let (keys, prefixes) = list(stand, folded("mark/", 100)).await?;
    ensure!(sorted(keys.clone()) == ["mark/", "mark/in"] && prefixes == ["mark/sub/"], "entries {keys:?}, prefixes {prefixes:?}");
    Ok(())
}

async fn deeper(stand: &Stand<'_>) -> Check {
    fill(stand, &TREE).await?;
    let (keys, prefixes) = list(stand, folded("fold/b/", 100)).await?;
    ensure!(keys.len() == 3 && prefixes.is_empty(), "entries {keys:?}, prefixes {prefixes:?}");
    let (keys, prefixes) = list(stand, folded("fold/e", 100)).await?;
    ensure!(keys.is_empty() && prefixes == ["fold/e/"], "entries {keys:?}, prefixes {prefixes:?}");
    Ok(())
}

async fn other_delimiter(stand: &Stand<'_>) -> Check {
    fill(stand, &["x-1", "x-2", "y-1", "z"]).await?;
    let options = ListOptions { delimiter: Some("-".to_owned()), ..flat("", 100) };
    // The stand's own prefix has hyphens as well: they stand before what is rolled up.
    let (keys, prefixes) = list(stand, options).await?;
    ensure!(keys == ["z"] && sorted(prefixes.clone()) == ["x-", "y-"], "entries {keys:?}, prefixes {prefixes:?}");
    Ok(())
}

async fn empty_delimiter(stand: &Stand<'_>) -> Check {
    fill(stand, &["a/1", "b"]).await?;
    let (keys, prefixes) = list(stand, ListOptions { delimiter: Some(String::new()), ..flat("", 100) }).await?;
    ensure!(keys.len() == 2 && prefixes.is_empty(), "entries {keys:?}, prefixes {prefixes:?}");
    Ok(())
}

async fn tells(stand: &Stand<'_>) -> Check {
    put(stand, "told", 12_345).await?;
    let port = stand.objects()?;
    let head = port.head(stand.location, &stand.key("told"), GetOptions::default()).await.map_err(told)?;
    let page = port.list(stand.location, flat(&stand.key("told"), 10)).await.map_err(told)?;
    let [entry] = page.entries.as_slice() else { anyhow::bail!("{page:?}") };
    ensure!(entry.size == 12_345, "it is listed with {} bytes", entry.size);
    ensure!(
        entry.etag.is_none() || entry.etag == head.etag,
        "it is listed with the etag {:?}, head has {:?}",
        entry.etag,
        head.etag
    );
    Ok(())
}

async fn after_delete(stand: &Stand<'_>) -> Check {
    fill(stand, &["gone/1", "gone/2", "gone/3"]).await?;
    stand.objects()?.delete_many(stand.location, vec![stand.key("gone/2")], "delete").await.map_err(told)?;
    let (keys, _) = list(stand, flat("gone/", 100)).await?;
    ensure!(sorted(keys.clone()) == ["gone/1", "gone/3"], "{keys:?}");
    Ok(())
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    fails(stand.objects()?.list(ABSENT, flat("", 1)).await, Kind::NotFound, "list")
}

async fn odd_prefix(stand: &Stand<'_>) -> Check {
    let names = ["plus+/1", "per%41cent/1", "sp ace/1", "ünï/1", "am&p;<x>/1", "que?ry#/1", "quo\"te'/1"];
    fill(stand, &names).await?;
    for name in names {
        let prefix = name.trim_end_matches('1');
        let (keys, _) = list(stand, flat(prefix, 10)).await?;
        ensure!(keys == [name], "prefix {prefix:?}: {keys:?}");
        let (keys, prefixes) = list(stand, folded(prefix.trim_end_matches('/'), 10)).await?;
        ensure!(keys.is_empty() && prefixes == [prefix], "folded at {prefix:?}: {keys:?} {prefixes:?}");
    }
    Ok(())
}
