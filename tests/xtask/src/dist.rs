//! `cargo xtask dist`: what a user takes away, in `target/dist`: the program, its plugins beside it, and the kit for vendors.

use anyhow::Context;

use crate::{plugins, workspace};

/// The programs, and the packages they are built from.
const PROGRAMS: [(&str, &str); 2] = [("capstan", "capstan"), ("capstan-plugin-check", "capstan-conformance")];

pub(crate) fn run() -> anyhow::Result<()> {
    plugins::run()?;
    let packages = PROGRAMS.iter().flat_map(|(_, package)| ["--package", package]);
    workspace::run(workspace::cargo(["build", "--locked", "--release", "--bins"]).args(packages))?;
    for (program, _) in PROGRAMS {
        let (built, staged) = (workspace::target().join("release").join(program), workspace::dist().join(program));
        // A running program keeps its file; the new one takes the name.
        let fresh = workspace::dist().join(format!(".{program}.new"));
        std::fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
        std::fs::rename(&fresh, &staged)?;
        eprintln!("{} is ready", staged.display());
    }
    eprintln!("the plugins are beside them in plugins/");
    Ok(())
}
