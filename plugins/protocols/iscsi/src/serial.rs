//! Numbers that go round (RFC 1982, 32 bits; RFC 7143, section 4.2.2.1), and those of a session: commands out, status in.

use crate::error::Error;

/// Whether `a` comes before `b`.
pub(crate) fn before(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) < 1 << 31
}

/// CmdSN of the next command, and the window that the target opens for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub(crate) next: u32,
    most: u32,
}

impl Window {
    /// Closed, until the target says how wide it is.
    pub(crate) fn closed(next: u32) -> Self {
        Self { next, most: next.wrapping_sub(1) }
    }

    pub(crate) fn has_room(self) -> bool {
        !before(self.most, self.next)
    }

    pub(crate) fn take(&mut self) -> u32 {
        let taken = self.next;
        self.next = taken.wrapping_add(1);
        taken
    }

    /// ExpCmdSN and MaxCmdSN as any PDU brings them. PDUs may be older than what is known: the window never closes (section 4.2.2.1). What
    /// the target expects says nothing that its answers do not say; some (istgt) count requests that take no number.
    pub(crate) fn update(&mut self, expected: u32, most: u32) {
        if !before(most, expected.wrapping_sub(1)) && before(self.most, most) {
            self.most = most;
        }
    }
}

/// StatSN: every status comes once and in order, as there is one connection and nothing is sent again (section 4.2.2.2).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statuses {
    /// ExpStatSN: all before it were received.
    pub(crate) expected: u32,
}

impl Statuses {
    pub(crate) fn take(&mut self, number: u32) -> Result<(), Error> {
        if number != self.expected {
            return Err(Error::Protocol("StatSN out of order"));
        }
        self.expected = number.wrapping_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_around_the_end() {
        assert!(before(1, 2) && !before(2, 1) && !before(7, 7));
        assert!(before(u32::MAX, 0) && before(u32::MAX - 5, 3) && !before(3, u32::MAX - 5));
    }

    #[test]
    fn the_window_moves_forward_alone() {
        let mut window = Window::closed(u32::MAX);
        assert!(!window.has_room());
        window.update(u32::MAX, 0);
        assert_eq!((window.take(), window.take(), window.has_room()), (u32::MAX, 0, false));
        window.update(0, 2);
        assert!(window.has_room());
        window.update(u32::MAX, 0);
        assert!(window.has_room(), "an older PDU takes nothing away");
        window.update(9, 7);
        assert_eq!(
            (window.take(), window.take(), window.has_room()),
            (1, 2, false),
            "MaxCmdSN before ExpCmdSN - 1: neither counts"
        );
    }

    #[test]
    fn a_status_comes_once_and_in_order() {
        let mut statuses = Statuses { expected: u32::MAX };
        statuses.take(u32::MAX).unwrap();
        assert!(statuses.take(u32::MAX).is_err() && statuses.take(1).is_err());
        statuses.take(0).unwrap();
    }
}
