//! A runtime of our own with one plugin in it and one target, for measurements inside the process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Source};
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::{Connection, StateStore, StateValue};
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Outcome};
use capstan_grants::{Granted, Policy};
use capstan_runtime::{Limits, Runtime, RuntimeOptions, TargetSettings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A failure of the house, for `?`.
pub(crate) fn failed(failure: Failure) -> anyhow::Error {
    let detail = failure.detail.as_deref().unwrap_or("no more is known");
    anyhow!("{failure} ({}: {detail})", failure.kind)
}

pub(crate) struct Room {
    pub runtime: Arc<Runtime>,
    _directory: TempDir,
}

impl Room {
    pub(crate) fn open(limits: Limits) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("capstan-bench-")?;
        let runtime = Runtime::new(RuntimeOptions {
            directory: directory.path().to_path_buf(),
            limits,
            services: capstan_services::Limits::default(),
            policy: Policy::default(),
            signatures: capstan_runtime::Signatures::default(),
            state: Arc::new(States::default()),
        })
        .map_err(failed)?;
        Ok(Self { runtime, _directory: directory })
    }

    /// Installs the component; answers its id and version.
    pub(crate) async fn install(&self, path: PathBuf) -> anyhow::Result<(String, String)> {
        let bytes = std::fs::read(&path)
            .with_context(|| format!("{} is not there; build it with `cargo xtask plugins`", path.display()))?;
        let installed = self.runtime.install(bytes.into(), None).await.map_err(|refusal| failed(refusal.failure))?;
        Ok((installed.plugin, installed.version))
    }

    pub(crate) async fn activate(&self, plugin: &str, version: &str) -> anyhow::Result<()> {
        self.runtime.activate(plugin, version).await.map_err(failed).map(drop)
    }

    /// Opens a target over the plugin.
    pub(crate) fn target(&self, plugin: &str, configuration: Value, port: Option<u16>) -> Arc<dyn Connection> {
        let power = port.map(|port| Power::Connect { host: "127.0.0.1".into(), port });
        self.runtime.open_target(TargetSettings {
            id: TargetId::new(),
            name: "bench".into(),
            plugin: plugin.into(),
            pinned: None,
            configuration,
            secrets: vec![("secret-key".into(), SecretText::new("secret"))],
            grants: power.into_iter().chain(port.map(wildcard)).map(|power| Granted { power, configured: false }).collect(),
        })
    }
}

/// Virtual-host buckets, which the S3 plugin asks for beside its endpoint.
fn wildcard(port: u16) -> Power {
    Power::Connect { host: "*.127.0.0.1".into(), port }
}

/// The S3 plugin against a server that does not look at anything.
pub(crate) fn s3_configuration(port: u16) -> Value {
    json!({
        "endpoint": format!("http://127.0.0.1:{port}"), "access-key": "key", "addressing": "path",
        "payload-signing": "unsigned", "checksum": "none",
    })
}

/// Content out of one piece of memory.
pub(crate) struct Pattern {
    pub size: u64,
    pub piece: Bytes,
}

impl Pattern {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, piece: vec![7; 256 << 10].into() }
    }
}

impl Source for Pattern {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self, _offset: u64, length: u64) -> Body {
        let (piece, whole) = (self.piece.clone(), self.piece.len() as u64);
        let pieces = (0..length.div_ceil(whole)).map(move |index| {
            let take = usize::try_from(whole.min(length - index * whole)).unwrap_or(0);
            Ok(piece.slice(..take))
        });
        Box::pin(futures::stream::iter(pieces))
    }
}

/// What measured plugins keep, in memory: no disk is measured with them.
#[derive(Default)]
struct States(Mutex<BTreeMap<(TargetId, String), StateValue>>);

impl States {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(TargetId, String), StateValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for States {
    async fn get(&self, target: TargetId, key: &str) -> Outcome<Option<StateValue>> {
        Ok(self.all().get(&(target, key.to_owned())).cloned())
    }

    async fn set(&self, target: TargetId, key: &str, data: Vec<u8>, _: Option<u64>, _: u64) -> Outcome<u64> {
        let mut all = self.all();
        let version = all.get(&(target, key.to_owned())).map_or(1, |value| value.version + 1);
        all.insert((target, key.to_owned()), StateValue { data, version });
        Ok(version)
    }

    async fn remove(&self, target: TargetId, key: &str, _: Option<u64>) -> Outcome<()> {
        self.all().remove(&(target, key.to_owned()));
        Ok(())
    }

    async fn keys(&self, _: TargetId, _: &str, _: Option<&str>, _: u32) -> Outcome<Vec<String>> {
        Ok(Vec::new())
    }
}
