//! Temporary files that dead writers left: whoever lists their directory removes them. When one is dead, and what happens if this
//! is cut short, is the same for all file trees (`capstan_sdk::whole_file`).
//!
//! Over SMB there is one guard more: a file that somebody has open for writing is not opened for this. And files are not touched for
//! their server's clock: Samba tells no moment of a file's last change.

use capstan_sdk::Outcome;
use capstan_sdk::failure::Failure;
use capstan_sdk::log;
use capstan_sdk::whole_file::{is_abandoned, temporary_name};
use smb2::msg::create::{CreateDisposition, ShareAccess};

use crate::chain::{Chain, Opening, SHARE_ALL, access, option};
use crate::information::DISPOSITION;
use crate::links::Links;
use crate::moment::nanoseconds;
use crate::node::Look;
use crate::place::Place;

pub(crate) async fn sweep(links: &Links, directory: &Place, left: Vec<Place>) {
    if left.is_empty() || links.writable().is_err() {
        return;
    }
    if let Err(failure) = remove_dead(links, directory, left).await {
        // The list is what was asked for; who may only read leaves it to others.
        log!(debug, "temporary files stay that dead writers left", "why" => failure.fault().message);
    }
}

async fn remove_dead(links: &Links, directory: &Place, left: Vec<Place>) -> Outcome<()> {
    let now = now(links, directory).await?;
    for part in left {
        match remove(links, &part, now).await {
            Ok(true) => log!(info, "a temporary file that a dead writer left was removed", "path" => part.path),
            // Written to not long ago, or another listing came first.
            Ok(false) | Err(Failure::NotFound(_)) => {}
            // Its writer lives, however long it waits for its source; those of others are dead all the same.
            Err(Failure::Busy(_)) => log!(debug, "a temporary file stays that its writer has open", "path" => part.path),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// The server's clock: the moment of a file that is there for as long as the question takes, under a name that no listing shows.
async fn now(links: &Links, directory: &Place) -> Outcome<i64> {
    let clock = directory.child(&temporary_name("clock", &directory.path)?);
    let opening = Opening {
        name: clock.wire(),
        access: access::WRITE | access::DELETE,
        disposition: CreateDisposition::FileOverwriteIf,
        options: option::NOT_DIRECTORY | option::DELETE_ON_CLOSE,
        share: SHARE_ALL,
    };
    let subject = clock.subject();
    let answers = links.ask(&Chain::open(opening).close(), &subject).await?;
    Ok(nanoseconds(Look::opened(&answers.opened(&subject)?).written))
}

/// False: somebody wrote to it not long ago.
async fn remove(links: &Links, part: &Place, now: i64) -> Outcome<bool> {
    let subject = part.subject();
    let answers = links.ask(&Chain::open(alone(part)).close(), &subject).await?;
    if !is_abandoned(nanoseconds(Look::opened(&answers.opened(&subject)?).written), now) {
        return Ok(false);
    }
    let answers = links.ask(&Chain::open(alone(part)).set(DISPOSITION, vec![1]).close(), &subject).await?;
    answers.opened(&subject)?;
    answers.done(1, &subject)?;
    Ok(true)
}

/// While nobody writes.
fn alone(part: &Place) -> Opening {
    let share = ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_DELETE;
    Opening { share, ..Opening::existing(part.wire(), access::DELETE) }
}
