//! The answer is lost, at every answer of every mutation of uploads.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{GetOptions, PutOptions, Uploads};

use super::lost::{Mutation, lose};
use super::lost_objects::holds;
use crate::case::{Case, Want};
use crate::clause;
use crate::content::counting;
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, group, told};

const SIZE: u64 = 3000;

pub(super) fn all() -> Vec<Case> {
    use Want::{Durable, Uploads, Wire};
    group! { "faults";
        "lost-begin", clause::ATTEMPT, [Uploads, Durable, Wire], "the answer to the beginning of an upload is lost", begin;
        "lost-put-part", clause::PUT_PART, [Uploads, Durable, Wire], "the answer to a part is lost", put_part;
        "lost-complete", clause::COMPLETE, [Uploads, Durable, Wire], "the answer to the completion of an upload is lost", complete;
        "lost-abort", clause::ABORT, [Uploads, Durable, Wire], "the answer to giving up an upload is lost", abort;
    }
}

fn uploads(target: &Opened) -> Outcome<&dyn Uploads> {
    target.uploads.as_deref().ok_or_else(|| capstan_domain::Failure::host("no uploads", "the plugin has none now"))
}

async fn begin(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|_, _| Box::pin(async { Ok(()) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move {
                    let key = stand.key(name);
                    let begun = uploads(target)?.begin(stand.location, &key, 30 << 20, name, PutOptions::default()).await?;
                    stand.remember(&key, &begun.id);
                    // One attempt is one upload.
                    let again = uploads(target)?.begin(stand.location, &key, 30 << 20, name, PutOptions::default()).await;
                    match again {
                        Ok(again) if again.id != begun.id => {
                            Err(capstan_domain::Failure::invalid("one attempt began two uploads"))
                        }
                        _ => Ok(()),
                    }
                })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move {
                    let looked = stand.objects()?.head(stand.location, &stand.key(name), GetOptions::default()).await;
                    crate::fails(looked, Kind::NotFound, "an upload under way is an object")?;
                    Ok(true)
                })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

/// An upload of one part that was begun beside the front.
async fn begun(stand: &Stand<'_>, name: &str, with_part: bool) -> anyhow::Result<(String, Vec<capstan_domain::ports::Part>)> {
    let key = stand.key(name);
    let upload = stand.begin(&key, 30 << 20, name, PutOptions::default()).await?;
    let mut parts = Vec::new();
    if with_part {
        parts
            .push(stand.uploads()?.put_part(stand.location, &key, &upload.id, 1, counting(SIZE), (0, SIZE)).await.map_err(told)?);
    }
    Ok((upload.id, parts))
}

type Begun = (String, Vec<capstan_domain::ports::Part>);

async fn parts_of(stand: &Stand<'_>, name: &str, upload: &str) -> anyhow::Result<Option<usize>> {
    match stand.uploads()?.list_parts(stand.location, &stand.key(name), upload, 0, 100).await {
        Ok(parts) => Ok(Some(parts.len())),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(told(failure)),
    }
}

async fn put_part(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(begun(stand, name, false)),
            make: &|stand, target, name, (upload, _): &Begun| {
                Box::pin(async move {
                    let key = stand.key(name);
                    uploads(target)?.put_part(stand.location, &key, upload, 1, counting(SIZE), (0, SIZE)).await.map(drop)
                })
            },
            is_done: &|stand, name, (upload, _): &Begun| {
                Box::pin(async move { Ok(parts_of(stand, name, upload).await? == Some(1)) })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn complete(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(begun(stand, name, true)),
            make: &|stand, target, name, (upload, parts): &Begun| {
                Box::pin(async move {
                    let port = uploads(target)?;
                    port.complete(stand.location, &stand.key(name), upload, parts.clone(), name, PutOptions::default())
                        .await
                        .map(drop)
                })
            },
            is_done: &|stand, name, _: &Begun| Box::pin(holds(stand, name, SIZE)),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn abort(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(begun(stand, name, true)),
            make: &|stand, target, name, (upload, _): &Begun| {
                Box::pin(async move { uploads(target)?.abort(stand.location, &stand.key(name), upload).await })
            },
            is_done: &|stand, name, (upload, _): &Begun| {
                Box::pin(async move { Ok(parts_of(stand, name, upload).await?.is_none()) })
            },
            gone_is_done: false,
            may_be_silent: true,
        },
    )
    .await
}
