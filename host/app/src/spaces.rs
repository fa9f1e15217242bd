//! Spaces: managed file trees on the host's own disks.
//!
//! A space is a directory under a root that the settings name; by default one in the data directory, which only the host's user may
//! enter. Deleting a space forgets it and removes its directory if that is empty; files that are there stay.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{PoolId, SpaceId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::space::{NewSpace, Space};
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::managed_spaces::SpaceViews;
use crate::pools::check_name;

#[derive(Clone)]
pub struct Spaces {
    pub(crate) catalogue: Catalogue,
    pub(crate) audit: Audit,
    /// None: spaces are shown nowhere on this host.
    pub(crate) views: Option<Arc<dyn SpaceViews>>,
    /// Canonical; the first is the default.
    roots: Arc<Vec<PathBuf>>,
}

/// What a caller gives for a new space; the directory has a default.
#[derive(Clone, Debug)]
pub struct SpaceRequest {
    pub name: String,
    pub comment: Option<String>,
    /// Absolute, under a configured root; none: the name under the default root.
    pub directory: Option<String>,
    pub quota_bytes: Option<u64>,
    /// Of it, what may lie on the host's own disks.
    pub cache_quota_bytes: Option<u64>,
    pub push_pool: Option<PoolId>,
    pub cleaning_pool: Option<PoolId>,
    pub attributes: Value,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SpaceChange {
    pub name: Option<String>,
    pub comment: Option<Option<String>>,
    pub quota_bytes: Option<Option<u64>>,
    pub cache_quota_bytes: Option<Option<u64>>,
    pub push_pool: Option<Option<PoolId>>,
    pub cleaning_pool: Option<Option<PoolId>>,
    pub attributes: Option<Value>,
}

impl Spaces {
    pub(crate) fn new(
        catalogue: Catalogue,
        audit: Audit,
        data: &Path,
        roots: &[PathBuf],
        views: Option<Arc<dyn SpaceViews>>,
    ) -> Outcome<Self> {
        let own = data.join("spaces");
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&own)
            .map_err(|error| Failure::host(format!("{} cannot be made", own.display()), error))?;
        let mut canonical = Vec::with_capacity(roots.len() + 1);
        for root in std::iter::once(&own).chain(roots) {
            let found = root
                .canonicalize()
                .map_err(|error| Failure::host(format!("the space root {} cannot be used", root.display()), error))?;
            canonical.push(found);
        }
        Ok(Self { catalogue, audit, views, roots: Arc::new(canonical) })
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Space>> {
        self.catalogue.spaces(&listing).await
    }

    pub async fn find(&self, reference: &str) -> Outcome<Space> {
        self.catalogue.space(reference).await
    }

    pub async fn get(&self, id: SpaceId) -> Outcome<Space> {
        self.catalogue.space(id).await
    }

    pub async fn create(&self, caller: &Caller, new: SpaceRequest) -> Outcome<Space> {
        check_name(&new.name)?;
        check_quotas(new.quota_bytes, new.cache_quota_bytes)?;
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
        let created = self.catalogue.create_space(&record).await;
        if created.is_err() && made {
            // Only an empty directory goes, and only one that was made a moment ago.
            drop(std::fs::remove_dir(&directory));
        }
        let space = created?;
        self.audit
            .done(caller, "create", "space", &space.name, json!({ "number": space.number, "directory": space.directory }))
            .await?;
        Ok(space)
    }

    pub async fn update(&self, caller: &Caller, id: SpaceId, change: SpaceChange) -> Outcome<Space> {
        let mut space = self.catalogue.space(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            space.name = name;
        }
        space.comment = change.comment.unwrap_or(space.comment);
        space.quota_bytes = change.quota_bytes.unwrap_or(space.quota_bytes);
        space.cache_quota_bytes = change.cache_quota_bytes.unwrap_or(space.cache_quota_bytes);
        check_quotas(space.quota_bytes, space.cache_quota_bytes)?;
        space.push_pool = change.push_pool.unwrap_or(space.push_pool);
        space.cleaning_pool = change.cleaning_pool.unwrap_or(space.cleaning_pool);
        space.attributes = change.attributes.unwrap_or(space.attributes);
        let space = self.catalogue.update_space(&space).await?;
        self.audit.done(caller, "update", "space", &space.name, json!({ "number": space.number })).await?;
        Ok(space)
    }

    pub async fn delete(&self, caller: &Caller, id: SpaceId) -> Outcome<()> {
        let space = self.catalogue.space(id).await?;
        self.catalogue.delete_space(id).await?;
        let kept = std::fs::remove_dir(&space.directory).is_err();
        let detail = json!({ "number": space.number, "directory": space.directory, "directory_kept": kept });
        self.audit.done(caller, "delete", "space", &space.name, detail).await
    }

    /// The directory, as text, and whether it was not there before.
    pub(crate) async fn make_directory(&self, name: &str, given: Option<&str>) -> Outcome<(String, bool)> {
        let directory = self.directory(name, given)?;
        let text =
            directory.to_str().ok_or_else(|| Failure::invalid("a space's directory has to be UTF-8").with_code("directory"))?;
        let text = text.to_owned();
        let made = tokio::task::spawn_blocking(move || make(&directory))
            .await
            .map_err(|error| Failure::host("the directory could not be made", error))??;
        Ok((text, made))
    }

    /// Where a space lies: under a root, without "." and "..", and no link leads elsewhere.
    fn directory(&self, name: &str, given: Option<&str>) -> Outcome<PathBuf> {
        let wrong = |why: &str| Failure::invalid(format!("the directory {why}")).with_code("directory");
        let Some(given) = given else {
            let default = self.roots.first().ok_or_else(|| Failure::host("there is no root for spaces", "no roots"))?;
            return Ok(default.join(name));
        };
        let path = Path::new(given);
        if !path.is_absolute() || path.components().any(|part| matches!(part, Component::ParentDir | Component::CurDir)) {
            return Err(wrong("has to be absolute, without '.' and '..'"));
        }
        // The deepest part that exists decides where it really is.
        let mut existing = path;
        let real = loop {
            match existing.canonicalize() {
                Ok(real) => break real,
                Err(_) => existing = existing.parent().ok_or_else(|| wrong("cannot be reached"))?,
            }
        };
        let rest = path.strip_prefix(existing).map_err(|_| wrong("cannot be reached"))?;
        let directory = if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        if !self.roots.iter().any(|root| directory.starts_with(root) && directory != *root) {
            return Err(wrong("has to lie under a root that the host's configuration names (spaces.roots)"));
        }
        Ok(directory)
    }
}

/// The share on the host's disks is a part of the whole. What a space holds already may be more than a new quota: nothing more is taken
/// in then, and nothing is removed.
pub(crate) fn check_quotas(whole: Option<u64>, cache: Option<u64>) -> Outcome<()> {
    match (whole, cache) {
        (Some(whole), Some(cache)) if cache > whole => {
            Err(Failure::invalid(format!("the quota on the cache cannot be more than the whole quota of {whole} bytes"))
                .with_code("quota-on-cache"))
        }
        _ => Ok(()),
    }
}

/// True if it was not there.
fn make(directory: &Path) -> Outcome<bool> {
    let existed = directory.is_dir();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
        Failure::invalid(format!("{} cannot be made", directory.display())).with_code("directory").with_detail(error.to_string())
    })?;
    Ok(!existed)
}
