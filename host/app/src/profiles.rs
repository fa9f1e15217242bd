//! What users keep for themselves: open values that a dialect reads, such as how clones are named.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::ownership::check_attributes;

#[derive(Clone)]
pub struct Profiles {
    catalogue: Catalogue,
    audit: Audit,
}

impl Profiles {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    /// The caller's own; an empty record until one was set.
    pub async fn get(&self, caller: &Caller) -> Outcome<Value> {
        self.catalogue.profile(caller.user).await
    }

    /// Replaces the whole record.
    pub async fn set(&self, caller: &Caller, profile: Value) -> Outcome<Value> {
        if !profile.is_object() {
            return Err(Failure::invalid("a profile is a record").with_code("invalid"));
        }
        check_attributes(&profile)?;
        self.catalogue.set_profile(caller.user, profile.clone()).await?;
        self.audit.done(caller, "update", "profile", &caller.name, json!({})).await?;
        Ok(profile)
    }
}
