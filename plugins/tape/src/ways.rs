//! Where a drive is, and how it gets elsewhere.

use capstan_sdk::Outcome;
use capstan_sdk::types::{Place, Spacing};

use crate::entry::enter;
use crate::site::site;
use crate::tape::{Spot, Tape};

async fn moved(drive: &str, work: impl AsyncFnOnce(&mut Tape) -> Outcome<()>) -> Outcome<Place> {
    let site = site().await?;
    let mut taken = enter(&site, site.drive(drive)?).await?;
    let done = match work(&mut taken.it).await {
        Ok(()) => taken.it.place().await,
        Err(failure) => Err(failure),
    };
    taken.give_back();
    done
}

pub(crate) async fn position(drive: &str) -> Outcome<Place> {
    moved(drive, async |_| Ok(())).await
}

pub(crate) async fn locate(drive: &str, to: Spot) -> Outcome<Place> {
    moved(drive, async |tape: &mut Tape| tape.go(to).await).await
}

pub(crate) async fn space(drive: &str, by: Spacing, count: i64) -> Outcome<Place> {
    moved(drive, async |tape: &mut Tape| tape.space(by, count).await).await
}

pub(crate) async fn synchronize(drive: &str) -> Outcome<Place> {
    moved(drive, async |tape: &mut Tape| {
        tape.spot().await?;
        tape.marks(0).await.map(drop)
    })
    .await
}
