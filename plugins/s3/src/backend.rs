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
    CLIENT.with(|kept| kept.get(|| Client::new(capstan_sdk::config::load()?)))
}

impl Client {
    /// What data that goes to `location` is sent with. Where no probe has found it out yet, the first calls do: those that come
    /// together all ask, and all find the same, so that the parts of one upload never differ.
    pub(crate) async fn checksum_mode(&self, location: &str) -> Mode {
        if let Some(mode) = self.config.checksum.fixed() {
            return mode;
        }
        if let Some(mode) = checksum::found().await {
            return mode;
        }
        match prober::checksum_mode(self, location).await {
            Some(mode) => checksum::remember(mode).await,
            // Nobody may begin an upload in parts here, say: this instance does not try with each object again.
            None => checksum::assume_none(),
        }
        checksum::found().await.unwrap_or(Mode::None)
    }

    /// The class a new object goes to: what the call says, else what the target is configured for.
    pub(crate) fn storage_class<'a>(&'a self, options: &'a PutOptions) -> Option<&'a str> {
        let asked = capstan_sdk::find(&options.extras, "storage-class");
        asked.or(self.config.storage_class.as_deref()).filter(|class| !class.is_empty())
    }
}
