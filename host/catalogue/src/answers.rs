//! Answers that still hold: what was read since the last commit is given again without asking the database.
//!
//! Clients ask for the same few records over and over, and a question to SQLite costs more than all the rest of a request. Every
//! write of a SQLite catalogue goes through the one writer of this process, so a count of its commits tells whether an answer may
//! have changed: it is raised after a commit and before its callers hear of it, so whoever was told of a write reads it. On
//! PostgreSQL other hosts write too, and nothing is kept.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use capstan_domain::listing::Listing;

use crate::select::Select;

/// Answers that are kept; beyond, all are forgotten and asked for again.
const ANSWERS: usize = 1_024;
/// Items of a list that is kept; a longer one is asked for each time.
pub(crate) const ITEMS: usize = 50;

/// A question: what of which noun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    from: &'static str,
    columns: &'static str,
    asked: Asked,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    /// Number or name, as a path segment holds it.
    One(String),
    Page(Listing),
}

impl Question {
    pub(crate) fn one(select: &Select, given: &str) -> Self {
        Self { from: select.from, columns: select.columns, asked: Asked::One(given.to_owned()) }
    }

    pub(crate) fn page(select: &Select, listing: &Listing) -> Self {
        Self { from: select.from, columns: select.columns, asked: Asked::Page(listing.clone()) }
    }
}

#[derive(Default)]
pub(crate) struct Answers {
    commits: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Commits when these were read.
    at: u64,
    answers: HashMap<Question, Arc<dyn Any + Send + Sync>>,
}

impl Answers {
    /// Something was committed, or may have been.
    pub(crate) fn changed(&self) {
        self.commits.fetch_add(1, Ordering::SeqCst);
    }

    /// To be taken before a question is asked, and given back with its answer.
    pub(crate) fn moment(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    pub(crate) fn get<T: Clone + 'static>(&self, question: &Question) -> Option<T> {
        let now = self.moment();
        let answer = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.at != now {
                return None;
            }
            Arc::clone(kept.answers.get(question)?)
        };
        answer.downcast_ref::<T>().cloned()
    }

    pub(crate) fn keep<T: Clone + Send + Sync + 'static>(&self, moment: u64, question: Question, answer: &T) {
        if moment != self.moment() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.at > moment {
            return;
        }
        if kept.at < moment || kept.answers.len() >= ANSWERS {
            kept.answers.clear();
            kept.at = moment;
        }
        kept.answers.insert(question, Arc::new(answer.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SPACES;

    #[test]
    fn an_answer_holds_until_something_is_committed() {
        let answers = Answers::default();
        let question = Question::one(&SPACES, "outbound");
        assert_eq!(answers.get::<String>(&question), None);
        answers.keep(answers.moment(), question.clone(), &"there".to_owned());
        assert_eq!(answers.get::<String>(&question).as_deref(), Some("there"));
        answers.changed();
        assert_eq!(answers.get::<String>(&question), None);
    }

    #[test]
    fn an_answer_that_was_read_before_a_commit_is_not_kept_after_it() {
        let answers = Answers::default();
        let question = Question::page(&SPACES, &Listing::first(10));
        let moment = answers.moment();
        answers.changed();
        answers.keep(moment, question.clone(), &1_u32);
        assert_eq!(answers.get::<u32>(&question), None);
    }

    #[test]
    fn no_more_than_the_bound_is_kept() {
        let answers = Answers::default();
        for number in 0..ANSWERS * 2 + 1 {
            answers.keep(0, Question::one(&SPACES, &number.to_string()), &number);
        }
        assert!(answers.kept.lock().unwrap().answers.len() <= ANSWERS);
    }
}
