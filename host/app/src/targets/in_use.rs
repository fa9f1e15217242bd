//! What keeps a target from going: a pool that uses one of its locations, a drive that lies in it.

use capstan_domain::listing::{Listing, Operator};
use capstan_domain::target::Target;
use capstan_domain::{Failure, Kind, Outcome};

use super::{PAGE, Targets};

impl Targets {
    /// `Conflict` "in-use" where one of its locations is in a pool, or a drive lies in it.
    pub(crate) async fn unused(&self, target: &Target) -> Outcome<()> {
        let members = Listing::first(PAGE).with("target", Operator::Equal, target.id);
        let locations = self.catalogue.locations(&members).await?.items;
        if let Some(location) = locations.iter().find(|location| location.pool.is_some()) {
            return Err(Failure::new(Kind::Conflict, format!("its location {} is in a pool", location.name))
                .with_code("in-use")
                .with_next_step("take its locations out of their pools first"));
        }
        let drives = self.catalogue.drives(&Listing::first(1).with("target", Operator::Equal, target.id)).await?;
        match drives.count {
            0 => Ok(()),
            count => Err(Failure::new(Kind::Conflict, format!("{count} drives lie in it"))
                .with_code("in-use")
                .with_next_step("delete them first, or clone them to another storage type")),
        }
    }
}
