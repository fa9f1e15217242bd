//! The simulated VPSA before a client that its vendor wrote, as it is on PyPI.

use std::path::Path;
use std::process::{Command, Output};

use capstan_test_servers::{Vpsa, pypi_program, python_with, server_or_skip};

const CLIENT: &str = "zadarapy==0.77";

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_vendors_client_lives_a_day_with_the_simulator() {
    let server = server_or_skip!(Vpsa::start());
    let python = server_or_skip!(python_with(&[("zadarapy", CLIENT)]));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/zadarapy_day.py");
    let port = server.port.to_string();
    let day = Command::new(python).arg(script).args([&port, &server.access_key, Vpsa::POOL]).output().unwrap();
    assert!(day.status.success(), "{}", shown(&day));
    assert!(server.volumes().is_empty());
}

#[test]
fn the_vendors_command_line_sees_what_it_made() {
    let server = server_or_skip!(Vpsa::start());
    let program = server_or_skip!(pypi_program("zadarapy", CLIENT));
    let port = server.port.to_string();
    let run = |words: &[&str], key: &str| {
        let mut command = Command::new(&program);
        command.args(words).args(["-H", "127.0.0.1", "-p", &port, "-i", "-k", key]);
        command.env_remove("ZADARA_HOST").output().unwrap()
    };
    let listed = run(&["volumes", "list"], &server.access_key);
    assert!(listed.status.success(), "{}", shown(&listed));
    let pools = run(&["pools", "list"], &server.access_key);
    assert!(pools.status.success() && shown(&pools).contains(Vpsa::POOL), "{}", shown(&pools));
    assert!(!run(&["volumes", "list"], "nobody").status.success());
}
