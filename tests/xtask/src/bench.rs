//! `cargo xtask bench NAME`: measurements beside what they are compared to; `tests/bench` knows the names.

use crate::{plugins, workspace};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    plugins::run()?;
    let packages = ["--package", "capstan", "--package", "capstan-bench", "--package", "capstan-tape-simulator"];
    workspace::run(workspace::cargo(["build", "--locked", "--release", "--bins"]).args(packages))?;
    let release = workspace::target().join("release");
    workspace::run(
        std::process::Command::new(release.join("capstan-bench"))
            .args(arguments)
            .env("CAPSTAN_TEST_BINARIES", &release)
            .env("CAPSTAN_TEST_DIST", workspace::dist()),
    )
}
