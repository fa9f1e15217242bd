//! Command numbering of a session (RFC 7143, section 4.2.2.1).

use std::sync::{Arc, Mutex, PoisonError};

use super::limits::WINDOW;

/// Shared by the reader, which moves it, and the writer, which tells of it.
pub(super) struct Window(Mutex<Place>);

#[derive(Clone, Copy)]
struct Place {
    expected: u32,
    open: u32,
}

/// A command's place in the window; it is free when this goes.
pub(super) struct Slot(Arc<Window>);

/// What a number says of a command.
pub(super) enum Turn {
    Now(Slot),
    /// Outside the window, or seen before: it is ignored without a word.
    Ignored,
    /// One before it has not come; over one connection it never will.
    Gap,
}

impl Window {
    pub(super) fn new(expected: u32) -> Self {
        Self(Mutex::new(Place { expected, open: 0 }))
    }

    /// ExpCmdSN and MaxCmdSN.
    pub(super) fn bounds(&self) -> (u32, u32) {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (place.expected, place.expected.wrapping_add(WINDOW - place.open).wrapping_sub(1))
    }

    pub(super) fn take(self: &Arc<Self>, number: u32) -> Turn {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match number.wrapping_sub(place.expected) {
            ahead if ahead >= WINDOW - place.open => Turn::Ignored,
            0 => {
                place.expected = place.expected.wrapping_add(1);
                place.open += 1;
                Turn::Now(Slot(Arc::clone(self)))
            }
            _ => Turn::Gap,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut place = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.open -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Turn, Window};
    use crate::iscsi::limits::WINDOW;

    #[test]
    fn the_window_closes_with_commands_and_opens_with_answers_across_the_largest_number() {
        let window = Arc::new(Window::new(u32::MAX));
        let taken: Vec<_> = (0..WINDOW).map(|number| window.take(u32::MAX.wrapping_add(number))).collect();
        assert!(taken.iter().all(|turn| matches!(turn, Turn::Now(_))));
        let (expected, most) = window.bounds();
        assert_eq!(most, expected.wrapping_sub(1));
        assert!(matches!(window.take(expected), Turn::Ignored));
        drop(taken);
        assert_eq!(window.bounds(), (expected, expected + WINDOW - 1));
    }

    #[test]
    fn a_number_ahead_is_a_gap_and_one_outside_is_ignored() {
        let window = Arc::new(Window::new(7));
        assert!(matches!(window.take(8), Turn::Gap));
        assert!(matches!(window.take(6), Turn::Ignored));
        assert!(matches!(window.take(7 + WINDOW), Turn::Ignored));
    }
}
