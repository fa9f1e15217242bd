//! The plugin for Google Cloud Storage against Google's own client for Python, on the simulator.
//!
//! The simulator answers one request at a time, and the emulator behind it is slow with many objects.

use capstan_test_servers::Gcs;
use serde_json::json;

use crate::cloud::{LOCATION, Load, Rival, Target, port, side_by_side};

const GOOGLE: Rival = Rival {
    name: "google-cloud-storage (Python)",
    package: "google-cloud-storage",
    module: "google.cloud.storage",
    script: include_str!("gcs.py"),
};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let load = Load::asked(arguments)?;
    let target = |server: &Gcs| {
        let account = &server.account;
        Ok(Target {
            plugin: "gcs.wasm",
            configuration: json!({
                "endpoint": server.endpoint, "token-endpoint": server.token_endpoint, "client-email": account.client_email,
                "project": account.project,
            }),
            secret: ("private-key", account.private_key.clone()),
            ports: vec![port(&server.endpoint)?],
        })
    };
    side_by_side("Google Cloud Storage", load, &GOOGLE, Gcs::start, target, |server, lane| {
        server.create_bucket(LOCATION)?;
        let account = json!({
            "type": "service_account", "project_id": server.account.project, "client_email": server.account.client_email,
            "private_key": server.account.private_key, "token_uri": server.token_endpoint, "private_key_id": "1"
        });
        GOOGLE.run(&[&server.endpoint, &account.to_string()], load, lane)
    })
}
