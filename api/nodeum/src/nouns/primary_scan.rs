//! The primary scan: the repeating crawl of a primary pool into the files. A pool has one or none, so it is a singular resource.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{At, Body, Who};
use crate::answer::{Answer, Created, Nothing};
use crate::errors::Code;
use crate::validation::{Check, For};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = primary_scan)]
pub struct PrimaryScan {
    pub id: i64,
    pub pool_id: i64,
    pub enabled: bool,
    /// Every so many units.
    pub operand: i64,
    pub unit: Unit,
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = primary_scan_input)]
pub struct PrimaryScanInput {
    /// If given, the pool of the path.
    pub pool_id: Option<i64>,
    pub enabled: Option<bool>,
    pub operand: Option<f64>,
    pub unit: Option<Unit>,
}

/// Units between two scans.
const OPERAND_LIMIT: usize = 10_000;

impl PrimaryScanInput {
    fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        check.required("operand", self.operand.as_ref());
        check.required("unit", self.unit.as_ref());
        if let Some(operand) = self.operand {
            if operand <= 0.0 {
                check.bound("operand", Code::GreaterThan, 0);
            } else if operand > OPERAND_LIMIT as f64 {
                check.bound("operand", Code::LessThanOrEqualTo, OPERAND_LIMIT);
            } else if operand.fract() != 0.0 {
                check.explain("operand", Code::Invalid, "operand has to be a whole number of units");
            }
        }
        check.finish()
    }

    /// The operand, which was checked to be a small whole number.
    pub fn whole_operand(&self) -> Option<u32> {
        self.operand.map(|operand| operand as u32)
    }
}

#[async_trait]
pub trait PrimaryScans: Send + Sync + 'static {
    async fn show(&self, caller: &Caller, pool: &Reference) -> Answer<PrimaryScan>;
    async fn create(&self, caller: &Caller, pool: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan>;
    async fn update(&self, caller: &Caller, pool: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan>;
    async fn destroy(&self, caller: &Caller, pool: &Reference) -> Answer<()>;
}

type Scans = State<Arc<dyn PrimaryScans>>;

pub(crate) fn routes(scans: Arc<dyn PrimaryScans>) -> Routes {
    let scope = |verb| Access::Scope("primary_scans", verb);
    let path = "/pools/{pool_id}/primary_scan";
    Routes::new()
        .on(
            Operation::get(path, "show_primary_scan", scope("show"))
                .summary("Shows the scan of a primary pool.")
                .answers::<PrimaryScan>(200, "The scan."),
            show,
        )
        .on(
            Operation::post(path, "create_primary_scan", scope("create"))
                .summary("Sets up the scan of a primary pool.")
                .takes::<PrimaryScanInput>()
                .answers::<PrimaryScan>(201, "The new scan."),
            create,
        )
        .on(
            Operation::put(path, "update_primary_scan", scope("update"))
                .summary("Changes the members that are given.")
                .takes::<PrimaryScanInput>()
                .answers::<PrimaryScan>(200, "The scan as it is now."),
            update,
        )
        .on(
            Operation::delete(path, "destroy_primary_scan", scope("destroy"))
                .summary("Takes the scan away; files that it found stay.")
                .answers_nothing(204, "Taken away."),
            destroy,
        )
        .with_state(scans)
}

async fn show(State(scans): Scans, Extension(caller): Who, at: At<Reference>) -> Answer<Json<PrimaryScan>> {
    scans.show(&caller, &at.0).await.map(Json)
}

async fn create(
    State(scans): Scans,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<PrimaryScanInput>,
) -> Answer<Created<PrimaryScan>> {
    input.0.check(For::Create)?;
    scans.create(&caller, &at.0, input.0).await.map(Created)
}

async fn update(
    State(scans): Scans,
    Extension(caller): Who,
    at: At<Reference>,
    input: Body<PrimaryScanInput>,
) -> Answer<Json<PrimaryScan>> {
    input.0.check(For::Update)?;
    scans.update(&caller, &at.0, input.0).await.map(Json)
}

async fn destroy(State(scans): Scans, Extension(caller): Who, at: At<Reference>) -> Answer<Nothing> {
    scans.destroy(&caller, &at.0).await.map(|()| Nothing)
}
