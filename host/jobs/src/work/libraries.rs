//! The tape libraries that targets lead to, registered or not. A target that does not answer has none for now.

use capstan_domain::Outcome;
use capstan_domain::library::FoundLibrary;
use capstan_domain::listing::Listing;
use capstan_domain::target::Target;
use capstan_mover::Control;
use serde_json::json;
use tracing::info;

use crate::engine::Engine;
use crate::work::inventory::{elements, extra, shelves};
use crate::work::{End, stopped};

/// Targets read from the catalogue at once.
const PAGE: u32 = 500;

pub(super) async fn find(engine: &Engine, control: &Control) -> Outcome<End> {
    let mut found = Vec::new();
    let mut listing = Listing::first(PAGE);
    loop {
        let page = engine.catalogue.targets(&listing).await?;
        for target in &page.items {
            let asked = tokio::select! {
                asked = of(engine, target) => asked,
                () = control.stopped() => return Err(stopped()),
            };
            match asked {
                Ok(libraries) => found.extend(libraries),
                Err(failure) => info!(target = target.name, %failure, "a target tells of no tape library"),
            }
        }
        listing.offset += u64::from(PAGE);
        if listing.offset >= page.count {
            return Ok(End::answer(json!({ "libraries": found })));
        }
    }
}

async fn of(engine: &Engine, target: &Target) -> Outcome<Vec<FoundLibrary>> {
    let connection = engine.places.connect(target.id).await?;
    let Some(media) = connection.media() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for library in media.list_libraries().await? {
        let (slots, mail_slots) = shelves(&elements(media.as_ref(), &library.name).await?);
        found.push(FoundLibrary {
            target: target.id,
            target_name: target.name.clone(),
            revision: extra(&library.extras, "revision").map(str::to_owned),
            serial: library.name,
            vendor: library.vendor,
            product: library.product,
            slots,
            mail_slots,
        });
    }
    Ok(found)
}
