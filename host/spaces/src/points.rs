//! The named points between which a process may die.
//!
//! Outside tests a point is nothing. A test kills the process at one, and looks at what another finds.

/// What has just been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Migrate: a copy was stored and not read back.
    Stored,
    /// It was read back, and nobody knows of it.
    ReadBack,
    /// The catalogue knows the copy, the file is as it was.
    CopyRecorded,
    /// The file is a stub, or has its record; the catalogue does not know.
    Freed,
    /// The catalogue knows.
    StateRecorded,
    /// Recall: the stub is being filled.
    Begun,
    /// The content is here, and not durable.
    Filled,
    /// The file is data, the catalogue does not know.
    Whole,
    /// The file does not name its copies any more, the catalogue does.
    Invalidated,
    /// Nobody counts on the copies, and they are still there.
    Released,
    /// The copies are gone from their bucket.
    CopiesDeleted,
    /// Delete: the name is gone, the catalogue has it.
    Removed,
    /// Move: the name is another one, the catalogue has the old one.
    Renamed,
    /// The catalogue has neither.
    OldNameForgotten,
    /// Reverse stub: the file is there, the catalogue does not know.
    StubMade,
}

#[cfg(not(test))]
#[inline]
pub(crate) fn reached(_: Point) {}

#[cfg(test)]
pub(crate) use hook::{die_at, reached};

#[cfg(test)]
mod hook {
    use std::sync::OnceLock;

    use super::Point;

    static LAST: OnceLock<Point> = OnceLock::new();

    pub(crate) fn reached(point: Point) {
        if LAST.get() == Some(&point) {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            // The signal may come a moment later.
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
    }

    /// The process is killed where it first comes to the point.
    pub(crate) fn die_at(point: Point) {
        LAST.set(point).unwrap();
    }
}
