//! Writes files: whole ones under a temporary name beside the final one, flushed, then renamed; ranges in place.
//!
//! | the process dies, or the connection breaks | what is left |
//! |---|---|
//! | before the rename was sent | a temporary file that no listing shows; the next try of the same attempt overwrites it |
//! | after it was sent | that, or the whole file: the failure says `maybe-done`, and the host looks |
//! | after a write that had to be the first of its name | the file carries a mark of its attempt, so that the same attempt succeeds again |
//! | in a range | some of its bytes; the host writes the range again |

use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, already_exists, cancelled, corrupt, invalid, unsupported};
use capstan_sdk::types::{Node, PutOptions};
use capstan_sdk::whole_file::{is_temporary, offset, temporary_name};
use capstan_sdk::{Outcome, StreamReader, StreamResult, job, log};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use smb2::msg::create::{CreateDisposition, ShareAccess};
use smb2::types::FileId;
use smb2::types::status::NtStatus;

use crate::budget::Share;
use crate::chain::{Chain, Opening, SHARE_ALL, access, option};
use crate::information::{DISPOSITION, EXTENDED_ATTRIBUTES, RENAME, attribute, has_attribute, renamed};
use crate::links::{Lease, Links, unclear};
use crate::node::Look;
use crate::place::Place;
use crate::{error, reader, sibling, tree};

/// Extended attribute that marks which attempt wrote a file that had to be the first of its name.
const ATTEMPT: &str = "CAPSTAN.ATTEMPT";
const MARKS_BYTES: u32 = 64 << 10;

pub(crate) async fn write(links: &Links, place: &Place, content: &Content, attempt: &str, options: &PutOptions) -> Outcome<Node> {
    links.writable()?;
    let Some(directory) = place.parent() else { return Err(invalid("a location is no file")) };
    if options.if_match.is_some() {
        return Err(unsupported("this target has no entity tags to match"));
    }
    if is_temporary(place.name()) {
        return Err(invalid(format!("{} is a name this target needs itself", place.subject())));
    }
    if let Some(offset) = offset(options)? {
        return write_range(links, place, &directory, content, offset).await;
    }
    let temporary = directory.child(&temporary_name(attempt, &place.path)?);
    let job = Job { links, place, temporary, content, attempt, if_absent: options.if_absent };
    match job.run().await {
        // Nobody made the directory yet; looking first would cost every file of a full one.
        Err(Failure::NotFound(_)) => {
            tree::make_directories(links, &directory).await?;
            job.run().await
        }
        other => other,
    }
}

/// One whole file on its way.
struct Job<'a> {
    links: &'a Links,
    place: &'a Place,
    temporary: Place,
    content: &'a Content,
    attempt: &'a str,
    if_absent: bool,
}

impl Job<'_> {
    async fn run(&self) -> Outcome<Node> {
        if self.if_absent
            && let Some(done) = self.occupied().await?
        {
            return Ok(done);
        }
        let lease = self.links.lease().await?;
        let (file, look) = self.fill(&lease).await?;
        // The name, and the end of it, in one round trip. What is there already is never replaced by this one.
        let chain = Chain::on(file).set(RENAME, renamed(&self.place.wire(), false)).close();
        let subject = self.place.subject();
        let answers = match lease.run(&chain).await {
            Ok(answers) => answers,
            Err(error) => {
                if !error::is_lost(&error) {
                    lease.close(file).await;
                }
                return Err(unclear(&error, &subject));
            }
        };
        let closed = answers.closed(1, &subject);
        if closed.is_err() {
            lease.close(file).await;
        }
        drop(lease);
        let look = closed.map_or(look, |closed| look.closed(&closed));
        let done = match answers.status(0) {
            NtStatus::OBJECT_NAME_COLLISION if self.if_absent => return self.forgotten(self.occupied().await).await,
            NtStatus::OBJECT_NAME_COLLISION => self.replace().await,
            _ => answers.done(0, &subject),
        };
        match done {
            Ok(()) => Ok(look.node(self.place.name(), None)),
            Err(failure) => {
                self.forget().await;
                Err(failure)
            }
        }
    }

    /// Over what is there, unless the name it has there is another one.
    async fn replace(&self) -> Outcome<()> {
        if let Some(there) = sibling::same_spelling(self.links, self.place).await?
            && there.is_directory()
        {
            return Err(invalid(format!("{} is a directory", self.place.subject())));
        }
        tree::move_to(self.links, &self.temporary, self.place, true).await
    }

    /// Somebody's file is in the way, or this attempt's own, whose answer was lost.
    async fn occupied(&self) -> Outcome<Option<Node>> {
        let Some((name, _)) = sibling::found(self.links, self.place).await.or_else(absent)? else { return Ok(None) };
        if name != self.place.name() {
            return Err(sibling::taken(self.place, &name));
        }
        let subject = self.place.subject();
        let opening = Opening::existing(self.place.wire(), access::MARKS);
        let chain = Chain::open(opening).query(smb2::msg::query_info::InfoType::File, EXTENDED_ATTRIBUTES, MARKS_BYTES).close();
        let answers = self.links.ask(&chain, &subject).await?;
        let marks = answers.info(1, &subject).unwrap_or_default();
        if !self.attempt.is_empty() && has_attribute(&marks, ATTEMPT, self.attempt.as_bytes()) {
            return reader::stat(self.links, self.place).await.map(Some);
        }
        Err(already_exists(format!("there is a {subject} already")))
    }

    /// After the temporary file was filled for nothing.
    async fn forgotten(&self, outcome: Outcome<Option<Node>>) -> Outcome<Node> {
        self.forget().await;
        match outcome {
            Ok(Some(done)) => Ok(done),
            // It was there a moment ago.
            Ok(None) => Err(already_exists(format!("there was a {} just now", self.place.subject()))),
            Err(failure) => Err(failure),
        }
    }

    async fn forget(&self) {
        let chain = Chain::open(Opening::existing(self.temporary.wire(), access::DELETE)).set(DISPOSITION, vec![1]).close();
        match self.links.ask(&chain, "temporary file").await {
            Ok(answers) if answers.status(0).is_success() && !answers.status(1).is_success() => {
                log!(warn, "a temporary file is left behind", "why" => answers.status(1));
            }
            Ok(_) => {}
            Err(failure) => log!(warn, "a temporary file is left behind", "why" => failure.fault().message),
        }
    }

    /// All the content under the temporary name, flushed, and still open.
    async fn fill(&self, lease: &Lease) -> Outcome<(FileId, Look)> {
        let size = self.content.size();
        let subject = self.place.subject();
        let mark = if self.if_absent && !self.attempt.is_empty() { attribute(ATTEMPT, self.attempt.as_bytes()) } else { None };
        let opening = Opening {
            name: self.temporary.wire(),
            access: access::WRITE | access::DELETE | if mark.is_some() { access::MARK } else { 0 },
            disposition: CreateDisposition::FileOverwriteIf,
            options: option::NOT_DIRECTORY,
            // What a first try may still be writing must not go on beside the second.
            share: ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_DELETE,
        };
        let mut source = Source::new(self.content, size);
        let small = size <= u64::from(lease.write_bytes);
        let mut chain = Chain::open(opening);
        if small {
            let data = source.piece(size).await?;
            if !data.is_empty() {
                chain = chain.write(0, data);
            }
            chain = chain.flush();
        }
        let last = match (small, size) {
            (true, 0) => 1,
            (true, _) => 2,
            _ => 0,
        };
        let answers = lease.run(&chain).await.map_err(|error| error::failure(&error, &subject))?;
        let opened = answers.opened(&subject)?;
        let filled = if small {
            (1..=last).try_for_each(|step| answers.done(step, &subject)).and_then(|()| match last {
                2 => whole(answers.written(1, &subject)?, size),
                _ => Ok(()),
            })
        } else {
            self.fill_large(lease, opened.file_id, &mut source, size).await
        };
        if let Err(failure) = filled {
            lease.close(opened.file_id).await;
            self.forget().await;
            return Err(failure);
        }
        if let Some(mark) = mark {
            self.mark(lease, opened.file_id, mark).await;
        }
        Ok((opened.file_id, Look::opened(&opened)))
    }

    async fn fill_large(&self, lease: &Lease, file: FileId, source: &mut Source<'_>, size: u64) -> Outcome<()> {
        let subject = self.place.subject();
        pour(lease, file, source, 0, size, &subject).await?;
        let answers = lease.run(&Chain::on(file).flush()).await.map_err(|error| error::failure(&error, &subject))?;
        answers.done(0, &subject)
    }

    /// Without it a lost answer cannot be told from a stranger's file; not every share has extended attributes.
    async fn mark(&self, lease: &Lease, file: FileId, mark: Vec<u8>) {
        let done = match lease.run(&Chain::on(file).set(EXTENDED_ATTRIBUTES, mark)).await {
            Ok(answers) => answers.done(0, "mark"),
            Err(error) => Err(error::failure(&error, "mark")),
        };
        if let Err(failure) = done {
            log!(debug, "the file carries no mark of its attempt", "why" => failure.fault().message);
        }
    }
}

/// The directory is not there either: so nothing stands in the way.
fn absent<T>(failure: Failure) -> Outcome<Option<T>> {
    match failure {
        Failure::NotFound(_) => Ok(None),
        other => Err(other),
    }
}

/// In place, under the name itself. Not durable before `sync`.
async fn write_range(links: &Links, place: &Place, directory: &Place, content: &Content, offset: u64) -> Outcome<Node> {
    match put_range(links, place, content, offset).await {
        Err(Failure::NotFound(_)) => {
            tree::make_directories(links, directory).await?;
            put_range(links, place, content, offset).await
        }
        other => other,
    }
}

async fn put_range(links: &Links, place: &Place, content: &Content, offset: u64) -> Outcome<Node> {
    let (size, subject) = (content.size(), place.subject());
    let opening = Opening {
        name: place.wire(),
        access: access::WRITE,
        disposition: CreateDisposition::FileOpenIf,
        options: option::NOT_DIRECTORY,
        // Several ranges are written at once, each through a handle of its own.
        share: SHARE_ALL,
    };
    let lease = links.lease().await?;
    let answers = lease.run(&Chain::open(opening)).await.map_err(|error| error::failure(&error, &subject))?;
    let opened = answers.opened(&subject)?;
    let poured = pour(&lease, opened.file_id, &mut Source::new(content, size), offset, size, &subject).await;
    if let Err(failure) = poured {
        lease.close(opened.file_id).await;
        return Err(failure);
    }
    let answers = lease.run(&Chain::on(opened.file_id).close()).await.map_err(|error| error::failure(&error, &subject))?;
    let look = Look::opened(&opened).closed(&answers.closed(0, &subject)?);
    Ok(look.node(place.name(), None))
}

/// The source's bytes into the open file, several writes under way at a time.
async fn pour(lease: &Lease, file: FileId, source: &mut Source<'_>, begin: u64, size: u64, subject: &str) -> Outcome<()> {
    let share = Share::take();
    let piece = u64::from(lease.write_bytes);
    let mut under_way = FuturesUnordered::new();
    let mut taken = 0;
    while taken < size || !under_way.is_empty() {
        if taken < size && under_way.len() < share.pieces() {
            if job::cancelled() {
                return Err(cancelled("the job was cancelled"));
            }
            let data = source.piece(piece.min(size - taken)).await?;
            let (at, length) = (begin + taken, data.len() as u64);
            under_way.push(put_piece(lease, file, at, data, subject));
            taken += length;
            continue;
        }
        under_way.next().await.transpose()?;
    }
    Ok(())
}

async fn put_piece(lease: &Lease, file: FileId, offset: u64, data: Vec<u8>, subject: &str) -> Outcome<()> {
    let length = data.len() as u64;
    let answers = lease.run(&Chain::on(file).write(offset, data)).await.map_err(|error| error::failure(&error, subject))?;
    whole(answers.written(0, subject)?, length)
}

/// A server that takes less than all of a write has no room, and says so at the next one; here it is an error at once.
fn whole(written: u32, size: u64) -> Outcome<()> {
    if u64::from(written) == size {
        return Ok(());
    }
    Err(corrupt(format!("the server took {written} of {size} bytes")))
}

/// The content, read in its order.
struct Source<'a> {
    content: &'a Content,
    stream: Option<StreamReader<u8>>,
    size: u64,
    taken: u64,
}

impl<'a> Source<'a> {
    fn new(content: &'a Content, size: u64) -> Self {
        Self { content, stream: None, size, taken: 0 }
    }

    /// Exactly so many bytes, or why there are not.
    async fn piece(&mut self, length: u64) -> Outcome<Vec<u8>> {
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let mut data = Vec::with_capacity(wanted);
        if wanted == 0 {
            return Ok(data);
        }
        let stream = self.stream.get_or_insert_with(|| self.content.open(0, self.size));
        while data.len() < wanted {
            // It fills what room there is behind what is there.
            let (result, filled) = stream.read(data).await;
            data = filled;
            if result == StreamResult::Dropped {
                break;
            }
        }
        self.taken += data.len() as u64;
        if data.len() == wanted {
            return Ok(data);
        }
        let (got, size) = (self.taken, self.size);
        Err(self.content.broken().unwrap_or_else(|| corrupt(format!("the content ended after {got} of {size} bytes"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_the_server_did_not_take_whole_is_none() {
        assert!(whole(5, 5).is_ok());
        assert!(matches!(whole(4, 5), Err(Failure::Corrupt(_))));
    }
}
