//! A volume: a folder with the bytes and the label of what made it. Drives and snapshots are volumes.
//!
//! It is put together out of sight, made durable, and gets its name in one step, which the kernel refuses if the name is taken.

use capstan_sdk::failure::{Failure, Outcome, already_exists, unavailable};
use capstan_sdk::files::{self, Creation, Kind, Named};
use capstan_sdk::{Retry, StreamReader};

use crate::label::{self, Label, Purpose};
use crate::names::{self, DISK};
use crate::tree::{self, root};
use crate::world::wit_stream;
use crate::{attachments, hidden};

/// Names of a volume's folder that are looked at; there are five at most.
const FEW: u32 = 16;

/// What a look at its folder tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes that it takes on the disk.
    pub(crate) used: u64,
    /// Nanoseconds since 1970.
    pub(crate) created: u64,
    /// Of the attempt that made it.
    key: String,
    pub(crate) attached: Option<attachments::Mode>,
}

/// What a new volume has for bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Zeros(u64),
    /// Those of another volume.
    CopyOf(&'a str),
}

pub(crate) async fn look(path: &str) -> Outcome<Option<Volume>> {
    Ok(tree::entries(path, None, FEW).await?.and_then(|entries| read(&entries)))
}

/// A folder without the two is none of ours.
fn read(entries: &[Named]) -> Option<Volume> {
    let disk = entries.iter().find(|entry| entry.name == DISK && entry.status.kind == Kind::File)?;
    let made =
        entries.iter().filter_map(|entry| Label::read(&entry.name)).find(|label| matches!(label.purpose, Purpose::Made))?;
    Some(Volume {
        size: disk.status.size,
        used: disk.status.allocated,
        created: made.moment,
        key: made.key,
        attached: entries.iter().find_map(|entry| attachments::Mode::read(&entry.name)),
    })
}

/// The volume that this attempt made before, or none: then the name is free. Somebody else's is `already-exists`.
pub(crate) async fn made_before(path: &str, attempt: &str) -> Outcome<Option<Volume>> {
    let Some(volume) = look(path).await? else { return Ok(None) };
    if attempt.is_empty() || volume.key != label::key(attempt, path)? {
        return Err(already_exists(format!("{} is there already", names::shown(path))));
    }
    // The first try may have been cut before the name was durable.
    tree::sync(names::parent(path)).await?;
    Ok(Some(volume))
}

/// Makes the volume, or answers it if this attempt made it before.
pub(crate) async fn make(path: &str, source: Source<'_>, attempt: &str) -> Outcome<Volume> {
    if let Some(volume) = made_before(path, attempt).await? {
        return Ok(volume);
    }
    let key = label::key(attempt, path)?;
    let part = hidden::begin(&key).await?;
    let placed = async {
        build(&part, source, &key).await?;
        tree::rename(&part, path).await
    };
    if let Err(failure) = placed.await {
        let lost = tree::stat(&part).await?.is_none();
        hidden::forget(&part).await;
        return match made_before(path, attempt).await? {
            Some(volume) => Ok(volume),
            // The next try of this attempt took it away.
            None if lost => Err(overtaken(path)),
            None => Err(failure),
        };
    }
    tree::sync_renamed(&part, path).await.map_err(Failure::maybe_done)?;
    look(path).await?.ok_or_else(|| overtaken(path))
}

pub(crate) fn overtaken(path: &str) -> Failure {
    unavailable(format!("another call changed {} at the same time", names::shown(path))).retry(Retry::AtOnce)
}

async fn build(part: &str, source: Source<'_>, key: &str) -> Outcome<()> {
    let label = Label::now(Purpose::Made, key);
    fill(&names::disk(part), source).await?;
    let mark = format!("{part}/{label}");
    files::make_directory(root(), mark.clone()).await?;
    tree::sync(&mark).await?;
    tree::sync(part).await
}

/// Makes the file with all its bytes, which are durable then.
pub(crate) async fn fill(disk: &str, source: Source<'_>) -> Outcome<()> {
    match source {
        Source::Zeros(size) => {
            files::write(root(), disk.to_owned(), Creation::Exclusive, 0, nothing()).await?;
            files::resize(root(), disk.to_owned(), size).await?;
        }
        Source::CopyOf(volume) => {
            files::copy(root(), names::disk(volume), disk.to_owned()).await?;
        }
    }
    tree::sync(disk).await
}

/// A stream that has ended.
fn nothing() -> StreamReader<u8> {
    let (_, reader) = wit_stream::new::<u8>();
    reader
}

#[cfg(test)]
pub(crate) mod tests {
    use capstan_sdk::files::Status;

    use super::*;

    pub(crate) fn named(name: &str, kind: Kind, size: u64) -> Named {
        let status = Status {
            kind,
            size,
            modified: 1,
            changed: 2,
            mode: 0o600,
            uid: 0,
            gid: 0,
            device: 1,
            inode: 7,
            links: 1,
            allocated: size / 2,
        };
        Named { name: name.to_owned(), status }
    }

    fn made(moment: u64) -> Named {
        named(&Label { purpose: Purpose::Made, key: "a".repeat(32), moment }.to_string(), Kind::Directory, 40)
    }

    #[test]
    fn a_volume_is_its_file_and_its_label() {
        let volume = read(&[named("disk", Kind::File, 8192), made(77), named("snapshots", Kind::Directory, 60)]).unwrap();
        let expected = Volume { size: 8192, used: 4096, created: 77, key: "a".repeat(32), attached: None };
        assert_eq!(volume, expected);
        let attached = read(&[named("attached-read-only", Kind::Directory, 40), named("disk", Kind::File, 8192), made(77)]);
        assert_eq!(attached.unwrap().attached, Some(attachments::Mode::ReadOnly));
    }

    #[test]
    fn what_this_plugin_did_not_make_is_no_volume() {
        let part = Label { purpose: Purpose::Part, key: "a".repeat(32), moment: 1 }.to_string();
        for entries in [
            vec![],
            vec![named("disk", Kind::File, 8192)],
            vec![made(1)],
            vec![named("disk", Kind::Directory, 40), made(1)],
            vec![named("disk", Kind::Symlink, 5), made(1)],
            vec![named("disk", Kind::File, 8192), named(&part, Kind::Directory, 40)],
        ] {
            assert_eq!(read(&entries), None, "{entries:?}");
        }
    }
}
