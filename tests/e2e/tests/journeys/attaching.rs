//! `capstan drive` as people type it, and clients of others at the drives that it attaches.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use capstan_e2e::{Host, PASSWORD, USER, binaries};
use capstan_test_servers::nbd_program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) fn capstan(host: &Host, arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries().unwrap().join("capstan"));
    command.args(arguments).env("CAPSTAN_URL", host.base()).env("CAPSTAN_USER", USER).env("CAPSTAN_PASSWORD", PASSWORD);
    command.stdin(Stdio::null());
    command
}

pub(crate) fn nbd(name: &str) -> Command {
    Command::new(nbd_program(name).unwrap())
}

/// Whether it succeeded, and all it said.
pub(crate) fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub(crate) fn good(command: &mut Command) -> String {
    let (succeeded, said) = run(command);
    assert!(succeeded, "{command:?}: {said}");
    said
}

/// The address for clients in what `capstan drive attach --detach` says.
pub(crate) fn address(told: &str) -> String {
    told.split_whitespace().find(|word| word.starts_with("nbd")).unwrap().to_owned()
}

/// A drive that a command attached which stays.
pub(crate) struct Attached {
    command: Child,
    /// For clients.
    pub(crate) uri: String,
}

impl Attached {
    pub(crate) fn new(host: &Host, drive: &str, arguments: &[&str]) -> Self {
        let mut command = capstan(host, &["--json", "drive", "attach", drive]);
        let mut command = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut answer = String::new();
        for line in BufReader::new(command.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            answer.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let answer: Value = serde_json::from_str(&answer).unwrap();
        Self { command, uri: answer["uri"].as_str().unwrap().to_owned() }
    }

    /// As people end it.
    pub(crate) fn interrupt(mut self) {
        let pid = i32::try_from(self.command.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        assert!(self.command.wait().unwrap().success());
    }
}

impl Drop for Attached {
    /// A test that fails leaves no command behind.
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}
