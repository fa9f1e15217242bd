//! Directories in order, a page at a time.
//!
//! A server lists in an order of its own, and only from the beginning. So a page is cut from a window: the first names after the marker,
//! in order, collected in one walk through the directory. What is left of the window is kept for the next page; another instance, or one
//! that has forgotten, walks again.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::node::Look;

/// Names of a window: a directory that has more is walked again after so many.
pub(crate) const WINDOW: usize = 50_000;
/// Directories whose windows are kept.
const WINDOWS: usize = 4;
/// A window older than this shows too much that is gone.
const FRESH: Duration = Duration::from_secs(60);

thread_local! {
    static KEPT: RefCell<VecDeque<Kept>> = const { RefCell::new(VecDeque::new()) };
}

struct Kept {
    directory: String,
    /// The marker it goes on from.
    after: String,
    since: Instant,
    window: Window,
}

/// The first names after a marker, in order.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: BTreeMap<String, Look>,
    /// The directory has more names behind these.
    more: bool,
}

impl Window {
    /// Takes a name in, if it is among the first.
    pub(crate) fn take(&mut self, after: Option<&str>, name: String, look: Look, most: usize) {
        if after.is_some_and(|after| name.as_str() <= after) {
            return;
        }
        self.entries.insert(name, look);
        if self.entries.len() > most {
            self.entries.pop_last();
            self.more = true;
        }
    }

    /// The next page, and whether anything is behind it. The rest stays.
    pub(crate) fn page(&mut self, limit: usize) -> (Vec<(String, Look)>, bool) {
        let mut page = Vec::with_capacity(limit.min(self.entries.len()));
        while page.len() < limit
            && let Some(entry) = self.entries.pop_first()
        {
            page.push(entry);
        }
        (page, self.more || !self.entries.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The window that goes on from this marker, if it is there and fresh.
pub(crate) fn kept(directory: &str, after: &str) -> Option<Window> {
    KEPT.with_borrow_mut(|kept| {
        kept.retain(|kept| kept.since.elapsed() < FRESH);
        let at = kept.iter().position(|kept| kept.directory == directory && kept.after == after)?;
        kept.remove(at).map(|kept| kept.window)
    })
}

/// For the next page. An empty one is of no use: then there is nothing more, or the directory is to be walked again.
pub(crate) fn keep(directory: &str, after: &str, window: Window, since: Instant) {
    if window.is_empty() {
        return;
    }
    KEPT.with_borrow_mut(|kept| {
        kept.truncate(WINDOWS - 1);
        kept.push_front(Kept { directory: directory.to_owned(), after: after.to_owned(), since, window });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { attributes: 0, size: 0, written: 0, changed: 0, id: None, tag: None };

    fn names(page: &[(String, Look)]) -> Vec<&str> {
        page.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_window_holds_the_first_names_after_the_marker_in_order() {
        let mut window = Window::default();
        for name in ["d", "b", "a", "c", "e"] {
            window.take(Some("a"), name.to_owned(), LOOK, 3);
        }
        let (page, more) = window.page(2);
        assert_eq!((names(&page), more), (vec!["b", "c"], true));
        let (page, more) = window.page(2);
        // "e" had no room.
        assert_eq!((names(&page), more), (vec!["d"], true));
    }

    #[test]
    fn what_is_left_serves_the_page_that_goes_on_from_there_once() {
        let mut window = Window::default();
        for name in ["a", "b"] {
            window.take(None, name.to_owned(), LOOK, 10);
        }
        assert!(window.page(1).1);
        keep("dir", "a", window, Instant::now());
        assert!(kept("dir", "b").is_none() && kept("other", "a").is_none());
        let (page, more) = kept("dir", "a").unwrap().page(1);
        assert_eq!((names(&page), more), (vec!["b"], false));
        assert!(kept("dir", "a").is_none());
    }
}
