//! Runs the cases: those that apply, several at a time, each with a place of its own that is cleared after it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use capstan_domain::failure::Failure;
use futures::StreamExt;

use crate::case::{Case, Facet};
use crate::kit::Kit;
use crate::report::{Line, Report, Verdict};
use crate::size::Size;
use crate::stand::Stand;
use crate::target_file::PeerLimit;
use crate::told;

/// Cases at a time, unless said otherwise.
pub const USUAL_JOBS: usize = 4;

/// A case that has not ended by then has failed.
fn patience(size: Size) -> Duration {
    match size {
        Size::Small => Duration::from_secs(180),
        Size::Full => Duration::from_secs(3600),
    }
}

#[derive(Debug)]
pub enum Stopped {
    /// The target does not answer at all: nothing was tried.
    Unreachable(Failure),
    /// The location to work in could not be made.
    NoLocation(anyhow::Error),
}

pub struct Run<'a> {
    pub kit: &'a Kit,
    pub cases: Vec<Case>,
    pub jobs: usize,
    /// Told of each case as it ends.
    pub ended: &'a (dyn Fn(&Line) + Sync),
}

/// The cases whose id matches one of the patterns; all of them without one.
pub fn select(cases: Vec<Case>, patterns: &[String]) -> Vec<Case> {
    if patterns.is_empty() {
        return cases;
    }
    cases.into_iter().filter(|case| patterns.iter().any(|pattern| matches(pattern, &case.id))).collect()
}

/// `*` stands for any run of characters.
pub fn matches(pattern: &str, id: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = id.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    last.map_or(rest.is_empty(), |last| last.is_empty() || rest.is_empty() || id.ends_with(last))
}

impl Run<'_> {
    pub async fn run(&self) -> Result<Report, Stopped> {
        let kit = self.kit;
        kit.main.connection.probe().await.map_err(Stopped::Unreachable)?;
        let name = run_name();
        let location = self.location(&name).await.map_err(Stopped::NoLocation)?;
        let mut report = Report::new(kit.description(), kit.size);
        let mut lines = BTreeMap::new();
        // A cartridge is written block by block first, and holds files then: either way of it is the end of the other.
        let (media, others): (Vec<_>, Vec<_>) = self.cases.iter().enumerate().partition(|(_, case)| case.facet() == Facet::Media);
        for (some, lays) in [(media, false), (others, true)] {
            if lays && !some.is_empty() {
                self.lay(&location).await.map_err(Stopped::NoLocation)?;
            }
            let ending = some.into_iter().map(|(number, case)| {
                let one = self.one(case, &location, format!("{name}-{number:03}/"));
                async move { (number, one.await) }
            });
            let mut ended = futures::stream::iter(ending).buffer_unordered(self.jobs());
            while let Some((number, (line, left))) = ended.next().await {
                (self.ended)(&line);
                report.left_behind.extend(left.map(|left| format!("{}: {left}", line.id)));
                lines.insert(number, line);
            }
        }
        report.cases = lines.into_values().collect();
        if kit.file.create_location
            && let Some(objects) = &kit.main.objects
            && let Err(failure) = objects.delete_location(&location, "kit end").await
        {
            report.left_behind.push(format!("the location {location}: {:#}", told(failure)));
        }
        Ok(report)
    }

    /// Where data lives in the instance, large cases at once would fill its memory, and a recycled instance has lost the data.
    fn jobs(&self) -> usize {
        let in_memory = |(name, value): &(String, String)| name == "durability" && value == "none";
        if self.kit.capabilities().iter().any(in_memory) { 1 } else { self.jobs.max(1) }
    }

    async fn location(&self, name: &str) -> anyhow::Result<String> {
        let file = &self.kit.file;
        if let Some(location) = &file.location {
            return Ok(location.clone());
        }
        let objects = self.kit.main.objects.as_ref().context("only a plugin with objects makes locations: name one")?;
        let location = format!("{}{name}", file.location_prefix.as_deref().unwrap_or_default());
        objects.create_location(&location, "kit begin", Vec::new()).await.map_err(told)?;
        Ok(location)
    }

    /// Where a location is a cartridge, files need a volume on it.
    async fn lay(&self, cartridge: &str) -> anyhow::Result<()> {
        let main = &self.kit.main;
        let (Some(media), Some(_)) = (&main.media, &main.files) else { return Ok(()) };
        let drive = media.load(cartridge, None, "kit load").await.map_err(told).context("load")?.name;
        media.format(&drive, cartridge, "kit format", Vec::new()).await.map_err(told).context("format")?;
        media.unload(&drive, "kit unload").await.map_err(told).context("unload")
    }

    /// The line of the case, and what it left behind.
    async fn one(&self, case: &Case, location: &str, prefix: String) -> (Line, Option<String>) {
        let stand = Stand::new(self.kit, location, prefix);
        if let Some(why) = case.wants.iter().find_map(|want| stand.lacks(*want)) {
            return (Line::new(case, 0, Verdict::NotApplicable { why }), None);
        }
        let start = Instant::now();
        let patience = patience(self.kit.size);
        let outcome = match tokio::time::timeout(patience, case.run(&stand)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("it did not end within {} s", patience.as_secs())),
        };
        let milliseconds = start.elapsed().as_millis();
        let cleaned = match case.facet() == Facet::Media {
            true => Ok(Ok(())),
            false => tokio::time::timeout(patience, stand.clean()).await,
        };
        let left = match cleaned {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(format!("{why:#}")),
            Err(_) => Some("clearing did not end".to_owned()),
        };
        (Line::new(case, milliseconds, self.verdict(case, outcome)), left)
    }

    fn verdict(&self, case: &Case, outcome: crate::Check) -> Verdict {
        let covers = |limit: &&PeerLimit| limit.cases.iter().any(|pattern| matches(pattern, &case.id));
        let limit = self.kit.file.peer.limits.iter().find(covers);
        match (outcome, limit) {
            (Ok(()), Some(limit)) if !limit.sometimes => Verdict::PassedAgainstExpectation { limit: limit.name.clone() },
            (Ok(()), _) => Verdict::Passed,
            (Err(why), None) => Verdict::Failed { why: format!("{why:#}") },
            (Err(why), Some(limit)) => {
                Verdict::Expected { limit: limit.name.clone(), reason: limit.reason.clone(), why: format!("{why:#}") }
            }
        }
    }
}

/// What nobody else has: names in a target that others use as well.
fn run_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("kit-{:x}", since.as_micros() ^ (u128::from(std::process::id()) << 44))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, id) in
            [("a/b", "a/b"), ("a/*", "a/b"), ("*", "a/b"), ("*b", "a/b"), ("a*c*e", "abcde"), ("*/b*", "a/b"), ("a*", "a")]
        {
            assert!(matches(pattern, id), "{pattern} {id}");
        }
        for (pattern, id) in [("a", "a/b"), ("a/*", "b/a/"), ("*c", "a/b"), ("a*c*e", "abcd"), ("b", "a/b")] {
            assert!(!matches(pattern, id), "{pattern} {id}");
        }
    }
}
