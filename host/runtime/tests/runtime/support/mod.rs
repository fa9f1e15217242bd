//! What the runtime's tests share: guests from the build, a runtime in a temporary directory, content, a state store, a small server.

pub(crate) mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content, Source};
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::ids::TargetId;
use capstan_domain::plugin::PluginVersion;
use capstan_domain::ports::{StateStore, StateValue};
use capstan_grants::{Granted, Policy};
use capstan_runtime::{Limits, Runtime, RuntimeOptions, Signatures, TargetSettings};
use futures::StreamExt;

/// A built guest. The tests are worth nothing without one, so a missing one fails them.
pub(crate) fn component(variable: &str, folder: &str, name: &str) -> Bytes {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/dist").join(folder);
    let directory = std::env::var_os(variable).map_or(built, PathBuf::from);
    let path = directory.join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("{}: {error}. Build the guests first: cargo xtask plugins", path.display()),
    }
}

pub(crate) fn plugin(name: &str) -> Bytes {
    component("CAPSTAN_PLUGINS_DIR", "plugins", name)
}

pub(crate) fn fixture(name: &str) -> Bytes {
    component("CAPSTAN_FIXTURES_DIR", "fixtures", name)
}

pub(crate) struct Bench {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) directory: tempfile::TempDir,
}

/// Limits that let a test wait for a limit without waiting long.
pub(crate) fn short() -> Limits {
    Limits {
        stores: 64,
        call_deadline: Duration::from_secs(3),
        cpu_budget: Duration::from_millis(500),
        describe_deadline: Duration::from_secs(10),
        drain_deadline: Duration::from_secs(5),
        memory_bytes: 64 << 20,
        restart_pause: Duration::from_millis(1),
        restart_pause_most: Duration::from_millis(5),
        restart_budget: 1000,
        ..Limits::default()
    }
}

pub(crate) fn options(directory: PathBuf, limits: Limits) -> RuntimeOptions {
    RuntimeOptions {
        directory,
        limits,
        services: capstan_services::Limits::default(),
        policy: Policy::default(),
        signatures: Signatures::default(),
        state: Arc::new(MemoryState::default()),
    }
}

pub(crate) fn bench(limits: Limits) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(options(directory.path().to_owned(), limits)).unwrap();
    Bench { runtime, directory }
}

impl Bench {
    pub(crate) async fn install(&self, bytes: Bytes) -> PluginVersion {
        self.runtime
            .install(bytes, Some("test".to_owned()))
            .await
            .unwrap_or_else(|refusal| panic!("refused: {:?}", refusal.failure))
    }

    /// Installs and activates.
    pub(crate) async fn serve(&self, bytes: Bytes) -> PluginVersion {
        let version = self.install(bytes).await;
        self.runtime.activate(&version.plugin, &version.version).await.unwrap();
        version
    }
}

pub(crate) fn target(name: &str, plugin: &str, configuration: serde_json::Value) -> TargetSettings {
    TargetSettings {
        id: TargetId::new(),
        name: name.to_owned(),
        plugin: plugin.to_owned(),
        pinned: None,
        configuration,
        secrets: Vec::new(),
        grants: Vec::<Granted>::new(),
    }
}

pub(crate) struct Fixed(pub(crate) Bytes);

impl Source for Fixed {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn checksum(&self, algorithm: &str) -> Option<Vec<u8>> {
        // Not the digest of anything: enough to catch a plugin that claims another.
        (algorithm == "crc32c").then(|| vec![1, 2, 3, 4])
    }

    fn open(&self, offset: u64, length: u64) -> Body {
        let part = self.0.slice(usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap());
        let chunks: Vec<Outcome<Bytes>> = part.chunks(256 << 10).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Box::pin(futures::stream::iter(chunks))
    }
}

pub(crate) fn content(bytes: impl Into<Bytes>) -> Content {
    Arc::new(Fixed(bytes.into()))
}

pub(crate) async fn collect(mut body: Body) -> Outcome<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

#[derive(Default)]
pub(crate) struct MemoryState(Mutex<BTreeMap<(TargetId, String), StateValue>>);

#[async_trait]
impl StateStore for MemoryState {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>> {
        Ok(self.0.lock().unwrap().get(&(target, key.to_owned())).cloned())
    }

    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, expect: Option<u64>, _most: u64) -> Outcome<u64> {
        let mut all = self.0.lock().unwrap();
        let now = all.get(&(target, key.to_owned())).map_or(0, |value| value.version);
        if expect.is_some_and(|expect| expect != now) {
            return Err(Failure::new(Kind::Conflict, "another version"));
        }
        all.insert((target, key.to_owned()), StateValue { data, version: now + 1 });
        Ok(now + 1)
    }

    async fn remove(&self, target: TargetId, key: &str, _expect: Option<u64>) -> Outcome<()> {
        self.0.lock().unwrap().remove(&(target, key.to_owned()));
        Ok(())
    }

    async fn keys(&self, target: TargetId, prefix: &str, after: Option<&str>, limit: u32) -> Outcome<Vec<String>> {
        let all = self.0.lock().unwrap();
        let mine = all
            .keys()
            .filter(|(owner, key)| *owner == target && key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(mine.map(|(_, key)| key.clone()).take(limit as usize).collect())
    }
}
