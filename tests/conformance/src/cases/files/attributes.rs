//! `set-attributes`, extended attributes, access control lists.

use anyhow::ensure;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attributes, NodeKind};

use super::{holds, make_directory, stat, write};
use crate::case::{Case, Want};
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

pub(crate) const MOMENT: i64 = 1_000_000_000_123_456_700;
const XATTRS: Want = Want::Capability("xattrs", "true");

pub fn all() -> Vec<Case> {
    use Want::{Files, Without};
    group! { "files";
        "set-modified", clause::SET_ATTRIBUTES, [Files], "the moment that is set is the moment that is told, to time-step-ns", modified;
        "set-modified-of-a-directory", clause::SET_ATTRIBUTES, [Files], "a directory has a moment as well", of_directory;
        "set-modified-early", clause::UNITS, [Files], "a moment before 1970 is negative, or refused", early;
        "set-mode", clause::SET_ATTRIBUTES, [Files], "the mode that is set is the mode that is told, where there is one", mode;
        "set-nothing", clause::SET_ATTRIBUTES, [Files], "what is not given stays", nothing;
        "set-again", clause::ATTEMPT, [Files], "the same change ten times is that change", again;
        "set-absent", clause::SET_ATTRIBUTES, [Files], "attributes of what is absent are not-found", absent;
        "write-keeps-no-old-moment", clause::WRITE, [Files], "a file that is written anew has a new moment", new_moment;
        "xattrs", clause::OPTIONAL, [Files, XATTRS], "an extended attribute is kept byte for byte, and removed", xattrs;
        "xattrs-several", clause::OPTIONAL, [Files, XATTRS], "several extended attributes are kept apart, empty ones too", several_xattrs;
        "xattrs-remove-absent", clause::ATTEMPT, [Files, XATTRS], "removing an attribute ten times is a success ten times", xattrs_again;
        "xattrs-absent", clause::OPTIONAL, [Files, XATTRS], "extended attributes of what is absent are not-found", xattrs_absent;
        "xattrs-hide-the-attempt", clause::ATTEMPT, [Files, XATTRS], "no mark of an attempt shows", xattrs_mark;
        "xattrs-unclaimed", clause::OPTIONAL, [Files, Without("xattrs")], "extended attributes that are not claimed are unsupported", xattrs_unclaimed;
        "acl", clause::OPTIONAL, [Files], "an access control list is told and set as it was told, or unsupported where none is claimed", acl;
    }
}

/// As the target tells it, which may know no such small steps.
pub(crate) fn cut(stand: &Stand<'_>) -> i64 {
    let step = i64::try_from(stand.number("time-step-ns", 1)).unwrap_or(1).max(1);
    MOMENT - MOMENT % step
}

fn moment(modified: i64) -> Attributes {
    Attributes { modified: Some(modified), ..Attributes::default() }
}

async fn set(stand: &Stand<'_>, name: &str, attributes: Attributes) -> capstan_domain::Outcome<capstan_domain::ports::Node> {
    let port = stand.files().map_err(|gone| capstan_domain::Failure::host("no files", gone))?;
    port.set_attributes(stand.location, &stand.key(name), attributes, &format!("set {name}")).await
}

async fn modified(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    let node = set(stand, "file", moment(MOMENT)).await.map_err(told)?;
    ensure!(node.modified == cut(stand), "the answer says {}", node.modified);
    let seen = stat(stand, "file").await?.modified;
    ensure!(seen == cut(stand), "stat says {seen}");
    holds(stand, "file", 3).await
}

async fn of_directory(stand: &Stand<'_>) -> Check {
    make_directory(stand, "folder").await?;
    set(stand, "folder", moment(MOMENT)).await.map_err(told)?;
    let node = stat(stand, "folder").await?;
    ensure!(node.modified == cut(stand) && node.kind == NodeKind::Directory, "{node:?}");
    Ok(())
}

async fn early(stand: &Stand<'_>) -> Check {
    write(stand, "old", 3).await?;
    let old = -86_400_000_000_000;
    match set(stand, "old", moment(old)).await {
        Ok(node) => ensure!(node.modified == old, "it became {}", node.modified),
        Err(failure) => {
            fails_as::<()>(Err(failure), &[Kind::Invalid, Kind::Unsupported], "a moment before 1970")?;
        }
    }
    Ok(())
}

async fn mode(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    if stat(stand, "file").await?.mode.is_none() {
        return Ok(());
    }
    for mode in [0o640, 0o600, 0o755] {
        match set(stand, "file", Attributes { mode: Some(mode), ..Attributes::default() }).await {
            Ok(node) => {
                ensure!(node.mode == Some(mode), "{mode:o} became {:?} (decimal)", node.mode);
                ensure!(stat(stand, "file").await?.mode == Some(mode), "stat tells another mode");
            }
            Err(failure) => return fails(Err::<(), _>(failure), Kind::Unsupported, "a mode"),
        }
    }
    Ok(())
}

async fn nothing(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    let before = set(stand, "file", moment(MOMENT)).await.map_err(told)?;
    let after = set(stand, "file", Attributes::default()).await.map_err(told)?;
    ensure!(
        (before.modified, before.mode, &before.owner, before.size) == (after.modified, after.mode, &after.owner, after.size),
        "{before:?} became {after:?}"
    );
    Ok(())
}

async fn again(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    for _ in 0..10 {
        let node = set(stand, "file", moment(MOMENT)).await.map_err(told)?;
        ensure!(node.modified == cut(stand), "{node:?}");
    }
    Ok(())
}

async fn absent(stand: &Stand<'_>) -> Check {
    fails(set(stand, "absent", moment(MOMENT)).await, Kind::NotFound, "attributes of what is absent")
}

async fn new_moment(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    set(stand, "file", moment(MOMENT)).await.map_err(told)?;
    write(stand, "file", 4).await?;
    let seen = stat(stand, "file").await?.modified;
    ensure!(seen > MOMENT, "it still has the old moment");
    Ok(())
}

const COLOUR: &str = "user.colour";

async fn value(stand: &Stand<'_>, attribute: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let all = stand.files()?.get_xattrs(stand.location, &stand.key("file")).await.map_err(told)?;
    Ok(all.into_iter().find(|(name, _)| name == attribute).map(|(_, value)| value))
}

async fn set_xattr(stand: &Stand<'_>, attribute: &str, value: Option<&[u8]>) -> Check {
    let value = value.map(<[u8]>::to_vec);
    stand.files()?.set_xattr(stand.location, &stand.key("file"), attribute, value, "xattr").await.map_err(told)
}

async fn xattrs(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    for bytes in [b"blue".as_slice(), b"\0\xff\x01 binary", b"red"] {
        set_xattr(stand, COLOUR, Some(bytes)).await?;
        ensure!(value(stand, COLOUR).await?.as_deref() == Some(bytes), "{bytes:?} is not what is told");
    }
    set_xattr(stand, COLOUR, None).await?;
    ensure!(value(stand, COLOUR).await?.is_none(), "it is still there");
    Ok(())
}

async fn several_xattrs(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    for (name, bytes) in [("user.a", b"1".as_slice()), ("user.b", b""), ("user.grün", b"3")] {
        set_xattr(stand, name, Some(bytes)).await?;
    }
    set_xattr(stand, "user.a", None).await?;
    ensure!(value(stand, "user.a").await?.is_none(), "user.a is still there");
    ensure!(value(stand, "user.b").await? == Some(Vec::new()), "an empty one is not kept");
    ensure!(value(stand, "user.grün").await?.as_deref() == Some(b"3"), "user.grün is not kept");
    Ok(())
}

async fn xattrs_again(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    set_xattr(stand, COLOUR, Some(b"blue")).await?;
    for _ in 0..10 {
        set_xattr(stand, COLOUR, None).await?;
    }
    Ok(())
}

async fn xattrs_absent(stand: &Stand<'_>) -> Check {
    fails(stand.files()?.get_xattrs(stand.location, &stand.key("absent")).await, Kind::NotFound, "get-xattrs")?;
    let set = stand.files()?.set_xattr(stand.location, &stand.key("absent"), COLOUR, Some(b"x".to_vec()), "xattr").await;
    fails(set, Kind::NotFound, "set-xattr")
}

async fn xattrs_mark(stand: &Stand<'_>) -> Check {
    let options = capstan_domain::ports::PutOptions { if_absent: stand.said("conditional-put").is_some(), ..Default::default() };
    stand
        .files()?
        .write(stand.location, &stand.key("file"), crate::content::counting(3), "the attempt 7", options)
        .await
        .map_err(told)?;
    let all = stand.files()?.get_xattrs(stand.location, &stand.key("file")).await.map_err(told)?;
    ensure!(!all.iter().any(|(_, value)| value == b"the attempt 7"), "{all:?}");
    Ok(())
}

async fn xattrs_unclaimed(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    fails(stand.files()?.get_xattrs(stand.location, &stand.key("file")).await, Kind::Unsupported, "get-xattrs")?;
    let set = stand.files()?.set_xattr(stand.location, &stand.key("file"), COLOUR, Some(b"x".to_vec()), "xattr").await;
    fails(set, Kind::Unsupported, "set-xattr")
}

async fn acl(stand: &Stand<'_>) -> Check {
    write(stand, "file", 3).await?;
    let (port, path) = (stand.files()?, stand.key("file"));
    let told_acl = port.get_acl(stand.location, &path).await;
    if matches!(stand.said("acl"), None | Some("none")) {
        fails(told_acl, Kind::Unsupported, "get-acl")?;
        return fails(port.set_acl(stand.location, &path, "", "acl").await, Kind::Unsupported, "set-acl");
    }
    let text = told_acl.map_err(told)?;
    port.set_acl(stand.location, &path, &text, "acl").await.map_err(told)?;
    let again = port.get_acl(stand.location, &path).await.map_err(told)?;
    ensure!(again == text, "{text:?} became {again:?}");
    Ok(())
}
