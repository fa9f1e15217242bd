//! Looks at files and reads them; the bytes stay in the host.

use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::files::{self, Kind};
use capstan_sdk::types::{ByteRange, Node};
use capstan_sdk::{FutureReader, Outcome, StreamReader};

use crate::attributes::{full_node, node};
use crate::backend::{Place, ROOT};

pub(crate) async fn stat(place: &Place) -> Outcome<Node> {
    let status = files::stat(ROOT.to_owned(), place.path.clone()).await?;
    full_node(place, &status).await
}

type Download = (Node, StreamReader<u8>, FutureReader<Result<(), Failure>>);

pub(crate) async fn read(place: &Place, range: Option<ByteRange>) -> Outcome<Download> {
    let (offset, length) = range.map_or((0, None), |range| (range.offset, range.length));
    let (status, stream, end) = files::read(ROOT.to_owned(), place.path.clone(), offset, length).await?;
    if status.kind != Kind::File {
        return Err(invalid(format!("{} is no file", place.subject())));
    }
    if offset > 0 && offset >= status.size {
        return Err(invalid(format!("the range begins at {offset}, {} has {} bytes", place.subject(), status.size)));
    }
    Ok((node(place.name(), &status, None), stream, end))
}
