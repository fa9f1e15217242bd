//! Servers that come from npm live in one directory, made once.

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use crate::program::{Missing, find};

/// Directory of the packages; outside any checkout, so that it is made once a machine.
fn room() -> PathBuf {
    match std::env::var_os("CAPSTAN_TEST_NPM") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache/capstan/npm"),
    }
}

/// Whether the directory holds the package in this version.
fn is_there(directory: &std::path::Path, version: &str) -> bool {
    std::fs::read_to_string(directory.join("package.json"))
        .is_ok_and(|text| text.lines().any(|line| line.trim().trim_end_matches(',') == format!("\"version\": \"{version}\"")))
}

/// The script out of the npm package, installed in this version if it is not there yet.
pub(crate) fn script(package: &str, version: &str, path: &str) -> anyhow::Result<PathBuf> {
    let room = room();
    let script = room.join("node_modules").join(package).join(path);
    if is_there(&room.join("node_modules").join(package), version) && script.is_file() {
        return Ok(script);
    }
    let cure = format!("npm install --prefix {} {package}@{version}", room.display());
    let npm = find("npm", &[], &format!("apt-get install npm && {cure}"))?;
    std::fs::create_dir_all(&room)?;
    let installed = Command::new(npm)
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
        .arg(&room)
        .arg(format!("{package}@{version}"))
        .output()?;
    if !installed.status.success() {
        let why = String::from_utf8_lossy(&installed.stderr).into_owned();
        return Err(anyhow::Error::from(Missing { program: package.to_owned(), cure }).context(why));
    }
    if !script.is_file() {
        bail!("{package}@{version} brought no {path}");
    }
    Ok(script)
}
