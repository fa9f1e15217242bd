//! What a new drive had better share nothing with, and who shares what today.

use capstan_catalogue::Catalogue;
use capstan_domain::drive::Drive;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, MachineId, Number, TargetId, UserId, Uuid};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::{Failure, Outcome};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};

use super::Drives;

/// Of a longer list, what stands behind is least important.
const AVOID_MAX: usize = 64;
/// Drives of one machine that are looked at.
const DRIVES_OF_MACHINE: u32 = 256;
/// Drives of a group read at a time.
const PART: u32 = 1000;

/// Some of the drives that share a place. The groups are counted, and what is of one comes one part after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPart {
    pub group: usize,
    pub drives: Vec<DriveId>,
}

/// Read as they are taken.
pub type GroupParts = BoxStream<'static, Outcome<GroupPart>>;

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
    pub async fn availability_groups(&self, caller: &Caller) -> Outcome<GroupParts> {
        let owner = owner_seen(caller);
        let places = self.catalogue.drive_places(owner).await?;
        Ok(groups(self.catalogue.clone(), owner, places, PART))
    }

    /// Those of the caller's drives that share the place of this one, itself among them.
    pub fn availability_group(&self, caller: &Caller, drive: &Drive) -> GroupParts {
        let place = (drive.target, drive.location.clone());
        groups(self.catalogue.clone(), owner_seen(caller), vec![place], PART)
    }
}

/// Whose drives the caller sees; none: anybody's.
fn owner_seen(caller: &Caller) -> Option<UserId> {
    (!caller.is_administrator()).then_some(caller.user)
}

/// `most`: drives of a part.
fn groups(catalogue: Catalogue, owner: Option<UserId>, places: Vec<(TargetId, String)>, most: u32) -> GroupParts {
    let group =
        move |(group, place)| members(catalogue.clone(), owner, place, most).map_ok(move |drives| GroupPart { group, drives });
    stream::iter(places).enumerate().flat_map(group).boxed()
}

fn members(
    catalogue: Catalogue,
    owner: Option<UserId>,
    place: (TargetId, String),
    most: u32,
) -> impl Stream<Item = Outcome<Vec<DriveId>>> + Send {
    let start: Option<(Catalogue, (TargetId, String), Number)> = Some((catalogue, place, 0));
    stream::try_unfold(start, move |from| async move {
        let Some((catalogue, place, after)) = from else { return Ok(None) };
        let drives = catalogue.drives_of_place(owner, &place, after, most).await?;
        let last = drives.last().map(|(number, _)| *number).filter(|_| drives.len() >= most as usize);
        let ids: Vec<DriveId> = drives.into_iter().map(|(_, id)| id).collect();
        Ok::<_, Failure>(Some((ids, last.map(|last| (catalogue, place, last)))))
    })
}

#[cfg(test)]
mod tests {
    use capstan_domain::drive::{DriveChange, DriveState, Media, NewDrive};
    use capstan_domain::identity::{NewUser, Role};
    use capstan_domain::target::NewTarget;
    use serde_json::json;

    use super::*;
    use crate::drives::job;

    fn new_drive(owner: UserId, target: TargetId, location: &str) -> NewDrive {
        NewDrive {
            id: DriveId::new(),
            owner,
            name: "d".to_owned(),
            media: Media::Disk,
            size: 1 << 30,
            storage_type: "nvme".to_owned(),
            target,
            location: location.to_owned(),
            state: DriveState::Creating,
            allow_multimount: false,
            attributes: json!({}),
            tags: Vec::new(),
        }
    }

    #[tokio::test]
    async fn groups_are_read_part_by_part_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let url = directory.path().join("catalogue.db");
        let catalogue = Catalogue::open(url.to_str().unwrap(), capstan_catalogue::Options::default()).await.unwrap();
        let user = NewUser { name: "ada".to_owned(), role: Role::Operator, password: "none".to_owned() };
        let owner = catalogue.create_user(&user).await.unwrap().id;
        let new = NewTarget {
            name: "disks".to_owned(),
            plugin: "nvme".to_owned(),
            pinned: None,
            configuration: json!({}),
            attributes: json!({}),
            secrets: Vec::new(),
            owner: None,
        };
        let target = catalogue.create_target(TargetId::new(), &new, Vec::new(), Vec::new()).await.unwrap().id;
        let mut made = Vec::new();
        for location in ["a", "b", "a", "a", "b", "a", "a"] {
            let drive = new_drive(owner, target, location);
            catalogue.create_drive(&drive, &job(drive.id, "d".to_owned(), DriveChange::Create), &[]).await.unwrap();
            made.push(drive.id);
        }
        let places = catalogue.drive_places(Some(owner)).await.unwrap();
        let parts: Vec<GroupPart> = groups(catalogue, Some(owner), places, 2).try_collect().await.unwrap();
        let part = |group, drives: &[usize]| GroupPart { group, drives: drives.iter().map(|at| made[*at]).collect() };
        // What fills a part may have more behind it.
        assert_eq!(parts, [part(0, &[0, 2]), part(0, &[3, 5]), part(0, &[6]), part(1, &[1, 4]), part(1, &[])]);
    }
}
