//! `delete-many`.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, PutOptions};
use futures::{StreamExt, TryStreamExt};

use super::{flat, holds, list, locations::ABSENT, put};
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Objects;
    group! { "objects";
        "delete-one", clause::DELETE_MANY, [Objects], "what was deleted is not found", one;
        "delete-absent", clause::DELETE_MANY, [Objects], "an absent key is a success", absent;
        "delete-mixed", clause::DELETE_MANY, [Objects], "each key has an outcome of its own", mixed;
        "delete-again", clause::ATTEMPT, [Objects], "the same deletion ten times is a success ten times", again;
        "delete-none", clause::DELETE_MANY, [Objects], "no keys are no failure", none;
        "delete-only-those", clause::DELETE_MANY, [Objects], "keys that look alike stay", alike;
        "delete-odd-keys", clause::TEXT, [Objects], "keys with signs are deleted as they are", odd;
        "delete-as-many-as-allowed", clause::DELETE_MANY, [Objects], "as many keys as a call may have are deleted by it", many;
        "delete-absent-location", clause::KINDS, [Objects], "deleting in an absent location is not-found", absent_location;
        "delete-then-put", clause::DELETE_MANY, [Objects], "a key that was deleted can be put again", then_put;
    }
}

async fn delete(stand: &Stand<'_>, names: &[&str]) -> Check {
    let keys: Vec<String> = names.iter().map(|name| stand.key(name)).collect();
    let outcomes = stand.objects()?.delete_many(stand.location, keys.clone(), "delete").await.map_err(told)?;
    let answered: BTreeSet<&String> = outcomes.iter().map(|outcome| &outcome.key).collect();
    let asked: BTreeSet<&String> = keys.iter().collect();
    ensure!(answered == asked, "outcomes for {answered:?} instead of {asked:?}");
    for outcome in outcomes {
        outcome.result.map_err(told).with_context(|| outcome.key)?;
    }
    Ok(())
}

async fn gone(stand: &Stand<'_>, name: &str) -> Check {
    fails(stand.objects()?.head(stand.location, &stand.key(name), GetOptions::default()).await, Kind::NotFound, name)
}

async fn one(stand: &Stand<'_>) -> Check {
    put(stand, "one", 5).await?;
    delete(stand, &["one"]).await?;
    gone(stand, "one").await
}

async fn absent(stand: &Stand<'_>) -> Check {
    delete(stand, &["never there"]).await?;
    delete(stand, &["never there", "neither this"]).await
}

async fn mixed(stand: &Stand<'_>) -> Check {
    put(stand, "there/1", 5).await?;
    put(stand, "there/2", 5).await?;
    delete(stand, &["there/1", "never there", "there/2"]).await?;
    gone(stand, "there/1").await?;
    gone(stand, "there/2").await
}

async fn again(stand: &Stand<'_>) -> Check {
    put(stand, "again", 5).await?;
    for _ in 0..10 {
        delete(stand, &["again"]).await?;
    }
    gone(stand, "again").await
}

async fn none(stand: &Stand<'_>) -> Check {
    put(stand, "stays", 5).await?;
    let outcomes = stand.objects()?.delete_many(stand.location, Vec::new(), "none").await.map_err(told)?;
    ensure!(outcomes.is_empty(), "{outcomes:?}");
    holds(stand, "stays", 5).await
}

async fn alike(stand: &Stand<'_>) -> Check {
    let names = ["a", "a/", "a/b", "ab", "A", "a b", "a+b", "a%20b"];
    for name in names {
        put(stand, name, 5).await?;
    }
    delete(stand, &["a", "a b"]).await?;
    let left: BTreeSet<String> = list(stand, flat("", 100)).await?.0.into_iter().collect();
    let wanted: BTreeSet<String> = names.into_iter().filter(|name| *name != "a" && *name != "a b").map(str::to_owned).collect();
    ensure!(left == wanted, "{left:?} stayed instead of {wanted:?}");
    Ok(())
}

async fn odd(stand: &Stand<'_>) -> Check {
    let names = ["<a>&amp;'\"", "plus+", "per%cent%41", "que?ry#x", "grün/日本語", "tab\there", "back\\slash", "e\u{301}"];
    // A name with what the host escapes for this target never comes as it is.
    let escaped = stand.said("name-escape").unwrap_or_default();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.contains(|sign| escaped.contains(sign))).collect();
    for name in &names {
        put(stand, name, 5).await?;
    }
    delete(stand, &names).await?;
    let left = list(stand, flat("", 100)).await?.0;
    ensure!(left.is_empty(), "still there: {left:?}");
    Ok(())
}

async fn many(stand: &Stand<'_>) -> Check {
    let count = usize::try_from(stand.number("max-delete-keys", 1000))?.min(1000);
    let names: Vec<String> = (0..count).map(|number| format!("many/{number:04}")).collect();
    let port = stand.objects()?;
    let puts = names.iter().cloned().map(|name| {
        let key = stand.key(&name);
        async move { port.put(stand.location, &key, counting(0), &name, PutOptions::default()).await.map(drop).map_err(told) }
    });
    futures::stream::iter(puts).buffer_unordered(32).try_collect::<()>().await?;
    delete(stand, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let left = list(stand, flat("many/", 1000)).await?.0;
    ensure!(left.is_empty(), "{} of {count} are still there", left.len());
    Ok(())
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    match stand.objects()?.delete_many(ABSENT, vec![stand.key("x")], "absent").await {
        Err(failure) => fails::<()>(Err(failure), Kind::NotFound, "the call"),
        Ok(outcomes) => {
            ensure!(!outcomes.is_empty(), "no outcome at all");
            outcomes.into_iter().try_for_each(|outcome| fails(outcome.result, Kind::NotFound, "the key"))
        }
    }
}

async fn then_put(stand: &Stand<'_>) -> Check {
    for size in [5, 6] {
        put(stand, "phoenix", size).await?;
        holds(stand, "phoenix", size).await?;
        delete(stand, &["phoenix"]).await?;
    }
    put(stand, "phoenix", 7).await?;
    holds(stand, "phoenix", 7).await
}
