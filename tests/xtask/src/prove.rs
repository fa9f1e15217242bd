//! `cargo xtask prove NAME`: a proof too long for every test run, in full size against a real server.

use anyhow::bail;

use crate::{plugins, workspace};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some((name, rest)) = arguments.split_first() else { bail!("prove what? there is first-cargo") };
    if name != "first-cargo" {
        bail!("there is no proof {name}; there is first-cargo");
    }
    plugins::run()?;
    workspace::run(&mut workspace::cargo([
        "build",
        "--locked",
        "--release",
        "--package",
        "capstan",
        "--package",
        "capstan-e2e",
    ]))?;
    let release = workspace::target().join("release");
    workspace::run(
        std::process::Command::new(release.join("capstan-prove"))
            .args(rest)
            .env("CAPSTAN_TEST_BINARIES", &release)
            .env("CAPSTAN_TEST_DIST", workspace::dist()),
    )
}
