//! The NFS plugin on a server of the tests.

use capstan_test_servers::Ganesha;
use serde_json::{Value, json};

use crate::target_file::TargetFile;

/// The location that stands for the export.
pub const LOCATION: &str = "share";

/// What the plugin needs to reach the server's export of this name, as root.
pub fn configuration(server: &Ganesha, export: &str) -> Value {
    json!({
        "host": "127.0.0.1",
        "port": server.port,
        "mount-port": server.mount_port,
        "export": server.export(export),
        "location": LOCATION,
    })
}

/// The target file of the kit.
pub fn target(server: &Ganesha) -> TargetFile {
    TargetFile::plain(configuration(server, "open"), LOCATION).with_race(
        "late counts of names",
        "the server may count a file's names from memory, one too few, so that two of many renames at once keep the file under both",
        &["files/rename-at-once"],
    )
}
