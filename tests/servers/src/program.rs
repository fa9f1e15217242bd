//! Running a program to its end; saying which package has it when it is not there.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// A server that cannot be had on this machine, with the command that would bring it.
#[derive(Debug)]
pub struct Missing {
    pub program: String,
    pub cure: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not installed; to have it: {}", self.program, self.cure)
    }
}

impl std::error::Error for Missing {}

/// The program's path, looked for on PATH and in `also`.
pub(crate) fn find(program: &str, also: &[&str], cure: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(also.iter().map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Missing { program: program.to_owned(), cure: cure.to_owned() }.into())
}

/// Runs to the end and answers stdout; a failure carries stderr.
pub(crate) fn run<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> anyhow::Result<String> {
    let name = program.as_ref().to_string_lossy().into_owned();
    let output = Command::new(program).args(arguments).output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
