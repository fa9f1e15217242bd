//! The instance's one client.

use std::rc::Rc;

use capstan_sdk::types::PutOptions;
use capstan_sdk::{Kept, Outcome};

use crate::checksum::{self, Mode};
use crate::client::Client;
use crate::prober;

thread_local! {
    static CLIENT: Kept<Client> = const { Kept::new() };
}

pub(crate) fn client() -> Outcome<Rc<Client>> {
    CLIENT.with(|kept| kept.get(|| Client::load(capstan_sdk::config::load()?)))
}

impl Client {
    /// What data that goes to `container` is sent with. Where no probe has found it out yet, the first calls do.
    pub(crate) async fn checksum_mode(&self, container: &str) -> Mode {
        if let Some(mode) = self.config.checksum.fixed() {
            return mode;
        }
        if let Some(mode) = checksum::found().await {
            return mode;
        }
        match prober::checksum_mode(self, container).await {
            Some(mode) => checksum::remember(mode).await,
            // Nobody may write here, say: this instance does not try with each blob again.
            None => checksum::assume_none(),
        }
        checksum::found().await.unwrap_or(Mode::None)
    }

    /// The tier a new blob goes to: what the call says, else what the target is configured for.
    pub(crate) fn storage_class(&self, options: &PutOptions) -> Option<String> {
        let asked = capstan_sdk::find(&options.extras, "storage-class");
        asked.or(self.config.storage_class.as_deref()).filter(|class| !class.is_empty()).map(tier)
    }
}

/// The service's spelling; others write tiers in all letters large or small.
fn tier(class: &str) -> String {
    let known = ["Hot", "Cool", "Cold", "Archive"].into_iter().find(|known| known.eq_ignore_ascii_case(class));
    known.unwrap_or(class).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_spelled_as_the_service_spells_it() {
        assert_eq!(["COOL", "archive", "Hot", "Premium"].map(tier), ["Cool", "Archive", "Hot", "Premium"]);
    }
}
