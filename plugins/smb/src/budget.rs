//! How much of files may be on its way at a time, so that many transfers at once stay within the instance's memory.

use std::cell::Cell;

/// Pieces of all transfers together; each is up to 1 MiB, and stands in memory about twice.
const PIECES: usize = 32;
/// Of one transfer: enough to keep the network and the server busy.
const PIECES_OF_ONE: usize = 8;

thread_local! {
    static TRANSFERS: Cell<usize> = const { Cell::new(0) };
}

/// One transfer under way.
pub(crate) struct Share(());

impl Share {
    pub(crate) fn take() -> Self {
        TRANSFERS.set(TRANSFERS.get() + 1);
        Self(())
    }

    /// Pieces it may have under way now.
    pub(crate) fn pieces(&self) -> usize {
        (PIECES / TRANSFERS.get().max(1)).clamp(1, PIECES_OF_ONE)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        TRANSFERS.set(TRANSFERS.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_transfers_share_what_there_is() {
        let first = Share::take();
        assert_eq!(first.pieces(), PIECES_OF_ONE);
        let others: Vec<Share> = (0..15).map(|_| Share::take()).collect();
        assert_eq!(first.pieces(), 2);
        drop(others);
        assert_eq!(first.pieces(), PIECES_OF_ONE);
    }
}
