//! Where the segments of large objects lie, and which of them are of no use any more.
//!
//! Beside a container C stands "C_segments", as other clients of Swift have it. A segment of ours is named
//! `<hash of the key>/<upload>/<number>`; the number 0 is the upload's mark, which stands as long as the upload does. So:
//!
//! - an upload with its mark is under way: it belongs to who began it, and only `abort` or `complete` end it;
//! - an upload without its mark was completed. If the object under its key consists of it (the object says so in its metadata), it is
//!   in use; else the object was replaced, or removed, and the segments are refuse.
//!
//! The refuse of a key is swept when the key is written, completed or deleted: Swift itself leaves the segments of a large object that
//! is replaced. A completed upload that is not in use can never come into use again, and whether it is in use is read from the newest
//! replica after its mark was found missing; so a sweep never takes what a reader needs. Segments of others are never swept.
//!
//! A name holds nothing but digits and slashes, because servers differ in how they decode the names of a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use capstan_sdk::failure::Failure;
use capstan_sdk::text::hex;
use capstan_sdk::types::Part;
use capstan_sdk::{Outcome, crypto};

use crate::call::Call;
use crate::client::Client;
use crate::{attributes, deleter, lister, reader};

const SUFFIX: &str = "_segments";
/// Bytes of a container's name that Ceph takes; Swift takes one more.
const MAX_CONTAINER: usize = 255;
/// Bytes that are kept of a name that is too long for the suffix.
const KEPT: usize = 200;
/// Bytes of the hash of a key.
const KEY_BYTES: usize = 16;
/// Number of the upload's mark.
pub(crate) const MARK: u32 = 0;
/// How long a container that had no segments is taken to have none.
const NONE_STANDS: Duration = Duration::from_secs(30);
/// Containers of which it is remembered.
const REMEMBERED: usize = 1_024;
/// Names of one page, and pages of one sweep; what is beyond is left to the next.
const PAGE: u32 = 1_000;
const MAX_PAGES: usize = 64;

/// Whether a container had segments, and when that was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    any: bool,
    when: Instant,
}

fn digest(text: &str) -> Outcome<String> {
    let digest = crypto::digest("sha256", text.as_bytes())?;
    Ok(hex(digest.get(..KEY_BYTES).unwrap_or(&digest)))
}

/// The container of a container's segments.
pub(crate) fn container(location: &str) -> Outcome<String> {
    if location.len() + SUFFIX.len() <= MAX_CONTAINER {
        return Ok(format!("{location}{SUFFIX}"));
    }
    let cut = (0..=KEPT).rev().find(|at| location.is_char_boundary(*at)).unwrap_or(0);
    Ok(format!("{}-{}{SUFFIX}", location.get(..cut).unwrap_or_default(), digest(location)?))
}

/// The container whose segments these are, by the name.
pub(crate) fn owner(container: &str) -> Option<&str> {
    container.strip_suffix(SUFFIX).filter(|owner| !owner.is_empty())
}

/// Where the segments of one key lie.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) container: String,
    /// "<hash>/"
    pub(crate) prefix: String,
}

impl Place {
    pub(crate) fn of(location: &str, key: &str) -> Outcome<Self> {
        Ok(Self { container: container(location)?, prefix: format!("{}/", digest(key)?) })
    }

    /// What the names of all segments of an upload begin with.
    pub(crate) fn upload(&self, upload: &str) -> String {
        format!("{}{upload}/", self.prefix)
    }

    pub(crate) fn segment(&self, upload: &str, number: u32) -> String {
        format!("{}{upload}/{number:08}", self.prefix)
    }

    /// Upload and number of a name.
    pub(crate) fn read<'a>(&self, name: &'a str) -> Option<(&'a str, u32)> {
        let (upload, number) = name.strip_prefix(&self.prefix)?.split_once('/')?;
        (number.len() == 8).then_some(())?;
        Some((upload, number.parse().ok()?))
    }
}

/// There are segments of this container's objects now.
pub(crate) fn note(client: &Client, location: &str) {
    remember(client, location, true);
}

fn remember(client: &Client, location: &str, any: bool) {
    let mut seen = client.segmented.borrow_mut();
    if seen.len() >= REMEMBERED {
        seen.clear();
    }
    seen.insert(location.to_owned(), Seen { any, when: Instant::now() });
}

/// Whether a large object of ours may be in the way of what is written to this container. In doubt, yes.
pub(crate) async fn may_be_there(client: &Client, location: &str) -> bool {
    let known = client.segmented.borrow().get(location).copied();
    if let Some(seen) = known.filter(|seen| seen.any || seen.when.elapsed() < NONE_STANDS) {
        return seen.any;
    }
    let Ok(beside) = container(location) else { return true };
    let any = match lister::lines(client, &beside, "", None, None, 1).await {
        Ok(lines) => !lines.is_empty(),
        Err(Failure::NotFound(_) | Failure::Denied(_)) => false,
        Err(_) => return true,
    };
    remember(client, location, any);
    any
}

/// All names under a prefix, as far as one call looks.
pub(crate) async fn names(client: &Client, container: &str, prefix: &str) -> Outcome<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for _ in 0..MAX_PAGES {
        let lines = match lister::lines(client, container, prefix, None, names.last().map(String::as_str), PAGE).await {
            Ok(lines) => lines,
            Err(Failure::NotFound(_)) => break,
            Err(failure) => return Err(failure),
        };
        if lines.is_empty() {
            break;
        }
        names.extend(lines.into_iter().filter_map(|line| line.name));
    }
    Ok(names)
}

/// Whether an upload is under way.
pub(crate) async fn stands(client: &Client, place: &Place, upload: &str) -> Outcome<bool> {
    Ok(reader::look(client, &place.container, &place.segment(upload, MARK)).await?.is_some())
}

/// The upload that was just completed, and the parts its object consists of.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    pub(crate) upload: &'a str,
    pub(crate) parts: BTreeSet<u32>,
}

impl<'a> Own<'a> {
    pub(crate) fn new(upload: &'a str, parts: &[Part]) -> Self {
        Self { upload, parts: parts.iter().filter(|part| part.size > 0).map(|part| part.number).collect() }
    }
}

/// Removes the refuse of a key; of the upload `own` only parts that its object has not. What fails is left to the next sweep, and said
/// in the log.
pub(crate) async fn sweep(client: &Client, location: &str, key: &str, own: Option<&Own<'_>>) {
    if let Err(failure) = try_sweep(client, location, key, own).await {
        capstan_sdk::log!(warn, "segments of a replaced object are left", "key" => key, "why" => failure.fault().message);
    }
}

async fn try_sweep(client: &Client, location: &str, key: &str, own: Option<&Own<'_>>) -> Outcome<()> {
    let place = Place::of(location, key)?;
    let names = names(client, &place.container, &place.prefix).await?;
    if let Some(own) = own {
        deleter::remove(client, &place.container, &unnamed(&place, &names, own)).await?;
    }
    let mut uploads = completed(&place, &names, own.map(|own| own.upload));
    if uploads.is_empty() {
        return Ok(());
    }
    // A listing may lag behind; the mark itself does not.
    for upload in uploads.keys().cloned().collect::<Vec<_>>() {
        if stands(client, &place, &upload).await? {
            uploads.remove(&upload);
        }
    }
    let there = reader::look(client, location, key).await?;
    let in_use = there.as_ref().and_then(|there| attributes::upload_of(&there.headers));
    let refuse: Vec<String> =
        uploads.into_iter().filter(|(upload, _)| in_use != Some(upload)).flat_map(|(_, names)| names).collect();
    deleter::remove(client, &place.container, &refuse).await
}

/// Parts that were put and are not in the object.
fn unnamed(place: &Place, names: &[String], own: &Own<'_>) -> Vec<String> {
    let is = |name: &&String| {
        place.read(name).is_some_and(|(upload, number)| upload == own.upload && number != MARK && !own.parts.contains(&number))
    };
    names.iter().filter(is).cloned().collect()
}

/// Uploads without a mark, with the names of their segments.
fn completed(place: &Place, names: &[String], own: Option<&str>) -> BTreeMap<String, Vec<String>> {
    let mut uploads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut under_way = Vec::new();
    for name in names {
        match place.read(name) {
            Some((upload, MARK)) => under_way.push(upload),
            Some((upload, _)) if Some(upload) != own => uploads.entry(upload.to_owned()).or_default().push(name.clone()),
            _ => {}
        }
    }
    for upload in under_way {
        uploads.remove(upload);
    }
    uploads
}

/// Gives up all segments of one upload, the mark last: what dies before stays listed as under way.
pub(crate) async fn discard(client: &Client, place: &Place, upload: &str) -> Outcome<()> {
    let names = names(client, &place.container, &place.upload(upload)).await?;
    let segments: Vec<String> =
        names.into_iter().filter(|name| place.read(name).is_some_and(|(_, number)| number != MARK)).collect();
    deleter::remove(client, &place.container, &segments).await?;
    unmark(client, place, upload).await
}

/// The upload is not under way any more.
pub(crate) async fn unmark(client: &Client, place: &Place, upload: &str) -> Outcome<()> {
    match client.exchange(&Call::object("DELETE", &place.container, &place.segment(upload, MARK)), None).await {
        Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { container: "c_segments".to_owned(), prefix: "0f/".to_owned() }
    }

    #[test]
    fn a_segments_name_tells_upload_and_number() {
        let place = place();
        assert_eq!(place.segment("u1", 7), "0f/u1/00000007");
        assert_eq!(place.read("0f/u1/00000007"), Some(("u1", 7)));
        for foreign in ["0e/u1/00000007", "0f/u1/7", "0f/u1", "0f/u1/0000000x", "0f/u1/00000007/x"] {
            assert_eq!(place.read(foreign), None, "{foreign}");
        }
        assert_eq!(
            (container("c").unwrap().as_str(), owner("c_segments"), owner("c"), owner("_segments")),
            ("c_segments", Some("c"), None, None)
        );
    }

    #[test]
    fn only_an_upload_without_its_mark_can_be_refuse_and_never_ones_own() {
        let names: Vec<String> = ["a/00000001", "a/00000002", "b/00000000", "b/00000001", "own/00000001", "odd"]
            .iter()
            .map(|name| format!("0f/{name}"))
            .collect();
        let completed = completed(&place(), &names, Some("own"));
        assert_eq!(completed.keys().collect::<Vec<_>>(), ["a"]);
        let own = Own { upload: "a", parts: BTreeSet::from([2]) };
        assert_eq!(unnamed(&place(), &names, &own), ["0f/a/00000001"]);
        assert_eq!(completed["a"], ["0f/a/00000001", "0f/a/00000002"]);
    }
}
