//! Ranges of a file, in place under its own name. Not durable before `sync`.

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::failure::Failure;
use capstan_sdk::types::Node;
use smb2::msg::create::CreateDisposition;

use crate::chain::{Chain, Opening, SHARE_ALL, access, option};
use crate::links::Links;
use crate::node::Look;
use crate::place::Place;
use crate::pour::pour;
use crate::source::Source;
use crate::{error, reader, tree};

pub(crate) async fn write(links: &Links, place: &Place, directory: &Place, content: &Content, offset: u64) -> Outcome<Node> {
    match put(links, place, content, offset).await {
        Err(Failure::NotFound(_)) => {
            tree::make_directories(links, directory).await?;
            put(links, place, content, offset).await
        }
        other => other,
    }
}

async fn put(links: &Links, place: &Place, content: &Content, offset: u64) -> Outcome<Node> {
    let (size, subject) = (content.size(), place.subject());
    let opening = Opening {
        name: place.wire(),
        access: access::WRITE,
        disposition: CreateDisposition::FileOpenIf,
        options: option::NOT_DIRECTORY,
        // Several ranges are written at once, each through a handle of its own.
        share: SHARE_ALL,
    };
    let lease = links.lease().await?;
    let answers = lease.run(&Chain::open(opening)).await.map_err(|error| error::failure(&error, &subject))?;
    let opened = answers.opened(&subject)?;
    let poured = pour(&lease, opened.file_id, &mut Source::new(content, size), offset, size, &subject).await;
    if let Err(failure) = poured {
        lease.close(opened.file_id).await;
        return Err(failure);
    }
    let answers = lease.run(&Chain::on(opened.file_id).close()).await.map_err(|error| error::failure(&error, &subject))?;
    match Look::opened(&opened).closed(&answers.closed(0, &subject)?) {
        Some(look) => Ok(look.node(place.name(), None)),
        None => reader::stat(links, place).await,
    }
}
