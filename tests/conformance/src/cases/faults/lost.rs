//! The answer is lost: the server acted, and nobody hears of it. At every answer of every mutation of objects and uploads.
//!
//! For each mutation the first answer is lost, then the second, and so on until the mutation needs no more of them. After each, the same
//! attempt must be a success with the effect of one.

use anyhow::{Context, bail, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Kind};
use capstan_domain::ports::{GetOptions, Objects, PutOptions, Uploads};
use futures::future::BoxFuture;

use super::endured::{server, through};
use super::operation::tells_no_secret;
use crate::case::{Case, Want};
use crate::clause;
use crate::content::counting;
use crate::fronts::{Times, http, wire};
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, group, said, told};

/// Answers of one mutation that are looked at.
const MOST_ANSWERS: u32 = 16;
/// How often an attempt is made again.
const TRIES: usize = 4;

pub(super) fn all() -> Vec<Case> {
    use Want::{Capability, Durable, Locations, Objects, Uploads, Wire};
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
        "lost-begin", clause::ATTEMPT, [Uploads, Durable, Wire], "the answer to the beginning of an upload is lost", begin;
        "lost-put-part", clause::PUT_PART, [Uploads, Durable, Wire], "the answer to a part is lost", put_part;
        "lost-complete", clause::COMPLETE, [Uploads, Durable, Wire], "the answer to the completion of an upload is lost", complete;
        "lost-abort", clause::ABORT, [Uploads, Durable, Wire], "the answer to giving up an upload is lost", abort;
    }
}

/// Eats answers: whole ones where the plugin speaks HTTP, else whatever comes next from the server.
enum Eater {
    Http(http::Front),
    Wire(wire::Front),
}

impl Eater {
    async fn start(stand: &Stand<'_>) -> anyhow::Result<Self> {
        let server = server(stand)?;
        Ok(match stand.lacks(Want::Http) {
            None => Self::Http(http::Front::start(server).await?),
            Some(_) => Self::Wire(wire::Front::start(server).await?),
        })
    }

    fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Http(front) => front.address(),
            Self::Wire(front) => front.address(),
        }
    }

    fn arm(&self, after: u32) {
        match self {
            Self::Http(front) => front.arm(http::Fault::AnswerLost, Times::After(after)),
            Self::Wire(front) => front.arm(wire::Fault::AnswerLost, Times::After(after)),
        }
    }

    fn calm(&self) {
        match self {
            Self::Http(front) => front.calm(),
            Self::Wire(front) => front.calm(),
        }
    }

    fn struck(&self) -> u64 {
        match self {
            Self::Http(front) => front.struck(),
            Self::Wire(front) => front.struck(),
        }
    }
}

type Prepare<'m, S> = dyn for<'s> Fn(&'s Stand<'s>, &'s str) -> BoxFuture<'s, anyhow::Result<S>> + Sync + 'm;
type Make<'m, S> = dyn for<'s> Fn(&'s Stand<'s>, &'s Opened, &'s str, &'s S) -> BoxFuture<'s, Outcome<()>> + Sync + 'm;
type IsDone<'m, S> = dyn for<'s> Fn(&'s Stand<'s>, &'s str, &'s S) -> BoxFuture<'s, anyhow::Result<bool>> + Sync + 'm;

/// One mutation: made ready under a name, made, and looked at.
pub(super) struct Mutation<'m, S> {
    pub prepare: &'m Prepare<'m, S>,
    pub make: &'m Make<'m, S>,
    /// Whether its effect is there, once and whole.
    pub is_done: &'m IsDone<'m, S>,
    /// `not-found` is a success of the same attempt made again: there is nothing left to do.
    pub gone_is_done: bool,
    /// It may be done without a call: where the target frees parts by itself and in no other way, they are only forgotten.
    pub may_be_silent: bool,
}

pub(super) async fn lose<S: Send + Sync>(stand: &Stand<'_>, mutation: Mutation<'_, S>) -> Check {
    let eater = Eater::start(stand).await?;
    let target = through(stand, eater.address()).await?;
    for answer in 0..MOST_ANSWERS {
        let name = format!("lost-{answer}");
        let ready = (mutation.prepare)(stand, &name).await.context("prepared")?;
        let before = eater.struck();
        eater.arm(answer);
        let outcome = (mutation.make)(stand, &target, &name, &ready).await;
        eater.calm();
        let struck = eater.struck() > before;
        let context = || format!("answer {} is lost", answer + 1);
        after(stand, &target, &mutation, &name, &ready, outcome, struck).await.with_context(context)?;
        if !struck {
            ensure!(answer > 0 || mutation.may_be_silent, "the mutation made no call");
            return Ok(());
        }
    }
    Ok(())
}

async fn after<S: Send + Sync>(
    stand: &Stand<'_>,
    target: &Opened,
    mutation: &Mutation<'_, S>,
    name: &str,
    ready: &S,
    outcome: Outcome<()>,
    struck: bool,
) -> Check {
    let done = (mutation.is_done)(stand, name, ready).await.context("what is there after it")?;
    match outcome {
        Ok(()) => {
            ensure!(done, "it is said to be a success, and is not done");
            return Ok(());
        }
        // The plugin asked again by itself, and found that nothing is left to do.
        Err(failure) if failure.kind == Kind::NotFound && mutation.gone_is_done && done => return Ok(()),
        Err(failure) => {
            tells_no_secret(stand, &failure)?;
            ensure!(struck, told(failure).context("nothing was lost"));
            ensure!(
                matches!(failure.kind, Kind::Unavailable | Kind::TimedOut),
                "expected unavailable or timed-out: {:#}",
                told(failure)
            );
            ensure!(
                failure.blame == Blame::Target && failure.may_retry(),
                "retry {:?}, blame {:?}: {:#}",
                failure.retry,
                failure.blame,
                said(&failure)
            );
            ensure!(!done || failure.maybe_done, "it was done, and the failure does not say that it may be: {:#}", told(failure));
        }
    }
    let mut last = None;
    for _ in 0..TRIES {
        match (mutation.make)(stand, target, name, ready).await {
            Ok(()) => {
                ensure!(
                    (mutation.is_done)(stand, name, ready).await?,
                    "the same attempt again is said to be a success, and is not done"
                );
                return Ok(());
            }
            Err(failure) if failure.kind == Kind::NotFound && (mutation.gone_is_done || failure.maybe_done) => {
                ensure!((mutation.is_done)(stand, name, ready).await?, "not-found, and not done");
                return Ok(());
            }
            Err(failure) => {
                let again = failure.may_retry();
                last = Some(told(failure));
                if !again {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    }
    match last {
        Some(failure) => Err(failure).context("the same attempt again is no success"),
        None => bail!("it was never made again"),
    }
}

fn objects(target: &Opened) -> Outcome<&dyn Objects> {
    target.objects.as_deref().ok_or_else(|| capstan_domain::Failure::host("no objects", "the plugin has none now"))
}

fn uploads(target: &Opened) -> Outcome<&dyn Uploads> {
    target.uploads.as_deref().ok_or_else(|| capstan_domain::Failure::host("no uploads", "the plugin has none now"))
}

/// The object of this name has this size and the counting bytes of it.
async fn holds(stand: &Stand<'_>, name: &str, size: u64) -> anyhow::Result<bool> {
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

const SIZE: u64 = 3000;

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
