//! What a live connection rests on, to see whether it still may live when grants change.

use std::net::IpAddr;
use std::sync::Arc;

use capstan_grants::Grants;

use super::connect::{check, next_hop};
use super::route::Route;

#[derive(Clone, Debug)]
pub(crate) struct Basis {
    pub route: Arc<Route>,
    pub address: IpAddr,
}

impl Basis {
    pub(crate) fn holds(&self, grants: &Grants) -> bool {
        let (host, port) = next_hop(&self.route);
        check(&self.route, grants).is_ok() && grants.may_connect(host, port).is_ok_and(|grant| grant.check(self.address).is_ok())
    }
}
