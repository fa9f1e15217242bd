//! `cargo xtask test`: everything that must hold before a change goes in, each step with its time.
//!
//! A server that is not installed makes its tests say SKIPPED; with `CAPSTAN_TEST_REQUIRE_SERVERS=1`, as CI sets it, that is a
//! failure. All steps run even if one fails, so that one run shows everything that is wrong.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::servers::Servers;
use crate::workspace::{self, cargo, run};
use crate::{patched, plugins, wit_check};

/// Servers a run has one of; a test that needs another kind starts it itself.
const SHARED: [&str; 4] = ["postgres", "ceph", "swift", "drives"];
/// Workspaces of guests: their lints and their plain tests run natively, only their components are built for WebAssembly.
const GUESTS: [&str; 4] = ["plugins", "plugins/smb", "tests/fixtures", "examples/plugin-rust"];

pub(crate) fn run_all() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.step("patched crates", patched::run);
    steps.step("format", || run(&mut cargo(["fmt", "--all", "--check"])));
    steps.step("format of the guests", || each_guest(|guest| run(cargo(["fmt", "--all", "--check"]).current_dir(guest))));
    steps.step("licences, bans, sources", deny);
    steps.step("plugins", plugins::run);
    steps.step("lints", || run(&mut cargo(["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"])));
    steps.step("lints of the guests", || {
        each_guest(|guest| run(&mut guest_cargo(guest, &["clippy", "--all-targets", "--", "--deny", "warnings"])))
    });
    steps.step("tests of the guests", || each_guest(|guest| run(&mut guest_cargo(guest, &["test"]))));
    // All at once and with all targets: a part of the workspace would be built with other features, and twice.
    steps.step("build", || run(&mut cargo(["build", "--locked", "--workspace", "--all-targets"])));
    steps.step("contract", wit_check::run_built);
    let servers = steps.servers();
    let environment: Vec<_> = servers.iter().flat_map(|servers| servers.environment.clone()).collect();
    steps.step("tests, from unit to process", || run(&mut tests(&environment)));
    drop(servers);
    steps.step("documentation tests", || run(&mut cargo(["test", "--locked", "--workspace", "--doc", "--quiet"])));
    steps.finish()
}

fn each_guest(task: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    GUESTS.iter().try_for_each(|guest| task(&workspace::root().join(guest)))
}

/// Cargo on a guests' workspace, for this machine and with a target directory of its own.
fn guest_cargo(guest: &Path, arguments: &[&str]) -> Command {
    let mut command = cargo(["--locked"]);
    command.args(arguments).current_dir(guest).env("CARGO_TARGET_DIR", workspace::target().join("guests-native"));
    command
}

fn tests(environment: &[(String, String)]) -> Command {
    let mut command = match runs(&mut cargo(["nextest", "--version"])) {
        true => cargo(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]),
        false => {
            eprintln!(
                "cargo-nextest is not installed (cargo install --locked cargo-nextest): cargo's own runner, one test at a time"
            );
            cargo(["test", "--locked", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--", "--test-threads=1"])
        }
    };
    command
        .envs(environment.iter().map(|(name, value)| (name, value)))
        // A failed test says in its first lines what is wrong; backtraces of its runner would push those out of a log's excerpt.
        .env("RUST_BACKTRACE", "0")
        .env("CAPSTAN_TEST_BINARIES", workspace::target().join("debug"))
        .env("CAPSTAN_TEST_DIST", workspace::dist());
    command
}

fn deny() -> anyhow::Result<()> {
    if !runs(&mut cargo(["deny", "--version"])) {
        bail!("cargo-deny is not installed: cargo install --locked cargo-deny");
    }
    for workspace in std::iter::once(".").chain(GUESTS) {
        let manifest = workspace::root().join(workspace).join("Cargo.toml");
        run(cargo_deny().arg("--manifest-path").arg(&manifest).args([
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]))?;
    }
    if runs(cargo_deny().args(["fetch", "db"])) {
        return run(cargo_deny().args(["check", "--hide-inclusion-graph", "advisories"]));
    }
    eprintln!("NOT CHECKED: known vulnerabilities; the advisory database could not be fetched from here");
    Ok(())
}

fn cargo_deny() -> Command {
    let mut command = cargo(["deny", "--log-level", "error", "--config"]);
    command.arg(workspace::root().join(".deny.toml"));
    command
}

fn runs(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[derive(Default)]
struct Steps {
    done: Vec<(String, Duration, Option<String>)>,
}

impl Steps {
    fn step(&mut self, name: &str, task: impl FnOnce() -> anyhow::Result<()>) {
        eprintln!("\n=== {name}");
        let start = Instant::now();
        let failure = task().err().map(|failure| format!("{failure:#}"));
        if let Some(failure) = &failure {
            eprintln!("{failure}");
        }
        self.done.push((name.to_owned(), start.elapsed(), failure));
    }

    /// Starts what is there; a server that is missing is left to its tests to report.
    fn servers(&mut self) -> Vec<Servers> {
        let required = std::env::var("CAPSTAN_TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
        let mut started = Vec::new();
        self.step("servers", || {
            for name in SHARED {
                match Servers::start(&[name]) {
                    Ok(servers) => started.push(servers),
                    Err(failure) if required => return Err(failure),
                    Err(failure) => eprintln!("{failure:#}; tests that need it will say SKIPPED"),
                }
            }
            Ok(())
        });
        started
    }

    fn finish(self) -> anyhow::Result<()> {
        eprintln!();
        for (name, time, failure) in &self.done {
            eprintln!("{:>6.1} s  {}  {name}", time.as_secs_f64(), if failure.is_some() { "FAILED" } else { "ok    " });
        }
        let total: Duration = self.done.iter().map(|(_, time, _)| *time).sum();
        let failed: Vec<&str> =
            self.done.iter().filter(|(_, _, failure)| failure.is_some()).map(|(name, ..)| name.as_str()).collect();
        eprintln!("{:>6.1} s  in all", total.as_secs_f64());
        if !failed.is_empty() {
            bail!("failed: {}", failed.join("; "));
        }
        Ok(())
    }
}
