//! Directories, a page at a time, in the server's own order.

use std::time::{Duration, Instant};

use capstan_nfs3::procedures::{
    Cursor, DirectoryEntry, DirectoryPage, GetAttributes, Handle, Lookup, ReadDirectory, ReadDirectoryPlus, ReadLink,
};
use capstan_nfs3::{Attributes, FileKind, Status};
use capstan_sdk::failure::{invalid, malformed};
use capstan_sdk::types::NodePage;
use capstan_sdk::{Outcome, names as spelling, whole_file};

use crate::attributes::node;
use crate::failures::refused;
use crate::lane::{Lane, run};
use crate::link::done;
use crate::path::{Place, directory};
use crate::sweeper;

/// Bytes that one name takes in an answer, about.
const NAME_BYTES: u32 = 250;
/// Names of one page at most: what is not told of them is looked up all at once.
const NAMES: u32 = 1000;
/// After so long a page ends where it is: a slow server's names are handed on as they come.
const LONG: Duration = Duration::from_secs(5);

pub(crate) async fn page(place: &Place, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
    if limit == 0 {
        return Err(invalid("a page of no names"));
    }
    let cursor = after.map_or(Ok(Cursor::default()), read_marker)?;
    let subject = place.subject();
    let most = limit.min(NAMES) as usize;
    run(async |lane: &mut Lane| {
        let directory = directory(lane, &place.names, &subject).await?;
        let (mut entries, next) = names(lane, &directory, cursor, most, &subject).await?;
        sweeper::sweep(lane, &directory, &entries).await;
        entries.retain(|entry| is_shown(&entry.name));
        let nodes = dress(lane, &directory, entries, &subject).await?;
        Ok(NodePage { nodes, next: next.map(marker) })
    })
    .await
}

/// Up to `most` names from the cursor on, and where the others begin. Servers answer a few dozen at a time: asking for all of them in
/// one call spares the way here, and the way to the directory.
async fn names(
    lane: &mut Lane,
    directory: &Handle,
    mut cursor: Cursor,
    most: usize,
    subject: &str,
) -> Outcome<(Vec<DirectoryEntry>, Option<Cursor>)> {
    let begun = Instant::now();
    let mut names: Vec<DirectoryEntry> = Vec::new();
    loop {
        let room = most.saturating_sub(names.len());
        let page = done(read(lane, directory, cursor, u32::try_from(room).unwrap_or(u32::MAX)).await?, subject)?;
        if page.entries.is_empty() && !page.end {
            return Err(malformed("the server lists no names and no end", "READDIRPLUS"));
        }
        let ended = page.end && page.entries.len() <= room;
        names.extend(page.entries.into_iter().take(room));
        if ended {
            return Ok((names, None));
        }
        if let Some(last) = names.last() {
            if last.cookie == cursor.cookie {
                return Err(malformed("the server's list does not get on", "READDIRPLUS"));
            }
            cursor = Cursor { cookie: last.cookie, verifier: page.verifier };
        }
        if names.len() >= most || begun.elapsed() > LONG {
            return Ok((names, Some(cursor)));
        }
    }
}

fn is_shown(name: &[u8]) -> bool {
    name != b"." && name != b".." && !std::str::from_utf8(name).is_ok_and(whole_file::is_temporary)
}

/// Where the next page begins. The server's cookie may be zero for nothing but the beginning.
fn marker(cursor: Cursor) -> String {
    format!("{:x}-{:x}", cursor.cookie, u64::from_be_bytes(cursor.verifier))
}

fn read_marker(marker: &str) -> Outcome<Cursor> {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let parts = marker.split_once('-').and_then(|(cookie, verifier)| Some((number(cookie)?, number(verifier)?)));
    let (cookie, verifier) = parts.ok_or_else(|| invalid(format!("{marker:?} is no place in a directory")))?;
    Ok(Cursor { cookie, verifier: verifier.to_be_bytes() })
}

async fn read(lane: &mut Lane, directory: &Handle, cursor: Cursor, limit: u32) -> Outcome<Result<DirectoryPage, Status>> {
    let most = lane.session.directory.min(limit.saturating_mul(NAME_BYTES).saturating_add(4096));
    let plus = ReadDirectoryPlus { directory: directory.clone(), cursor, names: most, most };
    let answer = lane.link.ask(&plus).await?;
    if answer != Err(Status::NOTSUPP) {
        return Ok(answer);
    }
    lane.link.ask(&ReadDirectory { directory: directory.clone(), cursor, most }).await
}

/// A name, and what stands under it as far as that is known.
type Told = (Vec<u8>, Option<(Handle, Attributes)>);

/// Looks up what the listing did not tell, all at once. A name that vanished meanwhile is left out.
async fn dress(
    lane: &mut Lane,
    directory: &Handle,
    entries: Vec<DirectoryEntry>,
    subject: &str,
) -> Outcome<Vec<capstan_sdk::types::Node>> {
    let mut told: Vec<Told> = entries.into_iter().map(|entry| (entry.name, entry.handle.zip(entry.attributes))).collect();
    let untold = told.iter().enumerate().filter(|(_, (_, known))| known.is_none());
    let looks: Vec<_> =
        untold.map(|(at, (name, _))| (at, lane.link.post(&Lookup { directory: directory.clone(), name }))).collect();
    let (mut found, mut bare, mut wrong) = (Vec::new(), Vec::new(), None);
    for (at, look) in looks {
        match lane.link.answer(look).await? {
            Ok((handle, Some(attributes))) => found.push((at, (handle, attributes))),
            // A server need not tell attributes beside a handle; what is there must be in the list all the same.
            Ok((handle, None)) => bare.push((at, handle)),
            Err(Status::NOENT) => {}
            Err(status) => wrong = Some(status),
        }
    }
    let mut asked = Vec::with_capacity(bare.len());
    for (at, handle) in bare {
        let ticket = lane.link.post(&GetAttributes { file: handle.clone() });
        asked.push((at, handle, ticket));
    }
    for (at, handle, ticket) in asked {
        match lane.link.answer(ticket).await? {
            Ok(attributes) => found.push((at, (handle, attributes))),
            Err(Status::NOENT | Status::STALE) => {}
            Err(status) => wrong = Some(status),
        }
    }
    for (at, known) in found {
        if let Some(entry) = told.get_mut(at) {
            entry.1 = Some(known);
        }
    }
    if let Some(status) = wrong {
        return Err(refused(status, subject));
    }
    let links: Vec<_> = told
        .iter()
        .map(|(_, known)| match known {
            Some((handle, attributes)) if attributes.kind == FileKind::Symlink => {
                Some(lane.link.post(&ReadLink { link: handle.clone() }))
            }
            _ => None,
        })
        .collect();
    let mut nodes = Vec::with_capacity(told.len());
    for ((name, known), link) in told.into_iter().zip(links) {
        let target = match link {
            Some(link) => lane.link.answer(link).await?.ok().map(|target| spelling::escape(&target)),
            None => None,
        };
        if let Some((_, attributes)) = known {
            nodes.push(node(&spelling::escape(&name), &attributes, target));
        }
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_leads_back_to_its_place() {
        for cookie in [1, u64::MAX] {
            let cursor = Cursor { cookie, verifier: *b"\0\xff345678" };
            assert_eq!(read_marker(&marker(cursor)).unwrap(), cursor);
        }
        for marker in ["", "1", "1-", "x-1", "1-1-1"] {
            assert!(read_marker(marker).is_err(), "{marker:?}");
        }
    }

    #[test]
    fn what_is_being_written_is_not_shown() {
        assert!(is_shown(b"a") && is_shown(b"\xff") && is_shown(b".capstan-part-"));
        assert!(!is_shown(b".") && !is_shown(b"..") && !is_shown(format!(".capstan-part-{}", "0".repeat(32)).as_bytes()));
    }
}
