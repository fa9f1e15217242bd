//! NAS shares, as far as a pool shows its members.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::{Extension, Json};
use capstan_api_http::{Access, Caller, Operation, Reference, Routes};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::{At, Who};
use crate::answer::{Answer, Page};
use crate::listing::{Field, Listing, integer, listed, text};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = nas_share)]
pub struct NasShare {
    pub id: i64,
    pub nas_id: Option<i64>,
    pub pool_id: Option<i64>,
    pub name: String,
    pub path: Option<String>,
    pub options: Option<String>,
    pub username: Option<String>,
    /// Left out unless the caller has the scope `nas_shares/get_password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    pub file_count: i64,
    pub file_size_sum: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = nas_share_collection)]
struct NasShareCollection {
    count: u64,
    nas_shares: Vec<NasShare>,
}

const FIELDS: &[Field] = &[integer("id"), text("name"), text("path"), text("options"), text("username"), integer("nas_id")];

#[async_trait]
pub trait NasShares: Send + Sync + 'static {
    /// `reveal`: the caller may see passwords; whoever shows one records that.
    async fn index_of_pool(&self, caller: &Caller, pool: &Reference, listing: Listing, reveal: bool) -> Answer<Page<NasShare>>;
}

pub(crate) fn routes(shares: Arc<dyn NasShares>) -> Routes {
    Routes::new()
        .on(
            listed(
                Operation::get("/pools/{pool_id}/nas_shares", "index_nas_shares_by_pool", Access::Scope("nas_shares", "index")),
                FIELDS,
            )
            .summary("Lists the NAS shares of a pool.")
            .explicit_scope("nas_shares", "get_password")
            .answers::<NasShareCollection>(200, "NAS shares."),
            index_of_pool,
        )
        .with_state(shares)
}

async fn index_of_pool(
    State(shares): State<Arc<dyn NasShares>>,
    Extension(caller): Who,
    at: At<Reference>,
    uri: Uri,
) -> Answer<Json<NasShareCollection>> {
    let reveal = caller.may("nas_shares", "get_password");
    let Page { count, items } = shares.index_of_pool(&caller, &at.0, Listing::of(&uri, FIELDS)?, reveal).await?;
    Ok(Json(NasShareCollection { count, nas_shares: items }))
}
