//! `copy` within the target, and `restore`.

use anyhow::{Context, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Object, PutOptions};

use super::{holds, locations::ABSENT, put};
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

const COPY: Want = Want::Capability("copy", "true");

pub fn all() -> Vec<Case> {
    use Want::{Capability, Locations, Objects, Without};
    group! { "objects";
        "copy", clause::COPY, [Objects, COPY], "a copy has the bytes of its source, which stays", plain;
        "copy-metadata", clause::COPY, [Objects, COPY], "metadata goes along with a copy", metadata;
        "copy-replaces", clause::COPY, [Objects, COPY], "a copy replaces what was at its destination", replaces;
        "copy-absent", clause::COPY, [Objects, COPY], "a copy of an absent key is not-found", absent;
        "copy-absent-location", clause::COPY, [Objects, COPY], "a copy into an absent location is not-found", absent_location;
        "copy-odd-keys", clause::TEXT, [Objects, COPY], "keys with signs are copied as they are, both ways", odd;
        "copy-again", clause::ATTEMPT, [Objects, COPY], "the same copy ten times is a success ten times", again;
        "copy-empty", clause::COPY, [Objects, COPY], "an empty object is copied", empty;
        "copy-to-another-location", clause::COPY, [Objects, COPY, Locations], "a copy goes into another location", elsewhere;
        "copy-unclaimed", clause::COPY, [Objects, Without("copy")], "a plugin that claims no copy answers unsupported, or copies", unclaimed;
        "restore-of-an-online-object", clause::RESTORE, [Objects, Capability("restore", "true")], "a restore of an object that is online answers, again and again the same", restore;
        "restore-of-an-absent-object", clause::RESTORE, [Objects, Capability("restore", "true")], "a restore of an absent key is not-found", restore_absent;
        "restore-unclaimed", clause::RESTORE, [Objects, Without("restore")], "a plugin that claims no restore answers unsupported, or the object as it is", restore_unclaimed;
    }
}

async fn copy(stand: &Stand<'_>, from: &str, to: &str) -> Outcome<Object> {
    let port = stand.objects().map_err(|gone| capstan_domain::Failure::host("no objects", gone))?;
    let (from, to) = (stand.key(from), stand.key(to));
    port.copy((stand.location, &from), (stand.location, &to), &format!("copy {to}"), PutOptions::default()).await
}

async fn plain(stand: &Stand<'_>) -> Check {
    put(stand, "from", 54_321).await?;
    let copied = copy(stand, "from", "to").await.map_err(told)?;
    ensure!(copied.size == 54_321 && copied.key == stand.key("to"), "{copied:?}");
    holds(stand, "to", 54_321).await?;
    holds(stand, "from", 54_321).await
}

async fn metadata(stand: &Stand<'_>) -> Check {
    let (port, wanted) = (stand.objects()?, vec![("name".to_owned(), "grün".to_owned())]);
    let options = PutOptions { metadata: wanted.clone(), ..PutOptions::default() };
    port.put(stand.location, &stand.key("from"), counting(5), "from", options).await.map_err(told)?;
    copy(stand, "from", "to").await.map_err(told)?;
    let seen = port.head(stand.location, &stand.key("to"), GetOptions::default()).await.map_err(told)?.metadata;
    ensure!(seen == wanted, "the copy has {seen:?}");
    Ok(())
}

async fn replaces(stand: &Stand<'_>) -> Check {
    put(stand, "from", 10).await?;
    put(stand, "to", 99_999).await?;
    copy(stand, "from", "to").await.map_err(told)?;
    holds(stand, "to", 10).await
}

async fn absent(stand: &Stand<'_>) -> Check {
    put(stand, "to", 7).await?;
    fails(copy(stand, "absent", "to").await, Kind::NotFound, "a copy of an absent key")?;
    holds(stand, "to", 7).await
}

async fn absent_location(stand: &Stand<'_>) -> Check {
    put(stand, "from", 7).await?;
    let port = stand.objects()?;
    let (from, to) = (stand.key("from"), stand.key("to"));
    let into = port.copy((stand.location, &from), (ABSENT, &to), "into", PutOptions::default()).await;
    fails(into, Kind::NotFound, "a copy into an absent location")?;
    let out = port.copy((ABSENT, &from), (stand.location, &to), "out of", PutOptions::default()).await;
    fails(out, Kind::NotFound, "a copy out of an absent location")
}

async fn odd(stand: &Stand<'_>) -> Check {
    for (size, name) in ["plus+/ü", "per%41cent", "sp ace", "que?ry&a=b#c", "日本語/🗄", "e\u{301}"].into_iter().enumerate()
    {
        put(stand, name, size as u64).await?;
        let to = format!("copy of/{name}");
        copy(stand, name, &to).await.map_err(told).with_context(|| name.to_owned())?;
        holds(stand, &to, size as u64).await?;
    }
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    put(stand, "from", 77).await?;
    for _ in 0..10 {
        copy(stand, "from", "to").await.map_err(told)?;
    }
    holds(stand, "to", 77).await
}

async fn empty(stand: &Stand<'_>) -> Check {
    put(stand, "from", 0).await?;
    copy(stand, "from", "to").await.map_err(told)?;
    holds(stand, "to", 0).await
}

async fn elsewhere(stand: &Stand<'_>) -> Check {
    put(stand, "from", 88).await?;
    let (port, name) = (stand.objects()?, stand.location_name("copies"));
    port.create_location(&name, "create", Vec::new()).await.map_err(told)?;
    port.copy((stand.location, &stand.key("from")), (&name, "to"), "copy", PutOptions::default()).await.map_err(told)?;
    let (_, body) = port.get(&name, "to", None, GetOptions::default()).await.map_err(told)?;
    crate::content::same(body, 0, 88).await
}

async fn unclaimed(stand: &Stand<'_>) -> Check {
    put(stand, "from", 88).await?;
    match copy(stand, "from", "to").await {
        Ok(_) => holds(stand, "to", 88).await,
        Err(failure) => fails_as::<()>(Err(failure), &[Kind::Unsupported], "a copy that is not claimed").map(drop),
    }
}

async fn restore(stand: &Stand<'_>) -> Check {
    put(stand, "warm", 99).await?;
    for _ in 0..3 {
        let object =
            stand.objects()?.restore(stand.location, &stand.key("warm"), 1, "restore", Vec::new()).await.map_err(told)?;
        ensure!(object.size == 99, "{object:?}");
    }
    holds(stand, "warm", 99).await
}

async fn restore_absent(stand: &Stand<'_>) -> Check {
    let restored = stand.objects()?.restore(stand.location, &stand.key("absent"), 1, "restore", Vec::new()).await;
    fails(restored, Kind::NotFound, "a restore of an absent key")
}

async fn restore_unclaimed(stand: &Stand<'_>) -> Check {
    put(stand, "warm", 99).await?;
    match stand.objects()?.restore(stand.location, &stand.key("warm"), 1, "restore", Vec::new()).await {
        Ok(object) => ensure!(object.size == 99, "{object:?}"),
        Err(failure) => ensure!(failure.kind == Kind::Unsupported, told(failure)),
    }
    holds(stand, "warm", 99).await
}
