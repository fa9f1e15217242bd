//! Memory for a device's transfers. It begins at a page, so that the kernel may give it to the adapter without a copy of its own.

/// Of memory as adapters see it; larger pages of a machine begin there too.
const PAGE: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Pages {
    memory: Vec<u8>,
}

impl Pages {
    /// So many bytes, with whatever was in them. None only where memory cannot be aligned at all.
    pub(super) fn take(&mut self, length: usize) -> Option<&mut [u8]> {
        if self.memory.len() < length.saturating_add(PAGE) {
            // The old memory goes before the new one comes.
            self.memory = Vec::new();
            self.memory.resize(length.saturating_add(PAGE), 0);
        }
        let start = self.memory.as_ptr().align_offset(PAGE);
        self.memory.get_mut(start..)?.get_mut(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_begins_at_a_page_and_memory_is_used_again() {
        let mut pages = Pages::default();
        for length in [0, 1, PAGE, 3 * PAGE + 1, 5] {
            let taken = pages.take(length).unwrap();
            assert_eq!((taken.len(), taken.as_ptr().addr() % PAGE), (length, 0));
        }
        assert_eq!(pages.memory.len(), 4 * PAGE + 1);
    }
}
