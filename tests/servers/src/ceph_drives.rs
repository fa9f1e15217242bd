//! Drives on Ceph: a cluster with a manager and its dashboard, and a storage daemon that reaches the cluster's images.
//!
//! The dashboard speaks plain HTTP, on loopback. The other modules that a manager starts by itself are left out: one of them fails in
//! Debian's build, and the cluster's health would say so.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::ceph_cluster::{Cluster, PORTS};
use crate::ports::free_block;
use crate::process::Keeper;
use crate::program::{find, run};
use crate::storage_daemon::StorageDaemon;

const CURE: &str = "apt-get install ceph-mon ceph-osd ceph-mgr ceph-mgr-dashboard ceph-common qemu-utils qemu-block-extra";
/// Where Debian has what is on no PATH: the dashboard, and the storage daemon's driver.
const MODULES: [&str; 1] = ["/usr/share/ceph/mgr/dashboard"];
const DRIVERS: [&str; 2] = ["/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib/aarch64-linux-gnu/qemu"];
/// Names the running server for all tests of a run.
const SHARED: &str = "CAPSTAN_TEST_CEPH_DRIVES";
const PATIENCE: Duration = Duration::from_secs(120);

/// A pool of drives, with its cluster if this process started it.
#[derive(Debug)]
pub struct CephDrives {
    /// URL.
    pub dashboard: String,
    pub nbd_port: u16,
    pub qmp_port: u16,
    /// The cluster's configuration.
    pub conf: PathBuf,
    // Fields drop in this order: the storage daemon first, the data last.
    _daemon: Option<StorageDaemon>,
    _processes: Vec<Keeper>,
    _data: Option<TempDir>,
}

impl CephDrives {
    pub const USER: &str = "drives";
    pub const PASSWORD: &str = "Adm1n-pw-x";
    pub const POOL: &str = "drives";

    /// The run's server, or a fresh one.
    pub fn get() -> anyhow::Result<Self> {
        match std::env::var(SHARED).ok().as_deref().and_then(Self::parse) {
            Some(server) => Ok(server),
            None => Self::start(),
        }
    }

    pub fn to_text(&self) -> String {
        format!("{} {} {} {}", self.dashboard, self.nbd_port, self.qmp_port, self.conf.display())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(4, ' ');
        Some(Self {
            dashboard: words.next()?.to_owned(),
            nbd_port: words.next()?.parse().ok()?,
            qmp_port: words.next()?.parse().ok()?,
            conf: words.next()?.into(),
            _daemon: None,
            _processes: Vec::new(),
            _data: None,
        })
    }

    /// A fresh cluster. Takes about 15 s.
    pub fn start() -> anyhow::Result<Self> {
        for program in ["ceph-mon", "ceph-osd", "ceph-mgr", "ceph", "rbd", "ceph-authtool", "monmaptool"] {
            find(program, &[], CURE)?;
        }
        find("module.py", &MODULES, CURE)?;
        find("block-rbd.so", &DRIVERS, CURE)?;
        let data = TempDir::with_prefix("capstan-drives-")?;
        let base = free_block(PORTS)?;
        let cluster = Cluster { directory: data.path(), base, more: more(data.path()) };
        let mut processes = vec![cluster.monitor()?];
        processes.insert(0, cluster.manager()?);
        processes.insert(0, cluster.osd()?);
        cluster.tool("ceph", &["osd", "pool", "create", Self::POOL, "4"]).context("the pool")?;
        cluster.tool("rbd", &["pool", "init", Self::POOL]).context("the pool")?;
        cluster.user(&processes)?;
        let daemon = StorageDaemon::start(data.path(), &[])?;
        Ok(Self {
            dashboard: format!("http://127.0.0.1:{base}"),
            nbd_port: daemon.nbd_port,
            qmp_port: daemon.qmp_port,
            conf: data.path().join("ceph.conf"),
            _daemon: Some(daemon),
            _processes: processes,
            _data: Some(data),
        })
    }

    /// `rbd arguments`, behind everybody's back.
    pub fn rbd(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let conf = self.conf.display().to_string();
        run("rbd", ["-c", conf.as_str(), "--pool", Self::POOL].into_iter().chain(arguments.iter().copied()))
    }

    /// The names of all images, in their order.
    pub fn images(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.rbd(&["ls"])?.lines().map(str::to_owned).collect())
    }
}

impl Cluster<'_> {
    /// Its dashboard listens at the first port of the block.
    fn manager(&self) -> anyhow::Result<Keeper> {
        for (name, value) in [("ssl", "false"), ("server_addr", "127.0.0.1"), ("server_port", &self.base.to_string())] {
            // Forced: options of modules are unknown until a manager has run.
            let option = format!("mgr/dashboard/{name}");
            self.tool("ceph", &["config", "set", "mgr", &option, value, "--force"])?;
        }
        self.key("mgr.a", &["mon", "allow profile mgr", "osd", "allow *"])?;
        self.daemon("mgr", "ceph-mgr", &["-i", "a", "-f"])
    }

    /// Waits for the manager, which needs the OSD to begin.
    fn user(&self, processes: &[Keeper]) -> anyhow::Result<()> {
        let Some(manager) = processes.get(1) else { bail!("there is no manager") };
        let password = self.path("password");
        fs::write(&password, CephDrives::PASSWORD)?;
        let user = ["dashboard", "ac-user-create", CephDrives::USER, "-i", &password, "administrator"];
        let mut said = String::new();
        let made = manager.wait_until(PATIENCE, || match self.tool("ceph", &user) {
            Ok(_) => true,
            Err(why) => {
                said = why.to_string();
                // It was made, and the answer took too long.
                said.contains("already exists")
            }
        });
        made.with_context(|| format!("the dashboard's user: {said}"))?;
        let base = self.base;
        manager.wait_until(PATIENCE, || TcpStream::connect(("127.0.0.1", base)).is_ok())
    }
}

/// What a cluster with a dashboard is configured with besides.
fn more(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "mgr_data = {directory}/mgr\n\
         mgr_initial_modules = dashboard\n\
         rbd_default_features = 61\n\
         mon_allow_pool_delete = true\n\
         [client]\n\
         admin_socket = {directory}/run/$name.$pid.$cctid.asok\n\
         log_file = {directory}/run/$name.$pid.log\n"
    )
}
