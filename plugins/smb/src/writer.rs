//! Writes whole files under a temporary name beside the final one: dressed and flushed, then renamed.
//!
//! A small file is two round trips: CREATE, WRITE, SETINFO for the mark of its attempt (where it must be the first of its name) and for
//! its moment, FLUSH; then SETINFO for the name, CLOSE. The two are not one chain, though servers take them so: Samba goes on with a
//! chain whose WRITE or FLUSH failed (only a CREATE that fails ends one), and would show what it did not store. FLUSH is the last of its
//! chain, because elsewhere servers refuse it, or wait for the disk with everything behind it.
//!
//! What must be the first of its name is not renamed: Samba looks whether the name is free and renames then, so that of two both may be
//! told that they were the first. A hard link is made or refused at once; the temporary name goes in the same chain. A share without
//! hard links is served by the rename.
//!
//! | the process dies, the connection breaks, or the server refuses | what is left |
//! |---|---|
//! | before the first chain | nothing |
//! | in it, at its CREATE or WRITE | nothing, or a temporary file, which no listing shows |
//! | in it, at the mark or the moment | a file without: no failure, the answer tells the moment that it has |
//! | in it, at the FLUSH; before the rename was sent | the temporary file |
//! | after the rename or the link was sent | that, or the whole file: the failure says `maybe-done`, and the host looks |
//! | between the link and the end of the temporary name | the whole file under both: the next try removes the one before it writes |
//! | at the CLOSE | the whole file: closed once more, else with its session |
//!
//! After a refusal the temporary file is removed; after anything else the next try of the same attempt does that, or a listing a week
//! later. A write that had to be the first of its name left its mark on the file, so that the same attempt succeeds again.

use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, already_exists, invalid, unsupported};
use capstan_sdk::types::{Node, PutOptions};
use capstan_sdk::whole_file::{is_temporary, modified, offset, temporary_name};
use capstan_sdk::{Outcome, log};
use smb2::msg::create::{CreateDisposition, ShareAccess};
use smb2::types::FileId;
use smb2::types::status::NtStatus;

use crate::chain::{Answers, Chain, Opening, access, option};
use crate::finish::Finish;
use crate::information::{DISPOSITION, EXTENDED_ATTRIBUTES, LINK, RENAME, attribute, has_attribute, renamed};
use crate::links::{Lease, Links, unclear};
use crate::node::Look;
use crate::place::Place;
use crate::pour::{pour, whole};
use crate::source::Source;
use crate::{error, moment, ranged, reader, sibling, status, tree};

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
        if !self.if_absent {
            return self.renamed(self.links.lease().await?).await;
        }
        if !self.links.linkless.get()
            && let Some(node) = self.linked().await?
        {
            return Ok(node);
        }
        self.renamed(self.links.lease_for(&self.place.path).await?).await
    }

    /// Named by a hard link, which is the first of its name or is not made. None where the share has none: nothing is left then.
    async fn linked(&self) -> Outcome<Option<Node>> {
        let lease = self.links.lease().await?;
        let (file, opened) = self.fill(&lease).await?;
        let link = Chain::on(file).set(LINK, renamed(&self.place.wire(), false)).set(DISPOSITION, vec![1]).close();
        let answers = self.finished(lease, file, &link).await?;
        if !answers.status(1).is_success() {
            self.forget().await;
        }
        match answers.status(0) {
            // What a CLOSE tells of a name that goes with it is nothing.
            status if status.is_success() => self.written(opened).await.map(Some),
            NtStatus::OBJECT_NAME_COLLISION => self.occupant(self.occupied().await).map(Some),
            refused => {
                log!(debug, "the share makes no hard links", "why" => refused);
                self.links.linkless.set(true);
                Ok(None)
            }
        }
    }

    async fn renamed(&self, lease: Lease) -> Outcome<Node> {
        let (file, opened) = self.fill(&lease).await?;
        // The name, and the end of it, in one round trip. What is there already is never replaced by this one.
        let answers =
            self.finished(lease, file, &Chain::on(file).set(RENAME, renamed(&self.place.wire(), false)).close()).await?;
        let subject = self.place.subject();
        let look = answers.closed(1, &subject).ok().and_then(|closed| opened.closed(&closed));
        let done = match answers.status(0) {
            NtStatus::OBJECT_NAME_COLLISION if self.if_absent => {
                let occupied = self.occupied().await;
                self.forget().await;
                return self.occupant(occupied);
            }
            NtStatus::OBJECT_NAME_COLLISION => self.replace().await,
            _ => answers.done(0, &subject),
        };
        match (done, look) {
            (Ok(()), Some(look)) => Ok(look.node(self.place.name(), None)),
            // The server does not tell at a CLOSE what it closed.
            (Ok(()), None) => self.written(opened).await,
            (Err(failure), _) => {
                self.forget().await;
                Err(failure)
            }
        }
    }

    /// The file under its name. It is written, whatever comes of the look; where somebody removed it since, it was what was sent.
    async fn written(&self, opened: Look) -> Outcome<Node> {
        match reader::stat(self.links, self.place).await {
            Err(Failure::NotFound(_)) => {
                let written = self.modified.map_or(opened.written, moment::wire);
                Ok(Look { size: self.content.size(), written, ..opened }.node(self.place.name(), None))
            }
            other => other.map_err(Failure::maybe_done),
        }
    }

    /// The last chain of a file: closed once more where it did not do that.
    async fn finished(&self, lease: Lease, file: FileId, chain: &Chain) -> Outcome<Answers> {
        let subject = self.place.subject();
        match lease.run(chain).await {
            Ok(answers) => {
                if answers.closed(answers.len().saturating_sub(1), &subject).is_err() {
                    lease.close(file).await;
                }
                Ok(answers)
            }
            Err(error) => {
                if !error::is_lost(&error) {
                    lease.close(file).await;
                }
                Err(unclear(&error, &subject))
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

    /// What stands in the way of a file that had to be the first.
    fn occupant(&self, occupied: Outcome<Option<Node>>) -> Outcome<Node> {
        // Nothing: it was there a moment ago.
        occupied?.ok_or_else(|| already_exists(format!("there was a {} just now", self.place.subject())))
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

    /// All the content under the temporary name, dressed and flushed, and still open. What an earlier try left there goes first.
    async fn fill(&self, lease: &Lease) -> Outcome<(FileId, Look)> {
        match self.fill_new(lease).await {
            Err(Failure::AlreadyExists(_)) => self.forget().await,
            other => return other,
        }
        match self.fill_new(lease).await {
            Err(Failure::AlreadyExists(_)) => Err(status::general(NtStatus::SHARING_VIOLATION, "temporary file")),
            other => other,
        }
    }

    async fn fill_new(&self, lease: &Lease) -> Outcome<(FileId, Look)> {
        let (size, subject) = (self.content.size(), self.place.subject());
        let mark = if self.if_absent && !self.attempt.is_empty() { attribute(ATTEMPT, self.attempt.as_bytes()) } else { None };
        let opening = Opening {
            name: self.temporary.wire(),
            access: access::WRITE | access::DELETE | if mark.is_some() { access::MARK } else { 0 },
            // The temporary name of an earlier try may be one of two of a file that is there: written into, it would change that.
            disposition: if self.if_absent { CreateDisposition::FileCreate } else { CreateDisposition::FileOverwriteIf },
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

/// The directory is not there either: so nothing stands in the way.
fn absent<T>(failure: Failure) -> Outcome<Option<T>> {
    match failure {
        Failure::NotFound(_) => Ok(None),
        other => Err(other),
    }
}
