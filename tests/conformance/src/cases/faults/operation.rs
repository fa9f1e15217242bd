//! What is done while something goes wrong: a read, a write, a listing, a removal; and how its outcome is judged.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::Failure;
use capstan_domain::ports::PutOptions;

use crate::content::{bytes, collect, counting};
use crate::stand::Stand;
use crate::store::Store;
use crate::{Check, told};

/// Bytes of what is read and written: several pieces of a drip, one of anything else.
pub(super) const SIZE: u64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
    List,
    Remove,
}

/// What came of it, if it was a success.
pub(super) enum Success {
    /// As it should be.
    Right,
    /// Other bytes or names than are there.
    Wrong(String),
}

impl Operation {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Remove => "remove",
        }
    }

    pub(super) fn changes(self) -> bool {
        matches!(self, Self::Write | Self::Remove)
    }

    /// What must be there before.
    pub(super) async fn prepare(self, stand: &Stand<'_>) -> Check {
        match self {
            Self::Read | Self::Remove => stand.put(&stand.key("there"), counting(SIZE)).await,
            Self::List => {
                for name in ["l/a", "l/b", "l/c"] {
                    stand.put(&stand.key(name), counting(3)).await?;
                }
                Ok(())
            }
            Self::Write => Ok(()),
        }
    }

    pub(super) async fn make(self, stand: &Stand<'_>, through: Store<'_>, attempt: &str) -> Outcome<Success> {
        let location = stand.location;
        match self {
            Self::Read => {
                let (size, body) = through.get(location, &stand.key("there"), None).await?;
                let read = collect(body, 1 << 20).await?;
                // The host holds what comes to the size that is told, and both to what it knows.
                Ok(if size != SIZE {
                    Success::Wrong(format!("{size} bytes are told of {SIZE}"))
                } else if read != bytes(0, SIZE) {
                    Success::Wrong(format!("{} other bytes came", read.len()))
                } else {
                    Success::Right
                })
            }
            Self::Write => {
                let size = through.put(location, &stand.key("new"), counting(SIZE), attempt, PutOptions::default()).await?;
                Ok(if size == SIZE { Success::Right } else { Success::Wrong(format!("{size} bytes are told")) })
            }
            Self::List => {
                let (mut found, mut after) = (BTreeMap::new(), None);
                for _ in 0..10 {
                    let (entries, next) = through.page(location, &stand.key("l/"), after.take(), 100).await?;
                    found.extend(entries);
                    after = next;
                    if after.is_none() {
                        break;
                    }
                }
                let wanted = ["a", "b", "c"].map(|name| (name.to_owned(), 3)).into();
                Ok(if found == wanted { Success::Right } else { Success::Wrong(format!("{found:?} are listed")) })
            }
            Self::Remove => through.remove(location, &stand.key("there"), attempt).await.map(|()| Success::Right),
        }
    }

    /// Whether the change is seen in the target, whole. A change of which half is seen breaks the contract whatever was answered.
    pub(super) async fn is_done(self, stand: &Stand<'_>) -> anyhow::Result<bool> {
        let store = stand.store()?;
        match self {
            Self::Read | Self::List => Ok(true),
            Self::Remove => Ok(store.is_there(stand.location, &stand.key("there")).await?.is_none()),
            Self::Write => {
                let key = stand.key("new");
                let Some(size) = store.is_there(stand.location, &key).await? else { return Ok(false) };
                ensure!(size == SIZE, "{size} of {SIZE} bytes are visible");
                let (_, body) = store.get(stand.location, &key, None).await.map_err(told)?;
                let there = collect(body, 1 << 20).await.map_err(told)?;
                ensure!(there == bytes(0, SIZE), "other bytes are stored than were put");
                Ok(true)
            }
        }
    }

    /// Back to where it was before, for another try.
    pub(super) async fn undo(self, stand: &Stand<'_>) -> Check {
        match self {
            Self::Write => stand.store()?.remove(stand.location, &stand.key("new"), "undo").await.map_err(told).context("undo"),
            Self::Remove => self.prepare(stand).await,
            Self::Read | Self::List => Ok(()),
        }
    }
}

/// The words of a failure hold no secret of the target.
pub(super) fn tells_no_secret(stand: &Stand<'_>, failure: &Failure) -> Check {
    let text = format!("{} {:?} {:?}", failure.message, failure.detail, failure.next_step);
    let leaks = stand.kit()?.secrets.iter().any(|(_, secret)| secret.reveal().len() >= 4 && text.contains(secret.reveal()));
    ensure!(!leaks, "a failure tells a secret");
    ensure!(!failure.message.trim().is_empty(), "a failure says nothing");
    Ok(())
}
