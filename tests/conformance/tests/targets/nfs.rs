//! The NFS plugin against a real server (nfs-ganesha), and against what real servers do once in a long while.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "everything here is a test")]

mod contract;
mod faults;
mod full;
mod names;
mod refusals;

use std::sync::Arc;

use capstan_conformance::host::{Host, built};
use capstan_domain::ports::Files;
use serde_json::Value;

/// The configuration with some fields of it changed.
fn with(mut configuration: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        configuration[name] = value.clone();
    }
    configuration
}

async fn host(configuration: Value) -> Host {
    Host::start(&built("nfs"), configuration, &[]).await.unwrap()
}

fn files(host: &Host) -> Arc<dyn Files> {
    host.connection.files().unwrap()
}
