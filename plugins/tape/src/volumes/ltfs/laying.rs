//! A fresh volume.

use capstan_ltfs::memory::Host;
use capstan_ltfs::{Format, Layout, Uuid, VolumeLabel};
use capstan_sdk::Outcome;

use super::{CREATOR, steps, time};
use crate::tape::Tape;
use crate::volumes::now;

/// Partitions are made anew, and nothing is left of what was on the tape. `gigabytes`: of the index partition; a drive makes it as large as it
/// has to be.
pub(crate) async fn lay(tape: &mut Tape, label: &str, volume: [u8; 16], block_bytes: u32, gigabytes: u16) -> Outcome<()> {
    let format = Format {
        creator: CREATOR.to_owned(),
        volume: Uuid::from_random(volume),
        name: label.to_owned(),
        volume_label: VolumeLabel::of_barcode(label),
        layout: Layout::default(),
        block_bytes,
        compression: true,
        host: Host {
            vendor: "CAPSTAN".to_owned(),
            name: "Capstan".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            label: label.to_owned(),
            barcode: label.to_owned(),
            media_pool: String::new(),
        },
        now: time(now()),
    };
    let index = format.index();
    steps::run(tape, format.steps(), &index, block_bytes, gigabytes).await.map(drop)
}
