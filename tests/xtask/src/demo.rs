//! `cargo xtask demo`: the main job from nothing, over REST, on real files.

use crate::{plugins, workspace};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    eprintln!("building the plugins and the program (the first time takes some minutes)");
    plugins::run()?;
    // The whole workspace, as the tests build it: a part of it would have other features, and be built twice.
    workspace::run(&mut workspace::cargo(["build", "--locked", "--workspace", "--bins"]))?;
    let demo = workspace::target().join("debug/capstan-demo");
    workspace::run(
        std::process::Command::new(demo)
            .args(arguments)
            .env("CAPSTAN_TEST_BINARIES", workspace::target().join("debug"))
            .env("CAPSTAN_TEST_DIST", workspace::dist()),
    )
}
