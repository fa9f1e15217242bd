//! The instance's one client.

use std::rc::Rc;

use capstan_sdk::{Kept, Outcome};

use crate::client::Client;

thread_local! {
    static CLIENT: Kept<Client> = const { Kept::new() };
}

pub(crate) fn client() -> Outcome<Rc<Client>> {
    CLIENT.with(|kept| kept.get(|| Client::new(capstan_sdk::config::load()?)))
}
