//! Where volumes are before they are whole and after they are gone: folders of `.capstan`, which no listing shows.
//!
//! Each has a name that was never there before. A copy that a call began runs on in the host when the call is cut, and must not
//! write into what the next try of the same attempt makes.

use capstan_sdk::failure::{Failure, Outcome};
use capstan_sdk::files::{self, Times};

use crate::label::{self, Label, Purpose};
use crate::names::{self, HIDDEN};
use crate::tree::{self, root};

/// Nanoseconds after which a volume that is being made, and in which nothing changes, is dead: a copy changes it every few seconds.
const DEAD_AFTER: u64 = 3_600_000_000_000;
/// Leftovers of one attempt, and of all in one probe, that are taken away at once; the next call takes more.
const LEFTOVERS: u32 = 64;
/// The owner alone: these are other people's disks.
const PRIVATE: u32 = 0o700;

/// A folder for a volume to be made in. What an earlier try of the attempt left is taken away.
pub(crate) async fn begin(key: &str) -> Outcome<String> {
    clear(Purpose::Part, key).await?;
    part(key).await
}

/// The same, beside others of that key.
pub(crate) async fn part(key: &str) -> Outcome<String> {
    let path = path(&Label::now(Purpose::Part, key));
    match files::make_directory(root(), path.clone()).await {
        Err(Failure::NotFound(_)) => {
            tree::make_directory(HIDDEN).await?;
            files::make_directory(root(), path.clone()).await?;
        }
        made => made?,
    }
    let private = Times { modified: None, mode: Some(PRIVATE), uid: None, gid: None };
    if let Err(failure) = files::set_attributes(root(), path.clone(), private).await {
        // A file system without owners has no others to keep out.
        capstan_sdk::log!(debug, "the folder of a volume could not be made private", "why" => failure.fault().message);
    }
    Ok(path)
}

/// Takes away what was begun and is no more needed.
pub(crate) async fn forget(part: &str) {
    if let Err(failure) = tree::remove(part).await {
        capstan_sdk::log!(warn, "a volume that is not finished is left behind", "why" => failure.fault().message);
    }
}

/// Takes a volume away: out of sight in one step, which is durable, then piece by piece. An absent one is a success.
pub(crate) async fn take_away(volume: &str, attempt: &str) -> Outcome<()> {
    let key = label::key(attempt, volume)?;
    let gone = path(&Label::now(Purpose::Gone, &key));
    let moved = match tree::rename(volume, &gone).await {
        // It is the folder to move it into that is not there.
        Err(Failure::NotFound(_)) if tree::stat(volume).await?.is_some() => {
            tree::make_directory(HIDDEN).await?;
            tree::rename(volume, &gone).await
        }
        moved => moved,
    };
    if tree::there(moved)?.is_some() {
        tree::sync_renamed(&gone, volume).await.map_err(Failure::maybe_done)?;
    } else {
        absent(volume).await?;
    }
    clear(Purpose::Gone, &key).await
}

/// That there is no such volume is durable: an earlier try may have been cut before it was.
pub(crate) async fn absent(volume: &str) -> Outcome<()> {
    tree::there(tree::sync(names::parent(volume)).await).map(drop)
}

fn path(label: &Label) -> String {
    format!("{HIDDEN}/{label}")
}

async fn clear(purpose: Purpose, key: &str) -> Outcome<()> {
    let prefix = label::prefix(purpose, key);
    let left = tree::entries(HIDDEN, Some(prefix.clone()), LEFTOVERS).await?.unwrap_or_default();
    for entry in left.iter().take_while(|entry| entry.name.starts_with(&prefix)) {
        forget(&format!("{HIDDEN}/{}", entry.name)).await;
    }
    Ok(())
}

/// Takes away what died in the middle: all that was being taken away, and what was being made and has not changed for long.
pub(crate) async fn sweep() -> Outcome<()> {
    let (now, mut after) = (label::now(), None);
    loop {
        let page = files::read_directory(root(), HIDDEN.to_owned(), after, LEFTOVERS).await;
        let Some(page) = tree::there(page)? else { return Ok(()) };
        let mut swept = 0;
        for entry in &page.entries {
            let Some(label) = Label::read(&entry.name) else { continue };
            let path = format!("{HIDDEN}/{}", entry.name);
            if label.purpose == Purpose::Gone || is_dead(now, modified(&path, entry.status.modified).await?) {
                forget(&path).await;
                swept += 1;
            }
        }
        after = page.next;
        if after.is_none() || swept > 0 {
            return Ok(());
        }
    }
}

/// When its names or its bytes changed last, nanoseconds since 1970.
async fn modified(part: &str, folder: i64) -> Outcome<i64> {
    let disk = tree::stat(&names::disk(part)).await?;
    Ok(disk.map_or(folder, |disk| disk.modified.max(folder)))
}

fn is_dead(now: u64, modified: i64) -> bool {
    u64::try_from(modified).is_ok_and(|modified| now.saturating_sub(modified) > DEAD_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_within_the_hour_or_in_the_future_is_alive() {
        let hour = 3_600_000_000_000;
        let now = 100 * hour;
        let at = |moment: u64| i64::try_from(moment).unwrap();
        assert!(!is_dead(now, at(now)) && !is_dead(now, at(now - hour)) && !is_dead(now, at(now + hour)));
        assert!(is_dead(now, at(now - hour - 1)) && is_dead(now, 0));
        // Nobody can say how long that is.
        assert!(!is_dead(now, -1));
    }

    #[test]
    fn what_is_hidden_is_no_drive() {
        let label = Label { purpose: Purpose::Part, key: "0".repeat(32), moment: 1 };
        assert_eq!(path(&label), format!(".capstan/part-{}-0000000000000001", "0".repeat(32)));
        assert_eq!(names::drive_of(HIDDEN), None);
    }
}
