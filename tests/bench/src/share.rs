//! A directory to a share of a NAS and back, through the mover and a sandboxed plugin: what benches of file plugins have in common.
//!
//! The tools beside it sync nothing and read nothing back. So Capstan believes the server here, and their clock includes a `sync -f` of
//! what they wrote: of the server's directory on the way up, of ours on the way down.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_domain::job::Verify;
use capstan_domain::ports::{Connection, Files, Media};
use capstan_mover::{
    Control, Counters, Destination, FileTree, Limits as MoverLimits, LocalTree, Options, Source, Transfer, Tree,
};
use capstan_runtime::{Limits, TargetSettings};
use tokio::runtime::Runtime;

use crate::local::Forgetful;
use crate::measure::Series;
use crate::plugin::{Room, failed};
use crate::rivals;
use crate::served::{Burden, Served};

/// Amounts a second, up and down.
#[derive(Default)]
pub(crate) struct Lane {
    pub up: Series,
    pub down: Series,
    /// Of the server, on the way up.
    pub burden: Burden,
}

/// One large file of noise, and many small ones.
pub(crate) fn plant(large: &Path, small: &Path, bytes: u64, files: u64) -> anyhow::Result<()> {
    std::fs::create_dir(large)?;
    std::fs::create_dir(small)?;
    let noise = std::fs::File::open("/dev/urandom")?;
    std::io::copy(&mut std::io::Read::take(&noise, bytes), &mut std::fs::File::create(large.join("file"))?)?;
    for index in 0..files {
        std::fs::write(small.join(format!("file-{index:06}")), [u8::try_from(index % 251)?; 4096])?;
    }
    synced(large).map(drop)
}

pub(crate) fn synced(path: &Path) -> anyhow::Result<Duration> {
    let mut command = Command::new("sync");
    command.arg("-f").arg(path);
    rivals::run(command)
}

/// Empties the server's directory.
pub(crate) fn swept(directory: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
    }
    synced(directory).map(drop)
}

/// A target over a plugin of files, in a runtime of its own.
pub(crate) struct Share {
    connection: Arc<dyn Connection>,
    location: String,
    _room: Room,
}

impl Share {
    /// `settings` is told the id of the plugin.
    pub(crate) fn open(
        component: &str,
        location: &str,
        runtime: &Runtime,
        settings: impl FnOnce(String) -> TargetSettings,
    ) -> anyhow::Result<Self> {
        let room = Room::open(Limits::default())?;
        let component = capstan_e2e::dist().join("plugins").join(component);
        let connection = runtime.block_on(async {
            let (plugin, version) = room.install(component).await?;
            room.activate(&plugin, &version).await?;
            let connection = room.runtime.open_target(settings(plugin));
            connection.probe().await.map_err(failed)?;
            Ok::<_, anyhow::Error>(connection)
        })?;
        Ok(Self { connection, location: location.to_owned(), _room: room })
    }

    pub(crate) fn files(&self) -> anyhow::Result<Arc<dyn Files>> {
        self.connection.files().context("the plugin has no files")
    }

    pub(crate) fn media(&self) -> anyhow::Result<Arc<dyn Media>> {
        self.connection.media().context("the plugin has no media")
    }

    /// As a job has it.
    pub(crate) fn tree(&self) -> anyhow::Result<Arc<dyn Tree>> {
        let tree = FileTree::new("share", None, self.location.as_str(), "", self.files()?, &self.connection.capabilities());
        Ok(Arc::new(tree.planned_by(self.connection.media())))
    }

    /// Up from this directory, and down into a new one.
    pub(crate) fn round(&self, runtime: &Runtime, from: &Path, room: &Path, amount: f64, lane: &mut Lane) -> anyhow::Result<()> {
        let served = Served::start();
        lane.up.push(amount / carried(runtime, whole(local("from", from)?), self.tree()?)?.as_secs_f64());
        served.stop(amount, &mut lane.burden);
        let to = tempfile::Builder::new().prefix("to-").tempdir_in(room)?;
        lane.down.push(amount / carried(runtime, whole(self.tree()?), local("to", to.path())?)?.as_secs_f64());
        Ok(())
    }
}

/// A directory of the host. `id`: another for each tree of a transfer.
pub(crate) fn local(id: &str, path: &Path) -> anyhow::Result<Arc<dyn Tree>> {
    Ok(Arc::new(LocalTree::open(id, path).map_err(failed)?))
}

/// All of a tree.
pub(crate) fn whole(tree: Arc<dyn Tree>) -> Vec<Source> {
    vec![Source { tree, path: String::new(), place_at: String::new() }]
}

/// The mover's time for it; the destination's word is believed.
pub(crate) fn carried(runtime: &Runtime, sources: Vec<Source>, to: Arc<dyn Tree>) -> anyhow::Result<Duration> {
    let transfer = Transfer {
        sources,
        destinations: vec![Destination { trees: vec![to] }],
        ledger: Arc::new(Forgetful),
        control: Control::default(),
        counters: Arc::new(Counters::default()),
        options: Options {
            verify: Verify::Claim,
            remove_source: false,
            rename: false,
            overwrite: true,
            bandwidth: None,
            storage_class: None,
            attempt: "bench".to_owned(),
        },
        limits: MoverLimits::default(),
    };
    let start = Instant::now();
    let summary = runtime.block_on(transfer.run()).map_err(failed)?;
    ensure!(summary.failed + summary.skipped == 0 && summary.done > 0, "not all arrived: {summary:?}");
    Ok(start.elapsed())
}
