//! How much a space may hold, as the floor above knows it.

/// Of a space, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes that its files may have together, wherever they lie.
    pub bytes: u64,
    /// Bytes that they have.
    pub used: u64,
}

impl Allowance {
    pub(crate) fn left(&self) -> u64 {
        self.bytes.saturating_sub(self.used)
    }
}

/// Asked with every question for free space, and before something is made; so it answers at once, from what it knows.
pub trait Quota: Send + Sync + 'static {
    /// None: the file system alone bounds it.
    fn allowance(&self) -> Option<Allowance>;
}

/// A space that its file system alone bounds.
pub struct Unbounded;

impl Quota for Unbounded {
    fn allowance(&self) -> Option<Allowance> {
        None
    }
}
