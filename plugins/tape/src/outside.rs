//! What the plugin asks of its host. In native tests a host of the tests' own stands in its place, so that everything above this
//! file runs against a real library.

#[cfg(test)]
pub(crate) use crate::tests::outside::*;

#[cfg(not(test))]
pub(crate) use host::*;

#[cfg(not(test))]
mod host {
    pub(crate) use capstan_initiator::Host;
    use capstan_sdk::Outcome;
    pub(crate) use capstan_sdk::clock::wait;
    pub(crate) use capstan_sdk::job::cancelled;
    pub(crate) use capstan_sdk::scsi::{Device, open};
    pub(crate) use capstan_sdk::state;

    use crate::config::Config;

    pub(crate) fn config() -> Outcome<Config> {
        capstan_sdk::config::load()
    }
}
