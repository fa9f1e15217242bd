//! A Ceph cluster as small as it gets: one monitor, one OSD, all on loopback. What is made of it, a gateway or a pool of drives, is
//! the caller's. The OSD keeps its data in memory unless `CAPSTAN_TEST_CEPH_STORE=bluestore`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::process::Keeper;
use crate::program::run;

/// Ports of a cluster's block. The last one no daemon binds by itself.
pub(crate) const PORTS: u16 = 40;
/// Bytes the OSD offers.
const CAPACITY: u64 = 10 << 30;

/// The cluster in this directory, of a monitor and an OSD so far.
pub(crate) struct Cluster<'a> {
    pub(crate) directory: &'a Path,
    /// The first port of its block: what tests talk to. Behind it the monitor's two, then those that daemons bind for themselves.
    pub(crate) base: u16,
    /// What its configuration has beside what every cluster has.
    pub(crate) more: String,
}

impl Cluster<'_> {
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// `program -c CONF arguments`.
    pub(crate) fn tool(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let conf = self.path("ceph.conf");
        run(program, ["-c", conf.as_str()].into_iter().chain(arguments.iter().copied()))
    }

    pub(crate) fn daemon(&self, name: &str, program: &str, arguments: &[&str]) -> anyhow::Result<Keeper> {
        let conf = self.path("ceph.conf");
        Keeper::start(self.directory, name, program, ["-c", conf.as_str()].into_iter().chain(arguments.iter().copied()))
    }

    pub(crate) fn monitor(&self) -> anyhow::Result<Keeper> {
        for name in ["mon", "osd", "mgr", "rgw", "run"] {
            fs::create_dir_all(self.directory.join(name))?;
        }
        let fsid = uuid()?;
        fs::write(self.path("ceph.conf"), self.configuration(&fsid))?;
        let keyring = self.path("keyring");
        run("ceph-authtool", ["--create-keyring", &keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"])?;
        run(
            "ceph-authtool",
            [
                &keyring,
                "--gen-key",
                "-n",
                "client.admin",
                "--cap",
                "mon",
                "allow *",
                "--cap",
                "osd",
                "allow *",
                "--cap",
                "mgr",
                "allow *",
            ],
        )?;
        let monmap = self.path("monmap");
        let addresses = format!("[v2:127.0.0.1:{},v1:127.0.0.1:{}]", self.base + 1, self.base + 2);
        run("monmaptool", ["--create", "--clobber", "--fsid", &fsid, "--addv", "a", &addresses, &monmap])?;
        self.tool("ceph-mon", &["-i", "a", "--mkfs", "--monmap", &monmap, "--keyring", &keyring])?;
        let monitor = self.daemon("mon", "ceph-mon", &["-i", "a", "-f"])?;
        monitor.wait_until(Duration::from_secs(60), || self.tool("ceph", &["--connect-timeout", "3", "mon", "stat"]).is_ok())?;
        Ok(monitor)
    }

    /// Adds the key of this daemon to the keyring.
    pub(crate) fn key(&self, entity: &str, capabilities: &[&str]) -> anyhow::Result<()> {
        let key = self.tool("ceph", &[&["auth", "get-or-create", entity], capabilities].concat())?;
        let keyring = self.path("keyring");
        let mut all = fs::read_to_string(&keyring)?;
        all.push_str(&key);
        Ok(fs::write(&keyring, all)?)
    }

    pub(crate) fn osd(&self) -> anyhow::Result<Keeper> {
        let id = uuid()?;
        let key = run("ceph-authtool", ["--gen-print-key"])?;
        let secret = self.path("osd-secret.json");
        fs::write(&secret, format!(r#"{{"cephx_secret": "{}"}}"#, key.trim()))?;
        self.tool("ceph", &["osd", "new", &id, "0", "-i", &secret])?;
        let keyring = self.path("keyring");
        run("ceph-authtool", [keyring.as_str(), "-n", "osd.0", "--add-key", key.trim()])?;
        self.tool("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &id])?;
        let osd = self.daemon("osd", "ceph-osd", &["-i", "0", "-f"])?;
        osd.wait_until(Duration::from_secs(90), || self.tool("ceph", &["osd", "stat"]).is_ok_and(|text| text.contains("1 up")))?;
        Ok(osd)
    }

    fn configuration(&self, fsid: &str) -> String {
        let store = std::env::var("CAPSTAN_TEST_CEPH_STORE").unwrap_or_else(|_| "memstore".to_owned());
        let (directory, more) = (self.directory.display(), &self.more);
        let (v2, v1) = (self.base + 1, self.base + 2);
        let (first, last) = (self.base + 3, self.base + PORTS - 2);
        format!(
            "[global]\n\
             fsid = {fsid}\n\
             mon_initial_members = a\n\
             mon_host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]\n\
             public_addr = 127.0.0.1\n\
             cluster_addr = 127.0.0.1\n\
             auth_cluster_required = cephx\n\
             auth_service_required = cephx\n\
             auth_client_required = cephx\n\
             auth_allow_insecure_global_id_reclaim = false\n\
             osd_pool_default_size = 1\n\
             osd_pool_default_min_size = 1\n\
             mon_allow_pool_size_one = true\n\
             mon_warn_on_pool_no_redundancy = false\n\
             osd_crush_chooseleaf_type = 0\n\
             osd_pool_default_pg_num = 4\n\
             osd_pool_default_pgp_num = 4\n\
             osd_pool_default_pg_autoscale_mode = off\n\
             mon_max_pg_per_osd = 1000\n\
             osd_objectstore = {store}\n\
             bluestore_block_size = {CAPACITY}\n\
             memstore_device_bytes = {CAPACITY}\n\
             osd_memory_target = 939524096\n\
             mon_data = {directory}/mon\n\
             osd_data = {directory}/osd\n\
             run_dir = {directory}/run\n\
             admin_socket = {directory}/run/$name.asok\n\
             keyring = {directory}/keyring\n\
             log_file = {directory}/run/$name.log\n\
             crash_dir = {directory}/run\n\
             mon_data_avail_crit = 1\n\
             mon_data_avail_warn = 2\n\
             ms_bind_port_min = {first}\n\
             ms_bind_port_max = {last}\n\
             {more}"
        )
    }
}

fn uuid() -> anyhow::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned())
}
