//! An engine of drives, as who makes trouble between it and the host needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capstan_test_servers::{Hold, HoldFront};

use crate::client::Client;

/// One of the changes that an engine is asked to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Since the operation was asked for, or the host was started again; counted from 1.
    pub nth: u64,
    /// The engine makes it and nobody hears of that; else the engine never hears of it.
    pub made: bool,
}

/// When the host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    At(Change),
    /// So long after the operation was asked for, or after the host was started again.
    After(Duration),
}

impl Moment {
    /// Before the engine hears of its n-th change.
    pub const fn before(nth: u64) -> Self {
        Self::At(Change { nth, made: false })
    }

    /// When the engine has made its n-th change.
    pub const fn made(nth: u64) -> Self {
        Self::At(Change { nth, made: true })
    }

    pub const fn after_ms(milliseconds: u64) -> Self {
        Self::After(Duration::from_millis(milliseconds))
    }
}

/// What an engine has, by the names that the host gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Each with its snapshots.
    pub volumes: BTreeMap<String, BTreeSet<String>>,
    /// Snapshots that hang on what their drive was before it was restored, which is kept for them alone.
    pub apart: BTreeSet<String>,
    /// What is there besides and should not be: parts, leftovers, names that nobody gave.
    pub strays: Vec<String>,
}

pub trait Engine {
    /// What the host calls it.
    fn storage_type(&self) -> &'static str;

    /// Makes it a target of a fresh host.
    fn connect(&self, client: &Client) -> anyhow::Result<()>;

    /// What stands between the host and what controls the engine; none: they share a directory.
    fn front(&self) -> Option<&HoldFront>;

    /// From now on changes are counted, and this one is waited for.
    fn arm(&mut self, change: Change) -> anyhow::Result<()> {
        if let Some(front) = self.front() {
            front.hold(change.nth, if change.made { Hold::After } else { Hold::Before });
        }
        Ok(())
    }

    /// Waits at most so long; whether it has come to the change.
    fn is_reached_within(&mut self, patience: Duration) -> anyhow::Result<bool> {
        Ok(self.front().is_some_and(|front| front.is_held_within(patience)))
    }

    /// Waits for nothing more; what was held is dropped.
    fn let_go(&mut self) {
        if let Some(front) = self.front() {
            front.let_go();
        }
    }

    fn stock(&self) -> anyhow::Result<Stock>;
}
