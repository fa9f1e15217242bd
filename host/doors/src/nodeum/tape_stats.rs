//! Statistics of tapes, as drives last told them. Names and units are those of the log pages of drives.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Code, Error, Listing, Page, Reason, TapeStat, TapeStats, TapesOf};
use capstan_domain::tape_statistics::TapeStatistics;

use super::Door;
use super::failures::error;
use super::listing::{Column, Columns, listing};
use super::words::{count, moment};

const COLUMNS: Columns = &[("barcode", Column::Is("barcode")), ("log_time", Column::Is("taken"))];

const MEGABYTE: u64 = 1_000_000;
const MEBIBYTE: u64 = 1 << 20;

fn shown(told: &TapeStatistics) -> TapeStat {
    let value = |name: &str| told.counters.get(name).copied();
    let of = |name| value(name).map(count);
    let megabytes = |name| value(name).map(|bytes| count(bytes / MEGABYTE));
    let beyond = |name| value(name).map(|bytes| count(bytes % MEGABYTE));
    let mebibytes = |name| value(name).map(|bytes| count(bytes / MEBIBYTE));
    let lifetime = |name| value(name).map(|mebibytes| count(mebibytes.saturating_mul(MEBIBYTE) / MEGABYTE));
    TapeStat {
        log_time: moment(told.taken),
        barcode: told.barcode.clone(),
        mounts: of("loads"),
        datasets_written: of("data-sets-written"),
        datasets_read: of("data-sets-read"),
        recovered_write_data_errors: of("recovered-write-errors"),
        unrecovered_write_data_errors: of("write-errors"),
        write_servo_errors: of("write-servo-errors"),
        unrecovered_write_servo_errors: of("unrecovered-write-servo-errors"),
        recovered_read_errors: of("recovered-read-errors"),
        unrecovered_read_errors: of("read-errors"),
        last_mount_unrecovered_write_errors: of("last-load-write-errors"),
        last_mount_unrecovered_read_errors: of("last-load-read-errors"),
        last_mount_mbytes_written: megabytes("last-load-bytes-written"),
        last_mount_mbytes_read: megabytes("last-load-bytes-read"),
        lifetime_mbytes_written: lifetime("mebibytes-written"),
        lifetime_mbytes_read: lifetime("mebibytes-read"),
        last_load_write_compression_ratio: of("last-load-write-compression"),
        last_load_read_compression_ratio: of("last-load-read-compression"),
        medium_mount_time: of("mount-milliseconds"),
        medium_ready_time: of("ready-milliseconds"),
        total_native_capacity: megabytes("native-capacity"),
        total_used_native_capacity: megabytes("used-native-capacity"),
        write_protect: of("write-protected"),
        worm: of("written-once"),
        beginning_of_medium_passes: of("beginning-passes"),
        middle_of_tape_passes: of("middle-passes"),
        read_compression_ratio: of("read-compression"),
        write_compression_ratio: of("write-compression"),
        mbytes_transferred_to_app_client: megabytes("bytes-to-host"),
        bytes_transferred_to_app_client: beyond("bytes-to-host"),
        mbytes_read_from_medium: megabytes("bytes-from-medium"),
        bytes_read_from_medium: beyond("bytes-from-medium"),
        mbytes_transferred_from_app_client: megabytes("bytes-from-host"),
        bytes_transferred_from_app_client: beyond("bytes-from-host"),
        mbytes_written_to_medium: megabytes("bytes-to-medium"),
        bytes_written_to_medium: beyond("bytes-to-medium"),
        data_compression_enabled: of("compression-enabled"),
        write_retries: of("write-retries"),
        write_perms: of("permanent-write-errors"),
        suspended_writes: of("suspended-writes"),
        fatal_suspended_writes: of("fatal-suspended-writes"),
        read_retries: of("read-retries"),
        read_perms: of("permanent-read-errors"),
        suspended_reads: of("suspended-reads"),
        fatal_suspended_reads: of("fatal-suspended-reads"),
        partition_0_remaining_capacity: mebibytes("partition-0-remaining"),
        partition_1_remaining_capacity: mebibytes("partition-1-remaining"),
        partition_0_maximum_capacity: mebibytes("partition-0-capacity"),
        partition_1_maximum_capacity: mebibytes("partition-1-capacity"),
    }
}

/// The tape is there, and no drive was asked of it.
fn none_yet(barcode: &str) -> Error {
    let message = format!("There are no statistics of tape {barcode} yet: they are taken when it is in a drive");
    Error { reason: Reason::NotFound, ..Error::because("tape_id", Code::NotFound, message) }
}

#[async_trait]
impl TapeStats for Door {
    async fn index(&self, _: &Caller, given: Listing) -> Answer<Page<TapeStat>> {
        let page = self.app.cartridges.statistics(listing(&given, COLUMNS)?).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(shown).collect() })
    }

    async fn show(&self, _: &Caller, of: TapesOf, at: &Reference) -> Answer<TapeStat> {
        let cartridge = self.tape_of(&of, at).await?;
        let told = self.app.cartridges.statistics_of(cartridge.location).await.map_err(error)?;
        told.as_ref().map(shown).ok_or_else(|| none_yet(&cartridge.barcode))
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::ids::LocationId;
    use capstan_domain::time::Timestamp;

    use super::*;

    fn told(counters: &[(&str, u64)]) -> TapeStat {
        let counters = counters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let (cartridge, barcode, taken) = (LocationId::new(), "A00001L9".to_owned(), Timestamp(0));
        shown(&TapeStatistics { cartridge, number: 1, barcode, taken, counters })
    }

    #[test]
    fn bytes_are_shown_as_megabytes_and_the_bytes_beyond_them_and_room_in_mebibytes() {
        let stat = told(&[
            ("bytes-from-host", 12_000_034),
            ("last-load-bytes-written", 12_000_034),
            ("mebibytes-written", 1000),
            ("native-capacity", 18_000_000_000_000),
            ("partition-0-remaining", 5 << 20),
        ]);
        assert_eq!(stat.mbytes_transferred_from_app_client.zip(stat.bytes_transferred_from_app_client), Some((12, 34)));
        assert_eq!((stat.last_mount_mbytes_written, stat.lifetime_mbytes_written), (Some(12), Some(1048)));
        assert_eq!((stat.total_native_capacity, stat.partition_0_remaining_capacity), (Some(18_000_000), Some(5)));
    }

    #[test]
    fn what_the_drive_did_not_tell_is_shown_as_unknown_and_never_as_none() {
        let stat = told(&[("write-errors", 0)]);
        assert_eq!((stat.unrecovered_write_data_errors, stat.unrecovered_read_errors), (Some(0), None));
    }

    #[test]
    fn a_tape_without_statistics_is_told_from_one_that_is_not_there() {
        let error = none_yet("A00001L9");
        assert_eq!((error.reason, error.body.details["tape_id"][0].error), (Reason::NotFound, Code::NotFound));
        assert!(error.body.messages[0].contains("no statistics of tape A00001L9"), "{:?}", error.body.messages);
    }
}
