//! The answer is lost, at every answer of every mutation of files.

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attributes, Files, Node, PutOptions};

use super::lost::{Mutation, lose};
use crate::case::{Case, Want};
use crate::cases::files;
use crate::cases::files::attributes::{MOMENT, cut};
use crate::clause;
use crate::content::counting;
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, group, told};

const SIZE: u64 = 3000;

pub(super) fn all() -> Vec<Case> {
    use Want::{Capability, Durable, Files, Wire};
    group! { "faults";
        "lost-write", clause::MAYBE_DONE, [Files, Durable, Wire], "the answer to a write is lost", write;
        "lost-write-if-absent", clause::ATTEMPT, [Files, Durable, Wire, Capability("conditional-put", "if-absent")], "the answer to a write that must be the first is lost", write_first;
        "lost-make-directory", clause::MAKE_DIRECTORY, [Files, Durable, Wire], "the answer to a new directory is lost", make_directory;
        "lost-remove", clause::REMOVE, [Files, Durable, Wire], "the answer to a removal is lost", remove;
        "lost-rename", clause::RENAME, [Files, Durable, Wire], "the answer to a rename is lost", rename;
        "lost-set-attributes", clause::SET_ATTRIBUTES, [Files, Durable, Wire], "the answer to a change of attributes is lost", set_attributes;
        "lost-make-link", clause::OPTIONAL, [Files, Durable, Wire, Capability("links", "true")], "the answer to a new link is lost", make_link;
        "lost-set-xattr", clause::OPTIONAL, [Files, Durable, Wire, Capability("xattrs", "true")], "the answer to an extended attribute is lost", set_xattr;
    }
}

fn port(target: &Opened) -> Outcome<&dyn Files> {
    target.files.as_deref().ok_or_else(|| capstan_domain::Failure::host("no files", "the plugin has none now"))
}

async fn node(stand: &Stand<'_>, name: &str) -> anyhow::Result<Option<Node>> {
    match stand.files()?.stat(stand.location, &stand.key(name)).await {
        Ok(node) => Ok(Some(node)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(told(failure)),
    }
}

async fn holds(stand: &Stand<'_>, name: &str) -> anyhow::Result<bool> {
    match node(stand, name).await? {
        None => Ok(false),
        Some(_) => files::holds(stand, name, SIZE).await.map(|()| true),
    }
}

async fn write(stand: &Stand<'_>) -> Check {
    write_with(stand, false).await
}

async fn write_first(stand: &Stand<'_>) -> Check {
    write_with(stand, true).await
}

async fn write_with(stand: &Stand<'_>, if_absent: bool) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|_, _| Box::pin(async { Ok(()) }),
            make: &move |stand, target, name, (): &()| {
                Box::pin(async move {
                    let path = stand.key(&format!("{name}/folder/file"));
                    let options = PutOptions { if_absent, ..PutOptions::default() };
                    port(target)?.write(stand.location, &path, counting(SIZE), name, options).await.map(drop)
                })
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { holds(stand, &format!("{name}/folder/file")).await }),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn make_directory(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|_, _| Box::pin(async { Ok(()) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(
                    async move { port(target)?.make_directory(stand.location, &stand.key(&format!("{name}/deep")), name).await },
                )
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { Ok(node(stand, &format!("{name}/deep")).await?.is_some()) }),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn remove(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { files::write(stand, name, SIZE).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move { port(target)?.remove(stand.location, &stand.key(name), name).await })
            },
            is_done: &|stand, name, (): &()| Box::pin(async move { Ok(node(stand, name).await?.is_none()) }),
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn rename(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { files::write(stand, &format!("{name} from"), SIZE).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move {
                    let (from, to) = (stand.key(&format!("{name} from")), stand.key(&format!("{name} to")));
                    port(target)?.rename(stand.location, &from, &to, false, name).await
                })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move {
                    let (from, to) = (holds(stand, &format!("{name} from")).await?, holds(stand, &format!("{name} to")).await?);
                    anyhow::ensure!(from || to, "the file is gone under both names");
                    anyhow::ensure!(!(from && to), "the file is there under both names");
                    Ok(to)
                })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn set_attributes(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { files::write(stand, name, SIZE).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move {
                    let attributes = Attributes { modified: Some(MOMENT), ..Attributes::default() };
                    port(target)?.set_attributes(stand.location, &stand.key(name), attributes, name).await.map(drop)
                })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move { Ok(node(stand, name).await?.is_some_and(|node| node.modified == cut(stand))) })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn make_link(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|_, _| Box::pin(async { Ok(()) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move { port(target)?.make_link(stand.location, &stand.key(name), "there", name).await.map(drop) })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move { Ok(node(stand, name).await?.is_some_and(|node| node.link.as_deref() == Some("there"))) })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}

async fn set_xattr(stand: &Stand<'_>) -> Check {
    lose(
        stand,
        Mutation {
            prepare: &|stand, name| Box::pin(async move { files::write(stand, name, SIZE).await.map(drop) }),
            make: &|stand, target, name, (): &()| {
                Box::pin(async move {
                    let value = Some(b"blue".to_vec());
                    port(target)?.set_xattr(stand.location, &stand.key(name), "user.colour", value, name).await
                })
            },
            is_done: &|stand, name, (): &()| {
                Box::pin(async move {
                    let all = stand.files()?.get_xattrs(stand.location, &stand.key(name)).await.map_err(told)?;
                    Ok(all.iter().any(|(attribute, value)| attribute == "user.colour" && value == b"blue"))
                })
            },
            gone_is_done: false,
            may_be_silent: false,
        },
    )
    .await
}
