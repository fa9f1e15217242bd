//! Owner, mode, times.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_domain::time::Timestamp;
use capstan_stub::Look;
use fuser::{FileType, TimeOrNow};
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid};

use crate::attributes;
use crate::changes::{Change, Known};
use crate::door::Door;
use crate::inner::{Inner, Node, proc_path};
use crate::refusal::{Answer, INVALID, LATER, TIMED_OUT};
use crate::table::ROOT;
use crate::teller::Slot;

/// What is to become of something; the size is not of these (`Inner::cut`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct New {
    pub(crate) mode: Option<u32>,
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
    pub(crate) accessed: Option<TimeOrNow>,
    pub(crate) modified: Option<TimeOrNow>,
}

impl New {
    pub(crate) fn is_nothing(&self) -> bool {
        self.mode.is_none() && self.user.is_none() && self.group.is_none() && self.accessed.is_none() && self.modified.is_none()
    }
}

impl Inner {
    /// All but the time of a file with a record, which tells the time too: true when that is left to do.
    pub(crate) fn set(&self, number: u64, new: &New) -> Answer<bool> {
        let node = self.node(number)?;
        if number == ROOT && (new.user.is_some() || new.group.is_some() || new.mode.is_some()) {
            let before = Door::read(&node, &attributes::stat(&node)?)?;
            let (mode, user, group) = (new.mode, new.user, new.group);
            let door = Door {
                mode: mode.unwrap_or(before.mode),
                user: user.unwrap_or(before.user),
                group: group.unwrap_or(before.group),
            };
            door.write(&node)?;
            return self.set(number, &New { mode: None, user: None, group: None, ..*new });
        }
        if let Node::Open(file) = &node {
            file.set_changed();
        }
        if new.user.is_some() || new.group.is_some() {
            let (user, group) = (new.user.map(Uid::from_raw), new.group.map(Gid::from_raw));
            rustix::fs::chownat(&node, c"", user, group, AtFlags::EMPTY_PATH)?;
        }
        if let Some(mode) = new.mode {
            rustix::fs::chmod(proc_path(&node), Mode::from_raw_mode(mode & 0o7777))?;
        }
        if new.accessed.is_none() && new.modified.is_none() {
            return Ok(false);
        }
        let has_record = new.modified.is_some() && has_record(&node)?;
        let times = Timestamps {
            last_access: timespec(new.accessed)?,
            last_modification: timespec(new.modified.filter(|_| !has_record))?,
        };
        if times.last_access.tv_nsec != UTIME_OMIT || times.last_modification.tv_nsec != UTIME_OMIT {
            rustix::fs::utimensat(&node, c"", &times, AtFlags::EMPTY_PATH)?;
        }
        Ok(has_record)
    }

    /// The time of a file whose record tells it too. While the file is recalled it waits.
    pub(crate) async fn set_modified(self: &Arc<Self>, number: u64, modified: TimeOrNow) -> Answer<()> {
        let used = self.use_patiently(number).await?;
        if let Some(recalling) = used.file.running() {
            // However it ends.
            let ended = tokio::time::timeout(self.settings.recall_wait, recalling.whole()).await;
            ended.map(drop).map_err(|_| TIMED_OUT)?;
        }
        let raw = used.file.raw().clone();
        let modified = instant(modified).ok_or(INVALID)?;
        self.patiently(move || raw.set_modified(modified)).await
    }

    pub(crate) fn tell_attributes(&self, number: u64, slot: Slot) {
        if let Some(file) = self.opens.get(number) {
            file.set_changed();
        }
        let Some(path) = self.table.path(number) else { return };
        let identity = self.node(number).and_then(attributes::stat).map(|stat| attributes::identity(&stat));
        if let Ok(identity) = identity {
            self.teller.tell(slot, Change::Attributes { at: Known { path, identity } });
        }
    }
}

fn has_record(node: &Node) -> Answer<bool> {
    let look = match node {
        Node::Open(file) => file.look()?,
        Node::Path(handle) => {
            if attributes::kind(&attributes::stat(&**handle)?) != FileType::RegularFile {
                return Ok(false);
            }
            Look::of(handle, "").map_err(|_| LATER)?
        }
    };
    Ok(look.record().is_some())
}

fn timespec(time: Option<TimeOrNow>) -> Answer<Timespec> {
    Ok(match time {
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(TimeOrNow::Now) => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        Some(TimeOrNow::SpecificTime(time)) => match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timespec {
                tv_sec: i64::try_from(after.as_secs()).map_err(|_| INVALID)?,
                tv_nsec: i64::from(after.subsec_nanos()),
            },
            Err(before) => {
                let before = before.duration();
                let whole = i64::try_from(before.as_secs()).map_err(|_| INVALID)?;
                match i64::from(before.subsec_nanos()) {
                    0 => Timespec { tv_sec: -whole, tv_nsec: 0 },
                    nanos => Timespec { tv_sec: -whole - 1, tv_nsec: 1_000_000_000 - nanos },
                }
            }
        },
    })
}

/// None: before 1677 or after 2262, which a record does not hold.
fn instant(time: TimeOrNow) -> Option<Timestamp> {
    let time = match time {
        TimeOrNow::Now => SystemTime::now(),
        TimeOrNow::SpecificTime(time) => time,
    };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok().map(Timestamp),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|nanos| Timestamp(-nanos)),
    }
}
