//! Locations and the places in them.

use std::rc::Rc;
use std::time::Instant;

use capstan_sdk::failure::{invalid, not_found};
use capstan_sdk::files;
use capstan_sdk::types::{Consumption, Location, Report};
use capstan_sdk::{Kept, Outcome, named, probe};

use crate::config::{Config, is_name};

/// The name of the grant.
pub(crate) const ROOT: &str = "root";
/// The location that is the whole directory.
const WHOLE: &str = "root";

thread_local! {
    static CONFIG: Kept<Config> = const { Kept::new() };
}

fn config() -> Outcome<Rc<Config>> {
    CONFIG.with(|kept| kept.get(capstan_sdk::config::load))
}

/// A path of a location, as a path of the granted directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    /// Bytes of `path` that are the location itself.
    base: usize,
}

impl Place {
    /// None for the location itself.
    pub(crate) fn parent(&self) -> Option<Place> {
        if self.path.len() <= self.base {
            return None;
        }
        let end = self.path.rfind('/').unwrap_or(0).max(self.base);
        Some(Place { path: self.path.get(..end).unwrap_or_default().to_owned(), base: self.base })
    }

    pub(crate) fn name(&self) -> &str {
        if self.path.len() <= self.base { "" } else { self.path.rsplit('/').next().unwrap_or_default() }
    }

    pub(crate) fn child(&self, name: &str) -> Place {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Place { path, base: self.base }
    }

    pub(crate) fn subject(&self) -> String {
        let inside = self.path.get(self.base..).unwrap_or_default().trim_start_matches('/');
        format!("{inside:?}")
    }
}

pub(crate) fn place(location: &str, path: &str) -> Outcome<Place> {
    let config = config()?;
    place_in(&config, location, path)
}

fn place_in(config: &Config, location: &str, path: &str) -> Outcome<Place> {
    let base = match location {
        WHOLE if config.shares.is_empty() => "",
        share if config.shares.iter().any(|known| known == share) => share,
        other => return Err(not_found(format!("there is no location {other:?}"))),
    };
    if !path.is_empty() && !path.split('/').all(is_name) {
        return Err(invalid(format!("{path:?} is no path of names separated by slashes")));
    }
    let joined = if base.is_empty() || path.is_empty() { format!("{base}{path}") } else { format!("{base}/{path}") };
    Ok(Place { path: joined, base: base.len() })
}

pub(crate) fn locations() -> Outcome<Vec<Location>> {
    let config = config()?;
    let names = if config.shares.is_empty() { vec![WHOLE.to_owned()] } else { config.shares.clone() };
    Ok(names.into_iter().map(|name| Location { name, created: None, extras: Vec::new() }).collect())
}

pub(crate) async fn probe() -> Outcome<Report> {
    let started = Instant::now();
    let mut locations = locations()?;
    for location in &mut locations {
        let there = files::stat(ROOT.to_owned(), place(&location.name, "")?.path).await?;
        if there.kind != files::Kind::Directory {
            return Err(invalid(format!("location {:?} is no directory", location.name)));
        }
        location.extras.push(named("device", there.device.to_string()));
    }
    let latency_us = probe::latency_us(started.elapsed());
    Ok(Report { latency_us, clock_skew_ms: Some(0), locations, extras: Vec::new() })
}

pub(crate) async fn usage(location: Option<&str>) -> Outcome<Consumption> {
    if let Some(location) = location {
        place(location, "")?;
    }
    let (used, free) = files::space(ROOT.to_owned()).await?;
    Ok(Consumption { used: Some(used), capacity: Some(used.saturating_add(free)), objects: None, extras: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(shares: &[&str]) -> Config {
        Config { path: "/data".to_owned(), shares: shares.iter().map(|share| (*share).to_owned()).collect() }
    }

    #[test]
    fn a_place_lies_under_its_share() {
        let place = place_in(&config(&["a", "b"]), "b", "x/y").unwrap();
        assert_eq!((place.path.as_str(), place.name(), place.subject().as_str()), ("b/x/y", "y", "\"x/y\""));
        let parent = place.parent().unwrap();
        assert_eq!(parent.path, "b/x");
        assert_eq!(parent.parent().unwrap().path, "b");
        assert_eq!(parent.parent().unwrap().parent(), None);
    }

    #[test]
    fn the_whole_directory_is_one_location_where_no_shares_are_named() {
        let place = place_in(&config(&[]), "root", "x").unwrap();
        assert_eq!((place.path.as_str(), place.parent().unwrap().path.as_str()), ("x", ""));
        assert_eq!(place.parent().unwrap().child("y").path, "y");
        assert!(place_in(&config(&["a"]), "root", "x").is_err());
    }

    #[test]
    fn dots_and_empty_names_are_no_paths() {
        for path in ["..", "a/../b", "/a", "a//b", "a/", ".", "a\0b"] {
            assert!(place_in(&config(&[]), "root", path).is_err(), "{path:?}");
        }
    }
}
