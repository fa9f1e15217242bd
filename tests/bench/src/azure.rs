//! The plugin for Azure Blob Storage against Microsoft's own client for Python, on Azurite.
//!
//! Azurite is one process of Node.js that takes about what one core gives.

use capstan_test_servers::Azurite;
use serde_json::json;

use crate::cloud::{Load, Rival, Target, port, side_by_side};

const MICROSOFT: Rival = Rival {
    name: "azure-storage-blob (Python)",
    package: "azure-storage-blob",
    module: "azure.storage.blob",
    script: include_str!("azure.py"),
};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let load = Load::asked(arguments)?;
    let target = |server: &Azurite| {
        Ok(Target {
            plugin: "azure.wasm",
            configuration: json!({ "endpoint": server.blob.endpoint, "account": server.blob.account }),
            secret: ("account-key", server.blob.key.clone()),
            ports: vec![port(&server.blob.endpoint)?],
        })
    };
    side_by_side("Azure Blob Storage", load, &MICROSOFT, Azurite::start, target, |server, lane| {
        MICROSOFT.run(&[&server.blob.endpoint, &server.blob.key], load, lane)
    })
}
