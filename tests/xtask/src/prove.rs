//! `cargo xtask prove NAME`: a proof too long for every test run, in full size against a real server.

use anyhow::bail;

use crate::{plugins, workspace};

/// A proof, the program that makes it, and the packages that are built for it.
const PROOFS: [(&str, &str, &[&str]); 8] = [
    ("first-cargo", "capstan-prove", &["capstan", "capstan-e2e"]),
    ("every-target", "capstan-prove-targets", &["capstan", "capstan-e2e"]),
    ("drives-killed", "capstan-prove-drives", &["capstan", "capstan-e2e"]),
    ("hub", "capstan-prove-hub", &["capstan", "capstan-e2e"]),
    ("hub-killed", "capstan-prove-hub-killed", &["capstan", "capstan-e2e"]),
    ("tape", "capstan-prove-tape", &["capstan", "capstan-e2e", "capstan-tape-simulator"]),
    ("tape-killed", "capstan-prove-tape-killed", &["capstan", "capstan-e2e", "capstan-tape-simulator"]),
    ("kit", "capstan-prove-kit", &["capstan-conformance"]),
];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let names = || PROOFS.map(|(name, ..)| name).join(", ");
    let Some((name, rest)) = arguments.split_first() else { bail!("prove what? there are {}", names()) };
    let Some((_, program, packages)) = PROOFS.iter().find(|(proof, ..)| proof == name) else {
        bail!("there is no proof {name}; there are {}", names());
    };
    plugins::run()?;
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    workspace::run(workspace::cargo(["build", "--locked", "--release"]).args(packages))?;
    let release = workspace::target().join("release");
    workspace::run(
        std::process::Command::new(release.join(program))
            .args(rest)
            .env("CAPSTAN_TEST_BINARIES", &release)
            .env("CAPSTAN_TEST_DIST", workspace::dist())
            .env("CAPSTAN_PLUGINS_DIR", workspace::dist().join("plugins")),
    )
}
