//! Names: directories, renames, removals, and what makes them durable.

use capstan_sdk::failure::{Failure, invalid, not_found};
use capstan_sdk::{Outcome, log};
use smb2::msg::create::CreateDisposition;
use smb2::types::flags::FileAttributes;
use smb2::types::status::NtStatus;

use crate::chain::{Answers, Chain, Opening, access, option};
use crate::information::{DISPOSITION, RENAME, renamed};
use crate::links::Links;
use crate::place::Place;
use crate::{sibling, status};

/// Makes the directory and what is missing above it.
pub(crate) async fn make_directories(links: &Links, place: &Place) -> Outcome<()> {
    let mut missing = vec![place.clone()];
    // Up to the top once and down again; more means that somebody removes what is made, or that the top itself is missing.
    for _ in 0..2 * place.path.split('/').count() + 2 {
        let Some(at) = missing.pop() else { return Ok(()) };
        if make_one(links, &at).await? {
            continue;
        }
        let above = at.parent();
        missing.push(at);
        missing.extend(above);
    }
    match missing.is_empty() {
        true => Ok(()),
        false if links.config.root().is_empty() => Err(not_found(format!("the server does not let {} be made", place.subject()))),
        false => Err(not_found("the folder that \"root\" names is not in the share").code("root")),
    }
}

/// False: the directory above is missing.
async fn make_one(links: &Links, place: &Place) -> Outcome<bool> {
    let subject = place.subject();
    if place.path.is_empty() {
        // The location itself is not ours to make.
        return Ok(true);
    }
    let mut opening = Opening::existing(place.wire(), access::LOOK).options(option::DIRECTORY);
    opening.disposition = CreateDisposition::FileCreate;
    let answers = links.ask(&Chain::open(opening).close(), &subject).await?;
    match answers.status(0) {
        NtStatus::OBJECT_PATH_NOT_FOUND | NtStatus::OBJECT_NAME_NOT_FOUND => Ok(false),
        NtStatus::OBJECT_NAME_COLLISION => match sibling::same_spelling(links, place).await? {
            Some(look) if !look.is_directory() => Err(invalid(format!("{subject} is no directory"))),
            // Somebody else made it, or the first try of this call did.
            _ => Ok(true),
        },
        _ => answers.opened(&subject).map(|_| true),
    }
}

pub(crate) async fn make_directory(links: &Links, place: &Place) -> Outcome<()> {
    links.writable()?;
    make_directories(links, place).await
}

/// A file, a link, an empty directory. One that is absent is gone.
///
/// A file is opened to be gone when it is closed. A directory is opened once more, marked, then closed: one that is not empty is refused at
/// the mark, while at the CLOSE it would just stay.
pub(crate) async fn remove(links: &Links, place: &Place) -> Outcome<()> {
    links.writable()?;
    if place.parent().is_none() {
        return Err(invalid("a location is not removed by its path"));
    }
    let subject = place.subject();
    let opening = Opening::existing(place.wire(), access::DELETE);
    let file = Chain::open(opening.clone().options(option::NOT_DIRECTORY | option::DELETE_ON_CLOSE)).close();
    let answers = links.ask(&file, &subject).await?;
    if answers.status(0) != NtStatus::FILE_IS_A_DIRECTORY {
        return removed(&answers, &subject);
    }
    let directory = Chain::open(opening).set(DISPOSITION, vec![1]).close();
    removed(&links.ask(&directory, &subject).await?, &subject)
}

/// What became of a chain that opens and removes.
fn removed(answers: &Answers, subject: &str) -> Outcome<()> {
    match answers.status(0) {
        NtStatus::OBJECT_NAME_NOT_FOUND | NtStatus::OBJECT_PATH_NOT_FOUND | NtStatus::NO_SUCH_FILE => Ok(()),
        // Somebody removed it and has it open still: nobody will see it again.
        NtStatus::DELETE_PENDING => Ok(()),
        _ => (0..answers.len()).try_for_each(|step| answers.done(step, subject)),
    }
}

/// Asked without replacing first: so the server itself says whether something is there, and a name that differs in case alone is seen
/// before it is overwritten.
///
/// | the process dies, or the answer is lost | what is there |
/// |---|---|
/// | before the first request | the old name |
/// | after it | the old name, or the new one: `maybe-done`, the host looks |
/// | between the two requests of a replacing rename | both names as before |
pub(crate) async fn rename(links: &Links, from: &Place, to: &Place, replace: bool) -> Outcome<()> {
    links.writable()?;
    if from.parent().is_none() || to.parent().is_none() {
        return Err(invalid("a location is not renamed by its path"));
    }
    match move_to(links, from, to, false).await {
        Err(Failure::AlreadyExists(_)) if replace => {}
        Err(Failure::NotFound(fault)) if sibling::found(links, to).await.is_ok_and(|there| there.is_some()) => {
            // Nothing to rename, and something at its destination: it may be this attempt that did it, its answer lost.
            return Err(Failure::NotFound(fault).maybe_done());
        }
        other => return other,
    }
    sibling::same_spelling(links, to).await?;
    move_to(links, from, to, true).await
}

/// One rename, in one round trip.
pub(crate) async fn move_to(links: &Links, from: &Place, to: &Place, replace: bool) -> Outcome<()> {
    let chain = Chain::open(Opening::existing(from.wire(), access::DELETE)).set(RENAME, renamed(&to.wire(), replace)).close();
    let answers = links.change(&chain, &from.subject()).await?;
    answers.opened(&from.subject())?;
    match answers.status(1) {
        // Servers say so where the destination is open: whether it is, an open tells. One that was, and is not any more, is no reason
        // that lasts; one that may only be read is.
        refusal @ NtStatus::ACCESS_DENIED if replace => {
            let probe = Chain::open(Opening::existing(to.wire(), access::DELETE)).close();
            let answers = links.ask(&probe, &to.subject()).await?;
            match answers.status(0) {
                NtStatus::SHARING_VIOLATION => Err(status::general(NtStatus::SHARING_VIOLATION, &to.subject())),
                NtStatus::SUCCESS if answers.opened(&to.subject())?.file_attributes & FileAttributes::READONLY == 0 => {
                    Err(status::general(NtStatus::SHARING_VIOLATION, &to.subject()))
                }
                _ => Err(status::general(refusal, &to.subject())),
            }
        }
        _ => answers.done(1, &to.subject()),
    }
}

/// A file's data, or a directory's names, are on the server's disk when this answers, as far as the server flushes what it is asked to.
pub(crate) async fn sync(links: &Links, place: &Place) -> Outcome<()> {
    if links.config.read_only {
        return Ok(());
    }
    let subject = place.subject();
    let mut opening = Opening::existing(place.wire(), access::WRITE);
    opening.options &= !option::REPARSE_POINT;
    let lease = links.lease().await?;
    let answers = match lease.run(&Chain::open(opening).flush()).await {
        Err(error) if crate::error::is_lost(&error) => return Err(crate::error::failure(&error, &subject)),
        other => other.map_err(|error| crate::error::failure(&error, &subject))?,
    };
    let opened = match answers.opened(&subject) {
        // Of a directory one may not write into, there are no new names; what is below it was flushed as it was written.
        Err(Failure::Denied(_)) if is_directory(links, place).await? => return Ok(()),
        other => other?,
    };
    lease.close(opened.file_id).await;
    match answers.done(1, &subject) {
        Err(failure) if opened.file_attributes & FileAttributes::DIRECTORY != 0 => match failure {
            Failure::Denied(_) | Failure::Unsupported(_) | Failure::Invalid(_) => {
                log!(debug, "the server flushes no directories", "why" => failure.fault().message);
                Ok(())
            }
            other => Err(other),
        },
        other => other,
    }
}

async fn is_directory(links: &Links, place: &Place) -> Outcome<bool> {
    Ok(crate::reader::look(links, place).await?.is_directory())
}

#[cfg(test)]
mod tests {
    use smb2::types::Command;

    use super::*;

    #[test]
    fn what_is_gone_or_on_its_way_out_is_removed_and_what_stays_is_not() {
        let outcome = |statuses: &[NtStatus]| {
            let commands = [Command::Create, Command::SetInfo, Command::Close];
            let answers: Vec<_> = commands.into_iter().zip(statuses.iter().copied()).collect();
            removed(&Answers::of(&answers), "\"a\"")
        };
        let done = NtStatus::SUCCESS;
        for gone in [NtStatus::OBJECT_NAME_NOT_FOUND, NtStatus::OBJECT_PATH_NOT_FOUND, NtStatus::DELETE_PENDING] {
            assert!(outcome(&[gone, gone]).is_ok(), "{gone}");
        }
        assert!(outcome(&[done, done]).is_ok() && outcome(&[done, done, done]).is_ok());
        assert!(matches!(outcome(&[NtStatus::CANNOT_DELETE; 2]), Err(Failure::Denied(_))));
        assert!(matches!(outcome(&[done, NtStatus::ACCESS_DENIED]), Err(Failure::Denied(_))));
        assert!(matches!(outcome(&[done, NtStatus::DIRECTORY_NOT_EMPTY, done]), Err(Failure::Conflict(_))));
    }
}
