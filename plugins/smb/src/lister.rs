//! Pages of a directory, without the files that are still being written. Those that nobody writes any more are removed on the way.

use std::time::Instant;

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, invalid};
use capstan_sdk::types::{Kind, NodePage};
use capstan_sdk::whole_file::{SWEPT, is_temporary, may_be_abandoned};
use smb2::msg::directory_info::parse_entries;
use smb2::msg::query_directory::FileInformationClass;
use smb2::types::FileId;

use crate::chain::{Chain, Opening, access, option};
use crate::links::{Lease, Links};
use crate::moment::nanoseconds;
use crate::node::Look;
use crate::place::Place;
use crate::sweeper;
use crate::window::{self, WINDOW, Window};
use crate::{error, names, reparse};

/// Asked for together with the open: all of a small directory.
const FIRST_BYTES: u32 = 64 << 10;

pub(crate) async fn page(links: &Links, place: &Place, after: Option<String>, limit: u32) -> Outcome<NodePage> {
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
    let since = Instant::now();
    let mut window = match after.as_deref().and_then(|after| window::kept(&place.path, after)) {
        Some(window) => window,
        None => match walk(links, place, after.as_deref()).await? {
            Some(window) => window,
            // The connection broke under it: once more on another.
            None => match walk(links, place, after.as_deref()).await? {
                Some(window) => window,
                None => return Err(error::failure(&smb2::Error::Disconnected, &place.subject())),
            },
        },
    };
    let (entries, more) = window.page(limit);
    let next = entries.last().filter(|_| more).map(|(name, _)| name.clone());
    if let Some(next) = &next {
        window::keep(&place.path, next, window, since);
    }
    let mut nodes = Vec::with_capacity(entries.len());
    for (name, look) in entries {
        let link = match look.kind() {
            // It may be gone by now.
            Kind::Symlink => reparse::target(links, &place.child(&name), &look).await.or_else(forgiven)?,
            _ => None,
        };
        nodes.push(look.node(&name, link));
    }
    Ok(NodePage { nodes, next })
}

fn forgiven(failure: Failure) -> Outcome<Option<String>> {
    match failure {
        Failure::NotFound(_) | Failure::Denied(_) | Failure::Unsupported(_) => Ok(None),
        other => Err(other),
    }
}

/// All names of the directory, of which the window keeps the first after the marker. None: the connection broke.
async fn walk(links: &Links, place: &Place, after: Option<&str>) -> Outcome<Option<Window>> {
    let subject = place.subject();
    let lease = links.lease().await?;
    let opening = Opening::existing(place.wire(), access::LIST).options(option::DIRECTORY);
    let first = FIRST_BYTES.min(lease.list_bytes);
    let answers = match lease.run(&Chain::open(opening).list("*", true, first)).await {
        Err(error) if error::is_lost(&error) => return Ok(None),
        other => other.map_err(|error| error::failure(&error, &subject))?,
    };
    let opened = match answers.opened(&subject) {
        Err(Failure::Invalid(_)) => return Err(invalid(format!("{subject} is no directory"))),
        other => other?,
    };
    let begun = answers.listed(1, &subject);
    let walked = match begun {
        Ok(page) => rest(&lease, opened.file_id, place, page, after).await,
        Err(failure) => Err(failure),
    };
    lease.close(opened.file_id).await;
    drop(lease);
    let Some((window, left)) = walked? else { return Ok(None) };
    sweeper::sweep(links, place, left).await;
    Ok(Some(window))
}

/// The window, and temporary files that look as if nobody wrote them any more.
async fn rest(
    lease: &Lease,
    directory: FileId,
    place: &Place,
    mut page: Option<Vec<u8>>,
    after: Option<&str>,
) -> Outcome<Option<(Window, Vec<Place>)>> {
    let subject = &place.subject();
    let mut window = Window::default();
    let mut left = Vec::new();
    while let Some(bytes) = page {
        let entries = parse_entries(FileInformationClass::FileIdBothDirectoryInformation, &bytes)
            .map_err(|error| error::failure(&error, subject))?;
        for entry in entries {
            let name = names::native(&entry.file_name);
            if name == "." || name == ".." {
                continue;
            }
            let look = Look::listed(&entry);
            if is_temporary(&name) {
                if look.kind() == Kind::File && may_be_abandoned(nanoseconds(look.written)) && left.len() < SWEPT {
                    left.push(place.child(&name));
                }
                continue;
            }
            window.take(after, name, look, WINDOW);
        }
        page = match lease.run(&Chain::on(directory).list("*", false, lease.list_bytes)).await {
            Ok(answers) => answers.listed(0, subject)?,
            Err(error) if error::is_lost(&error) => return Ok(None),
            Err(error) => return Err(error::failure(&error, subject)),
        };
    }
    Ok(Some((window, left)))
}
