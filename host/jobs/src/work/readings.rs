//! What drives tell of the cartridges that are in them is recorded: what room is left, and their statistics.
//!
//! It is taken where a job is done with a cartridge, before it is carried home, and with each inventory. A drive that does not tell, because
//! it is at work or cannot be reached, keeps nothing from going on: it is asked the next time.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_domain::cartridge::{Cartridge, Reading};
use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, TargetId};
use capstan_domain::ports::{Media, MediumInfo, PartitionInfo};
use capstan_domain::tape_statistics::Counters;
use capstan_domain::{Failure, Outcome};
use tracing::debug;

use crate::engine::Engine;
use crate::work::inventory::extra;

/// Counters of one cartridge that are kept, and letters of the name of one; what is beyond is left out.
const COUNTERS_MAX: usize = 256;
const NAME_MAX: usize = 64;

/// Of these, where they are cartridges and in drives.
pub(crate) async fn take_all(engine: &Engine, cartridges: &[LocationId]) -> Outcome<()> {
    let mut of_targets: BTreeMap<TargetId, Vec<Cartridge>> = BTreeMap::new();
    for id in cartridges {
        match engine.catalogue.cartridge(*id).await {
            Ok(cartridge) => of_targets.entry(cartridge.target).or_default().push(cartridge),
            Err(failure) if failure.kind == Kind::NotFound => {}
            Err(failure) => return Err(failure),
        }
    }
    for (target, cartridges) in of_targets {
        let Some((media, drives)) = drives(engine, target).await else { continue };
        for (drive, barcode) in drives {
            if let Some(cartridge) = cartridges.iter().find(|cartridge| cartridge.barcode == barcode) {
                take(engine, media.as_ref(), &drive, &barcode, cartridge.location).await?;
            }
        }
    }
    Ok(())
}

/// Drives of a target by name, with the label of what can be read in them.
async fn drives(engine: &Engine, target: TargetId) -> Option<(Arc<dyn Media>, Vec<(String, String)>)> {
    let asked = async {
        let Some(media) = engine.places.connect(target).await?.media() else { return Outcome::Ok(None) };
        let drives = media.list_drives().await?;
        Ok(Some((media, drives)))
    };
    let away = |failure: &Failure| debug!(%target, %failure, "a library does not tell of its drives");
    let (media, drives) = asked.await.inspect_err(away).ok()??;
    let ready = drives.into_iter().filter(|drive| drive.ready);
    Some((media, ready.filter_map(|drive| Some((drive.name, drive.cartridge?))).collect()))
}

/// Of the cartridge with this label, which is in this drive.
pub(crate) async fn take(engine: &Engine, media: &dyn Media, drive: &str, barcode: &str, cartridge: LocationId) -> Outcome<()> {
    let medium = match media.inspect(drive).await {
        Ok(medium) => medium,
        Err(failure) => {
            debug!(drive, barcode, %failure, "a drive does not tell of what is in it");
            return Ok(());
        }
    };
    // It may be another one by now.
    if medium.cartridge.as_deref().is_some_and(|found| found != barcode) {
        return Ok(());
    }
    engine.catalogue.record_reading(cartridge, reading(&medium)).await
}

/// Sums over the partitions; none where one of them does not tell.
pub(super) fn reading(medium: &MediumInfo) -> Reading {
    let told = !medium.partitions.is_empty();
    let sum = |of: fn(&PartitionInfo) -> Option<u64>| {
        medium.partitions.iter().map(of).try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?))).filter(|_| told)
    };
    Reading {
        capacity: sum(|partition| partition.capacity),
        remaining: sum(|partition| partition.remaining),
        loads: extra(&medium.counters, "loads").and_then(|loads| loads.parse().ok()),
        write_protected: medium.write_protected,
        counters: counters(medium),
    }
}

fn counters(medium: &MediumInfo) -> Counters {
    let named = medium.counters.iter().filter_map(|(name, value)| Some((name.clone(), value.parse().ok()?)));
    let rooms = medium.partitions.iter().enumerate().flat_map(|(number, partition)| {
        let room = [("capacity", partition.capacity), ("remaining", partition.remaining)];
        room.into_iter().filter_map(move |(what, bytes)| Some((format!("partition-{number}-{what}"), bytes?)))
    });
    rooms.chain(named).filter(|(name, _)| name.len() <= NAME_MAX).take(COUNTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medium(partitions: Vec<PartitionInfo>, counters: &[(&str, &str)]) -> MediumInfo {
        MediumInfo {
            cartridge: None,
            write_protected: true,
            block_minimum: 1,
            block_maximum: 1,
            partitions,
            counters: counters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            extras: Vec::new(),
        }
    }

    #[test]
    fn room_is_only_told_where_every_partition_tells() {
        let part = |capacity, remaining| PartitionInfo { capacity, remaining };
        let both = reading(&medium(vec![part(Some(10), Some(3)), part(Some(90), None)], &[("loads", "7")]));
        assert_eq!((both.capacity, both.remaining, both.loads, both.write_protected), (Some(100), None, Some(7), true));
        let told: Vec<(&str, u64)> = both.counters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(
            told,
            [("loads", 7), ("partition-0-capacity", 10), ("partition-0-remaining", 3), ("partition-1-capacity", 90)]
        );
        assert_eq!(reading(&medium(Vec::new(), &[])).capacity, None);
    }

    #[test]
    fn counters_that_are_no_numbers_are_left_out_and_so_are_too_many() {
        let long = "x".repeat(NAME_MAX + 1);
        let told = [("loads", "many"), ("read-errors", "-1"), ("metres", "8"), (long.as_str(), "1")];
        assert_eq!(reading(&medium(Vec::new(), &told)).counters, [("metres".to_owned(), 8)].into());
        let names: Vec<String> = (0..COUNTERS_MAX + 10).map(|number| number.to_string()).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(reading(&medium(Vec::new(), &many)).counters.len(), COUNTERS_MAX);
    }
}
