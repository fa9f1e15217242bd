//! A session with the library's iSCSI target, for one device.

use capstan_initiator::{Login, Patience, Secret, Words};
use capstan_sdk::Outcome;

use crate::config::{CHAP_SECRET, Config};
use crate::outside::Host;

pub(crate) type Link = capstan_initiator::Link<Host>;

pub(crate) const PEER: &str = "the library";

const WORDS: Words = Words {
    peer: PEER,
    secrets: "Correct \"chap-user\" and \"chap-secret\" of the target.",
    admission: "Allow it the target's \"initiator\".",
    target: Some("Check \"target\" of the target."),
};

pub(crate) async fn open(config: &Config) -> Outcome<Link> {
    Link::open(Login {
        host: config.host().to_owned(),
        port: config.port(),
        target: config.target().to_owned(),
        initiator: config.initiator().to_owned(),
        digests: config.digests,
        chap: config.chap_user().map(|user| (user.to_owned(), Secret::Configured(CHAP_SECRET))),
        // A robot may take minutes for a command; the target itself answers.
        patience: Patience::Long,
        words: WORDS,
    })
    .await
}
