//! Names: directories, links, renames, removals. NFS has each of them on the disk when it answers (RFC 1813, section 4.8).

use capstan_nfs3::procedures::{Create, Handle, Link, Lookup, Made, MakeDirectory, Remove, RemoveDirectory, Rename, Symlink};
use capstan_nfs3::{FileKind, SetAttributes, Status};
use capstan_sdk::failure::{Failure, already_exists, invalid};
use capstan_sdk::types::Node;
use capstan_sdk::{Outcome, clock, crypto};

use crate::attributes::full_node;
use crate::failures::refused;
use crate::lane::{Lane, change, run};
use crate::link::{done, handle_of};
use crate::path::{self, Found, Place, find};

/// Of a directory that nobody gave attributes to.
const DIRECTORY_MODE: u32 = 0o755;
/// Waits between RENAMEs of what is there while the server says that it is not.
const RENAME_PAUSES_MS: [u64; 4] = [5, 20, 100, 500];

pub(crate) async fn make_directories(place: &Place) -> Outcome<()> {
    let subject = place.subject();
    change(async |lane: &mut Lane| make_below(lane, &place.names, &subject).await.map(drop)).await
}

/// The directory of these names, made where it is missing.
pub(crate) async fn make_below(lane: &mut Lane, names: &[Vec<u8>], subject: &str) -> Outcome<Handle> {
    match path::directory(lane, names, subject).await {
        Err(Failure::NotFound(_)) => {}
        other => return other,
    }
    // From the deepest that is there.
    let mut there = names.len();
    let mut at = loop {
        there = there.saturating_sub(1);
        match path::directory(lane, names.get(..there).unwrap_or_default(), subject).await {
            Err(Failure::NotFound(_)) if there > 0 => {}
            other => break other?,
        }
    };
    for (number, name) in names.iter().enumerate().skip(there) {
        let set = SetAttributes { mode: Some(DIRECTORY_MODE), ..SetAttributes::default() };
        at = match lane.link.ask(&MakeDirectory { directory: at.clone(), name, set }).await? {
            Ok(Made { handle, .. }) => handle_of(&mut lane.link, handle, &at, name, subject).await?,
            // Somebody else makes the same tree.
            Err(Status::EXIST) => path::directory(lane, names.get(..=number).unwrap_or_default(), subject).await?,
            Err(status) => return Err(refused(status, subject)),
        };
    }
    Ok(at)
}

pub(crate) async fn remove(place: &Place) -> Outcome<()> {
    let Some((above, name)) = place.split() else { return Err(invalid("a location is not removed by its path")) };
    let subject = place.subject();
    change(async |lane: &mut Lane| {
        let found = match find(lane, place).await {
            Err(Failure::NotFound(_)) => return Ok(()),
            other => other?,
        };
        let directory = path::directory(lane, above, &subject).await?;
        let answer = match found.attributes.kind {
            FileKind::Directory => lane.link.ask(&RemoveDirectory { directory, name }).await?,
            _ => lane.link.ask(&Remove { directory, name }).await?,
        };
        match answer {
            Ok(()) | Err(Status::NOENT) => Ok(()),
            // Linux says so of a directory that is not empty.
            Err(Status::EXIST) => Err(refused(Status::NOTEMPTY, &subject)),
            Err(status) => Err(refused(status, &subject)),
        }
    })
    .await
}

pub(crate) async fn rename(from: &Place, to: &Place, replace: bool) -> Outcome<()> {
    let whole = || invalid("a location is not renamed by its path");
    let (from_above, from_name) = from.split().ok_or_else(whole)?;
    let (to_above, to_name) = to.split().ok_or_else(whole)?;
    let mut seen = None;
    change(async |lane: &mut Lane| {
        let file = match find(lane, from).await {
            Ok(file) => file,
            Err(Failure::NotFound(fault)) => {
                return match find(lane, to).await {
                    // This very call did it, before its connection broke.
                    Ok(there) if seen == Some(identity(&there)) => Ok(()),
                    // It may be this attempt that did it, its answer lost.
                    Ok(_) => Err(Failure::NotFound(fault).maybe_done()),
                    Err(_) => Err(Failure::NotFound(fault)),
                };
            }
            Err(failure) => return Err(failure),
        };
        seen = Some(identity(&file));
        let way = Way {
            from: path::directory(lane, from_above, &from.subject()).await?,
            from_name,
            to: path::directory(lane, to_above, &to.subject()).await?,
            to_name,
        };
        if replace { way.rename(lane, &to.subject()).await } else { way.rename_to_free(lane, &file, to).await }
    })
    .await
}

fn identity(found: &Found) -> (u64, u64) {
    (found.attributes.fsid, found.attributes.fileid)
}

/// From a name to a name.
pub(crate) struct Way<'a> {
    pub(crate) from: Handle,
    pub(crate) from_name: &'a [u8],
    pub(crate) to: Handle,
    pub(crate) to_name: &'a [u8],
}

impl Way<'_> {
    /// A server that looks at the name to be replaced before it replaces it says "no such file" when that name is removed in between
    /// (nfs-ganesha does): while the old name is there, it is asked again.
    pub(crate) async fn rename(&self, lane: &mut Lane, subject: &str) -> Outcome<()> {
        let Self { from, from_name, to, to_name } = self;
        let rename = Rename { from: from.clone(), from_name, to: to.clone(), to_name };
        for pause in RENAME_PAUSES_MS {
            let answer = lane.link.ask(&rename).await?;
            if answer != Err(Status::NOENT) || lane.link.ask(&Lookup { directory: from.clone(), name: from_name }).await?.is_err()
            {
                return done(answer, subject);
            }
            clock::wait(pause).await;
        }
        done(lane.link.ask(&rename).await?, subject)
    }

    /// RENAME replaces what is there, so a file gets its new name by LINK, which never does, and loses the old one after. A directory
    /// cannot have two names: it is looked for first, and what slips in between can only be an empty directory.
    async fn rename_to_free(&self, lane: &mut Lane, file: &Found, to: &Place) -> Outcome<()> {
        let subject = to.subject();
        if file.attributes.kind == FileKind::File {
            return match self.link(lane, &file.handle, &subject).await {
                Ok(true) => Ok(()),
                Ok(false) => self.give_way(lane, file, to).await,
                // The two names are one file: an earlier try was here. That it lost to another rename cannot be told from that its
                // last answer was lost: the name stays, a file is rather named twice than not at all.
                Err(Failure::AlreadyExists(_)) if is_same(lane, file, to).await? => self.drop_old(lane, &subject).await.map(drop),
                Err(failure) => Err(failure),
            };
        }
        match find(lane, to).await {
            Ok(_) => Err(already_exists(format!("there is a {subject} already"))),
            Err(Failure::NotFound(_)) => self.rename(lane, &subject).await,
            Err(failure) => Err(failure),
        }
    }

    /// Gives the file its new name if nothing has it, decided by the server, and takes the old one away. False: somebody had taken that
    /// away meanwhile.
    pub(crate) async fn link(&self, lane: &mut Lane, file: &Handle, subject: &str) -> Outcome<bool> {
        let (directory, name) = (self.to.clone(), self.to_name);
        if lane.session.links {
            match lane.link.ask(&Link { file: file.clone(), directory: directory.clone(), name }).await? {
                Ok(()) => return self.drop_old(lane, subject).await,
                // Not every filesystem behind a server has links, whatever it said.
                Err(Status::NOTSUPP | Status::PERM | Status::INVAL | Status::MLINK) => {}
                Err(status) => return Err(refused(status, subject)),
            }
        }
        // Without links: the name is taken with an empty file that only this file's number can have made, and that is replaced.
        let digest = crypto::digest("blake3", file.bytes())?;
        let verifier = digest.first_chunk().copied().unwrap_or_default();
        done(lane.link.ask(&Create::Exclusive { directory, name, verifier }).await?, subject)?;
        self.rename(lane, subject).await.map(|()| true)
    }

    /// The file has its new name; the old one goes. False: it was gone.
    async fn drop_old(&self, lane: &mut Lane, subject: &str) -> Outcome<bool> {
        match lane.link.ask(&Remove { directory: self.from.clone(), name: self.from_name }).await? {
            Ok(()) => Ok(true),
            Err(Status::NOENT) => Ok(false),
            Err(status) => Err(refused(status, subject)),
        }
    }

    /// Somebody took the old name away between the two steps of this very try. If the file has yet another name, that was a rename beside
    /// this one: of the two the other was made, and the name from here is taken back. If it has none, the name from here is all that
    /// holds it, and stays. A server that counts names from memory may count one too few for a moment: then both names stay.
    async fn give_way(&self, lane: &mut Lane, file: &Found, to: &Place) -> Outcome<()> {
        let there = match find(lane, to).await {
            Ok(there) if identity(&there) == identity(file) => there,
            // Somebody replaced that as well.
            Ok(_) => return Err(renamed_meanwhile()),
            Err(failure) => return Err(failure),
        };
        if there.attributes.links < 2 {
            return Ok(());
        }
        match lane.link.ask(&Remove { directory: self.to.clone(), name: self.to_name }).await? {
            Ok(()) | Err(Status::NOENT) => Err(renamed_meanwhile()),
            Err(status) => Err(refused(status, &to.subject())),
        }
    }
}

fn renamed_meanwhile() -> Failure {
    refused(Status::NOENT, "such file any more; it was renamed meanwhile")
}

async fn is_same(lane: &mut Lane, file: &Found, place: &Place) -> Outcome<bool> {
    Ok(identity(&find(lane, place).await?) == identity(file))
}

/// Made twice with the same target is made once.
pub(crate) async fn make_link(place: &Place, target: &str) -> Outcome<Node> {
    let Some((above, name)) = place.split() else { return Err(invalid("a location is no link")) };
    let (subject, bytes) = (place.subject(), capstan_sdk::names::unescape(target));
    change(async |lane: &mut Lane| {
        let directory = path::directory(lane, above, &subject).await?;
        let answer = lane.link.ask(&Symlink { directory, name, target: &bytes }).await?;
        if let Err(status) = answer
            && status != Status::EXIST
        {
            return Err(refused(status, &subject));
        }
        let found = find(lane, place).await?;
        let there = full_node(lane, place, &found).await?;
        if answer.is_ok() || there.link.as_deref() == Some(target) { Ok(there) } else { Err(refused(Status::EXIST, &subject)) }
    })
    .await
}

/// Every write is committed before it answers and every change of a name is synchronous by the protocol, so nothing is left to do; but
/// what is not there was not written.
pub(crate) async fn sync(place: &Place) -> Outcome<()> {
    run(async |lane: &mut Lane| find(lane, place).await.map(drop)).await
}
