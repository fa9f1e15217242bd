//! The caller's profile: how their clones are named.

use async_trait::async_trait;
use capstan_api_drives::{Answer, CloneNaming, Profile, ProfileChange, Profiles};
use capstan_api_http::Caller;
use capstan_domain::identity;
use capstan_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Door;
use super::attributes;
use super::clone_naming::clone_name;
use super::failures::error;

/// What is kept of a user.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    clone_naming: CloneNaming,
}

fn profile(caller: &identity::Caller, kept: Kept) -> Profile {
    Profile { uuid: caller.user.0, email: caller.name.clone(), clone_naming: kept.clone_naming }
}

impl Door {
    /// What a clone of a drive of this name is called when its request does not say.
    pub(super) async fn name_of_clone(&self, caller: &identity::Caller, source: &str) -> Answer<String> {
        let kept: Kept = attributes::read(&self.app.profiles.get(caller).await.map_err(error)?);
        Ok(clone_name(source, kept.clone_naming, Timestamp::now()))
    }
}

#[async_trait]
impl Profiles for Door {
    async fn show(&self, caller: &Caller) -> Answer<Profile> {
        let caller = self.caller(caller)?;
        let kept = attributes::read(&self.app.profiles.get(&caller).await.map_err(error)?);
        Ok(profile(&caller, kept))
    }

    async fn edit(&self, caller: &Caller, change: ProfileChange) -> Answer<Profile> {
        let caller = self.caller(caller)?;
        let old = self.app.profiles.get(&caller).await.map_err(error)?;
        let mut kept: Kept = attributes::read(&old);
        if let Some(clone_naming) = change.clone_naming {
            kept.clone_naming = clone_naming;
            let new = attributes::write(&old, &kept)?;
            self.app.profiles.set(&caller, new).await.map_err(error)?;
        }
        Ok(profile(&caller, kept))
    }
}
