//! The tape plugin on the library of the tests.

use capstan_test_servers::Vtl;
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::TargetFile;

/// What the plugin needs to reach the library, and `more`.
pub fn configuration(library: &Vtl, more: Value) -> Value {
    let all = json!({ "host": "127.0.0.1", "port": library.port, "target": Vtl::TARGET, "chap-user": Vtl::USER });
    laid_over(all, more)
}

pub async fn host(library: &Vtl, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("tape"), configuration(library, more), &[("chap-secret", Vtl::SECRET)]).await
}

/// The target file of the kit. Faults stand before the whole target.
pub fn target(library: &Vtl, more: Value) -> TargetFile {
    TargetFile::plain(configuration(library, more), &Vtl::label(1)).with_secret("chap-secret", Vtl::SECRET)
}
