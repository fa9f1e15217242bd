//! Which drives were made through this target, and by which attempt: in the host's state, written before the cluster is asked.
//!
//! A drive is there for callers when its record says that it was made and the cluster has its image. So an image that no call made
//! is neither shown nor touched, and one that is half made is not there yet.

use capstan_sdk::failure::{Failure, busy, malformed};
use capstan_sdk::state::{self, Value};
use capstan_sdk::{Outcome, Retry, time};
use serde::{Deserialize, Serialize};

const DRIVES: &str = "drive/";
/// Images of which something may have to be taken away; see `tidy`.
const TIDY: &str = "tidy/";
/// How often a record is read and written anew when others write it as well.
const TRIES: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Mark of the attempt that made it.
    pub(crate) attempt: String,
    pub(crate) made: bool,
    /// The size it is growing to: exports still show the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) growing: Option<u64>,
    /// The size it has after the restore that is under way: the cluster cuts it to its snapshot's in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restoring: Option<u64>,
    /// Mark of the attempt that restored it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restored: Option<String>,
    /// The image that it hangs on, to be tidied once this one is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
}

/// How a drive stands that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// This attempt began and was cut, or is under way.
    HalfMade,
    /// This attempt made it.
    Made,
    /// Another attempt has the name.
    Others,
}

impl Found {
    fn of(record: Option<&Record>, mark: &str) -> Self {
        match record {
            None => Self::Nothing,
            Some(record) if record.attempt != mark => Self::Others,
            Some(record) if record.made => Self::Made,
            Some(_) => Self::HalfMade,
        }
    }
}

fn key(drive: &str) -> String {
    format!("{DRIVES}{drive}")
}

fn read(value: &Value) -> Outcome<Record> {
    serde_json::from_slice(&value.data).map_err(|error| {
        malformed("the host's state holds a record of a drive that cannot be read", error.to_string()).retry(Retry::Never)
    })
}

async fn versioned(drive: &str) -> Outcome<Option<(Record, u64)>> {
    let value = state::get(key(drive)).await?;
    value.map(|value| Ok((read(&value)?, value.version))).transpose()
}

async fn write(drive: &str, record: &Record, expect: u64) -> Outcome<bool> {
    let data = serde_json::to_vec(record).unwrap_or_default();
    match state::set(key(drive), data, Some(expect)).await {
        Ok(_) => Ok(true),
        Err(Failure::Conflict(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

pub(crate) async fn get(drive: &str) -> Outcome<Option<Record>> {
    Ok(versioned(drive).await?.map(|(record, _)| record))
}

pub(crate) async fn look(drive: &str, mark: &str) -> Outcome<Found> {
    Ok(Found::of(get(drive).await?.as_ref(), mark))
}

/// Writes that this attempt makes the drive, unless something is there. Answers what there was.
pub(crate) async fn begin(drive: &str, mark: &str) -> Outcome<Found> {
    for _ in 0..TRIES {
        let found = look(drive, mark).await?;
        if found != Found::Nothing {
            return Ok(found);
        }
        let record = Record { attempt: mark.to_owned(), ..Record::default() };
        if write(drive, &record, 0).await? {
            return Ok(Found::Nothing);
        }
    }
    Err(contended(drive))
}

/// Changes the record of a drive that is there; false: there is none.
pub(crate) async fn change(drive: &str, change: impl Fn(&mut Record)) -> Outcome<bool> {
    for _ in 0..TRIES {
        let Some((mut record, version)) = versioned(drive).await? else { return Ok(false) };
        change(&mut record);
        if write(drive, &record, version).await? {
            return Ok(true);
        }
    }
    Err(contended(drive))
}

pub(crate) async fn forget(drive: &str) -> Outcome<()> {
    remove(key(drive)).await
}

fn contended(drive: &str) -> Failure {
    busy(format!("drive {drive} is being changed by several calls"))
}

/// Names in their order, after this one; made or not.
pub(crate) async fn names(after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
    let keys = state::keys(DRIVES.to_owned(), after.map(key), limit).await?;
    Ok(keys.into_iter().filter_map(|key| key.strip_prefix(DRIVES).map(str::to_owned)).collect())
}

/// Notes that something may have to be taken away of this image, before that comes about.
pub(crate) async fn note(image: &str) -> Outcome<()> {
    state::set(format!("{TIDY}{image}"), time::now().to_string().into_bytes(), None).await.map(drop)
}

pub(crate) async fn is_noted(image: &str) -> Outcome<bool> {
    Ok(state::get(format!("{TIDY}{image}")).await?.is_some())
}

pub(crate) async fn tidied(image: &str) -> Outcome<()> {
    remove(format!("{TIDY}{image}")).await
}

async fn remove(key: String) -> Outcome<()> {
    match state::remove(key, None).await {
        Err(Failure::NotFound(_)) => Ok(()),
        other => other,
    }
}

/// Images that were noted at least so many seconds ago: no call is at them any more.
pub(crate) async fn left(seconds: i64, limit: u32) -> Outcome<Vec<String>> {
    let mut left = Vec::new();
    for key in state::keys(TIDY.to_owned(), None, limit).await? {
        let Some(value) = state::get(key.clone()).await? else { continue };
        let noted = std::str::from_utf8(&value.data).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        if time::now().saturating_sub(noted) >= seconds {
            left.extend(key.strip_prefix(TIDY).map(str::to_owned));
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_the_attempt_that_began() {
        let record = |made| Record { attempt: "a".to_owned(), made, ..Record::default() };
        assert_eq!(Found::of(None, "a"), Found::Nothing);
        assert_eq!(Found::of(Some(&record(false)), "a"), Found::HalfMade);
        assert_eq!(Found::of(Some(&record(true)), "a"), Found::Made);
        assert_eq!(Found::of(Some(&record(false)), "b"), Found::Others);
        assert_eq!(Found::of(Some(&record(true)), "b"), Found::Others);
    }

    #[test]
    fn a_record_comes_back_as_it_was_and_one_of_before_can_be_read() {
        let record = Record {
            attempt: "a".to_owned(),
            made: true,
            growing: Some(9),
            restoring: Some(7),
            restored: None,
            parent: Some("capstan.b".to_owned()),
        };
        let value = Value { data: serde_json::to_vec(&record).unwrap(), version: 1 };
        assert_eq!(read(&value).unwrap(), record);
        let short = Value { data: br#"{"attempt":"a","made":true}"#.to_vec(), version: 1 };
        assert!(read(&short).unwrap().made);
        assert!(read(&Value { data: b"{".to_vec(), version: 1 }).is_err());
    }
}
