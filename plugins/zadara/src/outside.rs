//! What the plugin asks of its host. In native tests a host of the tests' own stands in its place, so that everything above this
//! file runs against the simulator.

#[cfg(test)]
pub(crate) use crate::tests::outside::*;

#[cfg(not(test))]
pub(crate) use host::*;

#[cfg(not(test))]
mod host {
    pub(crate) use capstan_initiator::Host;
    pub(crate) use capstan_sdk::clock::wait;
    use capstan_sdk::failure::unauthenticated;
    pub(crate) use capstan_sdk::http::exchange;
    pub(crate) use capstan_sdk::job::cancelled;
    pub(crate) use capstan_sdk::state;
    use capstan_sdk::{Outcome, secrets};

    use crate::config::Config;

    pub(crate) fn config() -> Outcome<Config> {
        capstan_sdk::config::load()
    }

    /// A secret as text. That it is missing is a matter of the credentials, not of anything that could be absent from the target.
    pub(crate) fn secret(name: &str) -> Outcome<String> {
        let missing = || {
            unauthenticated(format!("the target has no usable \"{name}\"")).next_step(format!("Set \"{name}\" of the target."))
        };
        let bytes = secrets::reveal(name).map_err(|_| missing())?;
        String::from_utf8(bytes).map_err(|_| missing())
    }
}
