//! Writes whole files under a temporary name beside the final one: dressed and flushed, then renamed.
//!
//! A small file is two round trips: CREATE, WRITE, SETINFO for the mark of its attempt (where it must be the first of its name) and for
//! its moment, FLUSH; then SETINFO for the name, CLOSE. The two are not one chain, though servers take them so: Samba goes on with a
//! chain whose WRITE or FLUSH failed (only a CREATE that fails ends one), and would show what it did not store. FLUSH is the last of its
//! chain, because elsewhere servers refuse it, or wait for the disk with everything behind it.
//!
//! | the process dies, the connection breaks, or the server refuses | what is left |
//! |---|---|
//! | before the first chain | nothing |
//! | in it, at its CREATE or WRITE | nothing, or a temporary file, which no listing shows |
//! | in it, at the mark or the moment | a file without: no failure, the answer tells the moment that it has |
//! | in it, at the FLUSH; before the rename was sent | the temporary file |
//! | after the rename was sent | that, or the whole file: the failure says `maybe-done`, and the host looks |
//! | at the CLOSE | the whole file: closed once more, else with its session |
//!
//! After a refusal the temporary file is removed; after anything else the next try of the same attempt overwrites it, or a listing
//! removes it a week later. A write that had to
//! be the first of its name left its mark on the file, so that the same attempt succeeds again.

use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, already_exists, invalid, unsupported};
use capstan_sdk::types::{Node, PutOptions};
use capstan_sdk::whole_file::{is_temporary, modified, offset, temporary_name};
use capstan_sdk::{Outcome, log};
use smb2::msg::create::{CreateDisposition, ShareAccess};
use smb2::types::FileId;
use smb2::types::status::NtStatus;

use crate::chain::{Answers, Chain, Opening, access, option};
use crate::information::{BASIC, DISPOSITION, EXTENDED_ATTRIBUTES, RENAME, attribute, has_attribute, renamed, written_at};
use crate::links::{Lease, Links, unclear};
use crate::node::Look;
use crate::place::Place;
use crate::pour::{pour, whole};
use crate::source::Source;
use crate::{error, ranged, reader, sibling, tree};

/// Extended attribute that marks which attempt wrote a file that had to be the first of its name.
const ATTEMPT: &str = "CAPSTAN.ATTEMPT";
const MARKS_BYTES: u32 = 64 << 10;
/// Of a file that must be the first of its name: a larger one is not sent before a look whether the name is free. For a smaller one the
/// look would cost more than it saves. Whether it is the first, the rename decides for both.
const LOOKED_FOR_FIRST: u64 = 64 << 10;

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
        return ranged::write(links, place, &directory, content, offset).await;
    }
    let temporary = directory.child(&temporary_name(attempt, &place.path)?);
    let job = Job { links, place, temporary, content, attempt, if_absent: options.if_absent, modified: modified(options) };
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
    /// The moment it is to have.
    modified: Option<i64>,
}

impl Job<'_> {
    async fn run(&self) -> Outcome<Node> {
        if self.if_absent
            && self.content.size() > LOOKED_FOR_FIRST
            && let Some(done) = self.occupied().await?
        {
            return Ok(done);
        }
        let lease = match self.if_absent {
            true => self.links.lease_for(&self.place.path).await?,
            false => self.links.lease().await?,
        };
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
        let look = closed.ok().and_then(|closed| look.closed(&closed));
        let done = match answers.status(0) {
            NtStatus::OBJECT_NAME_COLLISION if self.if_absent => return self.forgotten(self.occupied().await).await,
            NtStatus::OBJECT_NAME_COLLISION => self.replace().await,
            _ => answers.done(0, &subject),
        };
        match (done, look) {
            (Ok(()), Some(look)) => Ok(look.node(self.place.name(), None)),
            // The server does not tell at a CLOSE what it closed. It is written, whatever comes of the look.
            (Ok(()), None) => reader::stat(self.links, self.place).await.map_err(Failure::maybe_done),
            (Err(failure), _) => {
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

    /// All the content under the temporary name, dressed and flushed, and still open.
    async fn fill(&self, lease: &Lease) -> Outcome<(FileId, Look)> {
        let (size, subject) = (self.content.size(), self.place.subject());
        let mark = if self.if_absent && !self.attempt.is_empty() { attribute(ATTEMPT, self.attempt.as_bytes()) } else { None };
        let opening = Opening {
            name: self.temporary.wire(),
            access: access::WRITE | access::DELETE | if mark.is_some() { access::MARK } else { 0 },
            disposition: CreateDisposition::FileOverwriteIf,
            options: option::NOT_DIRECTORY,
            // What a first try may still be writing must not go on beside the second.
            share: ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_DELETE,
        };
        let finish = Finish { mark, modified: self.modified };
        let mut source = Source::new(self.content, size);
        let small = size <= u64::from(lease.write_bytes);
        let mut chain = Chain::open(opening);
        if small {
            let data = source.whole().await?;
            if !data.is_empty() {
                chain = chain.write(0, data);
            }
            chain = finish.behind(chain);
        }
        let answers = lease.run(&chain).await.map_err(|error| error::failure(&error, &subject))?;
        let opened = answers.opened(&subject)?;
        let file = opened.file_id;
        let filled = if small {
            self.filled_at_once(lease, file, &finish, &answers).await
        } else {
            self.fill_large(lease, file, &finish, &mut source).await
        };
        if let Err(failure) = filled {
            lease.close(file).await;
            self.forget().await;
            return Err(failure);
        }
        Ok((file, Look::opened(&opened)))
    }

    /// What became of a chain of CREATE, WRITE unless it is empty, and the finish.
    async fn filled_at_once(&self, lease: &Lease, file: FileId, finish: &Finish, answers: &Answers) -> Outcome<()> {
        let (size, subject) = (self.content.size(), self.place.subject());
        if size == 0 {
            return finish.done(lease, file, answers, 1, &subject).await;
        }
        whole(answers.written(1, &subject)?, size)?;
        finish.done(lease, file, answers, 2, &subject).await
    }

    async fn fill_large(&self, lease: &Lease, file: FileId, finish: &Finish, source: &mut Source<'_>) -> Outcome<()> {
        let subject = self.place.subject();
        pour(lease, file, source, 0, self.content.size(), &subject).await?;
        let chain = finish.behind(Chain::on(file));
        let answers = lease.run(&chain).await.map_err(|error| error::failure(&error, &subject))?;
        finish.done(lease, file, &answers, 0, &subject).await
    }
}

/// What a file gets when all its bytes are written: what it can do without, and then a flush, which is for both.
struct Finish {
    /// Without it a lost answer cannot be told from a stranger's file; not every share has extended attributes.
    mark: Option<Vec<u8>>,
    /// Without it the host sets it afterwards, as the answer shows another.
    modified: Option<i64>,
}

impl Finish {
    fn behind(&self, mut chain: Chain) -> Chain {
        if let Some(mark) = &self.mark {
            chain = chain.set(EXTENDED_ATTRIBUTES, mark.clone());
        }
        // Behind the bytes: from here on the server changes it no more.
        if let Some(modified) = self.modified {
            chain = chain.set(BASIC, written_at(modified));
        }
        chain.flush()
    }

    /// What became of it, its first step being this one of the chain.
    async fn done(&self, lease: &Lease, file: FileId, answers: &Answers, first: usize, subject: &str) -> Outcome<()> {
        if let Some(outcome) = self.outcome(answers, first, subject) {
            return outcome;
        }
        let answers = lease.run(&Chain::on(file).flush()).await.map_err(|error| error::failure(&error, subject))?;
        answers.done(0, subject)
    }

    /// None: a server that ends a chain at what it refuses has not flushed either, and is to be asked for that alone.
    fn outcome(&self, answers: &Answers, first: usize, subject: &str) -> Option<Outcome<()>> {
        let flush = first + usize::from(self.mark.is_some()) + usize::from(self.modified.is_some());
        let flushed = answers.done(flush, subject);
        let Some(refused) = (first..flush).map(|step| answers.status(step)).find(|status| !status.is_success()) else {
            return Some(flushed);
        };
        log!(debug, "a file does not take the mark of its attempt, or its moment", "why" => refused);
        flushed.is_ok().then_some(Ok(()))
    }
}

/// The directory is not there either: so nothing stands in the way.
fn absent<T>(failure: Failure) -> Outcome<Option<T>> {
    match failure {
        Failure::NotFound(_) => Ok(None),
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use smb2::types::Command;

    use super::*;

    const FILE: FileId = FileId { persistent: 1, volatile: 2 };

    fn finish() -> Finish {
        Finish { mark: attribute(ATTEMPT, b"job 1"), modified: Some(1_000_000_000) }
    }

    #[test]
    fn a_file_is_dressed_before_it_is_flushed_and_flushed_last() {
        let chain = finish().behind(Chain::on(FILE).write(0, vec![7]));
        assert_eq!(chain.commands(), [Command::Write, Command::SetInfo, Command::SetInfo, Command::Flush]);
        let plain = Finish { mark: None, modified: None };
        assert_eq!(plain.behind(Chain::on(FILE)).commands(), [Command::Flush]);
    }

    #[test]
    fn what_a_file_can_do_without_may_be_refused_and_the_flush_may_not() {
        let outcome = |statuses: [NtStatus; 4]| {
            let commands = [Command::Write, Command::SetInfo, Command::SetInfo, Command::Flush];
            let answers: Vec<_> = commands.into_iter().zip(statuses).collect();
            finish().outcome(&Answers::of(&answers), 1, "\"a\"")
        };
        let (done, refused, full) = (NtStatus::SUCCESS, NtStatus::NOT_SUPPORTED, NtStatus::DISK_FULL);
        assert!(matches!(outcome([done; 4]), Some(Ok(()))));
        assert!(matches!(outcome([done, done, done, full]), Some(Err(Failure::NoSpace(_)))));
        // The chain went on, or ended there.
        assert!(matches!(outcome([done, refused, done, done]), Some(Ok(()))));
        assert!(matches!(outcome([done, done, refused, done]), Some(Ok(()))));
        assert!(outcome([done, refused, refused, refused]).is_none());
    }
}
