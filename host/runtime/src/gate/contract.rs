//! Compares what a component imports and exports with what this host has, and names every difference at once.
//!
//! The linker would refuse too, but with the first missing item only and in words no vendor can act on.

use capstan_bindings::latest;
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::plugin::Facet;
use semver::Version;

use super::outline::Outline;

/// WASI 0.2 interfaces that a guest's standard library wants; their context is empty.
const WASI: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The contract's facets, by interface.
const FACETS: [(&str, Facet); 5] = [
    (latest::objects::INTERFACE, Facet::Objects),
    (latest::uploads::INTERFACE, Facet::Uploads),
    (latest::files::INTERFACE, Facet::Files),
    (latest::drives::INTERFACE, Facet::Drives),
    (latest::media::INTERFACE, Facet::Media),
];

/// The facets among these exports.
pub(crate) fn facets(exports: &[String]) -> Vec<Facet> {
    let has = |interface: &str| exports.iter().any(|export| split(export).0 == split(interface).0);
    FACETS.iter().filter(|(interface, _)| has(interface)).map(|(_, facet)| *facet).collect()
}

/// The plugin's facets, or everything that keeps this host from running it.
pub(crate) fn compare(outline: &Outline) -> Outcome<Vec<Facet>> {
    let mut problems = Vec::new();
    let mut wanted_tracks = Vec::new();
    let none = Vec::new();
    for (import, functions) in outline.imports.iter().zip(outline.functions.iter().chain(std::iter::repeat(&none))) {
        judge_import(import, functions, &mut problems, &mut wanted_tracks);
    }
    let ours: Vec<&String> = outline.exports.iter().filter(|export| export.starts_with("capstan:target/")).collect();
    for export in &ours {
        judge_version("exports", export, &mut problems, &mut wanted_tracks);
    }
    if !ours.iter().any(|export| split(export).0 == split(latest::target::INTERFACE).0) {
        problems.push(format!("it does not export {}", latest::target::INTERFACE));
    }
    let facets = facets(&outline.exports);
    if facets.is_empty() {
        let known: Vec<&str> = FACETS.iter().map(|(interface, _)| *interface).collect();
        problems.push(format!("it exports none of {}", known.join(", ")));
    }
    if problems.is_empty() {
        return Ok(facets);
    }
    wanted_tracks.sort();
    wanted_tracks.dedup();
    let next_step = if wanted_tracks.is_empty() {
        format!("Rebuild the plugin with an SDK of contract {}.", latest::TRACK)
    } else {
        format!(
            "Rebuild the plugin with an SDK of contract {}, or use a host that serves {}.",
            latest::TRACK,
            wanted_tracks.join(", ")
        )
    };
    Err(Failure::new(Kind::Unsupported, format!("This host cannot run the plugin: {}.", problems.join("; ")))
        .with_retry(Retry::Never)
        .with_blame(Blame::Plugin)
        .with_code("contract-mismatch")
        .with_next_step(next_step))
}

fn judge_import(import: &str, functions: &[String], problems: &mut Vec<String>, wanted_tracks: &mut Vec<String>) {
    let (name, version) = split(import);
    if let Some((_, provided)) = latest::PROVIDED.iter().find(|(provided, _)| *provided == name) {
        let before = problems.len();
        judge_version("imports", import, problems, wanted_tracks);
        // A later patch of the track may have functions that this host has not; those of another track say nothing.
        let missing: Vec<&str> = functions
            .iter()
            .map(String::as_str)
            .filter(|function| problems.len() == before && !provided.contains(function))
            .collect();
        if !missing.is_empty() {
            problems.push(format!("it imports {} of {import}, which this host does not have", missing.join(", ")));
        }
    } else if name.starts_with("capstan:") {
        // A newer track may well have interfaces this one has not.
        let before = problems.len();
        judge_version("imports", import, problems, wanted_tracks);
        if problems.len() == before {
            problems.push(format!("it imports {import}, which this host does not have"));
        }
    } else if WASI.contains(&name) {
        if version.is_none_or(|version| version.major != 0 || version.minor != 2) {
            problems.push(format!("it imports {import}, of which this host has 0.2"));
        }
    } else {
        problems.push(format!("it imports {import}, which no plugin is given"));
    }
}

fn judge_version(verb: &str, full: &str, problems: &mut Vec<String>, wanted_tracks: &mut Vec<String>) {
    match split(full).1 {
        None => problems.push(format!("it {verb} {full} without a version")),
        Some(version) if !version.pre.is_empty() => {
            problems.push(format!("it {verb} {full}, an unreleased contract; this host serves {}", latest::TRACK));
        }
        Some(version) if track(&version) != latest::TRACK => {
            wanted_tracks.push(track(&version));
            problems.push(format!("it {verb} {full}, this host serves {}", latest::TRACK));
        }
        Some(_) => {}
    }
}

/// "0.1" of 0.1.7, "2" of 2.3.4: versions of one track fit each other.
fn track(version: &Version) -> String {
    if version.major == 0 { format!("0.{}", version.minor) } else { version.major.to_string() }
}

fn split(full: &str) -> (&str, Option<Version>) {
    match full.split_once('@') {
        Some((name, version)) => (name, Version::parse(version).ok()),
        None => (full, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(imports: &[&str], exports: &[&str]) -> Outline {
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Outline { imports: own(imports), exports: own(exports), ..Outline::default() }
    }

    #[test]
    fn a_plugin_of_the_track_passes_whatever_its_patch() {
        let good = outline(
            &[
                "capstan:host/types@0.1.0",
                "capstan:host/http@0.1.3",
                "capstan:target/types@0.1.0",
                "wasi:io/streams@0.2.6",
                "wasi:cli/exit@0.2.12",
            ],
            &["capstan:target/target@0.1.0", "capstan:target/objects@0.1.0", "capstan:target/uploads@0.1.0"],
        );
        assert_eq!(compare(&good).unwrap(), [Facet::Objects, Facet::Uploads]);
    }

    #[test]
    fn every_function_the_host_has_not_is_named() {
        let mut newer = outline(
            &["capstan:host/clock@0.1.4", "capstan:host/content@0.1.4", "capstan:host/log@0.1.0"],
            &["capstan:target/target@0.1.0", "capstan:target/objects@0.1.0"],
        );
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        newer.functions =
            vec![own(&["wait", "now", "alarm"]), own(&["[method]content.open", "[method]content.seek"]), own(&["write"])];
        let failure = compare(&newer).unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("contract-mismatch"));
        for part in [
            "it imports now, alarm of capstan:host/clock@0.1.4, which this host does not have",
            "it imports [method]content.seek of capstan:host/content@0.1.4, which this host does not have",
        ] {
            assert!(failure.message.contains(part), "{part} not in {}", failure.message);
        }
        assert!(!failure.message.contains("host/log"), "{}", failure.message);
    }

    #[test]
    fn every_problem_is_named_at_once_with_what_this_host_serves() {
        let bad = outline(
            &[
                "capstan:host/http@0.3.0",
                "capstan:host/pigeons@0.1.0",
                "wasi:sockets/tcp@0.2.6",
                "wasi:io/streams@0.3.0",
                "capstan:host/log@0.1.0-dev",
            ],
            &["capstan:target/target@0.2.0"],
        );
        let failure = compare(&bad).unwrap_err();
        for part in [
            "imports capstan:host/http@0.3.0, this host serves 0.1",
            "imports capstan:host/pigeons@0.1.0, which this host does not have",
            "imports wasi:sockets/tcp@0.2.6, which no plugin is given",
            "imports wasi:io/streams@0.3.0, of which this host has 0.2",
            "capstan:host/log@0.1.0-dev, an unreleased contract",
            "exports capstan:target/target@0.2.0, this host serves 0.1",
            "exports none of capstan:target/objects@0.1.0",
        ] {
            assert!(failure.message.contains(part), "{part} not in {}", failure.message);
        }
        assert!(failure.next_step.unwrap().contains("0.2, 0.3"));
        assert_eq!(failure.blame, Blame::Plugin);
    }
}
