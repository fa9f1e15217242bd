//! The Google Cloud Storage plugin on the simulator of the tests.

use capstan_test_servers::Gcs;
use serde_json::{Value, json};

use crate::host::{Host, built};

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
    let mut all = json!({ "endpoint": server.endpoint, "part-bytes": 5 << 20 });
    let account = &server.account;
    let own = match way {
        Way::Account => json!({ "client-email": account.client_email, "token-endpoint": server.token_endpoint }),
        Way::Key => json!({ "access-key": account.access_key, "project": account.project }),
    };
    if let Some(all) = all.as_object_mut() {
        for members in [own, more] {
            all.extend(members.as_object().cloned().unwrap_or_default());
        }
    }
    all
}

pub async fn host(server: &Gcs, way: Way, more: Value) -> anyhow::Result<Host> {
    let secret = match way {
        Way::Account => ("private-key", server.account.private_key.as_str()),
        Way::Key => ("secret-key", server.account.secret_key.as_str()),
    };
    Host::start(&built("gcs"), configuration(server, way, more), &[secret]).await
}
