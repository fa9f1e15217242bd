//! `cargo xtask plugins`: builds every guest and every fixture and lays the components out in `target/dist`.
//!
//! A guest needs std for wasm32-wasip2. Where rustup has the target, or can add it, plain cargo does the rest. Elsewhere Debian's
//! compiler packages serve: their compiler builds std from source, rustup's cargo and linkers do the other half.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::patched;
use crate::workspace::{dist, root, run as run_command, target};

const TARGET: &str = "wasm32-wasip2";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "wasi-libc"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
const DEBIAN_LIBC: &str = "/usr/lib/wasm32-wasi";

/// Workspaces of guests, the prefix of their components' crates, and where they are laid out under `target/dist`. The first is the
/// folder of the others.
const WORKSPACES: [(&[&str], &str, &str); 3] = [
    (&["plugins", "plugins/smb"], "capstan_plugin_", "plugins"),
    (&["tests/fixtures"], "capstan_fixture_", "fixtures"),
    // A vendor's: one crate outside of all workspaces.
    (&["examples/plugin-rust"], "acme_plugin_", "examples"),
];

/// The fixture that is no component any more, and the one it is cut from.
const TRUNCATED: (&str, &str) = ("fixtures/truncated.wasm", "plugins/memory.wasm");

enum Toolchain {
    Rustup,
    /// The directory of rustup's own linkers.
    Debian(PathBuf),
}

pub(crate) fn run() -> anyhow::Result<()> {
    let toolchain = detect()?;
    let built = target().join("guests");
    patched::run()?;
    for (workspaces, prefix, staged) in WORKSPACES {
        for workspace in workspaces {
            run_command(&mut build(&toolchain, &root().join(workspace), &built)?)?;
        }
        let Some(folder) = workspaces.first() else { continue };
        stage(&built.join(TARGET).join("release"), &crates(folder, prefix)?, prefix, &dist().join(staged))?;
    }
    let whole = fs::read(dist().join(TRUNCATED.1)).context("the component to cut is not there")?;
    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    place(&dist().join(TRUNCATED.0), half)?;
    eprintln!("plugins and fixtures are in {}", dist().display());
    Ok(())
}

/// What is there already comes before what would have to be fetched. `CAPSTAN_GUEST_TOOLCHAIN` ("rustup", "debian") decides instead.
fn detect() -> anyhow::Result<Toolchain> {
    let wanted = std::env::var("CAPSTAN_GUEST_TOOLCHAIN").unwrap_or_default();
    let (rustup, debian) = (wanted != "debian", wanted != "rustup");
    let sysroot = PathBuf::from(output(Command::new("rustc").args(["--print", "sysroot"]))?);
    let linkers = sysroot.join("lib/rustlib").join(host()?).join("bin");
    let usable = || debian && debian_is_there() && linkers.join("wasm-component-ld").is_file();
    if rustup && sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(Toolchain::Rustup);
    }
    if usable() {
        return Ok(Toolchain::Debian(linkers));
    }
    if rustup && rustup_adds_target() {
        return Ok(Toolchain::Rustup);
    }
    if debian {
        install_debian();
    }
    if usable() {
        return Ok(Toolchain::Debian(linkers));
    }
    bail!(
        "no compiler for {TARGET}. One of these brings it:\n  rustup target add {TARGET}\n  apt-get update && apt-get install -y --no-install-recommends {}",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// Not tried where the user told rustup to install nothing by itself.
fn rustup_adds_target() -> bool {
    let forbidden = std::env::var("RUSTUP_AUTO_INSTALL").is_ok_and(|value| value == "0");
    !forbidden && quietly(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()))
}

fn debian_is_there() -> bool {
    [DEBIAN_RUSTC, DEBIAN_STD, DEBIAN_LIBC].iter().all(|path| Path::new(path).exists())
}

fn install_debian() {
    // Without root, or without apt, it fails at once, and the message says what to do.
    if quietly(Command::new("apt-get").arg("update")) {
        quietly(
            Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-y", "--no-install-recommends"])
                .args(DEBIAN_PACKAGES),
        );
    }
}

fn build(toolchain: &Toolchain, workspace: &Path, built: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace).env("CARGO_TARGET_DIR", built).args(["build", "--locked", "--release", "--target", TARGET]);
    // Flags of the host's build say nothing to a guest.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    if let Toolchain::Debian(linkers) = toolchain {
        let mut path = vec![linkers.clone(), linkers.join("gcc-ld")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        command
            .env("PATH", std::env::join_paths(path)?)
            .env("RUSTC", DEBIAN_RUSTC)
            // Building std is unstable; Debian's compiler is a stable one.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_WASIP2_LINKER", linkers.join("wasm-component-ld"))
            .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", format!("-C link-self-contained=no -L native={DEBIAN_LIBC}"))
            .arg("-Zbuild-std=std,panic_abort");
    }
    Ok(command)
}

/// The crates of the workspace that become components, so that nothing left over from an older tree is laid out.
fn crates(workspace: &str, prefix: &str) -> anyhow::Result<Vec<String>> {
    let folder = root().join(workspace);
    let mut names = Vec::new();
    let mut manifests = vec![folder.join("Cargo.toml")];
    for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        manifests.push(entry?.path().join("Cargo.toml"));
    }
    for manifest in manifests {
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        names.extend(name.map(|name| name.replace('-', "_")).filter(|name| name.starts_with(prefix)));
    }
    Ok(names)
}

/// Lays the components out under their short names, and takes away what is none of them.
fn stage(from: &Path, crates: &[String], prefix: &str, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let mut kept = vec![OsString::from("truncated.wasm")];
    for name in crates {
        let component = fs::read(from.join(name).with_extension("wasm")).with_context(|| format!("{name} was not built"))?;
        let short = format!("{}.wasm", name.trim_start_matches(prefix).replace('_', "-"));
        place(&to.join(&short), &component)?;
        kept.push(short.into());
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|kind| kind == "wasm") && !kept.contains(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Unchanged files keep their time, so that whoever watches them sees a change only when there is one.
fn place(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let temporary = path.with_extension("part");
    fs::write(&temporary, bytes).with_context(|| format!("{} cannot be written", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("{} cannot be written", path.display()))
}

fn host() -> anyhow::Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc does not name its host")
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.current_dir(root()).stderr(Stdio::inherit()).output().context("rustc cannot be started")?;
    if !output.status.success() {
        bail!("rustc failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn quietly(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
