//! The contract as it lies on the disk: `PACKAGE/TRACK/*.wit`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wit_parser::{PackageId, Resolve, UnresolvedPackageGroup};

/// One package in one track, such as `capstan-host/0.1`.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) package: String,
    pub(crate) track: String,
    pub(crate) directory: PathBuf,
}

impl Track {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.package, self.track)
    }

    pub(crate) fn group(&self) -> anyhow::Result<UnresolvedPackageGroup> {
        UnresolvedPackageGroup::parse_dir(&self.directory).with_context(|| format!("wit/{}", self.name()))
    }
}

/// What a plugin may import comes before what it exports: the latter uses the former.
pub(crate) fn tracks(directory: &Path) -> anyhow::Result<Vec<Track>> {
    let mut tracks = Vec::new();
    for package in ["capstan-host", "capstan-target"] {
        for track in folders(&directory.join(package))? {
            tracks.push(Track { package: package.to_owned(), directory: directory.join(package).join(&track), track });
        }
    }
    if tracks.is_empty() {
        bail!("no contract in {}", directory.display());
    }
    Ok(tracks)
}

/// All tracks together in one resolve; a package must say the version of the track it lies in.
pub(crate) fn parse(tracks: &[Track]) -> anyhow::Result<(Resolve, Vec<PackageId>)> {
    let mut resolve = Resolve::default();
    let mut packages = Vec::new();
    for track in tracks {
        let id = resolve.push_group(track.group()?).with_context(|| format!("wit/{}", track.name()))?;
        let name = resolve.packages.get(id).map(|package| package.name.clone()).context("a package that was just parsed")?;
        let version = name.version.as_ref().map(|version| format!("{}.{}", version.major, version.minor));
        let at_home = name.namespace == "capstan"
            && track.package == format!("{}-{}", name.namespace, name.name)
            && version.as_deref() == Some(track.track.as_str());
        if !at_home {
            bail!("{name} does not belong into wit/{}", track.name());
        }
        packages.push(id);
    }
    Ok((resolve, packages))
}

fn folders(directory: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
