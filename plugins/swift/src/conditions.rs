//! Whether the service holds "only where nothing is" when something is put.
//!
//! Swift does, one put after the other: its object servers look for an object and store the new one in two steps, so of puts that
//! arrive at the same moment several may be told that they were the first; the last of them is what stays. Ceph's gateway (16,
//! Swift's API) stores all the same and says nothing. It shows in a put that neither can store: with a condition Swift refuses as
//! none it knows (400), and a checksum that is wrong, which Ceph refuses after it (422).

use capstan_sdk::Outcome;
use capstan_sdk::failure::{malformed, unsupported};
use capstan_sdk::types::PutOptions;

use crate::call::Call;
use crate::client::Client;

/// The name the test would have, if anything were stored.
const NAME: &str = ".capstan-probe";
const BODY: &[u8] = b"capstan";
/// Not the MD5 of the body.
const WRONG_MD5: &str = "00000000000000000000000000000000";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conditions {
    Held,
    Ignored,
}

/// Refuses, before anything is sent, a condition that nobody would hold.
pub(crate) async fn check(client: &Client, location: &str, options: &PutOptions) -> Outcome<()> {
    if options.if_match.is_some() {
        return Err(unsupported("Swift cannot replace an object only if it is a certain one"));
    }
    if options.if_absent && found_out(client, location).await? == Conditions::Ignored {
        return Err(unsupported("this service ignores the condition that nothing may be there, as Ceph's gateway does"));
    }
    Ok(())
}

pub(crate) async fn found_out(client: &Client, location: &str) -> Outcome<Conditions> {
    if let Some(known) = *client.conditions.borrow() {
        return Ok(known);
    }
    let call = Call::object("PUT", location, NAME).header("if-none-match", "\"capstan\"").header("etag", WRONG_MD5);
    let conditions = match client.ask(&call, Some(BODY)).await? {
        // A code is Ceph's, and about something else: a name it does not allow, say.
        Err(refusal) if matches!(refusal.status, 400 | 412) && refusal.code.is_none() => Conditions::Held,
        Err(refusal) if refusal.status == 422 => Conditions::Ignored,
        Err(refusal) => return Err(refusal.failure(&call)),
        Ok(reply) => {
            return Err(malformed("the target stored data whose checksum was wrong", format!("status {}", reply.status)));
        }
    };
    *client.conditions.borrow_mut() = Some(conditions);
    Ok(conditions)
}
