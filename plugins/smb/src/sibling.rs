//! What stands under a name, and how the server itself spells it: most servers take `a` and `A` for one name.

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, already_exists};
use smb2::msg::directory_info::parse_entries;
use smb2::msg::query_directory::FileInformationClass;

use crate::chain::{Chain, Opening, access, option};
use crate::error;
use crate::links::Links;
use crate::names;
use crate::node::Look;
use crate::place::Place;

const ANSWER_BYTES: u32 = 4096;

/// What is there under this name, or under one the server takes for the same; with the server's spelling.
pub(crate) async fn found(links: &Links, place: &Place) -> Outcome<Option<(String, Look)>> {
    let Some(directory) = place.parent() else { return Ok(None) };
    let subject = place.subject();
    let pattern = names::wire(place.name());
    let opening = Opening::existing(directory.wire(), access::LIST).options(option::DIRECTORY);
    let chain = Chain::open(opening).list(&pattern, true, ANSWER_BYTES).close();
    let answers = links.ask(&chain, &subject).await?;
    answers.opened(&subject)?;
    let Some(page) = answers.listed(1, &subject)? else { return Ok(None) };
    let entries = parse_entries(FileInformationClass::FileIdBothDirectoryInformation, &page)
        .map_err(|error| error::failure(&error, &subject))?;
    Ok(entries.first().map(|entry| (names::native(&entry.file_name), Look::listed(entry))))
}

/// Refuses to touch what only looks like the name: on this server the two cannot both be.
pub(crate) async fn same_spelling(links: &Links, place: &Place) -> Outcome<Option<Look>> {
    match found(links, place).await? {
        Some((name, look)) if name == place.name() => Ok(Some(look)),
        Some((name, _)) => Err(taken(place, &name)),
        None => Ok(None),
    }
}

pub(crate) fn taken(place: &Place, name: &str) -> Failure {
    already_exists(format!("the server takes {:?} and {name:?} for one name, and the second is there", place.name()))
        .code("same-name")
        .next_step("Rename one of the two at the source.")
}
