//! Drive users: how many users of remote desktop services a drive is licensed for. The record has its drive's id.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use capstan_api_http::{Access, Caller, Operation, Routes};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, Body, Who};
use crate::answer::{Answer, Created, Gone, Listed, Objects, Page, Shown, shown};
use crate::forms::{self, Form, OneOrMany};
use crate::link::{Link, Named};
use crate::listing::{Fields, Listing, listed};
use crate::validation::Check;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = drive_user)]
pub struct DriveUser {
    /// Users.
    pub amount: u32,
    pub drive: Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriveUserDefinition {
    pub drive: Uuid,
    pub amount: u32,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = drive_user_input)]
struct DriveUserInput {
    #[schema(required = true)]
    drive: Option<Named>,
    #[schema(required = true)]
    amount: Option<u32>,
}

impl Form for DriveUserInput {
    type Meaning = DriveUserDefinition;

    fn meaning(self, check: &mut Check) -> Option<DriveUserDefinition> {
        let drive = check.required("drive", self.drive);
        let amount = check.required("amount", self.amount);
        Some(DriveUserDefinition { drive: drive?.0, amount: amount? })
    }
}

/// The drive of a record cannot change.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = drive_user_change)]
struct DriveUserChange {
    #[schema(required = true)]
    amount: Option<u32>,
}

impl Form for DriveUserChange {
    type Meaning = u32;

    fn meaning(self, check: &mut Check) -> Option<u32> {
        check.required("amount", self.amount)
    }
}

#[async_trait]
pub trait DriveUsers: Send + Sync + 'static {
    async fn list(&self, caller: &Caller, listing: Listing) -> Answer<Page<DriveUser>>;
    async fn show(&self, caller: &Caller, drive: Uuid) -> Answer<DriveUser>;
    /// All of them or none, in the order they were asked for.
    async fn create(&self, caller: &Caller, records: Vec<DriveUserDefinition>) -> Answer<Vec<DriveUser>>;
    async fn edit(&self, caller: &Caller, drive: Uuid, amount: u32) -> Answer<DriveUser>;
    /// Refused while the drive is mounted.
    async fn delete(&self, caller: &Caller, drive: Uuid) -> Answer<()>;
}

type Shared = State<Arc<dyn DriveUsers>>;

pub(crate) fn routes(users: Arc<dyn DriveUsers>) -> Routes {
    let scope = |verb| Access::Scope("driveusers", verb);
    let all = "/driveusers/";
    let one = "/driveusers/{drive_uuid}/";
    Routes::new()
        .on(
            listed(Operation::get(all, "list_driveusers", scope("index")), &[])
                .summary("Lists how many users drives are licensed for.")
                .answers::<Listed<DriveUser>>(200, "Records."),
            list,
        )
        .on(
            Operation::post(all, "create_driveusers", scope("create"))
                .summary("Licenses drives for users.")
                .takes::<OneOrMany<DriveUserInput>>()
                .answers::<Objects<DriveUser>>(201, "The new records."),
            create,
        )
        .on(
            Operation::get(one, "show_driveuser", scope("show"))
                .summary("Shows how many users a drive is licensed for.")
                .answers::<DriveUser>(200, "The record."),
            show,
        )
        .on(
            Operation::put(one, "edit_driveuser", scope("update"))
                .summary("Changes how many users a drive is licensed for.")
                .takes::<DriveUserChange>()
                .answers::<Objects<DriveUser>>(200, "The record as it is now."),
            edit,
        )
        .on(
            Operation::delete(one, "delete_driveuser", scope("destroy"))
                .summary("Deletes the record of a drive that is not mounted.")
                .answers_nothing(204, "Deleted."),
            delete,
        )
        .with_state(users)
}

async fn list(State(users): Shared, Extension(caller): Who, uri: Uri) -> Answer<Shown<Listed<Value>>> {
    let listing = Listing::of(&uri, &[], Fields::All)?;
    let page = users.list(&caller, listing.clone()).await?;
    Ok(shown(listing.show(&page)))
}

async fn create(State(users): Shared, Extension(caller): Who, body: Body) -> Answer<Created<DriveUser>> {
    let made = users.create(&caller, forms::many::<DriveUserInput>(body.0)?).await?;
    Ok(Created::of(made, |record| format!("{}/driveusers/{}/", crate::BASE, record.drive.uuid)))
}

async fn show(State(users): Shared, Extension(caller): Who, at: At) -> Answer<Shown<DriveUser>> {
    users.show(&caller, at.0).await.map(shown)
}

/// Wrapped, other than an edited drive.
async fn edit(State(users): Shared, Extension(caller): Who, at: At, body: Body) -> Answer<Shown<Objects<DriveUser>>> {
    let record = users.edit(&caller, at.0, forms::one::<DriveUserChange>(body.0)?).await?;
    Ok(shown(Objects::one(record)))
}

async fn delete(State(users): Shared, Extension(caller): Who, at: At) -> Answer<Gone> {
    users.delete(&caller, at.0).await.map(|()| Gone::OTHER)
}
