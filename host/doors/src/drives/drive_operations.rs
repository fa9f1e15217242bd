//! Drives: what is asked for as wishes of the host, and what a definition changes of one that is there.

use async_trait::async_trait;
use capstan_api_drives::{Answer, Avoid, CloneOptions, Drive, DriveDefinition, Drives, Error, Listing, Page};
use capstan_api_http::Caller;
use capstan_app::drives::{CloneWish, DrivePicture, DriveWish};
use capstan_domain::drive::{self as record, DriveEdit, DriveState, Snapshot};
use capstan_domain::identity;
use capstan_domain::ids::{DriveId, TagId, Uuid};
use capstan_domain::tag::Tagged;
use serde_json::Value;

use super::Door;
use super::attributes;
use super::drive::{Kept, deletable, media, rounded};
use super::failures::{creation, error};
use super::listing::window;

fn wish(definition: DriveDefinition, avoid: &Avoid) -> Answer<DriveWish> {
    let DriveDefinition { name, media: kind, size, storage_type, meta, allow_multimount, affinities, tags } = definition;
    Ok(DriveWish {
        name,
        media: media(kind),
        size: rounded(size),
        storage_type,
        avoid: avoid.clone(),
        allow_multimount,
        attributes: attributes::write(&Value::Null, &Kept { meta, affinities })?,
        tags: tags.into_iter().map(TagId).collect(),
    })
}

/// All that a definition may change of a drive, but its size.
fn edit(drive: &record::Drive, definition: &DriveDefinition) -> Answer<DriveEdit> {
    let kept = Kept { meta: definition.meta.clone(), affinities: definition.affinities.clone() };
    Ok(DriveEdit {
        name: Some(definition.name.clone()),
        media: Some(media(definition.media)),
        allow_multimount: Some(definition.allow_multimount),
        attributes: Some(attributes::write(&drive.attributes, &kept)?),
    })
}

/// The same of a drive that a running server has.
fn edit_on_running(drive: &record::Drive, definition: &DriveDefinition) -> Answer<DriveEdit> {
    let old: Kept = attributes::read(&drive.attributes);
    let kept = Kept { meta: definition.meta.clone(), ..old };
    Ok(DriveEdit { media: None, attributes: Some(attributes::write(&drive.attributes, &kept)?), ..edit(drive, definition)? })
}

/// What keeps a definition from being a drive's, as far as it can be told before anything changes.
fn check(picture: &DrivePicture, definition: &DriveDefinition) -> Answer<()> {
    let drive = &picture.drive;
    if definition.storage_type.as_ref().is_some_and(|wanted| *wanted != drive.storage_type) {
        return Err(Error::invalid("storage_type", "Cannot be changed; clone the drive to another storage type instead"));
    }
    let users = picture.mounted_on.len() + usize::from(picture.attached());
    let single = !definition.allow_multimount && media(definition.media) != record::Media::Cdrom;
    if single && users > 1 {
        return Err(Error::not_permitted(format!("The drive {} is mounted more than once", drive.name)));
    }
    Ok(())
}

impl Door {
    /// Writes an edit and the tags, which are there.
    async fn write(&self, caller: &identity::Caller, drive: DriveId, edit: DriveEdit, tags: Vec<Uuid>) -> Answer<record::Drive> {
        let edited = self.app.drives.edit(caller, drive, edit).await.map_err(error)?;
        let tags: Vec<TagId> = tags.into_iter().map(TagId).collect();
        self.app.tags.set(caller, Tagged::Drive(drive), &tags).await.map_err(error)?;
        Ok(edited)
    }

    /// All of a definition or nothing. The size comes first, because only that may be refused for what the drive is doing; the
    /// answer shows the drive as its change began.
    async fn change(
        &self,
        caller: &identity::Caller,
        picture: &DrivePicture,
        definition: DriveDefinition,
    ) -> Answer<record::Drive> {
        let drive = &picture.drive;
        check(picture, &definition)?;
        self.tags_exist(caller, &definition.tags).await?;
        let edit = edit(drive, &definition)?;
        let size = rounded(definition.size);
        if size == drive.size {
            return self.write(caller, drive.id, edit, definition.tags).await;
        }
        let begun = self.app.drives.resize(caller, drive.id, size).await.map_err(error)?;
        let edited = self.write(caller, drive.id, edit, definition.tags).await?;
        Ok(record::Drive { state: begun.state, size: begun.size, ..edited })
    }

    /// What a clone has other than its source.
    async fn wish_of_clone(
        &self,
        caller: &identity::Caller,
        source: &record::Drive,
        options: CloneOptions,
        avoid: Avoid,
    ) -> Answer<CloneWish> {
        let old: Kept = attributes::read(&source.attributes);
        let kept = Kept { meta: options.meta.unwrap_or(old.meta), affinities: options.affinities.unwrap_or(old.affinities) };
        let tags = match options.tags {
            Some(tags) => tags.into_iter().map(TagId).collect(),
            None => self.picture(caller, source).await?.tags.into_iter().map(|tag| tag.id).collect(),
        };
        Ok(CloneWish {
            name: options.name,
            media: options.media.map(media),
            size: options.size.map(rounded),
            storage_type: options.storage_type,
            avoid: Some(avoid).filter(|avoid| !avoid.is_empty()),
            allow_multimount: options.allow_multimount,
            attributes: Some(attributes::write(&source.attributes, &kept)?),
            tags: Some(tags),
        })
    }

    /// A clone without a name is called as its snapshot.
    pub(super) async fn clone_of_snapshot(
        &self,
        caller: &identity::Caller,
        snapshot: &Snapshot,
        options: CloneOptions,
        avoid: Avoid,
    ) -> Answer<Drive> {
        let source = self.drive(caller, snapshot.drive.0).await?;
        let mut wish = self.wish_of_clone(caller, &source, options, avoid).await?;
        wish.name.get_or_insert_with(|| snapshot.name.clone());
        let made = self.app.drives.clone_snapshot(caller, snapshot.id, wish).await.map_err(creation)?;
        self.shown_drive(caller, &made).await
    }

    /// Drives that were looked at before and can go. Servers that do not run let go of them.
    pub(super) async fn delete_drives(&self, caller: &identity::Caller, pictures: &[DrivePicture]) -> Answer<()> {
        let ids: Vec<DriveId> = pictures.iter().map(|picture| picture.drive.id).collect();
        if pictures.iter().any(|picture| !picture.mounted_on.is_empty()) {
            self.app.machines.release(caller, &ids).await.map_err(error)?;
        }
        self.app.drives.delete(caller, &ids).await.map_err(error)
    }
}

#[async_trait]
impl Drives for Door {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<Drive>> {
        let caller = self.caller(caller)?;
        let page = window(&listing, |asked| self.app.drives.list(&caller, asked)).await?;
        Ok(Page { total_count: page.count, items: self.shown_drives(&caller, &page.items).await? })
    }

    async fn show(&self, caller: &Caller, drive: Uuid) -> Answer<Drive> {
        let caller = self.caller(caller)?;
        let found = self.drive(&caller, drive).await?;
        self.shown_drive(&caller, &found).await
    }

    async fn create(&self, caller: &Caller, drives: Vec<DriveDefinition>, avoid: Avoid) -> Answer<Vec<Drive>> {
        let caller = self.caller(caller)?;
        let wishes = drives.into_iter().map(|definition| wish(definition, &avoid)).collect::<Answer<Vec<_>>>()?;
        let made = self.app.drives.create(&caller, wishes).await.map_err(creation)?;
        self.shown_drives(&caller, &made).await
    }

    async fn edit(&self, caller: &Caller, drive: Uuid, definition: DriveDefinition) -> Answer<Drive> {
        let caller = self.caller(caller)?;
        let found = self.drive(&caller, drive).await?;
        let picture = self.picture(&caller, &found).await?;
        let edited = if picture.running {
            self.tags_exist(&caller, &definition.tags).await?;
            self.write(&caller, found.id, edit_on_running(&found, &definition)?, definition.tags).await?
        } else {
            self.change(&caller, &picture, definition).await?
        };
        self.shown_drive(&caller, &edited).await
    }

    async fn resize(&self, caller: &Caller, drive: Uuid, definition: DriveDefinition) -> Answer<Drive> {
        let caller = self.caller(caller)?;
        let found = self.drive(&caller, drive).await?;
        let picture = self.picture(&caller, &found).await?;
        if picture.running {
            return Err(Error::not_permitted(format!("The drive {} is mounted on a server that runs", found.name)));
        }
        if found.state != DriveState::Ready {
            return Err(Error::not_permitted(format!("The drive {} is being made or changed, or unavailable", found.name)));
        }
        let resized = self.change(&caller, &picture, definition).await?;
        self.shown_drive(&caller, &resized).await
    }

    async fn clone_drive(&self, caller: &Caller, drive: Uuid, options: CloneOptions, avoid: Avoid) -> Answer<Drive> {
        let caller = self.caller(caller)?;
        let source = self.drive(&caller, drive).await?;
        let mut wish = self.wish_of_clone(&caller, &source, options, avoid).await?;
        if wish.name.is_none() {
            wish.name = Some(self.name_of_clone(&caller, &source.name).await?);
        }
        let made = self.app.drives.clone_drive(&caller, source.id, wish).await.map_err(creation)?;
        self.shown_drive(&caller, &made).await
    }

    async fn delete(&self, caller: &Caller, drives: Vec<Uuid>) -> Answer<()> {
        let caller = self.caller(caller)?;
        let mut found: Vec<record::Drive> = Vec::with_capacity(drives.len());
        for uuid in drives {
            if !found.iter().any(|drive| drive.id.0 == uuid) {
                found.push(self.drive(&caller, uuid).await?);
            }
        }
        let pictures = self.app.drives.picture(&caller, &found).await.map_err(error)?;
        pictures.iter().try_for_each(deletable)?;
        self.delete_drives(&caller, &pictures).await
    }

    async fn storage_types(&self, _: &Caller) -> Answer<Vec<String>> {
        let types = self.app.drives.storage_types().await.map_err(error)?;
        Ok(types.into_iter().filter(|one| one.healthy).map(|one| one.name).collect())
    }
}

#[cfg(test)]
mod tests {
    use capstan_api_drives::{Media, Meta};
    use capstan_domain::ids::{TargetId, UserId};
    use capstan_domain::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn definition() -> DriveDefinition {
        DriveDefinition {
            name: "new".to_owned(),
            media: Media::Cdrom,
            size: 1,
            storage_type: None,
            meta: Meta::from([("k".to_owned(), "v".to_owned())]),
            allow_multimount: true,
            affinities: vec!["ssd".to_owned()],
            tags: Vec::new(),
        }
    }

    fn drive() -> record::Drive {
        record::Drive {
            id: DriveId::new(),
            number: 1,
            owner: UserId::new(),
            name: "old".to_owned(),
            media: record::Media::Disk,
            size: 1 << 30,
            storage_type: "nvme".to_owned(),
            target: TargetId::new(),
            location: "pool".to_owned(),
            state: DriveState::Ready,
            failure: None,
            allow_multimount: false,
            attributes: json!({ "other": 1, "cloudsigma": { "meta": { "l": "w" }, "affinities": ["near"] } }),
            created: Timestamp(0),
            updated: Timestamp(0),
        }
    }

    #[test]
    fn an_edit_replaces_all_but_what_another_door_keeps() {
        let edit = edit(&drive(), &definition()).unwrap();
        let attributes = json!({ "other": 1, "cloudsigma": { "meta": { "k": "v" }, "affinities": ["ssd"] } });
        assert_eq!((edit.name.as_deref(), edit.media), (Some("new"), Some(record::Media::Cdrom)));
        assert_eq!((edit.allow_multimount, edit.attributes), (Some(true), Some(attributes)));
    }

    #[test]
    fn on_a_running_server_only_name_meta_and_multimount_are_edited() {
        let edit = edit_on_running(&drive(), &definition()).unwrap();
        let attributes = json!({ "other": 1, "cloudsigma": { "meta": { "k": "v" }, "affinities": ["near"] } });
        assert_eq!((edit.name.as_deref(), edit.media), (Some("new"), None));
        assert_eq!((edit.allow_multimount, edit.attributes), (Some(true), Some(attributes)));
    }

    #[test]
    fn a_wish_is_rounded_up_and_keeps_what_the_host_has_no_word_for() {
        let avoid = vec![Uuid::from_u128(7)];
        let wish = wish(definition(), &avoid).unwrap();
        assert_eq!((wish.size, wish.media, &wish.avoid), (16_384, record::Media::Cdrom, &avoid));
        assert_eq!(wish.attributes, json!({ "cloudsigma": { "meta": { "k": "v" }, "affinities": ["ssd"] } }));
    }
}
