//! Storage types: the plugins that hold drives, with what their targets can make.

use capstan_domain::Outcome;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::DriveLimits;

use super::Drives;
use super::known::Place;

/// What new drives are, if nothing is set and a target of it serves.
const PREFERRED: &str = "dssd";
/// What they are else.
const USUAL: &str = "nvme";

#[derive(Clone, Debug)]
pub struct StorageType {
    /// The plugin's id.
    pub name: String,
    /// Of all targets that serve; none: there is no such target.
    pub limits: Option<DriveLimits>,
    /// A target of it serves.
    pub healthy: bool,
    /// New drives are of it whose maker does not say.
    pub default: bool,
    pub snapshots: bool,
}

impl Drives {
    /// By name.
    pub async fn storage_types(&self) -> Outcome<Vec<StorageType>> {
        let default = self.default_type().await?;
        let mut types = Vec::new();
        for name in self.targets.drive_plugins() {
            let places = self.places(&name).await?;
            types.push(StorageType {
                limits: together(&places),
                healthy: !places.is_empty(),
                default: name == default,
                snapshots: places.iter().any(|place| place.snapshots),
                name,
            });
        }
        Ok(types)
    }

    pub async fn default_type(&self) -> Outcome<String> {
        if let Some(set) = &self.default_type {
            return Ok(set.clone());
        }
        let preferred = if self.places(PREFERRED).await?.is_empty() { USUAL } else { PREFERRED };
        Ok(preferred.to_owned())
    }

    /// Whether any plugin here makes such drives, or made some.
    pub(super) async fn is_type(&self, name: &str) -> Outcome<bool> {
        if self.targets.drive_plugins().iter().any(|plugin| plugin == name) {
            return Ok(true);
        }
        let made = Listing::first(1).with("storage_type", Operator::Equal, name);
        Ok(!self.catalogue.drives(&made).await?.items.is_empty())
    }
}

/// What one or another of them can make.
fn together(places: &[Place]) -> Option<DriveLimits> {
    let all = || places.iter().map(|place| &place.limits);
    Some(DriveLimits {
        minimum: all().map(|limits| limits.minimum).min()?,
        maximum: all().map(|limits| limits.maximum).max()?,
        granularity: all().map(|limits| limits.granularity).min()?,
        block: all().map(|limits| limits.block).min()?,
        extras: Vec::new(),
    })
}
