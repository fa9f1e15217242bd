//! Writes files: whole ones under a temporary name beside the final one, then renamed; ranges in place. All of it is on the server's disk
//! when a call answers.

use std::collections::VecDeque;

use capstan_nfs3::procedures::{Commit, Create, Durability, GetAttributes, Handle, Made, Remove, Verifier, Write};
use capstan_nfs3::{FileKind, SetAttributes, Status};
use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, cancelled, invalid, unavailable, unsupported};
use capstan_sdk::types::{Node, PutOptions};
use capstan_sdk::{Outcome, crypto, job, whole_file};

use crate::attributes::node;
use crate::failures::refused;
use crate::lane::{Lane, change, run};
use crate::link::{Ticket, done, handle_of};
use crate::path::{self, Found, Place, find};
use crate::tree::{Way, make_below};

/// Of a file that nobody gave attributes to.
const FILE_MODE: u32 = 0o644;
/// WRITEs of one file under way. Their bytes are in the host.
const AHEAD: usize = 4;
/// How often a file is written again because the server forgot what it had not committed.
const ROUNDS: usize = 4;
/// The code of a server that would not keep it.
const FORGETFUL: &str = "write-verifier";

pub(crate) async fn write(place: &Place, content: &Content, attempt: &str, options: &PutOptions) -> Outcome<Node> {
    let Some((_, name)) = place.split() else { return Err(invalid("a location is no file")) };
    if options.if_match.is_some() {
        return Err(unsupported("this target has no entity tags to match"));
    }
    if whole_file::is_temporary(place.name()) {
        return Err(invalid(format!("{} is a name this target needs itself", place.subject())));
    }
    if let Some(offset) = whole_file::offset(options)? {
        return write_range(place, content, offset).await;
    }
    let temporary = whole_file::temporary_name(attempt, place.text())?.into_bytes();
    let put = Put { place, name, temporary: &temporary, content, mark: mark(attempt, place)?, if_absent: options.if_absent };
    match change(async |lane: &mut Lane| put.run(lane).await).await {
        Ok(node) => Ok(node),
        Err(failure) => {
            // A server that does not answer is not asked for more: the next try cuts what this one left.
            let silent = matches!(failure, Failure::TimedOut(_) | Failure::Unavailable(_));
            if !silent || failure.fault().code.as_deref() == Some(FORGETFUL) {
                put.forget().await;
            }
            Err(failure)
        }
    }
}

/// When a file that must be new claims to have been read last: a moment that only this attempt at this path makes, so that a second try
/// tells its own file from a stranger's. NFS version 3 has no other place for it; servers themselves keep the verifier of an exclusive
/// CREATE there. In milliseconds, which every filesystem holds.
fn mark(attempt: &str, place: &Place) -> Outcome<(u32, u32)> {
    let digest = crypto::digest("blake3", format!("mark\0{attempt}\0{}", place.text()).as_bytes())?;
    Ok(mark_of(digest.first_chunk().copied().unwrap_or_default()))
}

fn mark_of(digest: [u8; 8]) -> (u32, u32) {
    let number = u64::from_be_bytes(digest);
    let seconds = u32::try_from(number >> 35).unwrap_or(0);
    // 1987 to 2004: long ago, and on the disks of all systems.
    (0x2000_0000 | seconds, u32::try_from(number % 1000).unwrap_or(0) * 1_000_000)
}

fn has_mark(accessed: (u32, u32), mark: (u32, u32)) -> bool {
    accessed.0 == mark.0 && accessed.1 / 1_000_000 == mark.1 / 1_000_000
}

struct Put<'a> {
    place: &'a Place,
    name: &'a [u8],
    temporary: &'a [u8],
    content: &'a Content,
    mark: (u32, u32),
    if_absent: bool,
}

impl Put<'_> {
    async fn run(&self, lane: &mut Lane) -> Outcome<Node> {
        let subject = self.place.subject();
        if self.content.size() > lane.session.largest_file {
            return Err(refused(Status::FBIG, &subject));
        }
        let (above, _) = self.place.split().unwrap_or_default();
        if self.if_absent && self.occupied(lane).await?.is_some() {
            let directory = path::directory(lane, above, &subject).await?;
            self.remove_temporary(lane, &directory).await?;
            return self.occupied(lane).await?.ok_or_else(|| refused(Status::NOENT, &subject));
        }
        let directory = match path::directory(lane, above, &subject).await {
            // Looking first for what is nearly always there would cost every file.
            Err(Failure::NotFound(_)) => make_below(lane, above, &subject).await?,
            other => other?,
        };
        let file = self.create(lane, &directory, &subject).await?;
        fill(lane, &file, self.content, 0, &subject).await?;
        // Asked before it has its name: afterwards others may have taken it away.
        let attributes = done(lane.link.ask(&GetAttributes { file: file.clone() }).await?, &subject)?;
        let way = Way { from: directory.clone(), from_name: self.temporary, to: directory, to_name: self.name };
        if self.if_absent {
            match way.link(lane, &file, &subject).await {
                Err(Failure::AlreadyExists(fault)) => {
                    self.occupied(lane).await?.ok_or(Failure::AlreadyExists(fault))?;
                    self.remove_temporary(lane, &way.from).await?;
                }
                // Whoever took its temporary name away meanwhile: it has its own.
                other => drop(other?),
            }
        } else {
            way.rename(lane, &subject).await?;
        }
        Ok(node(self.place.name(), &attributes, None))
    }

    /// Somebody's file is in the way, or this attempt's own, whose answer was lost.
    async fn occupied(&self, lane: &mut Lane) -> Outcome<Option<Node>> {
        let there = match find(lane, self.place).await {
            Ok(there) => there.attributes,
            Err(Failure::NotFound(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        if there.kind == FileKind::File && there.size == self.content.size() && has_mark(there.accessed, self.mark) {
            Ok(Some(node(self.place.name(), &there, None)))
        } else {
            Err(refused(Status::EXIST, &self.place.subject()))
        }
    }

    async fn create(&self, lane: &mut Lane, directory: &Handle, subject: &str) -> Outcome<Handle> {
        let set = SetAttributes {
            mode: Some(FILE_MODE),
            size: Some(0),
            accessed: self.if_absent.then_some(self.mark),
            ..SetAttributes::default()
        };
        let create = Create::Unchecked { directory: directory.clone(), name: self.temporary, set };
        let Made { handle, .. } = done(lane.link.ask(&create).await?, subject)?;
        handle_of(&mut lane.link, handle, directory, self.temporary, subject).await
    }

    async fn remove_temporary(&self, lane: &mut Lane, directory: &Handle) -> Outcome<()> {
        match lane.link.ask(&Remove { directory: directory.clone(), name: self.temporary }).await? {
            Ok(()) | Err(Status::NOENT) => Ok(()),
            Err(status) => Err(refused(status, "the temporary file")),
        }
    }

    /// After a failure. What cannot be removed now is cut by the next try, and shows in no listing.
    async fn forget(&self) {
        let removed = run(async |lane: &mut Lane| {
            let (above, _) = self.place.split().unwrap_or_default();
            let directory = path::directory(lane, above, &self.place.subject()).await?;
            self.remove_temporary(lane, &directory).await
        });
        match removed.await {
            Ok(()) | Err(Failure::NotFound(_)) => {}
            Err(failure) => capstan_sdk::log!(warn, "a temporary file is left behind", "why" => failure.fault().message),
        }
    }
}

/// In place, under the name itself.
async fn write_range(place: &Place, content: &Content, offset: u64) -> Outcome<Node> {
    let subject = place.subject();
    change(async |lane: &mut Lane| {
        let end = offset.checked_add(content.size()).filter(|end| *end <= lane.session.largest_file);
        if end.is_none() {
            return Err(refused(Status::FBIG, &subject));
        }
        let file = match find(lane, place).await {
            Ok(Found { handle, attributes }) if attributes.kind == FileKind::File => handle,
            Ok(Found { attributes, .. }) if attributes.kind == FileKind::Directory => {
                return Err(refused(Status::ISDIR, &subject));
            }
            Ok(_) => return Err(invalid(format!("{subject} is no file"))),
            Err(Failure::NotFound(_)) => make_file(lane, place, &subject).await?,
            Err(failure) => return Err(failure),
        };
        fill(lane, &file, content, offset, &subject).await?;
        let attributes = done(lane.link.ask(&GetAttributes { file }).await?, &subject)?;
        Ok(node(place.name(), &attributes, None))
    })
    .await
}

/// Made if absent, never cut: other ranges may have been written meanwhile.
async fn make_file(lane: &mut Lane, place: &Place, subject: &str) -> Outcome<Handle> {
    let (above, name) = place.split().unwrap_or_default();
    let directory = make_below(lane, above, subject).await?;
    let set = SetAttributes { mode: Some(FILE_MODE), ..SetAttributes::default() };
    let create = Create::Unchecked { directory: directory.clone(), name, set };
    let Made { handle, .. } = done(lane.link.ask(&create).await?, subject)?;
    handle_of(&mut lane.link, handle, &directory, name, subject).await
}

/// Writes the content from `at` on, and commits it.
async fn fill(lane: &mut Lane, file: &Handle, content: &Content, at: u64, subject: &str) -> Outcome<()> {
    for round in 0..ROUNDS {
        let mut pass = Pass { file, content, at, subject, first: None, forgotten: false, unstable: false };
        if pass.run(lane).await? {
            return Ok(());
        }
        capstan_sdk::log!(warn, "the server forgot what it had not committed; it is written again", "round" => round);
    }
    Err(unavailable("the server forgets what it took before it commits it, again and again").code(FORGETFUL))
}

/// All WRITEs of a content, once.
struct Pass<'a> {
    file: &'a Handle,
    content: &'a Content,
    at: u64,
    subject: &'a str,
    /// The first verifier; another later says that what came before it may be forgotten.
    first: Option<Verifier>,
    forgotten: bool,
    /// Something must be committed.
    unstable: bool,
}

impl Pass<'_> {
    /// False: the server forgot something.
    async fn run(&mut self, lane: &mut Lane) -> Outcome<bool> {
        let size = self.content.size();
        let step = u64::from(lane.session.write);
        // One that goes in one piece is not worth a COMMIT.
        let durability = if size <= step { Durability::FileSync } else { Durability::Unstable };
        let mut missing: VecDeque<(u64, u64)> = VecDeque::new();
        if size > 0 {
            missing.push_back((0, size));
        }
        let mut flying: VecDeque<(u64, u32, Ticket<Write>)> = VecDeque::new();
        loop {
            while flying.len() < AHEAD
                && let Some((from, to)) = missing.pop_front()
            {
                let count = u32::try_from((to - from).min(step)).unwrap_or(0);
                if from + u64::from(count) < to {
                    missing.push_front((from + u64::from(count), to));
                }
                let write = Write { file: self.file.clone(), offset: self.at + from, count, durability };
                flying.push_back((from, count, lane.link.post_write(&write, self.content, from).await?));
            }
            let Some((from, count, ticket)) = flying.pop_front() else { break };
            let written = done(lane.link.answer(ticket).await?, self.subject)?;
            if written.count == 0 || written.count > count {
                return Err(unavailable("the server took no bytes, or more than it got").code("malformed-answer"));
            }
            if written.count < count {
                missing.push_back((from + u64::from(written.count), from + u64::from(count)));
            }
            self.forgotten |= self.first.is_some_and(|first| first != written.verifier);
            self.first = self.first.or(Some(written.verifier));
            self.unstable |= written.durability == Durability::Unstable;
            if job::cancelled() {
                return Err(cancelled("the job was cancelled"));
            }
        }
        if !self.unstable {
            return Ok(true);
        }
        if self.forgotten {
            return Ok(false);
        }
        let committed = done(lane.link.ask(&Commit { file: self.file.clone() }).await?, self.subject)?;
        Ok(self.first == Some(committed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_moment_long_ago_and_survives_coarse_clocks() {
        let marks = [[0; 8], [0xff; 8], *b"abcdefgh"].map(mark_of);
        for mark in marks {
            assert!((0x2000_0000..0x4000_0000).contains(&mark.0) && mark.1 < 1_000_000_000 && mark.1 % 1_000_000 == 0);
            assert!(has_mark((mark.0, mark.1 + 999_999), mark));
            assert!(!has_mark((mark.0 + 1, mark.1), mark));
        }
        assert_ne!(marks[0], marks[2]);
    }
}
