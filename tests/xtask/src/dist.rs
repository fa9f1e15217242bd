//! `cargo xtask dist`: what a user takes away, in `target/dist`: the program, its plugins beside it.

use anyhow::Context;

use crate::{plugins, workspace};

pub(crate) fn run() -> anyhow::Result<()> {
    plugins::run()?;
    workspace::run(&mut workspace::cargo(["build", "--locked", "--release", "--package", "capstan"]))?;
    let (built, staged) = (workspace::target().join("release/capstan"), workspace::dist().join("capstan"));
    // A running program keeps its file; the new one takes the name.
    let fresh = workspace::dist().join(".capstan.new");
    std::fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
    std::fs::rename(&fresh, &staged)?;
    eprintln!("{} is ready, its plugins are beside it in plugins/", staged.display());
    Ok(())
}
