//! Which uploads are begun.
//!
//! The service knows blocks, not uploads: they lie uncommitted under the blob's name, whoever sent them. So an upload is a
//! prefix of the names of its blocks, and what is begun stands in the target's state until it is completed or aborted. No mark in
//! the service would do: it takes nothing uncommitted back, and commits a blob by dropping every other upload's blocks.
//!
//! So nothing is begun at the service, and no answer to it can be lost. The id is not made of the attempt alone, as blocks' names might
//! be: an upload that was given up is not begun again, while its blocks still lie there.
//!
//! | the process dies | what is there | the same attempt, made again |
//! |---|---|---|
//! | before the record is written | nothing | begins an upload |
//! | after that | the record | begins the same upload |
//! | after some blocks were sent | the record, blocks | the same; they are listed by the names they have |
//! | after the last block of an upload that nobody goes on with | blocks that nobody sees | the service drops them after a week |

use capstan_sdk::failure::{Failure, busy};
use capstan_sdk::state::{self, Value};
use capstan_sdk::text::{base64, hex, unbase64};
use capstan_sdk::time::now;
use capstan_sdk::{Outcome, crypto};

use crate::call::Place;

/// Digits of an upload's id, and of a block's number behind it: all block names of a blob have one length.
const ID_DIGITS: usize = 24;
const NUMBER_DIGITS: usize = 6;
/// Seconds an upload is remembered; the service keeps uncommitted blocks for a week after the last of them came.
const REMEMBERED: i64 = 30 * 24 * 3600;
/// Uploads of one blob that are remembered; the oldest go.
const MOST: usize = 32;
/// How often the record is written when somebody else writes it as well.
const TRIES: usize = 8;
const PREFIX: &str = "upload/";
/// Records that are looked at when there is no room for another.
const SWEPT: u32 = 1_000;

/// The name of a block, as the service wants it.
pub(crate) fn block_name(upload: &str, number: u32) -> String {
    base64(format!("{upload}{number:0NUMBER_DIGITS$}").as_bytes())
}

/// The number of a block of this upload.
pub(crate) fn block_number(upload: &str, name: &str) -> Option<u32> {
    let text = String::from_utf8(unbase64(name)?).ok()?;
    text.strip_prefix(upload).filter(|digits| digits.len() == NUMBER_DIGITS)?.parse().ok()
}

/// Whether this may be an id of ours; what is none names no blocks.
fn is_id(upload: &str) -> bool {
    upload.len() == ID_DIGITS && upload.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Begun {
    id: String,
    /// Seconds since 1970.
    at: i64,
    attempt: String,
}

/// A line each: id, time, attempt. What cannot be read is nobody's.
fn read(value: Option<&Value>) -> Vec<Begun> {
    let text = value.map(|value| String::from_utf8_lossy(&value.data).into_owned()).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.splitn(3, '\t');
        let (id, at, attempt) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        Some(Begun { id: id.to_owned(), at, attempt: attempt.to_owned() })
    };
    text.lines().filter_map(line).collect()
}

fn written(begun: &[Begun]) -> Vec<u8> {
    let lines: Vec<String> = begun.iter().map(|one| format!("{}\t{}\t{}\n", one.id, one.at, one.attempt)).collect();
    lines.concat().into_bytes()
}

/// What is too old to have blocks any more goes, and the oldest of too many.
fn trimmed(mut begun: Vec<Begun>, now: i64) -> Vec<Begun> {
    begun.retain(|one| now - one.at < REMEMBERED);
    let surplus = begun.len().saturating_sub(MOST);
    begun.drain(..surplus);
    begun
}

fn state_key((container, key): Place<'_>) -> Outcome<String> {
    let digest = crypto::digest("sha256", format!("{container}\0{key}").as_bytes())?;
    Ok(format!("{PREFIX}{}", hex(&digest)))
}

/// The upload this attempt began; a new one if it began none, or ended it.
pub(crate) async fn begin(place: Place<'_>, attempt: &str, ordinal: u64) -> Outcome<String> {
    let state_key = state_key(place)?;
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    let seed = format!("{state_key} {attempt} {moment} {ordinal}");
    let id: String = hex(&crypto::digest("sha256", seed.as_bytes())?).chars().take(ID_DIGITS).collect();
    let mut swept = false;
    for _ in 0..TRIES {
        let value = state::get(state_key.clone()).await?;
        let mut begun = trimmed(read(value.as_ref()), now());
        if let Some(mine) = begun.iter().find(|one| !attempt.is_empty() && one.attempt == attempt) {
            return Ok(mine.id.clone());
        }
        begun.push(Begun { id: id.clone(), at: now(), attempt: attempt.replace(['\t', '\n'], " ") });
        let version = value.map_or(0, |value| value.version);
        match state::set(state_key.clone(), written(&begun), Some(version)).await {
            Ok(_) => return Ok(id),
            Err(Failure::Conflict(_)) => {}
            Err(Failure::NoSpace(_)) if !swept => {
                swept = true;
                sweep().await?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(busy("too many uploads of this object begin at once"))
}

/// Whether it was begun and not ended.
pub(crate) async fn is_begun(place: Place<'_>, upload: &str) -> Outcome<bool> {
    if !is_id(upload) {
        return Ok(false);
    }
    let value = state::get(state_key(place)?).await?;
    Ok(read(value.as_ref()).iter().any(|one| one.id == upload))
}

pub(crate) async fn end(place: Place<'_>, upload: &str) -> Outcome<()> {
    let state_key = state_key(place)?;
    for _ in 0..TRIES {
        let Some(value) = state::get(state_key.clone()).await? else { return Ok(()) };
        let mut begun = read(Some(&value));
        begun.retain(|one| one.id != upload);
        let left = trimmed(begun, now());
        let written = if left.is_empty() {
            state::remove(state_key.clone(), Some(value.version)).await
        } else {
            state::set(state_key.clone(), written(&left), Some(value.version)).await.map(drop)
        };
        match written {
            Err(Failure::Conflict(_)) => {}
            Err(Failure::NotFound(_)) => return Ok(()),
            other => return other,
        }
    }
    Err(busy("too many uploads of this object end at once"))
}

/// Makes room: records of uploads whose blocks the service dropped long ago.
async fn sweep() -> Outcome<()> {
    let mut after = None;
    loop {
        let keys = state::keys(PREFIX.to_owned(), after, SWEPT).await?;
        for key in &keys {
            if let Some(value) = state::get(key.clone()).await?
                && trimmed(read(Some(&value)), now()).is_empty()
            {
                state::remove(key.clone(), Some(value.version)).await?;
            }
        }
        match keys.last() {
            Some(last) if keys.len() == SWEPT as usize => after = Some(last.clone()),
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef01234567";

    #[test]
    fn a_block_is_named_by_its_upload_and_its_number() {
        let names = [1, 9, 50_000].map(|number| block_name(ID, number));
        assert!(names.iter().all(|name| name.len() == names[0].len()));
        assert_eq!(names.each_ref().map(|name| block_number(ID, name)), [Some(1), Some(9), Some(50_000)]);
        assert_eq!(block_number("fedcba9876543210fedcba98", &names[0]), None);
        assert_eq!((block_number(ID, "!"), block_number(ID, "AAAA")), (None, None));
        assert!(is_id(ID) && !is_id("") && !is_id("0123456789abcdef0123456/"));
    }

    #[test]
    fn what_is_begun_is_kept_for_as_long_as_the_service_keeps_blocks() {
        let one = |id: &str, at| Begun { id: id.to_owned(), at, attempt: "a b".to_owned() };
        let begun = vec![one("old", 0), one("new", REMEMBERED)];
        let value = Value { data: written(&begun), version: 1 };
        assert_eq!(read(Some(&value)), begun);
        assert_eq!(trimmed(begun, REMEMBERED + 5), [one("new", REMEMBERED)]);
        let many = (0..100).map(|at| one("x", at)).collect();
        assert_eq!(trimmed(many, 100).first(), Some(&one("x", 68)));
        assert!(read(None).is_empty() && read(Some(&Value { data: b"\xff\tx".to_vec(), version: 1 })).is_empty());
    }
}
