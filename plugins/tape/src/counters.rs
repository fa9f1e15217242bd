//! Counters of a cartridge: what its memory and the drive that it is in tell of its life and of the time since it was loaded. What neither
//! tells is left out.

use capstan_scsi::attribute::{Attribute, id};
use capstan_scsi::log::{self, Page};
use capstan_scsi::tape::statistics::{self, MEGABYTE, compression, usage, volume};
use capstan_sdk::{NamedValue, Outcome, named};

use crate::medium::{MEBIBYTE, log_page, number};
use crate::tape::Tape;

/// Of the memory, else of the page of volume statistics.
const LOADS: &str = "loads";
const WRITTEN: &str = "mebibytes-written";
const READ: &str = "mebibytes-read";
/// Of the page, else of the memory.
const LAST_WRITTEN: &str = "last-load-bytes-written";
const LAST_READ: &str = "last-load-bytes-read";

/// Of the page of volume statistics, as they are.
const VOLUME: [(u16, &str); 18] = [
    (volume::DATA_SETS_WRITTEN, "data-sets-written"),
    (volume::DATA_SETS_READ, "data-sets-read"),
    (volume::RECOVERED_WRITE_ERRORS, "recovered-write-errors"),
    (volume::WRITE_ERRORS, "write-errors"),
    (volume::WRITE_SERVO_ERRORS, "write-servo-errors"),
    (volume::UNRECOVERED_WRITE_SERVO_ERRORS, "unrecovered-write-servo-errors"),
    (volume::RECOVERED_READ_ERRORS, "recovered-read-errors"),
    (volume::READ_ERRORS, "read-errors"),
    (volume::LAST_WRITE_ERRORS, "last-load-write-errors"),
    (volume::LAST_READ_ERRORS, "last-load-read-errors"),
    (volume::LAST_WRITE_COMPRESSION, "last-load-write-compression"),
    (volume::LAST_READ_COMPRESSION, "last-load-read-compression"),
    (volume::MOUNT_TIME, "mount-milliseconds"),
    (volume::READY_TIME, "ready-milliseconds"),
    (volume::BEGINNING_PASSES, "beginning-passes"),
    (volume::MIDDLE_PASSES, "middle-passes"),
    (volume::WRITE_PROTECT, "write-protected"),
    (volume::WORM, "written-once"),
];
const NATIVE: [(u16, &str); 2] =
    [(volume::NATIVE_CAPACITY, "native-capacity"), (volume::USED_NATIVE_CAPACITY, "used-native-capacity")];

const COMPRESSION: [(u16, &str); 3] = [
    (compression::READ_RATIO, "read-compression"),
    (compression::WRITE_RATIO, "write-compression"),
    (compression::ENABLED, "compression-enabled"),
];
const MOVED: [(u16, &str); 4] = [
    (compression::TO_HOST, "bytes-to-host"),
    (compression::FROM_MEDIUM, "bytes-from-medium"),
    (compression::FROM_HOST, "bytes-from-host"),
    (compression::TO_MEDIUM, "bytes-to-medium"),
];

const USAGE: [(u16, &str); 8] = [
    (usage::WRITE_RETRIES, "write-retries"),
    (usage::WRITE_ERRORS, "permanent-write-errors"),
    (usage::SUSPENDED_WRITES, "suspended-writes"),
    (usage::FATAL_SUSPENDED_WRITES, "fatal-suspended-writes"),
    (usage::READ_RETRIES, "read-retries"),
    (usage::READ_ERRORS, "permanent-read-errors"),
    (usage::SUSPENDED_READS, "suspended-reads"),
    (usage::FATAL_SUSPENDED_READS, "fatal-suspended-reads"),
];

#[derive(Default)]
struct Counters(Vec<NamedValue>);

impl Counters {
    fn add(&mut self, name: &str, value: Option<u64>) {
        self.0.extend(value.map(|value| named(name, value.to_string())));
    }

    fn add_all(&mut self, page: &Page<'_>, known: &[(u16, &str)]) {
        for (code, name) in known {
            self.add(name, page.number(*code));
        }
    }
}

/// Of the cartridge that is in, whose memory this is; empty: it has none.
pub(crate) async fn of(tape: &mut Tape, memory: &[Attribute]) -> Outcome<Vec<NamedValue>> {
    let mut counters = Counters::default();
    let told = log_page(tape, log::VOLUME_STATISTICS).await?;
    let page = Page::read(&told).ok().filter(statistics::is_valid);
    let bytes = |code| page.as_ref()?.number(code)?.checked_mul(MEGABYTE);
    let mebibytes = |code| bytes(code).map(|bytes| bytes / MEBIBYTE);
    let remembered = |id| number(memory, id)?.checked_mul(MEBIBYTE);
    let loads = || page.as_ref()?.number(volume::LOADS);
    counters.add(LOADS, number(memory, id::LOAD_COUNT).or_else(loads));
    counters.add(WRITTEN, number(memory, id::TOTAL_WRITTEN).or_else(|| mebibytes(volume::MEGABYTES_WRITTEN)));
    counters.add(READ, number(memory, id::TOTAL_READ).or_else(|| mebibytes(volume::MEGABYTES_READ)));
    let (last_written, last_read) = (bytes(volume::LAST_MEGABYTES_WRITTEN), bytes(volume::LAST_MEGABYTES_READ));
    counters.add(LAST_WRITTEN, last_written.or_else(|| remembered(id::LAST_WRITTEN_MEBIBYTES)));
    counters.add(LAST_READ, last_read.or_else(|| remembered(id::LAST_READ_MEBIBYTES)));
    for (code, name) in NATIVE {
        counters.add(name, bytes(code));
    }
    if let Some(page) = &page {
        counters.add_all(page, &VOLUME);
    }
    let told = log_page(tape, statistics::COMPRESSION).await?;
    if let Ok(page) = Page::read(&told) {
        counters.add_all(&page, &COMPRESSION);
        for (code, name) in MOVED {
            counters.add(name, statistics::bytes(&page, code));
        }
    }
    let told = log_page(tape, statistics::USAGE).await?;
    if let Ok(page) = Page::read(&told) {
        counters.add_all(&page, &USAGE);
    }
    Ok(counters.0)
}
