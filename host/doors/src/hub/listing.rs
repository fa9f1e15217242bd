//! Pages of the dialect as windows of the catalogue.

use capstan_api_hub::{Answer, Page, Window};
use capstan_domain::Outcome;
use capstan_domain::listing::{self, Listing};

use super::failures::error;
use crate::windows;

/// The window that a client asks for, of what `ask` lists by these filters.
pub(super) async fn window<T, F, Asked>(given: Window, filters: Listing, ask: F) -> Answer<listing::Page<T>>
where
    F: FnMut(Listing) -> Asked,
    Asked: Future<Output = Outcome<listing::Page<T>>>,
{
    windows::read(Listing { offset: given.offset, ..filters }, Some(given.limit), ask).await.map_err(error)
}

/// A page of the catalogue as this dialect shows its items.
pub(super) fn page<T, Shown>(found: listing::Page<T>, shown: impl FnMut(T) -> Shown) -> Page<Shown> {
    Page { count: found.count, items: found.items.into_iter().map(shown).collect() }
}
