//! The SMB plugin on a server of the tests.

use capstan_test_servers::{SAMBA_PASSWORD, Samba};
use serde_json::{Value, json};

use crate::laid_over::laid_over;
use crate::target_file::TargetFile;

/// What the plugin needs to reach this share, and `more`.
pub fn configuration(server: &Samba, share: &str, more: Value) -> Value {
    laid_over(json!({ "host": "127.0.0.1", "port": server.port, "share": share, "user": server.user }), more)
}

/// The target file of the kit.
pub fn target(server: &Samba, share: &str, more: Value) -> TargetFile {
    let mut file = TargetFile::plain(configuration(server, share, more), share);
    let nobody = serde_json::from_value(json!({ "name": "a user nobody knows", "configuration": { "user": "nobody-here" } }));
    file.wrong_credentials.extend(nobody);
    file.with_secret("password", SAMBA_PASSWORD)
}
