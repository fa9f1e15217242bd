//! A host in a temporary directory.

use std::path::{Path, PathBuf};

use capstan_domain::content::Body;
use capstan_domain::identity::Caller;
use capstan_domain::ids::JobId;
use capstan_domain::job::Job;
use capstan_domain::secret::SecretText;
use futures::StreamExt;
use tempfile::TempDir;

use crate::identity::FirstStart;
use crate::settings::Settings;
use crate::{App, Listening, Start};

pub(super) const PASSWORD: &str = "correct horse";

pub(super) struct Host {
    pub(super) app: App,
    pub(super) admin: Caller,
    pub(super) data: TempDir,
}

/// Without any plugin.
pub(super) async fn bare() -> Host {
    start(tempfile::tempdir().unwrap(), Settings::default()).await
}

pub(super) async fn start(data: TempDir, mut settings: Settings) -> Host {
    // Nothing comes with the host unless a test says so.
    settings.plugins.bundled.get_or_insert_with(|| data.path().join("no-plugins"));
    let listening = Listening::default();
    let app = App::start(Start { settings: &settings, data: data.path().join("data"), listening }).await.unwrap();
    let first = app.identity.first_start(Some("admin".into()), Some(SecretText::new(PASSWORD))).await.unwrap();
    drop(first);
    let admin = app.identity.verify_basic("admin", &SecretText::new(PASSWORD)).await.unwrap();
    Host { app, admin, data }
}

pub(super) async fn first_start(app: &App) -> FirstStart {
    app.identity.first_start(None, None).await.unwrap()
}

/// A component that `cargo xtask plugins` staged.
pub(super) fn component(kind: &str, name: &str) -> PathBuf {
    let variable = if kind == "plugins" { "CAPSTAN_PLUGINS_DIR" } else { "CAPSTAN_FIXTURES_DIR" };
    let directory = std::env::var_os(variable)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dist").join(kind), PathBuf::from);
    let file = directory.join(format!("{name}.wasm"));
    assert!(file.is_file(), "{} is missing: run `cargo xtask plugins` first", file.display());
    file
}

pub(super) fn body(bytes: Vec<u8>) -> Body {
    let chunks: Vec<_> = bytes.chunks(1 << 16).map(|chunk| Ok(bytes::Bytes::copy_from_slice(chunk))).collect();
    futures::stream::iter(chunks).boxed()
}

impl Host {
    pub(super) async fn install(&self, kind: &str, name: &str) -> capstan_domain::Outcome<capstan_domain::plugin::PluginVersion> {
        self.app.plugins.install(&self.admin, body(std::fs::read(component(kind, name)).unwrap()), None).await
    }

    /// Waits for the end of a job, at most a minute.
    pub(super) async fn ended(&self, id: JobId) -> Job {
        for _ in 0..600 {
            let job = self.app.jobs.get(id).await.unwrap();
            if job.state.is_final() {
                return job;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the job did not end");
    }
}
