//! Spaces.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use capstan_api_http::{Caller, Given};
use capstan_api_hub as api;
use capstan_api_hub::{
    Answer, Link, Page, SiteOfSpace, SnapshotSchedule, SnapshotScheduleInput, SpaceFilter, SpaceInput, Spaces, Window,
};
use capstan_app::managed_spaces::ManagedSpaceChange;
use capstan_app::spaces::{SpaceChange, SpaceRequest};
use capstan_domain::external_target::ExternalTarget;
use capstan_domain::identity;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::site::Site;
use capstan_domain::space_profile::{ManagedSpace, SpaceProfile};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Door;
use super::failures::{Fields, error, missing, missing_or, wrong_field};
use super::listing::window;
use super::site_attributes::USUAL_COLOUR;
use super::words::moment;

/// Codes of the host, and the fields that they point at.
const FIELDS: Fields = &[
    ("taken", "name"),
    ("blank", "name"),
    ("too-long", "name"),
    ("invalid", "name"),
    ("mountpoint", "mountpoint"),
    ("sites", "sites"),
    ("quota-on-cache", "size"),
];

/// A schedule as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Schedule {
    frequency: String,
    time: String,
    duration: String,
}

fn schedule(given: SnapshotScheduleInput) -> Value {
    json!(Schedule {
        frequency: given.frequency.unwrap_or_default(),
        time: given.time.unwrap_or_default(),
        duration: given.duration.unwrap_or_default(),
    })
}

fn colour(given: Option<Vec<i64>>) -> Option<[u8; 3]> {
    let parts: Vec<u8> = given?.into_iter().map(u8::try_from).collect::<Result<_, _>>().ok()?;
    parts.try_into().ok()
}

/// What stands around spaces: read once for a page of them.
struct Around {
    sites: HashMap<Number, Site>,
    /// Names of the external targets of each.
    targets: HashMap<Number, Vec<String>>,
}

impl Around {
    fn show(&self, caller: &identity::Caller, managed: ManagedSpace) -> api::Space {
        let ManagedSpace { space, profile, is_default, deleting, sites } = managed;
        let usage = match space.quota_bytes {
            Some(quota) => vec![space.file_bytes, quota],
            None => Vec::new(),
        };
        let sites = sites.iter().filter_map(|number| self.sites.get(number)).map(|site| SiteOfSpace {
            id: site.number,
            name: site.name.clone(),
            label: site.label.clone(),
            pool: None,
            usage: usage.clone(),
        });
        let sites: Vec<SiteOfSpace> = sites.collect();
        let ready = profile.is_ready && deleting.is_none();
        let on_sites: BTreeMap<String, bool> = sites.iter().map(|site| (site.name.clone(), ready)).collect();
        let snapshot_schedule = profile.snapshot_schedule.map(|kept| {
            let Schedule { frequency, time, duration } = serde_json::from_value(kept).unwrap_or_default();
            SnapshotSchedule { id: space.number, space: space.number, frequency, time, duration }
        });
        api::Space {
            id: space.number,
            url: Link::to(api::Noun::Space, space.number),
            uuid: space.id.to_string(),
            mountpoint: profile.mountpoint.unwrap_or_default(),
            sites,
            on_sites,
            is_ready: ready,
            editable: !is_default && deleting.is_none() && caller.may_on("spaces", "update", space.number),
            immutable: is_default,
            size: space.quota_bytes,
            permission_mode: profile.permission_mode,
            color: profile.colour.unwrap_or(USUAL_COLOUR).map(i64::from).to_vec(),
            created: moment(space.created),
            snapshot_schedule,
            nested_shares: Vec::new(),
            relationships: self.targets.get(&space.number).cloned().unwrap_or_default(),
            name: space.name,
        }
    }
}

impl Door {
    async fn around(&self, spaces: &[ManagedSpace]) -> Answer<Around> {
        let sites = window(ALL, Listing::first(0), |listing| self.app.sites.list(listing)).await?.items;
        let mut targets: HashMap<Number, Vec<String>> = HashMap::new();
        for target in self.targets_of_spaces(spaces).await? {
            targets.entry(target.space_number).or_default().push(target.name);
        }
        Ok(Around { sites: sites.into_iter().map(|site| (site.number, site)).collect(), targets })
    }

    async fn targets_of_spaces(&self, spaces: &[ManagedSpace]) -> Answer<Vec<ExternalTarget>> {
        let mut targets = Vec::new();
        for chunk in spaces.chunks(LOOKED_UP) {
            let mut listing = Listing::first(0);
            let values = chunk.iter().map(|space| space.space.number.to_string()).collect();
            listing.filters.push(capstan_domain::listing::Filter {
                field: "space_number".to_owned(),
                operator: Operator::In,
                values,
            });
            targets.extend(window(ALL, listing, |listing| self.app.external_targets.list(listing)).await?.items);
        }
        Ok(targets)
    }

    async fn shown_space(&self, caller: &identity::Caller, space: ManagedSpace) -> Answer<api::Space> {
        Ok(self.around(std::slice::from_ref(&space)).await?.show(caller, space))
    }
}

/// Spaces whose targets are looked up at once.
const LOOKED_UP: usize = 1_000;

/// Everything.
const ALL: Window = Window { offset: 0, limit: u64::MAX };

#[async_trait]
impl Spaces for Door {
    async fn list(&self, caller: &Caller, filter: SpaceFilter, asked: Window) -> Answer<Page<api::Space>> {
        let caller = self.caller(caller)?;
        let mut filters = caller.narrowed("spaces", "index", Listing::first(0));
        if let Some(site) = filter.site_id {
            filters = filters.with("site_number", Operator::Equal, site);
        }
        if let Some(keyword) = filter.search_keyword {
            filters = filters.with("words", Operator::Contains, keyword);
        }
        let found = window(asked, filters, |listing| self.app.spaces.list_managed(listing)).await?;
        let around = self.around(&found.items).await?;
        Ok(Page { count: found.count, items: found.items.into_iter().map(|space| around.show(&caller, space)).collect() })
    }

    async fn create(&self, caller: &Caller, input: SpaceInput) -> Answer<api::Space> {
        let caller = self.caller(caller)?;
        let request = SpaceRequest {
            name: input.name.unwrap_or_default(),
            comment: None,
            directory: None,
            quota_bytes: input.size.value(),
            cache_quota_bytes: None,
            push_pool: None,
            cleaning_pool: None,
            attributes: json!({}),
        };
        let profile = SpaceProfile {
            mountpoint: input.mountpoint,
            colour: colour(input.color),
            permission_mode: input.permission_mode.value(),
            snapshot_schedule: input.snapshot_schedule.value().map(schedule),
            is_ready: false,
        };
        let sites: Vec<String> = input.sites.into_iter().flatten().map(|site| site.name).collect();
        let space = self.app.spaces.create_managed(&caller, request, profile, &sites).await.map_err(wrong_field(FIELDS))?;
        self.shown_space(&caller, space).await
    }

    async fn show(&self, caller: &Caller, space: i64) -> Answer<api::Space> {
        let caller = self.caller_on(caller, ("spaces", "show"), space)?;
        let space = self.app.spaces.managed(space).await.map_err(missing("space"))?;
        self.shown_space(&caller, space).await
    }

    async fn update(&self, caller: &Caller, space: i64, input: SpaceInput) -> Answer<api::Space> {
        let caller = self.caller_on(caller, ("spaces", "update"), space)?;
        let change = ManagedSpaceChange {
            space: SpaceChange { name: input.name, quota_bytes: input.size.change(), ..SpaceChange::default() },
            colour: colour(input.color),
            permission_mode: input.permission_mode.change(),
            snapshot_schedule: match input.snapshot_schedule {
                Given::Absent => None,
                Given::Null => Some(None),
                Given::Value(given) => Some(Some(schedule(given))),
            },
            sites: input.sites.map(|sites| sites.into_iter().map(|site| site.name).collect()),
        };
        let space = self.app.spaces.update_managed(&caller, space, change).await.map_err(missing_or("space", FIELDS))?;
        self.shown_space(&caller, space).await
    }

    async fn delete(&self, caller: &Caller, space: i64) -> Answer<()> {
        let caller = self.caller_on(caller, ("spaces", "destroy"), space)?;
        self.app.spaces.delete_managed(&caller, space).await.map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_three_bytes_or_none() {
        assert_eq!(colour(Some(vec![0, 128, 255])), Some([0, 128, 255]));
        assert_eq!((colour(None), colour(Some(vec![0, 1])), colour(Some(vec![0, 1, 256]))), (None, None, None));
    }
}
