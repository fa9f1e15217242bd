//! Spaces over sites: with a mountpoint, a colour and the sites they are on, shown by views that recall what lies elsewhere.
//!
//! Deleting one is a wish first: from then on no job begins on it, and it goes when those that run have ended (`drain`).

use async_trait::async_trait;
use capstan_domain::audit::Verdict;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::space::NewSpace;
use capstan_domain::space_profile::{ManagedSpace, SpaceProfile};
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::json;

use crate::pools::check_name;
use crate::spaces::{SpaceChange, SpaceRequest, Spaces, check_quotas};

/// Spaces that are looked at for one that contains another; with more, none is made.
const COMPARED_MAX: u32 = capstan_catalogue::WINDOW;
/// Bytes of a mountpoint.
const MOUNTPOINT_MAX: usize = 4_096;

/// What shows spaces to people and programs at their mountpoints, on this host.
#[async_trait]
pub trait SpaceViews: Send + Sync {
    async fn open(&self, space: &ManagedSpace) -> Outcome<()>;
    /// One that is not open is closed.
    async fn close(&self, space: SpaceId) -> Outcome<()>;
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ManagedSpaceChange {
    pub space: SpaceChange,
    pub colour: Option<[u8; 3]>,
    pub permission_mode: Option<Option<String>>,
    pub snapshot_schedule: Option<Option<serde_json::Value>>,
    /// Names of the sites that it is on from then on.
    pub sites: Option<Vec<String>>,
}

impl Spaces {
    pub async fn list_managed(&self, listing: Listing) -> Outcome<Page<ManagedSpace>> {
        self.catalogue.managed_spaces(&listing).await
    }

    pub async fn managed(&self, number: Number) -> Outcome<ManagedSpace> {
        self.catalogue.managed_space(number).await
    }

    /// On these sites by name; none: on the default one. The directory is made on this host before the space is recorded.
    pub async fn create_managed(
        &self,
        caller: &Caller,
        new: SpaceRequest,
        profile: SpaceProfile,
        sites: &[String],
    ) -> Outcome<ManagedSpace> {
        check_name(&new.name)?;
        check_quotas(new.quota_bytes, new.cache_quota_bytes)?;
        let mountpoint = self.free_mountpoint(profile.mountpoint.as_deref()).await?;
        let sites = self.site_numbers(sites).await?;
        let (directory, made) = self.make_directory(&new.name, new.directory.as_deref()).await?;
        let record = NewSpace {
            name: new.name,
            comment: new.comment,
            directory: directory.clone(),
            quota_bytes: new.quota_bytes,
            cache_quota_bytes: new.cache_quota_bytes,
            push_pool: new.push_pool,
            cleaning_pool: new.cleaning_pool,
            attributes: new.attributes,
        };
        let profile = SpaceProfile { mountpoint, is_ready: false, ..profile };
        let created = self.catalogue.create_managed_space(&record, &profile, &sites).await;
        if created.is_err() && made {
            // Only an empty directory goes, and only one that was made a moment ago.
            drop(std::fs::remove_dir(&directory));
        }
        let space = self.show(created?).await?;
        let detail = json!({ "number": space.space.number, "directory": space.space.directory, "sites": space.sites });
        self.audit.done(caller, "create", "space", &space.space.name, detail).await?;
        Ok(space)
    }

    /// `Conflict` "default" for the default space, "deleting" for one that is on its way out.
    pub async fn update_managed(&self, caller: &Caller, number: Number, change: ManagedSpaceChange) -> Outcome<ManagedSpace> {
        let old = self.catalogue.managed_space(number).await?;
        if old.is_default {
            return Err(Failure::new(Kind::Conflict, "the default space stays as it is").with_code("default"));
        }
        if old.deleting.is_some() {
            return Err(Failure::new(Kind::Conflict, "the space is being deleted").with_code("deleting"));
        }
        let sites = match &change.sites {
            Some(names) => Some(self.site_numbers(names).await?),
            None => None,
        };
        self.update(caller, old.space.id, change.space).await?;
        let mut profile = old.profile;
        profile.colour = change.colour.or(profile.colour);
        profile.permission_mode = change.permission_mode.unwrap_or(profile.permission_mode);
        profile.snapshot_schedule = change.snapshot_schedule.unwrap_or(profile.snapshot_schedule);
        self.catalogue.set_space_profile(old.space.id, &profile, sites.as_deref()).await
    }

    /// `Conflict` "default" for the default space.
    pub async fn delete_managed(&self, caller: &Caller, number: Number) -> Outcome<()> {
        let space = self.catalogue.managed_space(number).await?;
        let marked = self.catalogue.begin_space_deletion(space.space.id).await?;
        self.audit.done(caller, "delete", "space", &marked.space.name, json!({ "number": number })).await?;
        self.end_deletion(&marked).await.map(|_| ())
    }

    /// Ends the deletion of spaces that no job works on any more.
    pub(crate) async fn drain(&self) -> Outcome<()> {
        let asked = Listing::first(COMPARED_MAX).with("deleting", Operator::Greater, 0);
        for space in self.catalogue.managed_spaces(&asked).await?.items {
            if let Err(failure) = self.end_deletion(&space).await {
                tracing::warn!(space = space.space.name, %failure, "a space cannot be deleted yet");
            }
        }
        Ok(())
    }

    /// Opens the views of this host's spaces. None of them keeps the host from starting.
    pub(crate) async fn show_all(&self) -> Outcome<()> {
        let page = self.catalogue.managed_spaces(&Listing::first(COMPARED_MAX)).await?;
        for space in page.items.into_iter().filter(|space| space.deleting.is_none() && space.profile.mountpoint.is_some()) {
            self.show(space).await?;
        }
        Ok(())
    }

    /// A space that cannot be shown is there all the same, and says that it is not ready.
    async fn show(&self, space: ManagedSpace) -> Outcome<ManagedSpace> {
        let shown = match &self.views {
            Some(views) => views.open(&space).await,
            None => Ok(()),
        };
        if let Err(failure) = &shown {
            tracing::error!(space = space.space.name, %failure, detail = failure.detail, "a space cannot be shown");
        }
        if space.profile.is_ready == shown.is_ok() {
            return Ok(space);
        }
        let profile = SpaceProfile { is_ready: shown.is_ok(), ..space.profile };
        self.catalogue.set_space_profile(space.space.id, &profile, None).await
    }

    /// False while jobs still work on it.
    async fn end_deletion(&self, space: &ManagedSpace) -> Outcome<bool> {
        if self.catalogue.jobs_on_space(space.space.id).await? > 0 {
            return Ok(false);
        }
        if let Some(views) = &self.views {
            views.close(space.space.id).await?;
        }
        self.catalogue.delete_space(space.space.id).await?;
        let kept = std::fs::remove_dir(&space.space.directory).is_err();
        let detail = json!({ "number": space.space.number, "directory": space.space.directory, "directory_kept": kept });
        self.audit.host("delete", "space", &space.space.name, Verdict::Done, detail).await;
        Ok(true)
    }

    async fn site_numbers(&self, names: &[String]) -> Outcome<Vec<Number>> {
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            let found = self.catalogue.sites(&Listing::first(1).with("name", Operator::Equal, name)).await?;
            let missing = || Failure::invalid(format!("there is no site {name}")).with_code("sites");
            numbers.push(found.items.first().ok_or_else(missing)?.number);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Absolute, without "." and "..", and neither within another space's nor around it, so that each path is in one space.
    async fn free_mountpoint(&self, given: Option<&str>) -> Outcome<Option<String>> {
        let Some(given) = given else { return Ok(None) };
        let wrong = |why: String| Failure::invalid(why).with_code("mountpoint");
        let mountpoint = clean(given).ok_or_else(|| wrong("a mountpoint is an absolute path without '.' and '..'".to_owned()))?;
        let others = self.catalogue.managed_spaces(&Listing::first(COMPARED_MAX)).await?;
        if others.count > u64::from(COMPARED_MAX) {
            return Err(Failure::new(Kind::Busy, "there are too many spaces").with_code("too-many"));
        }
        let meets = |other: &&ManagedSpace| {
            let there = other.profile.mountpoint.as_deref();
            there.is_some_and(|there| within(there, &mountpoint).is_some() || within(&mountpoint, there).is_some())
        };
        match others.items.iter().find(meets) {
            Some(other) => Err(wrong(format!("the space {} is already there", other.space.name))),
            None => Ok(Some(mountpoint)),
        }
    }
}

/// With one slash between the names and none at the end.
fn clean(given: &str) -> Option<String> {
    let names: Vec<&str> = given.split('/').filter(|name| !name.is_empty()).collect();
    let plain = given.starts_with('/') && given.len() <= MOUNTPOINT_MAX && !given.contains('\0');
    let stays = !names.is_empty() && names.iter().all(|name| !matches!(*name, "." | ".."));
    (plain && stays).then(|| format!("/{}", names.join("/")))
}

/// The rest of a path at or below a folder, without a slash before; both are clean.
pub(crate) fn within<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mountpoint_is_absolute_and_means_one_place() {
        assert_eq!(clean("/mnt//projects/").as_deref(), Some("/mnt/projects"));
        for bad in ["", "/", "mnt", "/mnt/../etc", "/./a", "/a\0b"] {
            assert_eq!(clean(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_in_a_folder_by_whole_names() {
        assert_eq!(within("/mnt/a", "/mnt/a"), Some(""));
        assert_eq!(within("/mnt/a", "/mnt/a/b/c"), Some("b/c"));
        assert_eq!(within("/mnt/a", "/mnt/ab"), None);
    }
}
