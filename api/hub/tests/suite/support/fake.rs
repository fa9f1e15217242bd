//! The fake host: id 1 of every noun exists, and so does the user `ada`; everything else does not. The name `taken` is taken. Lists have
//! as many items as a test says. What a handler was asked is kept, so that a test can look at what arrived behind the door.

mod buckets;
mod identity;
mod jobs;
mod sites;
mod spaces;
mod users;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use capstan_api_hub::*;

#[derive(Default)]
pub(crate) struct Fake {
    asked: Mutex<String>,
    /// Items of every list.
    pub(crate) count: AtomicU64,
}

impl Fake {
    fn note(&self, what: impl std::fmt::Debug) {
        *self.asked.lock().unwrap() = format!("{what:?}");
    }

    /// What arrived last.
    pub(crate) fn last(&self) -> String {
        self.asked.lock().unwrap().clone()
    }

    fn find(&self, noun: &str, id: i64) -> Answer<()> {
        self.note(id);
        if id == 1 { Ok(()) } else { Err(Error::not_found(noun)) }
    }

    fn free(&self, name: Option<&str>) -> Answer<()> {
        if name == Some("taken") { Err(Error::field("name", "This name is taken.")) } else { Ok(()) }
    }

    fn page<T: Clone>(&self, asked: impl std::fmt::Debug, window: Window, item: T) -> Answer<Page<T>> {
        self.note((asked, window));
        let count = self.count.load(Ordering::Relaxed);
        let items = count.saturating_sub(window.offset).min(window.limit);
        Ok(Page { count, items: vec![item; usize::try_from(items).unwrap()] })
    }
}

const AT: Moment = Moment(1_730_795_400_000_000_000);
