//! Where a new drive goes: of the places of its type that can make one of its size and have the room, the one that shares least
//! with what is to be avoided, and of those the one with the most room.

use std::cmp::Reverse;

use capstan_domain::identity::Caller;
use capstan_domain::ids::{TargetId, Uuid};
use capstan_domain::ports::DriveLimits;
use capstan_domain::{Failure, Kind, Outcome};

use super::Drives;
use super::alike::Avoided;
use super::known::Place;

/// A place, and the size that the drive has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) target: TargetId,
    pub(super) location: String,
    pub(super) size: u64,
}

impl Drives {
    pub(super) async fn choose(&self, caller: &Caller, storage_type: &str, size: u64, avoid: &[Uuid]) -> Outcome<Chosen> {
        let places = self.places(storage_type).await?;
        if places.is_empty() {
            return Err(if self.is_type(storage_type).await? { no_target(storage_type) } else { unknown(storage_type) });
        }
        let avoided = self.avoided(caller, avoid).await?;
        best(storage_type, &places, size, &avoided)
    }
}

fn best(storage_type: &str, places: &[Place], size: u64, avoided: &[Avoided]) -> Outcome<Chosen> {
    let sizes: Vec<(&Place, Outcome<u64>)> = places.iter().map(|place| (place, rounded(size, &place.limits))).collect();
    let fits: Vec<(&Place, u64)> = sizes.iter().filter_map(|(place, size)| Some((*place, *size.as_ref().ok()?))).collect();
    if fits.is_empty() {
        return match sizes.into_iter().find_map(|(_, size)| size.err()) {
            Some(failure) => Err(failure),
            None => Err(no_target(storage_type)),
        };
    }
    let chosen = fits
        .into_iter()
        .filter(|(place, size)| has_room(place, *size))
        .min_by_key(|(place, _)| {
            let shared: Vec<u8> = avoided.iter().map(|avoided| avoided.shares(place.target.id, &place.location)).collect();
            (shared, Reverse(room(place)), place.target.number, place.location.clone())
        })
        .map(|(place, size)| Chosen { target: place.target.id, location: place.location.clone(), size });
    chosen.ok_or_else(|| no_target(storage_type))
}

/// Bytes that new drives may take; none: it does not say.
fn room(place: &Place) -> Option<u64> {
    let (_, bytes) = place.limits.extras.iter().find(|(name, _)| name == "available")?;
    bytes.parse().ok()
}

/// A thin drive takes nothing yet.
fn has_room(place: &Place, size: u64) -> bool {
    room(place).is_none_or(|room| if place.thin { room > 0 } else { room >= size })
}

/// The size that is made for so many bytes.
pub(super) fn rounded(size: u64, limits: &DriveLimits) -> Outcome<u64> {
    let made = up(size, limits.granularity);
    if made < limits.minimum {
        let message = format!("a drive has at least {} bytes here", limits.minimum);
        return Err(Failure::invalid(message).with_code("size-too-small"));
    }
    if made > limits.maximum {
        let message = format!("a drive has at most {} bytes here", limits.maximum);
        return Err(Failure::invalid(message).with_code("size-too-large"));
    }
    Ok(made)
}

pub(super) fn up(size: u64, granularity: u64) -> u64 {
    size.checked_next_multiple_of(granularity.max(1)).unwrap_or(u64::MAX)
}

/// Its origin names the storage type: that is the plugin's id.
pub(super) fn no_target(storage_type: &str) -> Failure {
    Failure::new(Kind::NoSpace, format!("no target that makes drives of type {storage_type} can take one just now"))
        .with_code("no-target")
        .with_next_step("choose another storage type, or see that a target of it serves and has room")
        .at(|origin| origin.plugin = Some(storage_type.to_owned()))
}

fn unknown(storage_type: &str) -> Failure {
    let shown: String = storage_type.chars().filter(|c| !c.is_control()).take(64).collect();
    Failure::invalid(format!("there is no storage type \"{shown}\"")).with_code("storage-type")
}

#[cfg(test)]
mod tests {
    use capstan_domain::target::Target;
    use capstan_domain::time::Timestamp;
    use serde_json::json;

    use super::*;

    const GIB: u64 = 1 << 30;

    fn place(number: i64, available: Option<u64>, thin: bool) -> Place {
        let target = Target {
            id: TargetId::new(),
            number,
            name: format!("t{number}"),
            plugin: "nvme".to_owned(),
            pinned: None,
            configuration: json!({}),
            attributes: json!({}),
            secrets: Vec::new(),
            owner: None,
            server: None,
            server_number: None,
            created: Timestamp(0),
            updated: Timestamp(0),
        };
        let extras = available.map(|bytes| ("available".to_owned(), bytes.to_string())).into_iter().collect();
        let limits = DriveLimits { minimum: GIB, maximum: 64 * GIB, granularity: 1 << 20, block: 512, extras };
        Place { target, location: "pool".to_owned(), limits, thin, snapshots: true }
    }

    fn chosen(places: &[Place], size: u64, avoided: &[Avoided]) -> Outcome<(i64, u64)> {
        let chosen = best("nvme", places, size, avoided)?;
        let number = places.iter().find(|place| place.target.id == chosen.target).map_or(0, |place| place.target.number);
        Ok((number, chosen.size))
    }

    #[test]
    fn sizes_are_rounded_up_and_held_to_the_limits() {
        let places = [place(1, None, false)];
        assert_eq!(chosen(&places, GIB + 1, &[]).unwrap(), (1, GIB + (1 << 20)));
        for (size, code) in [
            (0, "size-too-small"),
            (GIB - (1 << 20), "size-too-small"),
            (65 * GIB, "size-too-large"),
            (u64::MAX, "size-too-large"),
        ] {
            let failure = chosen(&places, size, &[]).unwrap_err();
            assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some(code)), "{size}");
        }
    }

    #[test]
    fn the_place_with_the_most_room_takes_it_and_one_without_room_does_not() {
        let places = [place(1, Some(3 * GIB), false), place(2, Some(9 * GIB), false), place(3, Some(4 * GIB), true)];
        assert_eq!(chosen(&places, 2 * GIB, &[]).unwrap().0, 2);
        // Only a thin place takes more than it has.
        assert_eq!(chosen(&places, 20 * GIB, &[]).unwrap().0, 3);
        let full = [place(1, Some(GIB), false), place(2, Some(0), true)];
        let failure = chosen(&full, 2 * GIB, &[]).unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::NoSpace, Some("no-target")));
    }

    #[test]
    fn what_is_to_be_avoided_counts_more_than_room_and_the_first_of_it_most() {
        let places = [place(1, Some(9 * GIB), false), place(2, Some(5 * GIB), false), place(3, Some(3 * GIB), false)];
        let at = |number: usize| {
            Avoided(places.get(number).map(|place| (place.target.id, place.location.clone())).into_iter().collect())
        };
        assert_eq!(chosen(&places, 2 * GIB, &[at(0)]).unwrap().0, 2);
        assert_eq!(chosen(&places, 2 * GIB, &[at(1), at(0)]).unwrap().0, 3);
        assert_eq!(chosen(&places, 2 * GIB, &[at(2), at(1), at(0)]).unwrap().0, 1, "the last is avoided least");
    }
}
