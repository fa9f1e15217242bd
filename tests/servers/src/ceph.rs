//! Ceph RGW: the strict S3 server. It checks every signature, hash, clock and precondition.
//!
//! One monitor, one OSD, one gateway, no manager. The OSD keeps its data in memory unless `CAPSTAN_TEST_CEPH_STORE=bluestore`: the
//! gateway, which is what tests talk to, is the same.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::ports::free_block;
use crate::process::Keeper;
use crate::program::{find, run};
use crate::{S3, SwiftAccount};

const CURE: &str = "apt-get install ceph-mon ceph-osd radosgw ceph-common";
/// Under this name buckets are hosts of their own (`bucket.DOMAIN`). No DNS knows it; a `Proxy` does.
const DOMAIN: &str = "rgw.test";
/// Names the running gateway for all tests of a run.
const SHARED: &str = "CAPSTAN_TEST_RGW";
/// Gateway, two monitor ports, what OSD and gateways bind for themselves, the gateway with tokens.
const PORTS: u16 = 40;
/// Of those, the gateway that gives temporary credentials.
const TOKEN_GATEWAY: u16 = PORTS - 1;
/// Bytes the OSD offers.
const CAPACITY: u64 = 10 << 30;
/// Storage classes beside STANDARD, so that a test can ask for one.
const STORAGE_CLASSES: [&str; 2] = ["STANDARD_IA", "GLACIER"];
/// A user of Swift's API, a part of the test user, and its key.
const SUBUSER: &str = "tester:swift";
const SUBUSER_KEY: &str = "swiftsecret";
/// A user each of whose buckets may hold `BUCKET_QUOTA` bytes, and its keys.
const BOUNDED: &str = "bounded";
const BOUNDED_KEY: &str = "boundedkey";
const BOUNDED_SECRET: &str = "boundedsecret";
/// The role whose temporary credentials the test user may have.
pub(crate) const ROLE: &str = "visitor";
const MAY_TAKE_ROLE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/tester"]},"Action":["sts:AssumeRole"]}]}"#;
const ROLE_MAY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::*"}]}"#;

/// A gateway, with its cluster if this process started it.
#[derive(Debug)]
pub struct Rgw {
    pub s3: S3,
    // Fields drop in this order: the gateway first, the data last.
    _processes: Vec<Keeper>,
    _data: Option<TempDir>,
}

impl Rgw {
    /// Bytes that a bucket of the bounded user holds; the gateway counts each object in steps of 4 KiB.
    pub const BUCKET_QUOTA: u64 = 4 << 20;

    /// The run's gateway, or a fresh one.
    pub fn get() -> anyhow::Result<Self> {
        match std::env::var(SHARED).ok().as_deref().and_then(S3::parse) {
            Some(s3) => Ok(Self { s3, _processes: Vec::new(), _data: None }),
            None => Self::start("testkey", "testsecret"),
        }
    }

    /// The same gateway by its name, under which each bucket is a host of its own.
    pub fn by_name(&self) -> S3 {
        S3 { endpoint: self.s3.endpoint.replace("127.0.0.1", DOMAIN), ..self.s3.clone() }
    }

    /// The gateway of the same cluster that gives temporary credentials. It is one of its own because with STS on, this version
    /// of Ceph answers a wrong signature with a plain `AccessDenied`.
    pub fn with_tokens(&self) -> anyhow::Result<S3> {
        let (head, port) = self.s3.endpoint.rsplit_once(':').context("the gateway's port")?;
        let port: u16 = port.parse().context("the gateway's port")?;
        Ok(S3 { endpoint: format!("{head}:{}", port + TOKEN_GATEWAY), ..self.s3.clone() })
    }

    /// A user of the same gateway whose buckets are small.
    pub fn bounded(&self) -> S3 {
        S3 { access_key: BOUNDED_KEY.to_owned(), secret_key: BOUNDED_SECRET.to_owned(), ..self.s3.clone() }
    }

    /// The test user of Swift's API, which sees the same buckets.
    pub fn swift(&self) -> SwiftAccount {
        SwiftAccount {
            auth_url: format!("{}/auth/v1.0", self.s3.endpoint),
            user: SUBUSER.to_owned(),
            password: SUBUSER_KEY.to_owned(),
        }
    }

    /// A fresh cluster with one user. Takes about 20 s.
    pub fn start(access_key: &str, secret_key: &str) -> anyhow::Result<Self> {
        for program in ["ceph-mon", "ceph-osd", "radosgw", "ceph", "ceph-authtool", "monmaptool", "radosgw-admin"] {
            find(program, &[], CURE)?;
        }
        let data = TempDir::with_prefix("capstan-ceph-")?;
        let base = free_block(PORTS)?;
        let cluster = Cluster { directory: data.path(), base };
        let mut processes = vec![cluster.monitor()?];
        processes.insert(0, cluster.osd()?);
        processes.insert(0, cluster.gateway(access_key, secret_key)?);
        processes.insert(0, cluster.token_gateway()?);
        let s3 = S3 {
            endpoint: format!("http://127.0.0.1:{base}"),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            region: "us-east-1".to_owned(),
        };
        Ok(Self { s3, _processes: processes, _data: Some(data) })
    }
}

struct Cluster<'a> {
    directory: &'a Path,
    base: u16,
}

impl Cluster<'_> {
    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// `program -c CONF arguments`.
    fn tool(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let conf = self.path("ceph.conf");
        run(program, ["-c", conf.as_str()].into_iter().chain(arguments.iter().copied()))
    }

    fn daemon(&self, name: &str, program: &str, arguments: &[&str]) -> anyhow::Result<Keeper> {
        let conf = self.path("ceph.conf");
        Keeper::start(self.directory, name, program, ["-c", conf.as_str()].into_iter().chain(arguments.iter().copied()))
    }

    fn monitor(&self) -> anyhow::Result<Keeper> {
        for name in ["mon", "osd", "rgw", "run"] {
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

    fn osd(&self) -> anyhow::Result<Keeper> {
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

    fn gateway(&self, access_key: &str, secret_key: &str) -> anyhow::Result<Keeper> {
        let key = self.tool("ceph", &["auth", "get-or-create", "client.rgw.a", "mon", "allow rw", "osd", "allow rwx"])?;
        let keyring = self.path("keyring");
        let mut all = fs::read_to_string(&keyring)?;
        all.push_str(&key);
        fs::write(&keyring, all)?;
        // The zone exists once a gateway has run; storage classes go in then, and only a restarted gateway sees them.
        let first = self.daemon("rgw", "radosgw", &["-n", "client.rgw.a", "-f"])?;
        first.wait_until(Duration::from_secs(120), || self.healthy(0))?;
        for class in STORAGE_CLASSES {
            let pool = format!("default.rgw.{class}.data");
            let place = ["--placement-id", "default-placement", "--storage-class", class];
            self.tool(
                "radosgw-admin",
                &[&["zonegroup", "placement", "add", "--rgw-zonegroup", "default"], place.as_slice()].concat(),
            )?;
            let zone =
                [&["zone", "placement", "add", "--rgw-zone", "default"], place.as_slice(), &["--data-pool", &pool]].concat();
            self.tool("radosgw-admin", &zone)?;
        }
        drop(first);
        let gateway = self.daemon("rgw", "radosgw", &["-n", "client.rgw.a", "-f"])?;
        gateway.wait_until(Duration::from_secs(90), || self.healthy(0))?;
        let user = ["user", "create", "--uid=tester", "--display-name=Tester"];
        let keys = [format!("--access-key={access_key}"), format!("--secret={secret_key}")];
        self.tool("radosgw-admin", &[user.as_slice(), &[&keys[0], &keys[1]]].concat()).context("the test user")?;
        let subuser = format!("--subuser={SUBUSER}");
        self.tool("radosgw-admin", &["subuser", "create", "--uid=tester", &subuser, "--access=full"]).context("the subuser")?;
        let key = format!("--secret={SUBUSER_KEY}");
        self.tool("radosgw-admin", &["key", "create", &subuser, "--key-type=swift", &key]).context("the subuser's key")?;
        self.bounded_user().context("the user with a quota")?;
        let role = format!("--role-name={ROLE}");
        let (who, what) = (format!("--assume-role-policy-doc={MAY_TAKE_ROLE}"), format!("--policy-doc={ROLE_MAY}"));
        self.tool("radosgw-admin", &["role", "create", &role, &who]).context("the role")?;
        self.tool("radosgw-admin", &["role-policy", "put", &role, "--policy-name=all", &what]).context("the role's policy")?;
        Ok(gateway)
    }

    fn bounded_user(&self) -> anyhow::Result<()> {
        let (who, bytes) = (format!("--uid={BOUNDED}"), format!("--max-size={}", Rgw::BUCKET_QUOTA));
        let keys = [format!("--access-key={BOUNDED_KEY}"), format!("--secret={BOUNDED_SECRET}")];
        self.tool("radosgw-admin", &["user", "create", &who, "--display-name=Bounded", &keys[0], &keys[1]])?;
        self.tool("radosgw-admin", &["quota", "set", "--quota-scope=bucket", &who, &bytes])?;
        self.tool("radosgw-admin", &["quota", "enable", "--quota-scope=bucket", &who]).map(drop)
    }

    fn token_gateway(&self) -> anyhow::Result<Keeper> {
        let frontend = format!("--rgw-frontends=beast endpoint=127.0.0.1:{}", self.base + TOKEN_GATEWAY);
        let (socket, sts) = (format!("--admin-socket={}", self.path("run/tokens.asok")), "--rgw-s3-auth-use-sts=true");
        let key = "--rgw-sts-key=sixteen-byte-key";
        let arguments = ["-n", "client.rgw.a", "-f", &frontend, &socket, sts, key];
        let gateway = self.daemon("rgw-tokens", "radosgw", &arguments)?;
        gateway.wait_until(Duration::from_secs(90), || self.healthy(TOKEN_GATEWAY))?;
        Ok(gateway)
    }

    /// Whether the gateway at this port of the block answers.
    fn healthy(&self, port: u16) -> bool {
        let url = format!("http://127.0.0.1:{}/swift/healthcheck", self.base + port);
        crate::process::http_ok(&url)
    }

    fn configuration(&self, fsid: &str) -> String {
        let store = std::env::var("CAPSTAN_TEST_CEPH_STORE").unwrap_or_else(|_| "memstore".to_owned());
        let directory = self.directory.display();
        let (gateway, v2, v1) = (self.base, self.base + 1, self.base + 2);
        let (first, last) = (self.base + 3, self.base + TOKEN_GATEWAY - 1);
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
             rgw_data = {directory}/rgw\n\
             run_dir = {directory}/run\n\
             admin_socket = {directory}/run/$name.asok\n\
             keyring = {directory}/keyring\n\
             log_file = {directory}/run/$name.log\n\
             crash_dir = {directory}/run\n\
             mon_data_avail_crit = 1\n\
             mon_data_avail_warn = 2\n\
             rgw_thread_pool_size = 64\n\
             rgw_enable_usage_log = false\n\
             rgw_gc_obj_min_wait = 5\n\
             rgw_gc_processor_period = 5\n\
             rgw_dns_name = {DOMAIN}\n\
             rgw_frontends = beast endpoint=127.0.0.1:{gateway}\n\
             ms_bind_port_min = {first}\n\
             ms_bind_port_max = {last}\n"
        )
    }
}

fn uuid() -> anyhow::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned())
}
