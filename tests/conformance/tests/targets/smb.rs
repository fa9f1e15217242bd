//! SMB keeps the contract against Samba: signed, encrypted, in every dialect, and when things go wrong.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

mod at_once;
mod contract;
mod faults;
mod names;
mod refusals;

use std::sync::Arc;

use capstan_conformance::content::counting;
use capstan_conformance::host::{Host, built};
use capstan_conformance::smb::configuration;
use capstan_domain::ports::{Files, PutOptions};
use capstan_test_servers::{SAMBA_PASSWORD, Samba};
use serde_json::Value;

async fn host_with(server: &Samba, share: &str, more: Value, password: &str) -> Host {
    Host::start(&built("smb"), configuration(server, share, more), &[("password", password)]).await.unwrap()
}

async fn host(server: &Samba, share: &str, more: Value) -> Host {
    host_with(server, share, more, SAMBA_PASSWORD).await
}

fn port(host: &Host) -> Arc<dyn Files> {
    host.connection.files().unwrap()
}

async fn put(port: &dyn Files, share: &str, path: &str, size: u64) {
    port.write(share, path, counting(size), &format!("put {path}"), PutOptions::default()).await.unwrap();
}
