//! `cargo xtask wit-check`: the contract's own checker is a program of its own, so that this one stays quick to build.

use crate::workspace;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    workspace::run(
        workspace::cargo(["run", "--quiet", "--locked", "--package", "capstan-wit-check", "--", "wit"]).args(arguments),
    )
}

/// The same from a workspace that was built as a whole.
pub(crate) fn run_built() -> anyhow::Result<()> {
    workspace::run(
        std::process::Command::new(workspace::target().join("debug/capstan-wit-check")).arg("wit").current_dir(workspace::root()),
    )
}
