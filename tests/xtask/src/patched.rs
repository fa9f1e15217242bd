//! `cargo xtask patched`: crates of the registry with our patches, for the plugins that need them.
//!
//! A patch is `plugins/NAME/patches/CRATE-VERSION.patch`. The crate's source comes out of cargo's own cache of the registry, where it was
//! checked against the index, is copied to `target/patched/CRATE` and patched there; the plugin's manifest names that folder under
//! `[patch.crates-io]`. So the source is never in the repository, and what is changed stands in one file that can be sent upstream.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::workspace::{cargo, root};

/// What the copy was made from; while it says the same, the copy stands.
const STAMP: &str = ".patched-with";

pub(crate) fn run() -> anyhow::Result<()> {
    for plugin in folders(&root().join("plugins"))? {
        let patches = plugin.join("patches");
        if !patches.is_dir() {
            continue;
        }
        for patch in folders(&patches)?.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "patch")) {
            make(&patch).with_context(|| format!("{} cannot be applied", patch.display()))?;
        }
    }
    Ok(())
}

/// What a folder holds, in order.
fn folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn make(patch: &Path) -> anyhow::Result<()> {
    let stem = patch.file_stem().and_then(|stem| stem.to_str()).context("a patch is named CRATE-VERSION.patch")?;
    let (name, version) = stem.rsplit_once('-').context("a patch is named CRATE-VERSION.patch")?;
    let wanted = fs::read(patch)?;
    // In the checkout, wherever cargo builds: the plugin's manifest names it by a path.
    let (folder, copy) = (root().join("target/patched"), root().join("target/patched").join(name));
    if fs::read(copy.join(STAMP)).is_ok_and(|made_with| made_with == wanted) {
        return Ok(());
    }
    let source = fetch(&folder, name, version)?;
    let fresh = folder.join(format!(".{name}.new"));
    let _ = fs::remove_dir_all(&fresh);
    copy_tree(&source, &fresh)?;
    apply(patch, &fresh)?;
    // Last, so that a copy that was interrupted is made again.
    fs::write(fresh.join(STAMP), wanted)?;
    let _ = fs::remove_dir_all(&copy);
    fs::rename(&fresh, &copy)?;
    eprintln!("{name} {version} is patched in {}", copy.display());
    Ok(())
}

/// The crate's folder in cargo's cache, downloaded if it is not there yet.
fn fetch(folder: &Path, name: &str, version: &str) -> anyhow::Result<PathBuf> {
    let asking = folder.join(".fetch");
    fs::create_dir_all(asking.join("src"))?;
    fs::write(asking.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{name} = {{ version = \"={version}\", default-features = false }}\n"
    );
    fs::write(asking.join("Cargo.toml"), manifest)?;
    let output = cargo(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(asking.join("Cargo.toml"))
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo could not fetch {name} {version}: {}", output.status);
    }
    // One member of a document of JSON, whose text is a path that needs no escapes.
    let metadata = String::from_utf8(output.stdout)?;
    let behind = format!("/{name}-{version}/Cargo.toml\"");
    let before = metadata.split(&behind).next().filter(|before| before.len() < metadata.len());
    let path = before.and_then(|before| before.rsplit('"').next()).context("cargo does not say where the crate is")?;
    Ok(PathBuf::from(path).join(format!("{name}-{version}")))
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for path in folders(from)? {
        let target = to.join(path.file_name().context("an entry without a name")?);
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// By `patch`, which a compiler for C comes with on Debian; else by git. Both are strict: what does not fit is an error.
fn apply(patch: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut tools = [Command::new("patch"), Command::new("git")];
    let [by_patch, by_git] = &mut tools;
    by_patch.args(["--strip=1", "--fuzz=0", "--quiet", "--input"]).arg(patch);
    // The folder lies in a checkout, of which git must not think here.
    by_git.args(["apply", "--whitespace=nowarn"]).arg(patch).env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder));
    for tool in &mut tools {
        match tool.current_dir(folder).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => bail!("{} says that it does not fit: {status}", tool.get_program().to_string_lossy()),
            // Not installed.
            Err(_) => {}
        }
    }
    bail!("neither patch nor git is installed")
}
