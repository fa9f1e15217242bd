//! The answer is lost, at every answer of every mutation of objects and their locations.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, Objects, PutOptions};

use super::lost::{Mutation, lose};
use crate::case::{Case, Want};
use crate::clause;
use crate::content::counting;
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, group, told};

const SIZE: u64 = 3000;

pub(super) fn all() -> Vec<Case> {
    use Want::{Capability, Durable, Locations, Objects, Wire};
    const FIRST: Want = Capability("conditional-put", "if-absent");
    const MATCH: Want = Capability("conditional-put", "true");
    group! { "faults";
        "lost-put", clause::MAYBE_DONE, [Objects, Durable, Wire], "the answer to a put is lost", put;
        "lost-put-if-absent", clause::ATTEMPT, [Objects, Durable, Wire, FIRST], "the answer to a put that must be the first is lost", put_first;
        "lost-put-if-match", clause::ATTEMPT, [Objects, Durable, Wire, MATCH], "the answer to a put over an expected object is lost", put_match;
        "lost-delete-many", clause::MAYBE_DONE, [Objects, Durable, Wire], "the answer to a deletion is lost", delete_many;
        "lost-copy", clause::MAYBE_DONE, [Objects, Durable, Wire, Capability("copy", "true")], "the answer to a copy is lost", copy;
        "lost-create-location", clause::ATTEMPT, [Objects, Durable, Wire, Locations], "the answer to a new location is lost", create_location;
        "lost-delete-location", clause::MAYBE_DONE, [Objects, Durable, Wire, Locations], "the answer to the removal of a location is lost", delete_location;
    }
}

fn objects(target: &Opened) -> Outcome<&dyn Objects> {
    target.objects.as_deref().ok_or_else(|| capstan_domain::Failure::host("no objects", "the plugin has none now"))
}

/// The object of this name has this size and the counting bytes of it.
pub(super) async fn holds(stand: &Stand<'_>, name: &str, size: u64) -> anyhow::Result<bool> {
    let key = stand.key(name);
    let port = stand.objects()?;
    let (object, body) = match port.get(stand.location, &key, None, GetOptions::default()).await {
        Ok(got) => got,
        Err(failure) if failure.kind == Kind::NotFound => return Ok(false),
        Err(failure) => return Err(told(failure)),
    };
    if object.size != size {
        return Ok(false);
    }
    crate::content::same(body, 0, size).await.map(|()| true)
}

async fn put(stand: &Stand<'_>) -> Check {
    put_with(stand, None, |_| PutOptions::default()).await
}

async fn put_first(stand: &Stand<'_>) -> Check {
    put_with(stand, None, |_| PutOptions { if_absent: true, ..PutOptions::default() }).await
}

async fn put_match(stand: &Stand<'_>) -> Check {
    put_with(stand, Some(10), |etag| PutOptions { if_match: etag, ..PutOptions::default() }).await
}

async fn put_with(stand: &Stand<'_>, before: Option<u64>, options: fn(Option<String>) -> PutOptions) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &move |stand, name| {
                Box::pin(async move {
                    let Some(size) = before else { return Ok(None) };
                    crate::cases::objects::put(stand, name, size).await?;
                    let head =
                        stand.objects()?.head(stand.location, &stand.key(name), GetOptions::default()).await.map_err(told)?;
                    Ok(head.etag)
                })
            },
            make: &move |stand, target, name, etag: &Option<String>| {
                Box::pin(async move {
                    let (key, options) = (stand.key(name), options(etag.clone()));
                    objects(target)?.put(stand.location, &key, counting(SIZE), name, options).await.map(drop)
                })
            },
            is_done: &|stand, name, _| Box::pin(holds(stand, name, SIZE)),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn delete_many(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| {
                Box::pin(async move {
                    for key in [format!("{name} a"), format!("{name} b")] {
                        crate::cases::objects::put(stand, &key, 10).await?;
                    }
                    Ok(())
                })
            },
            make: &|stand, target, name, (): &()| {
                Box::pin(async move {
                    let keys = [format!("{name} a"), format!("{name} b")].map(|name| stand.key(&name)).to_vec();
                    let outcomes = objects(target)?.delete_many(stand.location, keys, name).await?;
                    outcomes.into_iter().try_for_each(|outcome| outcome.result)
                })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move {
                    Ok(!holds(stand, &format!("{name} a"), 10).await? && !holds(stand, &format!("{name} b"), 10).await?)
                })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn copy(stand: &Stand<'_>) -> Check {
    crate::cases::objects::put(stand, "source", SIZE).await?;
    lose(
        stand,
        Mutation {
            prepare: &|_, _| Box::pin(async { Ok(()) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move {
                    let (from, to) = (stand.key("source"), stand.key(name));
                    let copy =
                        objects(target)?.copy((stand.location, &from), (stand.location, &to), name, PutOptions::default()).await;
                    copy.map(drop)
                })
            },
            is_done: &|stand, name, (): &()| Box::pin(holds(stand, name, SIZE)),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn is_listed(stand: &Stand<'_>, name: &str) -> anyhow::Result<bool> {
    Ok(stand.objects()?.list_locations().await.map_err(told)?.iter().any(|location| location.name == name))
}

async fn create_location(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { Ok(stand.location_name(name)) }),
            make: &|_, target, name, location: &String| {
                Box::pin(async move { objects(target)?.create_location(location, name, Vec::new()).await.map(drop) })
            },
            is_done: &|stand, _, location: &String| Box::pin(is_listed(stand, location)),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn delete_location(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| {
                Box::pin(async move {
                    let location = stand.location_name(name);
                    stand.objects()?.create_location(&location, "create", Vec::new()).await.map_err(told)?;
                    Ok(location)
                })
            },
            make: &|_, target, name, location: &String| {
                Box::pin(async move { objects(target)?.delete_location(location, name).await })
            },
            is_done: &|stand, _, location: &String| Box::pin(async move { Ok(!is_listed(stand, location).await?) }),
            gone_is_done: true,
            may_be_silent: false,
        },
    )
    .await
}
