//! Writes whole files: under a temporary name beside the final one, synced, renamed, the directory synced.
//!
//! Where the process dies, and what is left: before the rename, a temporary file that no listing shows and the next try of the same
//! attempt cuts and fills again, or a listing removes when it is a week old; after it, the whole file.

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, corrupt, invalid, unsupported};
use capstan_sdk::files::{self, Creation};
use capstan_sdk::types::{Node, PutOptions};
use capstan_sdk::whole_file::{is_temporary, offset, temporary_name};

use crate::attributes::ATTEMPT_XATTR;
use crate::backend::{Place, ROOT};
use crate::{reader, tree};

pub(crate) async fn write(place: &Place, content: &Content, attempt: &str, options: &PutOptions) -> Outcome<Node> {
    let Some(directory) = place.parent() else { return Err(invalid("a location is no file")) };
    if options.if_match.is_some() {
        return Err(unsupported("this target has no entity tags to match"));
    }
    if is_temporary(place.name()) {
        return Err(invalid(format!("{} is a name this target needs itself", place.subject())));
    }
    if let Some(offset) = offset(options)? {
        return write_range(place, &directory, content, offset).await;
    }
    if options.if_absent
        && let Some(done) = occupied(place, attempt).await?
    {
        return Ok(done);
    }
    let temporary = directory.child(&temporary_name(attempt, &place.path)?);
    if let Err(failure) = fill(&directory, &temporary, content, attempt, options).await {
        forget(&temporary).await;
        return Err(failure);
    }
    match files::rename(ROOT.to_owned(), temporary.path.clone(), place.path.clone(), !options.if_absent).await {
        Ok(()) => files::sync(ROOT.to_owned(), directory.path).await?,
        Err(failure) => {
            forget(&temporary).await;
            return match failure {
                Failure::AlreadyExists(fault) => occupied(place, attempt).await?.ok_or(Failure::AlreadyExists(fault)),
                other => Err(other),
            };
        }
    }
    reader::stat(place).await
}

/// In place, under the name itself. Not durable before `sync`.
async fn write_range(place: &Place, directory: &Place, content: &Content, offset: u64) -> Outcome<Node> {
    let size = content.size();
    let written = match put_range(place, content, offset).await {
        Err(Failure::NotFound(_)) => {
            tree::make_directories(directory).await?;
            put_range(place, content, offset).await?
        }
        other => other?,
    };
    if written != size {
        let short = || corrupt(format!("the content ended after {written} of {size} bytes"));
        return Err(content.broken().unwrap_or_else(short));
    }
    reader::stat(place).await
}

async fn put_range(place: &Place, content: &Content, offset: u64) -> Outcome<u64> {
    let data = content.open(0, content.size());
    let written = files::write(ROOT.to_owned(), place.path.clone(), Creation::Keep, offset, data).await;
    written.map_err(|failure| content.broken().unwrap_or(failure))
}

/// Somebody's file is in the way, or this attempt's own, whose answer was lost.
async fn occupied(place: &Place, attempt: &str) -> Outcome<Option<Node>> {
    let there = match reader::stat(place).await {
        Ok(there) => there,
        Err(Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let marks = files::get_xattrs(ROOT.to_owned(), place.path.clone()).await.unwrap_or_default();
    let ours = !attempt.is_empty() && marks.iter().any(|(name, value)| name == ATTEMPT_XATTR && value == attempt.as_bytes());
    if ours {
        Ok(Some(there))
    } else {
        Err(capstan_sdk::failure::already_exists(format!("there is a {} already", place.subject())))
    }
}

async fn fill(directory: &Place, temporary: &Place, content: &Content, attempt: &str, options: &PutOptions) -> Outcome<()> {
    let size = content.size();
    let written = match write_all(temporary, content, size).await {
        // Nobody made the directory yet; looking first would cost every file of a full one.
        Err(Failure::NotFound(_)) => {
            tree::make_directories(directory).await?;
            write_all(temporary, content, size).await?
        }
        other => other?,
    };
    if written != size {
        let short = || corrupt(format!("the content ended after {written} of {size} bytes"));
        return Err(content.broken().unwrap_or_else(short));
    }
    if options.if_absent && !attempt.is_empty() {
        // Without it a lost answer cannot be told from a stranger's file; not every filesystem has it.
        let mark = files::set_xattr(
            ROOT.to_owned(),
            temporary.path.clone(),
            ATTEMPT_XATTR.to_owned(),
            Some(attempt.as_bytes().to_vec()),
        );
        if let Err(failure) = mark.await {
            capstan_sdk::log!(debug, "the file carries no mark of its attempt", "why" => failure.fault().message);
        }
    }
    files::sync(ROOT.to_owned(), temporary.path.clone()).await
}

async fn write_all(temporary: &Place, content: &Content, size: u64) -> Outcome<u64> {
    let written = files::write(ROOT.to_owned(), temporary.path.clone(), Creation::Truncate, 0, content.open(0, size)).await;
    written.map_err(|failure| content.broken().unwrap_or(failure))
}

async fn forget(temporary: &Place) {
    match files::remove(ROOT.to_owned(), temporary.path.clone()).await {
        Ok(()) | Err(Failure::NotFound(_)) => {}
        Err(failure) => capstan_sdk::log!(warn, "a temporary file is left behind", "why" => failure.fault().message),
    }
}
