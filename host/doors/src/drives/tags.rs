//! Tags, with what bears them.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_drives::{Answer, Error, Link, Listing, Meta, Noun, Page, Tag, TagDefinition, Tags};
use capstan_api_http::Caller;
use capstan_app::tags::{TagEdit, TagWish};
use capstan_domain::identity;
use capstan_domain::ids::{TagId, Uuid};
use capstan_domain::tag::{self as record, Tagged};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Door;
use super::attributes;
use super::failures::{error, missing};
use super::listing::{these, window};
use super::resources::{Found, id, resource};

/// What is kept of a tag that the host has no word for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    meta: Meta,
}

fn tag(of: &record::Tag, bearing: &[Tagged], found: &Found) -> Tag {
    let Kept { meta } = attributes::read(&of.attributes);
    let seen = |tagged: &Tagged| found.get(&id(*tagged)).map(|(tagged, owner)| resource(*tagged, *owner));
    Tag {
        uuid: of.id.0,
        resource_uri: Noun::Tags.uri(of.id.0),
        name: of.name.clone(),
        meta,
        owner: Some(Link::to(Noun::User, of.owner.0)),
        resources: bearing.iter().filter_map(seen).collect(),
    }
}

/// The tags of each of these things, in their order.
pub(super) fn links(resources: &[Tagged], tags: Vec<(Tagged, record::Tag)>) -> Vec<Vec<Link>> {
    let mut by_resource: HashMap<Tagged, Vec<Link>> = HashMap::new();
    for (tagged, tag) in tags {
        by_resource.entry(tagged).or_default().push(Link::to(Noun::Tags, tag.id.0));
    }
    resources.iter().map(|resource| by_resource.remove(resource).unwrap_or_default()).collect()
}

impl Door {
    /// The field `tags` of a request names tags that are there.
    pub(super) async fn tags_exist(&self, caller: &identity::Caller, tags: &[Uuid]) -> Answer<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let found = self.app.tags.list(caller, these(tags)).await.map_err(error)?.items;
        match tags.iter().find(|uuid| !found.iter().any(|tag| tag.id.0 == **uuid)) {
            Some(missing) => Err(Error::invalid("tags", format!("There is no tag {missing}"))),
            None => Ok(()),
        }
    }

    async fn tag(&self, caller: &identity::Caller, uuid: Uuid) -> Answer<record::Tag> {
        self.app.tags.get(caller, TagId(uuid)).await.map_err(missing("tag", uuid))
    }

    async fn shown_tags(&self, caller: &identity::Caller, tags: &[record::Tag]) -> Answer<Vec<Tag>> {
        let mut bearing = Vec::with_capacity(tags.len());
        for tag in tags {
            bearing.push(self.app.tags.tagged(caller, tag.id).await.map_err(error)?);
        }
        let (mut drives, mut snapshots, mut servers) = (Vec::new(), Vec::new(), Vec::new());
        for tagged in bearing.iter().flatten() {
            match tagged {
                Tagged::Drive(id) => drives.push(id.0),
                Tagged::Snapshot(id) => snapshots.push(id.0),
                Tagged::Machine(id) => servers.push(id.0),
            }
        }
        let found = self.found(caller, &drives, &snapshots, &servers).await?;
        Ok(tags.iter().zip(&bearing).map(|(of, bearing)| tag(of, bearing, &found)).collect())
    }

    async fn shown_tag(&self, caller: &identity::Caller, tag: &record::Tag) -> Answer<Tag> {
        let shown = self.shown_tags(caller, std::slice::from_ref(tag)).await?;
        shown.into_iter().next().ok_or_else(|| Error::not_found("tag", tag.id))
    }

    async fn make_tags(&self, caller: &identity::Caller, wishes: Vec<TagWish>, made: &mut Vec<record::Tag>) -> Answer<()> {
        for wish in wishes {
            made.push(self.app.tags.create(caller, wish).await.map_err(error)?);
        }
        Ok(())
    }
}

#[async_trait]
impl Tags for Door {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Tag>> {
        let caller = self.caller(caller)?;
        let page = window(&listing, |asked| self.app.tags.list(&caller, asked)).await?;
        Ok(Page { total_count: page.count, items: self.shown_tags(&caller, &page.items).await? })
    }

    async fn show(&self, caller: &Caller, tag: Uuid) -> Answer<Tag> {
        let caller = self.caller(caller)?;
        let found = self.tag(&caller, tag).await?;
        self.shown_tag(&caller, &found).await
    }

    /// If one cannot be made, those before it go again.
    async fn create(&self, caller: &Caller, tags: Vec<TagDefinition>) -> Answer<Vec<Tag>> {
        let caller = self.caller(caller)?;
        let mut wishes = Vec::with_capacity(tags.len());
        for TagDefinition { name, meta, resources } in tags {
            let resources = self.named(&caller, "resources", &resources.unwrap_or_default()).await?;
            wishes.push(TagWish { name, attributes: attributes::write(&Value::Null, &Kept { meta })?, resources });
        }
        let mut made = Vec::with_capacity(wishes.len());
        if let Err(refused) = self.make_tags(&caller, wishes, &mut made).await {
            for tag in made {
                if let Err(failure) = self.app.tags.delete(&caller, tag.id).await {
                    tracing::warn!(tag = %tag.id, %failure, "a tag is left of a request that was refused");
                }
            }
            return Err(refused);
        }
        self.shown_tags(&caller, &made).await
    }

    async fn edit(&self, caller: &Caller, tag: Uuid, definition: TagDefinition) -> Answer<Tag> {
        let caller = self.caller(caller)?;
        let old = self.tag(&caller, tag).await?;
        let resources = match definition.resources {
            Some(ids) => Some(self.named(&caller, "resources", &ids).await?),
            None => None,
        };
        let attributes = attributes::write(&old.attributes, &Kept { meta: definition.meta })?;
        let edit = TagEdit { name: Some(definition.name), attributes: Some(attributes), resources };
        let edited = self.app.tags.edit(&caller, old.id, edit).await.map_err(error)?;
        self.shown_tag(&caller, &edited).await
    }

    async fn delete(&self, caller: &Caller, tag: Uuid) -> Answer<()> {
        self.app.tags.delete(&self.caller(caller)?, TagId(tag)).await.map_err(missing("tag", tag))
    }
}
