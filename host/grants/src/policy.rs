//! What the host keeps to itself, whoever is granted what by name.

use std::net::{IpAddr, SocketAddr};

use crate::address::{AddressClass, classify, plain};

/// Where this host listens and which addresses are its own, so that no plugin talks to its doors by accident or by design.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub listeners: Vec<SocketAddr>,
    /// Addresses of this machine's interfaces; they count when a listener is bound to all of them.
    pub own_addresses: Vec<IpAddr>,
}

impl Policy {
    pub(crate) fn is_own_listener(&self, address: IpAddr, port: u16) -> bool {
        let address = plain(address);
        self.listeners.iter().any(|listener| {
            let bound = plain(listener.ip());
            listener.port() == port
                && (bound == address
                    || bound.is_unspecified()
                        && (classify(address) == AddressClass::Loopback
                            || self.own_addresses.iter().any(|own| plain(*own) == address)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_recognised_behind_each_of_them() {
        let policy =
            Policy { listeners: vec!["0.0.0.0:8080".parse().unwrap()], own_addresses: vec!["10.0.0.5".parse().unwrap()] };
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:10.0.0.5", "10.0.0.5"] {
            assert!(policy.is_own_listener(address.parse().unwrap(), 8080), "{address}");
        }
        assert!(!policy.is_own_listener("10.0.0.6".parse().unwrap(), 8080));
        assert!(!policy.is_own_listener("127.0.0.1".parse().unwrap(), 8081));
    }
}
