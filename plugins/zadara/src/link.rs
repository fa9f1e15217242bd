//! A session with the VPSA's iSCSI target. Commands that end with their connection are given again, once it is known that the LUN is still the
//! same volume.

use capstan_initiator::{Login, Patience, Words};
use capstan_sdk::Outcome;

use crate::access::Portal;
use crate::outside::Host;

pub(crate) type Link = capstan_initiator::Link<Host>;

const WORDS: Words = Words {
    peer: "the VPSA's iSCSI target",
    secrets: "Correct \"chap-user\" and \"chap-secret\" of the target, or leave both out so that the VPSA tells them.",
    admission: "Check the server entry with the target's \"initiator\".",
    // The VPSA tells its name, and may tell another the next time.
    target: None,
};

pub(crate) async fn open(portal: &Portal, target: &str) -> Outcome<Link> {
    let config = &crate::client::client()?.config;
    Link::open(Login {
        host: portal.host.clone(),
        port: portal.port,
        target: target.to_owned(),
        initiator: config.initiator().to_owned(),
        digests: config.digests,
        chap: portal.chap.clone(),
        patience: Patience::Short,
        words: WORDS,
    })
    .await
}
