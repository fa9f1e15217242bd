//! Paths: what is none, and how long one may be.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;

use super::{holds, names_in, write};
use crate::case::{Case, Want};
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, fails, group, told};

pub fn all() -> Vec<Case> {
    use Want::Files;
    group! { "files";
        "path-climbs", clause::PATHS, [Files], "a path that climbs is invalid in every function", climbs;
        "path-absolute", clause::PATHS, [Files], "a path that begins with a slash is invalid", absolute;
        "path-empty-parts", clause::PATHS, [Files], "a path with empty parts or single dots is invalid", empty_parts;
        "path-zero-byte", clause::PATHS, [Files], "a path with a zero byte is invalid", zero;
        "path-deep", clause::PATHS, [Files], "a path of many parts is kept", deep;
        "name-longest", clause::PATHS, [Files], "a name of max-name-bytes is kept", longest;
        "name-longest-in-other-scripts", clause::TEXT, [Files], "a name's length is counted in bytes of UTF-8", longest_wide;
        "name-too-long", clause::PATHS, [Files], "a name beyond max-name-bytes is invalid", too_long;
    }
}

async fn refused(stand: &Stand<'_>, path: &str) -> Check {
    let (port, location) = (stand.files()?, stand.location);
    let named = |what: &str| format!("{what} of {path:?}");
    fails(port.stat(location, path).await, Kind::Invalid, &named("stat"))?;
    fails(port.read(location, path, None).await, Kind::Invalid, &named("read"))?;
    fails(port.read_directory(location, path, None, 1).await, Kind::Invalid, &named("read-directory"))?;
    fails(port.write(location, path, counting(1), "write", PutOptions::default()).await, Kind::Invalid, &named("write"))?;
    fails(port.make_directory(location, path, "make").await, Kind::Invalid, &named("make-directory"))?;
    fails(port.remove(location, path, "remove").await, Kind::Invalid, &named("remove"))?;
    fails(port.rename(location, path, &stand.key("x"), true, "rename").await, Kind::Invalid, &named("rename"))?;
    fails(port.rename(location, &stand.key("file"), path, true, "rename").await, Kind::Invalid, &named("rename to"))?;
    fails(port.set_attributes(location, path, Default::default(), "set").await, Kind::Invalid, &named("set-attributes"))?;
    fails(port.sync(location, path).await, Kind::Invalid, &named("sync"))
}

async fn all_refused(stand: &Stand<'_>, paths: &[&str]) -> Check {
    write(stand, "file", 1).await?;
    for path in paths {
        refused(stand, path).await?;
    }
    holds(stand, "file", 1).await
}

async fn climbs(stand: &Stand<'_>) -> Check {
    all_refused(stand, &["..", "../etc/passwd", "a/../../etc/passwd", "a/.."]).await
}

async fn absolute(stand: &Stand<'_>) -> Check {
    all_refused(stand, &["/", "/etc/passwd", "//a"]).await
}

async fn empty_parts(stand: &Stand<'_>) -> Check {
    all_refused(stand, &["a//b", "a/", ".", "./a", "a/./b"]).await
}

async fn zero(stand: &Stand<'_>) -> Check {
    all_refused(stand, &["a\0b", "\0"]).await
}

async fn deep(stand: &Stand<'_>) -> Check {
    let name = "d/".repeat(50) + "file";
    write(stand, &name, 5).await?;
    holds(stand, &name, 5).await
}

fn name_of(stand: &Stand<'_>, more: usize, letter: char) -> anyhow::Result<String> {
    let length = usize::try_from(stand.number("max-name-bytes", 255))? + more;
    let wide = letter.len_utf8();
    let mut name: String = std::iter::repeat_n(letter, length / wide).collect();
    name.extend(std::iter::repeat_n('x', length % wide));
    Ok(name)
}

async fn longest_of(stand: &Stand<'_>, letter: char) -> Check {
    let name = name_of(stand, 0, letter)?;
    write(stand, &format!("long/{name}"), 5).await?;
    holds(stand, &format!("long/{name}"), 5).await?;
    ensure!(names_in(stand, "long", 10).await? == [name], "it is listed otherwise");
    Ok(())
}

async fn longest(stand: &Stand<'_>) -> Check {
    longest_of(stand, 'n').await
}

async fn longest_wide(stand: &Stand<'_>) -> Check {
    longest_of(stand, '日').await
}

async fn too_long(stand: &Stand<'_>) -> Check {
    let path = stand.key(&name_of(stand, 1, 'n')?);
    let written = stand.files()?.write(stand.location, &path, counting(5), "long", PutOptions::default()).await;
    fails(written, Kind::Invalid, "a name that is too long")?;
    stand.files()?.stat(stand.location, "").await.map(drop).map_err(told).context("the location after it")
}
