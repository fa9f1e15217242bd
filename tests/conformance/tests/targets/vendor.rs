//! A plugin from outside: the crate in `examples/plugin-rust`, with its own manifest and lock file, and its own target file.

use std::path::Path;

use capstan_conformance::target_file::TargetFile;
use capstan_conformance::{check, host};

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_plugin_keeps_the_contract_and_is_not_asked_for_what_it_does_not_claim() {
    let file = TargetFile::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugin-rust/target.toml")).unwrap();
    let report = check::small(&host::staged("examples", "shelf"), file, &[]).await.unwrap();
    report.passed().unwrap();
    let total = report.total();
    assert!(total.passed > 120 && total.not_applicable > 100, "{total:?}");
}
