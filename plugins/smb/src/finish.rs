//! The end of a file that is written: its mark, its moment, and the flush that makes all of it last.

use capstan_sdk::{Outcome, log};
use smb2::types::FileId;

use crate::chain::{Answers, Chain};
use crate::error;
use crate::information::{BASIC, EXTENDED_ATTRIBUTES, written_at};
use crate::links::Lease;

/// What a file gets when all its bytes are written: what it can do without, and then a flush, which is for both.
pub(crate) struct Finish {
    /// Without it a lost answer cannot be told from a stranger's file; not every share has extended attributes.
    pub(crate) mark: Option<Vec<u8>>,
    /// Without it the host sets it afterwards, as the answer shows another.
    pub(crate) modified: Option<i64>,
}

impl Finish {
    pub(crate) fn behind(&self, mut chain: Chain) -> Chain {
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
    pub(crate) async fn done(&self, lease: &Lease, file: FileId, answers: &Answers, first: usize, subject: &str) -> Outcome<()> {
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

#[cfg(test)]
mod tests {
    use capstan_sdk::failure::Failure;
    use smb2::types::Command;
    use smb2::types::status::NtStatus;

    use super::*;

    const FILE: FileId = FileId { persistent: 1, volatile: 2 };

    fn finish() -> Finish {
        Finish { mark: crate::information::attribute("MARK", b"job 1"), modified: Some(1_000_000_000) }
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
