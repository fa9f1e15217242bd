//! A track that shipped carries a marker `FROZEN`: one line `SHA-256  FILE` for each file as it was
//! (the digest leaves the package's version out).
//!
//! What plugins export may not change at all, nor may the types that both sides share. What plugins import may grow: new
//! functions and new interfaces under a higher patch version, held against the copy in `frozen/`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use wit_parser::{PackageName, Resolve, UnresolvedPackageGroup};

use crate::contract::Track;

const MARKER: &str = "FROZEN";
const COPY: &str = "frozen";
/// The only package that may grow inside a track, but for the file named second.
const GROWS: &str = "capstan-host";
const NEVER: &str = "types.wit";

pub(crate) fn check(track: &Track) -> anyhow::Result<&'static str> {
    let Ok(marker) = fs::read_to_string(track.directory.join(MARKER)) else { return Ok("open") };
    let was = read_marker(&marker)?;
    let now = digests(track)?;
    if was == now {
        return Ok("frozen, unchanged");
    }
    let changed: Vec<&str> =
        was.iter().filter(|(name, digest)| now.get(*name) != Some(digest)).map(|(name, _)| name.as_str()).collect();
    if track.package != GROWS || changed.contains(&NEVER) {
        let added = now.keys().filter(|name| !was.contains_key(*name)).map(String::as_str);
        let names: Vec<&str> = changed.iter().copied().chain(added).collect();
        bail!("this track is frozen and was edited: {}; a change needs a new track, see wit/VERSIONING.md", names.join(", "));
    }
    grown(track)?;
    Ok("frozen, grown compatibly")
}

/// Writes the marker, and for a package that may grow the copy it is held against.
pub(crate) fn freeze(track: &Track) -> anyhow::Result<()> {
    let path = track.directory.join(MARKER);
    ensure!(!path.exists(), "wit/{} is frozen already", track.name());
    let digests = digests(track)?;
    if track.package == GROWS {
        let copy = track.directory.join(COPY);
        fs::create_dir(&copy)?;
        for name in digests.keys() {
            fs::copy(track.directory.join(name), copy.join(name))?;
        }
    }
    let lines: Vec<String> = digests.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    fs::write(path, lines.concat())?;
    Ok(())
}

/// Everything that was importable is importable still, with the same shape.
fn grown(track: &Track) -> anyhow::Result<()> {
    let before = UnresolvedPackageGroup::parse_dir(track.directory.join(COPY)).context("the frozen copy")?;
    let after = track.group()?;
    let (old, new) = (before.main.name.clone(), after.main.name.clone());
    ensure!(new.version > old.version, "grown under the version that was frozen, {old}; raise the patch version");
    let mut resolve = Resolve::default();
    let frozen = resolve.push_group(before)?;
    resolve.push_group(after)?;
    let interfaces: Vec<String> =
        resolve.packages.get(frozen).map(|package| package.interfaces.keys().cloned().collect()).unwrap_or_default();
    let world = |name: &str, package: &PackageName| {
        let imports: Vec<String> =
            interfaces.iter().map(|interface| format!("import {};", package.interface_id(interface))).collect();
        format!("world {name} {{ {} }}", imports.join(" "))
    };
    let text = format!("package capstan:compare; {} {}", world("before", &old), world("after", &new));
    let compare = resolve.push_str("compare.wit", &text).context("an interface is gone")?;
    let (before, after) = (resolve.select_world(&[compare], Some("before"))?, resolve.select_world(&[compare], Some("after"))?);
    wit_component::semver_check(resolve, before, after)
        .context("a plugin built against the frozen contract would no longer load")?;
    Ok(())
}

fn read_marker(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    text.lines()
        .map(|line| line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned())).context("a line of FROZEN"))
        .collect()
}

fn digests(track: &Track) -> anyhow::Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(&track.directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            digests.insert(name, digest(&fs::read_to_string(&path)?));
        }
    }
    Ok(digests)
}

/// Over the text without the package's version: it stands in every file, and rises when one of them grows.
fn digest(text: &str) -> String {
    let mut hash = Sha256::new();
    for line in text.lines() {
        let versioned = line
            .strip_prefix("package ")
            .and_then(|rest| rest.split_once('@'))
            .and_then(|(name, rest)| Some((name, rest.split_once(';')?.1)));
        let (before, after) = versioned.unwrap_or((line, ""));
        hash.update(before);
        hash.update("\n");
        hash.update(after);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contract::{parse, tracks};

    const TYPES: &str = "package capstan:host@0.1.0;\ninterface types { record fault { message: string } }";
    const LOG: &str = "package capstan:host@0.1.0;\ninterface log { write: func(line: string); }";
    const TARGET: &str = "package capstan:target@0.1.0; interface target { use capstan:host/types@0.1.0.{fault}; probe: async func() -> result<_, fault>; }";

    fn write(root: &Path, name: &str, text: &str) {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }

    fn shipped() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "capstan-host/0.1/types.wit", TYPES);
        write(root.path(), "capstan-host/0.1/log.wit", LOG);
        write(root.path(), "capstan-target/0.1/target.wit", TARGET);
        for track in tracks(root.path()).unwrap() {
            freeze(&track).unwrap();
        }
        root
    }

    fn verdicts(root: &Path) -> Vec<anyhow::Result<&'static str>> {
        let tracks = tracks(root).unwrap();
        tracks.iter().map(check).collect()
    }

    #[test]
    fn an_untouched_frozen_track_passes() {
        let root = shipped();
        parse(&tracks(root.path()).unwrap()).unwrap();
        assert!(verdicts(root.path()).into_iter().all(|verdict| verdict.unwrap() == "frozen, unchanged"));
    }

    #[test]
    fn an_edit_of_frozen_exports_is_refused() {
        let root = shipped();
        write(root.path(), "capstan-target/0.1/target.wit", &TARGET.replace("probe:", "usage: func(); probe:"));
        let failure = format!("{:#}", verdicts(root.path()).pop().unwrap().unwrap_err());
        assert!(failure.contains("target.wit"), "{failure}");
    }

    #[test]
    fn a_new_file_beside_frozen_exports_is_refused() {
        let root = shipped();
        write(root.path(), "capstan-target/0.1/tape.wit", "package capstan:target@0.1.0; interface tape { rewind: func(); }");
        assert!(verdicts(root.path()).pop().unwrap().is_err());
    }

    #[test]
    fn shared_types_never_change() {
        let root = shipped();
        write(root.path(), "capstan-host/0.1/types.wit", &TYPES.replace("string }", "string, code: string }"));
        assert!(verdicts(root.path()).remove(0).is_err());
    }

    #[test]
    fn imports_may_grow_only_under_a_higher_patch_version() {
        let root = shipped();
        let grown = LOG.replace("write:", "flush: func(); write:");
        write(root.path(), "capstan-host/0.1/log.wit", &grown);
        let failure = format!("{:#}", verdicts(root.path()).remove(0).unwrap_err());
        assert!(failure.contains("patch version"), "{failure}");
        write(root.path(), "capstan-host/0.1/log.wit", &grown.replace("0.1.0", "0.1.1"));
        write(root.path(), "capstan-host/0.1/types.wit", &TYPES.replace("0.1.0", "0.1.1"));
        assert_eq!(verdicts(root.path()).remove(0).unwrap(), "frozen, grown compatibly");
    }

    #[test]
    fn imports_may_not_shrink() {
        let root = shipped();
        write(root.path(), "capstan-host/0.1/log.wit", &LOG.replace("line: string", "line: u32").replace("0.1.0", "0.1.1"));
        write(root.path(), "capstan-host/0.1/types.wit", &TYPES.replace("0.1.0", "0.1.1"));
        let failure = format!("{:#}", verdicts(root.path()).remove(0).unwrap_err());
        assert!(failure.contains("no longer load"), "{failure}");
    }
}
