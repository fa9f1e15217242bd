//! What a new drive had better share nothing with, and who shares what today.

use std::collections::BTreeMap;

use capstan_domain::Outcome;
use capstan_domain::drive::Drive;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, MachineId, TargetId, Uuid};
use capstan_domain::listing::{Listing, Operator};

use super::Drives;
use crate::ownership::{visible, without_deleting};

/// Of a longer list, what stands behind is least important.
const AVOID_MAX: usize = 64;
/// Drives of one machine that are looked at.
const DRIVES_OF_MACHINE: u32 = 256;
/// Drives read at a time.
const PAGE: u32 = 10_000;

/// Where one of those lies that are to be avoided: a drive, or all of a machine's.
#[derive(Clone, Debug)]
pub(super) struct Avoided(pub(super) Vec<(TargetId, String)>);

impl Avoided {
    /// 2: the same location, 1: another one of the same target, 0: nothing.
    pub(super) fn shares(&self, target: TargetId, location: &str) -> u8 {
        let share = |(other, name): &(TargetId, String)| match (*other == target, name == location) {
            (true, true) => 2,
            (true, false) => 1,
            _ => 0,
        };
        self.0.iter().map(share).max().unwrap_or(0)
    }
}

impl Drives {
    /// In their order. What the caller does not see is nothing to avoid.
    pub(super) async fn avoided(&self, caller: &Caller, avoid: &[Uuid]) -> Outcome<Vec<Avoided>> {
        let mut avoided = Vec::new();
        for id in avoid.iter().take(AVOID_MAX) {
            let drive = Listing::first(1).with("id", Operator::Equal, DriveId(*id));
            let machine = Listing::first(DRIVES_OF_MACHINE).with("machine", Operator::Equal, MachineId(*id));
            let mut found = self.list(caller, drive).await?.items;
            if found.is_empty() {
                found = self.list(caller, machine).await?.items;
            }
            avoided.push(Avoided(found.into_iter().map(|drive| (drive.target, drive.location)).collect()));
        }
        Ok(avoided)
    }

    /// The caller's drives, those together that share a place: what befalls it befalls all of them.
    pub async fn availability_groups(&self, caller: &Caller) -> Outcome<Vec<Vec<DriveId>>> {
        let mut groups: BTreeMap<(TargetId, String), Vec<DriveId>> = BTreeMap::new();
        let mut listing = without_deleting(visible(caller, Listing::first(PAGE)));
        loop {
            let page = self.catalogue.drives(&listing).await?;
            for Drive { id, target, location, .. } in page.items {
                groups.entry((target, location)).or_default().push(id);
            }
            listing.offset += u64::from(PAGE);
            if listing.offset >= page.count {
                return Ok(groups.into_values().collect());
            }
        }
    }
}
