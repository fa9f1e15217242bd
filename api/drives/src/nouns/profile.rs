//! The caller's own profile; of all that the published API keeps there, what concerns drives.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Body, Who};
use crate::answer::{Answer, Shown, shown};
use crate::forms::{self, Form};
use crate::validation::Check;

/// What a clone is called when its request does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = clone_naming)]
pub enum CloneNaming {
    /// As its source.
    #[default]
    None,
    /// With `_1` at the end, or one more than the number that is there.
    Counter,
    /// With the date at the end.
    Date,
    /// With date and time at the end.
    Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = profile)]
pub struct Profile {
    #[schema(value_type = String)]
    pub uuid: Uuid,
    /// The name that the caller signs in with.
    pub email: String,
    pub clone_naming: CloneNaming,
}

/// What was left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = profile_change)]
pub struct ProfileChange {
    pub clone_naming: Option<CloneNaming>,
}

impl Form for ProfileChange {
    type Meaning = Self;

    fn meaning(self, _: &mut Check) -> Option<Self> {
        Some(self)
    }
}

#[async_trait]
pub trait Profiles: Send + Sync + 'static {
    async fn show(&self, caller: &Caller) -> Answer<Profile>;
    async fn edit(&self, caller: &Caller, change: ProfileChange) -> Answer<Profile>;
}

type Shared = State<Arc<dyn Profiles>>;

pub(crate) fn routes(profiles: Arc<dyn Profiles>) -> Routes {
    let scope = |verb| Access::Scope("profile", verb);
    Routes::new()
        .on(
            Operation::get("/profile/", "show_profile", scope("show"))
                .summary("Shows the caller's profile.")
                .answers::<Profile>(200, "The profile."),
            show,
        )
        .on(
            Operation::put("/profile/", "edit_profile", scope("update"))
                .summary("Changes the caller's profile.")
                .takes::<ProfileChange>()
                .answers::<Profile>(200, "The profile as it is now."),
            edit,
        )
        .with_state(profiles)
}

async fn show(State(profiles): Shared, Extension(caller): Who) -> Answer<Shown<Profile>> {
    profiles.show(&caller).await.map(shown)
}

async fn edit(State(profiles): Shared, Extension(caller): Who, body: Body) -> Answer<Shown<Profile>> {
    profiles.edit(&caller, forms::one::<ProfileChange>(body.0)?).await.map(shown)
}
