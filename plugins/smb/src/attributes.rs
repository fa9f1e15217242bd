//! What a file has beside its bytes. SMB knows moments and flags; who may do what stands in lists of the server's own, which are left as
//! they are.

use capstan_sdk::Outcome;
use capstan_sdk::failure::unsupported;
use capstan_sdk::types::{Attributes, Node};

use crate::chain::{Chain, Opening, access};
use crate::information::{BASIC, written_at};
use crate::links::Links;
use crate::node::Look;
use crate::place::Place;
use crate::reader;

/// The moment of the last write; permission bits go unheeded beside it, since the node that is answered shows that it has none.
pub(crate) async fn set(links: &Links, place: &Place, attributes: &Attributes) -> Outcome<Node> {
    links.writable()?;
    if attributes.owner.is_some() || attributes.group.is_some() {
        return Err(unsupported("owners are not changed over SMB"));
    }
    let Some(modified) = attributes.modified else {
        if attributes.mode.is_some() {
            return Err(unsupported("a share keeps no permission bits"));
        }
        return reader::stat(links, place).await;
    };
    let subject = place.subject();
    let chain = Chain::open(Opening::existing(place.wire(), access::DRESS)).set(BASIC, written_at(modified)).close();
    let answers = links.ask(&chain, &subject).await?;
    let look = Look::opened(&answers.opened(&subject)?);
    answers.done(1, &subject)?;
    match look.closed(&answers.closed(2, &subject)?) {
        Some(look) if !look.is_special() => Ok(look.node(place.name(), None)),
        _ => reader::stat(links, place).await,
    }
}
