//! The instance's one client: the configuration is read once, because a changed one starts new instances.

use std::cell::RefCell;
use std::rc::Rc;

use capstan_sdk::Outcome;

use crate::client::Client;

thread_local! {
    static CLIENT: RefCell<Option<Rc<Client>>> = const { RefCell::new(None) };
}

pub(crate) fn client() -> Outcome<Rc<Client>> {
    CLIENT.with_borrow_mut(|slot| match slot {
        Some(client) => Ok(Rc::clone(client)),
        None => {
            let client = Rc::new(Client::new(capstan_sdk::config::load()?)?);
            *slot = Some(Rc::clone(&client));
            Ok(client)
        }
    })
}
