//! A drive as people call it: by its number, its id, or a name that only one of theirs has.

use capstan_domain::drive::Drive;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, Number};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::{Failure, Kind, Outcome};

use super::Drives;
use crate::ownership::missing;

impl Drives {
    /// A number first, then an id, then a name. `Conflict` "ambiguous" where several have the name.
    pub async fn find(&self, caller: &Caller, reference: &str) -> Outcome<Drive> {
        if let Ok(number) = reference.parse::<Number>() {
            let page = self.list(caller, Listing::first(1).with("number", Operator::Equal, number)).await?;
            if let Some(drive) = page.items.into_iter().next() {
                return Ok(drive);
            }
        }
        if let Ok(id) = reference.parse::<DriveId>() {
            return self.get(caller, id).await;
        }
        let page = self.list(caller, Listing::first(1).with("name", Operator::Equal, reference)).await?;
        match page.count {
            0 | 1 => page.items.into_iter().next().ok_or_else(|| missing("drive")),
            count => Err(Failure::new(Kind::Conflict, format!("{count} drives are called {reference}"))
                .with_code("ambiguous")
                .with_next_step("give the number or the id of the drive")),
        }
    }
}
