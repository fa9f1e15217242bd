//! The Google Cloud Storage plugin on the simulator of the tests.

use capstan_test_servers::Gcs;
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::TargetFile;

/// How the plugin logs in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// A service account's token.
    Account,
    /// An HMAC key.
    Key,
}

pub const WAYS: [Way; 2] = [Way::Account, Way::Key];

/// What the plugin needs to reach this server, and `more`.
pub fn configuration(server: &Gcs, way: Way, more: Value) -> Value {
    let all = json!({ "endpoint": server.endpoint, "part-bytes": 5 << 20 });
    let account = &server.account;
    let own = match way {
        Way::Account => json!({ "client-email": account.client_email, "token-endpoint": server.token_endpoint }),
        Way::Key => json!({ "access-key": account.access_key, "project": account.project }),
    };
    laid_over(laid_over(all, own), more)
}

pub async fn host(server: &Gcs, way: Way, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("gcs"), configuration(server, way, more), &[secret(server, way)]).await
}

/// The target file of the kit.
pub fn target(server: &Gcs, way: Way, more: Value) -> TargetFile {
    let (name, value) = secret(server, way);
    let configured = configuration(server, way, laid_over(json!({ "project": server.account.project }), more));
    TargetFile::making(configured).with_secret(name, value)
}

fn secret(server: &Gcs, way: Way) -> (&'static str, &str) {
    match way {
        Way::Account => ("private-key", &server.account.private_key),
        Way::Key => ("secret-key", &server.account.secret_key),
    }
}
