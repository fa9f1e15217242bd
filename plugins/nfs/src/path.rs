//! Paths of the location, and the way along them on the server.
//!
//! Handles of directories are remembered, but never trusted: all names of a path are looked up at once, each in the directory that was
//! there last time, and what one look finds confirms the next. So a path costs one round trip however deep it is, and a directory that
//! somebody renamed or replaced is noticed.

use capstan_nfs3::procedures::{GetAttributes, Handle, Lookup};
use capstan_nfs3::{Attributes, FileKind, Status};
use capstan_sdk::failure::{denied, invalid, not_found};
use capstan_sdk::{Outcome, names};

use crate::config::Config;
use crate::failures::refused;
use crate::lane::{self, Lane};
use crate::link::done;

/// Bytes of a name, and names of a path.
const NAME_BYTES: usize = 255;
const DEEPEST: usize = 1024;

/// A path of the location, its names as the server has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) names: Vec<Vec<u8>>,
    text: String,
}

impl Place {
    /// None for the location itself.
    pub(crate) fn split(&self) -> Option<(&[Vec<u8>], &[u8])> {
        self.names.split_last().map(|(name, directory)| (directory, name.as_slice()))
    }

    /// The last name as text; empty for the location itself.
    pub(crate) fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// For messages.
    pub(crate) fn subject(&self) -> String {
        format!("{:?}", self.text)
    }
}

pub(crate) fn place(location: &str, path: &str) -> Outcome<Place> {
    place_in(&*lane::config()?, location, path)
}

/// The same for what is going to be changed.
pub(crate) fn place_to_change(location: &str, path: &str) -> Outcome<Place> {
    let config = lane::config()?;
    if config.read_only {
        return Err(denied("the target is configured as read-only")
            .code("read-only")
            .next_step("remove `read-only` from the target's configuration"));
    }
    place_in(&config, location, path)
}

fn place_in(config: &Config, location: &str, path: &str) -> Outcome<Place> {
    if location != config.location() {
        return Err(not_found(format!("there is no location {location:?}")));
    }
    let wrong = || invalid(format!("{path:?} is no path of names separated by slashes"));
    let names: Vec<Vec<u8>> = if path.is_empty() { Vec::new() } else { path.split('/').map(names::unescape).collect() };
    for name in &names {
        if name.is_empty() || name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(wrong());
        }
        if name.len() > NAME_BYTES {
            return Err(refused(Status::NAMETOOLONG, &format!("{path:?}")));
        }
    }
    if names.len() > DEEPEST {
        return Err(wrong());
    }
    Ok(Place { names, text: path.to_owned() })
}

/// What stands under a path.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) handle: Handle,
    pub(crate) attributes: Attributes,
}

/// Looks at what the place names; a link is not followed.
pub(crate) async fn find(lane: &mut Lane, place: &Place) -> Outcome<Found> {
    let subject = place.subject();
    let (handle, attributes) = walk(lane, &place.names, &subject).await?;
    let attributes = match attributes {
        Some(attributes) => attributes,
        None => done(lane.link.ask(&GetAttributes { file: handle.clone() }).await?, &subject)?,
    };
    Ok(Found { handle, attributes })
}

/// The directory of these names.
pub(crate) async fn directory(lane: &mut Lane, names: &[Vec<u8>], subject: &str) -> Outcome<Handle> {
    let (handle, attributes) = walk(lane, names, subject).await?;
    is_directory(attributes.as_ref(), subject)?;
    lane::remember(names.join(&b'/'), &handle);
    Ok(handle)
}

fn is_directory(attributes: Option<&Attributes>, subject: &str) -> Outcome<()> {
    match attributes.map(|attributes| attributes.kind) {
        // The server knows, and will say so.
        Some(FileKind::Directory) | None => Ok(()),
        Some(_) => Err(refused(Status::NOTDIR, subject)),
    }
}

/// From the root along all names.
async fn walk(lane: &mut Lane, names: &[Vec<u8>], subject: &str) -> Outcome<(Handle, Option<Attributes>)> {
    let mut at = (lane.session.root.clone(), None);
    let mut known = 0;
    while let Some(ahead) = names.get(known..).filter(|ahead| !ahead.is_empty()) {
        if known > 0 {
            is_directory(at.1.as_ref(), subject)?;
            lane::remember(names.get(..known).unwrap_or_default().join(&b'/'), &at.0);
        }
        let mut guesses = vec![at.0.clone()];
        for end in known + 1..names.len() {
            match lane::remembered(&names.get(..end).unwrap_or_default().join(&b'/')) {
                Some(guess) => guesses.push(guess),
                None => break,
            }
        }
        let looks: Vec<_> = guesses
            .iter()
            .zip(ahead)
            .map(|(directory, name)| lane.link.post(&Lookup { directory: directory.clone(), name }))
            .collect();
        // Every answer is taken, so that the connection stays good; those behind a wrong guess say nothing.
        let mut answers = Vec::with_capacity(looks.len());
        for look in looks {
            answers.push(lane.link.answer(look).await?);
        }
        for (answer, guess) in answers.into_iter().zip(guesses) {
            if at.0 != guess {
                break;
            }
            if known > 0 {
                is_directory(at.1.as_ref(), subject)?;
            }
            at = done(answer, subject)?;
            known += 1;
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config { export: "/srv/data".to_owned(), ..Config::default() }
    }

    #[test]
    fn a_path_is_names_and_nothing_that_climbs() {
        let place = place_in(&config(), "data", "a/b%!FF").unwrap();
        assert_eq!(place.names, [b"a".to_vec(), b"b\xff".to_vec()]);
        assert_eq!((place.name(), place.subject().as_str()), ("b%!FF", "\"a/b%!FF\""));
        assert_eq!(place_in(&config(), "data", "").unwrap().split(), None);
        for path in ["..", "a/../b", "/a", "a//b", "a/", ".", "a\0b", "%!2E%!2E", "a%!2Fb", "%!00"] {
            assert!(place_in(&config(), "data", path).is_err(), "{path:?}");
        }
        assert!(place_in(&config(), "data", &"x".repeat(256)).is_err());
        assert!(place_in(&config(), "other", "a").is_err());
    }
}
