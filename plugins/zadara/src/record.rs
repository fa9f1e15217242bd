//! What is remembered of drives and snapshots, in the target's state: by which attempt each was made, which volume it is, and what
//! was begun.
//!
//! It is written before the VPSA is asked, so that nothing is made there that nobody knows of. A record is replaced only by who has
//! read it: of two calls that change one drive at once, the second is told to come again.

use capstan_sdk::drive::check_name;
use capstan_sdk::failure::{already_exists, busy, invalid, malformed, not_found};
use capstan_sdk::{Failure, Outcome, Retry, time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answers::is_id;
use crate::outside::state;

/// Keys that are read at a time.
const KEYS: u32 = 1000;
/// Snapshots of one drive that are looked at.
pub(crate) const SNAPSHOTS: usize = 10_000;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Ordered from the VPSA, or about to be.
    Making,
    Ready,
    /// Being taken away.
    Deleting,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Drive {
    /// By which it is made.
    pub(crate) attempt: String,
    pub(crate) phase: Phase,
    /// Bytes it is to have while it is made.
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) volume: Option<String>,
    /// Volumes that it was before it was restored, kept for their snapshots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) before: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restoring: Option<Restoring>,
    /// Attached by a call, for reading only or for writing too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attached: Option<Attached>,
}

/// The last time a snapshot was restored.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Restoring {
    pub(crate) attempt: String,
    pub(crate) snapshot: String,
    /// What the new volume is called until it is the drive's.
    pub(crate) called: String,
    /// The new volume is the drive's.
    pub(crate) done: bool,
    /// The volume that was the drive's before, as long as it may have the drive's name on the VPSA, or be attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaced: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attached {
    Reading,
    Writing,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) attempt: String,
    pub(crate) phase: Phase,
    /// Bytes of the drive.
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) taken: i64,
    /// The volume it was taken of, and its consistency group.
    pub(crate) volume: String,
    pub(crate) cg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

/// A record as it was read: with the key under which it lies, and its version.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    pub(crate) value: T,
    key: String,
    version: u64,
}

/// Where a drive is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) location: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Place<'a> {
    pub(crate) fn new(location: &'a str, name: &'a str) -> Outcome<Self> {
        if !is_id("pool", location) {
            return Err(not_found(format!("there is no pool {location:?}")));
        }
        check_name(name, "drive")?;
        Ok(Self { location, name })
    }

    pub(crate) fn subject(&self) -> String {
        format!("drive {:?}", self.name)
    }

    pub(crate) fn key(&self) -> String {
        format!("{}{}", drives_prefix(self.location), self.name)
    }

    fn snapshots_prefix(&self) -> String {
        format!("snapshot/{}/{}/", self.location, self.name)
    }

    pub(crate) fn snapshot_key(&self, snapshot: &str) -> String {
        format!("{}{snapshot}", self.snapshots_prefix())
    }
}

fn drives_prefix(location: &str) -> String {
    format!("drive/{location}/")
}

fn now() -> i64 {
    time::now().saturating_mul(1_000_000_000)
}

/// A moment for a snapshot: later than `last`, whatever the clock says.
pub(crate) fn moment(last: Option<i64>) -> i64 {
    last.map_or_else(now, |last| now().max(last.saturating_add(1)))
}

impl<T: DeserializeOwned + Serialize> Kept<T> {
    pub(crate) async fn find(key: String) -> Outcome<Option<Self>> {
        let Some(kept) = state::get(key.clone()).await? else { return Ok(None) };
        let value = serde_json::from_slice(&kept.data)
            .map_err(|wrong| malformed("what was remembered of a drive cannot be read", format!("{key}: {wrong}")))?;
        Ok(Some(Self { value, key, version: kept.version }))
    }

    /// Where nothing is yet.
    pub(crate) async fn begin(key: String, value: T) -> Outcome<Self> {
        Self { value, key, version: 0 }.write().await
    }

    pub(crate) async fn put(mut self, change: impl FnOnce(&mut T)) -> Outcome<Self> {
        change(&mut self.value);
        self.write().await
    }

    async fn write(self) -> Outcome<Self> {
        let data = serde_json::to_vec(&self.value).map_err(|wrong| invalid(wrong.to_string()))?;
        match state::set(self.key.clone(), data, Some(self.version)).await {
            Ok(version) => Ok(Self { version, ..self }),
            Err(Failure::Conflict(_)) => {
                Err(busy("another call is changing the same drive").code("changed-meanwhile").retry(Retry::AtOnce))
            }
            Err(failure) => Err(failure),
        }
    }

    pub(crate) async fn forget(self) -> Outcome<()> {
        state::remove(self.key, Some(self.version)).await
    }
}

impl Drive {
    pub(crate) fn making(attempt: &str, size: u64) -> Self {
        Self {
            attempt: attempt.to_owned(),
            phase: Phase::Making,
            size,
            volume: None,
            before: Vec::new(),
            restoring: None,
            attached: None,
        }
    }
}

/// The record of a drive that was made, and its volume's id.
pub(crate) async fn ready(place: Place<'_>) -> Outcome<(Kept<Drive>, String)> {
    let absent = || not_found(format!("there is no {}", place.subject()));
    let kept = Kept::<Drive>::find(place.key()).await?.filter(|kept| kept.value.phase == Phase::Ready).ok_or_else(absent)?;
    let volume = kept.value.volume.clone().ok_or_else(absent)?;
    Ok((kept, volume))
}

/// A record that is there already: of the same attempt, or somebody else's name.
pub(crate) fn own<T>(kept: Option<Kept<T>>, attempt: &str, of: impl Fn(&T) -> &str, subject: &str) -> Outcome<Option<Kept<T>>> {
    match kept {
        Some(kept) if of(&kept.value) != attempt => Err(already_exists(format!("there is a {subject} already"))),
        kept => Ok(kept),
    }
}

/// Names of drives behind `after`, in order, half-made ones too.
pub(crate) async fn names(location: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
    let prefix = drives_prefix(location);
    let after = after.map(|after| format!("{prefix}{after}"));
    let keys = state::keys(prefix.clone(), after, limit.clamp(1, KEYS)).await?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect())
}

/// All snapshots of a drive that were begun: name and record.
pub(crate) async fn snapshots(place: Place<'_>) -> Outcome<Vec<(String, Kept<Snapshot>)>> {
    let prefix = place.snapshots_prefix();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let keys = state::keys(prefix.clone(), after, KEYS).await?;
        for key in &keys {
            if let (Some(name), Some(kept)) = (key.strip_prefix(&prefix), Kept::find(key.clone()).await?) {
                found.push((name.to_owned(), kept));
            }
        }
        match keys.last() {
            Some(last) if keys.len() >= KEYS as usize && found.len() < SNAPSHOTS => after = Some(last.clone()),
            _ => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_a_pool() {
        assert!(matches!(Place::new("../x", "a"), Err(Failure::NotFound(_))));
    }

    #[test]
    fn what_is_remembered_reads_back_and_stays_small() {
        let drive = Drive {
            volume: Some("volume-00000001".to_owned()),
            before: vec!["volume-00000002".to_owned()],
            attached: Some(Attached::Reading),
            ..Drive::making("job 1", 5)
        };
        let text = serde_json::to_string(&drive).unwrap();
        assert_eq!(serde_json::from_str::<Drive>(&text).unwrap(), drive);
        assert_eq!(serde_json::to_string(&Drive::making("a", 1)).unwrap(), r#"{"attempt":"a","phase":"making","size":1}"#);
    }

    #[test]
    fn moments_of_snapshots_never_repeat() {
        let first = moment(None);
        assert!(moment(Some(first)) > first);
        assert_eq!(moment(Some(i64::MAX - 1)), i64::MAX);
    }
}
