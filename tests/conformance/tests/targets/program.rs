//! `capstan-plugin-check` as a vendor runs it: its output, its exit codes.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::path::Path;
use std::process::{Command, Output};

use capstan_conformance::host::{built, staged};
use capstan_conformance::registry;
use serde_json::Value;

const MEMORY: &str = "location = \"main\"\n[configuration]\nlocations = [\"main\"]\n";

fn check(component: &Path, target: &str, arguments: &[&str]) -> Output {
    check_in(component, target, arguments, &[])
}

/// The same, with more in its environment.
pub(crate) fn check_in(component: &Path, target: &str, arguments: &[&str], environment: &[(&str, String)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("target.toml");
    std::fs::write(&file, target).unwrap();
    Command::new(env!("CARGO_BIN_EXE_capstan-plugin-check"))
        .arg(component)
        .arg("--target")
        .arg(file)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_passes_is_0_and_the_document_counts_it() {
    let output = check(&built("memory"), MEMORY, &["--json", "--only", "objects/range-*", "--only", "files/*"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["holds"], true);
    assert!(document["total"]["passed"].as_u64().unwrap() >= 14);
    assert_eq!(document["counts"]["files"]["passed"], 0);
    assert!(document["counts"]["files"]["not-applicable"].as_u64().unwrap() > 50);
    let line = &document["cases"][0];
    assert!(line["clause"].as_str().unwrap().starts_with("wit/") && line["outcome"] == "passed", "{line}");
}

#[test]
fn a_case_that_fails_is_1_and_names_rule_and_clause() {
    let target = "location = \"main\"\n[configuration]\n";
    let output = check(&staged("fixtures", "memory-lying"), target, &["--only", "objects/page-limit"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in ["FAILED", "objects/page-limit", "wit/README.md#pages", "DOES NOT keep the contract"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn what_the_target_file_excuses_is_shown_with_its_reason_and_is_no_failure() {
    let target = "create-location = true\n[configuration]\nlocations = [\"main\"]\nlie = \"put-drops-metadata\"\n\
                  [[peer.limits]]\nname = \"no metadata\"\nreason = \"it forgets\"\ncases = [\"objects/metadata*\"]\n";
    let output = check(&staged("fixtures", "memory-mutant"), target, &["--only", "objects/metadata"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("expected of the peer, no metadata: objects/metadata (it forgets)"));
}

#[test]
fn wrong_usage_is_2() {
    assert_eq!(check(&built("memory"), "location = 7", &[]).status.code(), Some(2));
    assert_eq!(check(&built("memory"), MEMORY, &["--only", "no/such/case"]).status.code(), Some(2));
    assert_eq!(check(&built("memory"), MEMORY, &["--no-such-option"]).status.code(), Some(2));
    assert_eq!(check(Path::new("/no/such/file.wasm"), MEMORY, &[]).status.code(), Some(2));
    let unknown = "location = \"main\"\n[configuration]\ncolour = 1\n";
    assert_eq!(check(&built("memory"), unknown, &[]).status.code(), Some(2));
}

#[test]
fn a_target_that_is_not_there_is_3() {
    let port = capstan_test_servers::free_port().unwrap();
    let target = format!(
        "location = \"a\"\n[configuration]\nendpoint = \"http://127.0.0.1:{port}\"\naccess-key = \"a\"\n[secrets]\nsecret-key = \"s\"\n"
    );
    let output = check(&built("s3"), &target, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}

#[test]
fn what_the_load_gate_refuses_is_4() {
    let output = check(&staged("fixtures", "truncated"), MEMORY, &[]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
}

#[test]
fn the_list_names_every_case_with_its_clause() {
    let output = Command::new(env!("CARGO_BIN_EXE_capstan-plugin-check")).arg("--list").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    let cases = registry::all();
    assert!(cases.len() >= 150 && cases.iter().all(|case| said.contains(&case.id) && said.contains(case.clause.0)));
}
