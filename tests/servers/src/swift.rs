//! OpenStack Swift of Debian: account, container and object server on one disk, and two proxies before them. One lets in by TempAuth,
//! the other by Keystone.
//!
//! The programs read `/etc/swift/swift.conf` wherever their other files are; a line of Python before them names another.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::keystone::{Keystone, SERVICE_PASSWORD, SERVICE_USER};
use crate::ports::free_block;
use crate::process::{Keeper, http_ok};
use crate::program::{find, run};
use crate::{Cloud, SwiftAccount};

/// The servers ask each other and give up soon: a busy machine then sees files that no list shows, since nothing makes up for an entry
/// that a list was not told in time. These wait.
const PATIENCE: &str = "conn_timeout = 10\nnode_timeout = 60\ncontainer_update_timeout = 60\nerror_suppression_limit = 1000000\n";
/// A cache that does not answer in time is a token that nobody gave out.
const CACHE_PATIENCE: &str = "memcache_max_connections = 32\nconnect_timeout = 10\npool_timeout = 30\nio_timeout = 30\n\
     error_suppression_limit = 1000000\n";
const CURE: &str = "apt-get install swift-proxy swift-account swift-container swift-object memcached python3-keystonemiddleware";
/// Debian's own: its modules are in no other's path.
const PYTHON: &str = "/usr/bin/python3";
/// Names the running servers for all tests of a run: the port of the first of the block, a semicolon, the cloud.
const SHARED: &str = "CAPSTAN_TEST_SWIFT";
/// One block, in this order.
const PORTS: u16 = 7;
const TEMPAUTH: u16 = 0;
const KEYSTONE_PROXY: u16 = 1;
const ACCOUNT: u16 = 2;
const CONTAINER: u16 = 3;
const OBJECT: u16 = 4;
const MEMCACHED: u16 = 5;
const KEYSTONE: u16 = 6;
/// Storage policies; the first is the default.
const POLICIES: [&str; 2] = ["gold", "silver"];

const LAUNCH: &str = "import runpy, sys\nimport swift.common.utils as utils\nutils.SWIFT_CONF_FILE = sys.argv[1]\n\
     sys.argv = sys.argv[2:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n";
const RINGS: &str = "import sys\nfrom swift.common.ring import RingBuilder\nfor pair in sys.argv[2:]:\n  name, port = pair.split('=')\n  \
     ring = RingBuilder(4, 1, 0)\n  ring.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(port), 'device': 'disk', \
     'weight': 100, 'replication_ip': '127.0.0.1', 'replication_port': int(port), 'meta': ''})\n  ring.rebalance()\n  \
     ring.get_ring().save(sys.argv[1] + '/' + name + '.ring.gz')\n";

/// Running servers, if this process started them.
#[derive(Debug)]
pub struct Swift {
    base: u16,
    /// Where tokens are Keystone's.
    pub cloud: Cloud,
    // Fields drop in this order: the processes first, the data last.
    _processes: Vec<Keeper>,
    _data: Option<TempDir>,
}

impl Swift {
    /// The run's servers, or fresh ones.
    pub fn get() -> anyhow::Result<Self> {
        let shared = std::env::var(SHARED).ok();
        let parsed = shared.as_deref().and_then(|text| text.split_once(';')).and_then(|(base, cloud)| {
            Some(Self { base: base.parse().ok()?, cloud: Cloud::parse(cloud)?, _processes: Vec::new(), _data: None })
        });
        parsed.map_or_else(Self::start, Ok)
    }

    /// What `get` finds in the environment.
    pub fn to_text(&self) -> String {
        format!("{};{}", self.base, self.cloud.to_text())
    }

    /// Takes about 20 s.
    pub fn start() -> anyhow::Result<Self> {
        for program in
            ["swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached"]
        {
            find(program, &["/usr/bin"], CURE)?;
        }
        let data = TempDir::with_prefix("capstan-swift-")?;
        let base = free_block(PORTS)?;
        let service = Service { directory: data.path(), base, user: run("id", ["-un"])?.trim().to_owned() };
        let keystone = Keystone::start(data.path(), base + KEYSTONE)?;
        let cloud = keystone.furnish(&format!("http://127.0.0.1:{}", base + KEYSTONE_PROXY))?;
        let mut processes = service.start()?;
        processes.push(keystone.process);
        Ok(Self { base, cloud, _processes: processes, _data: Some(data) })
    }

    fn account(&self, user: &str, password: &str) -> SwiftAccount {
        SwiftAccount {
            auth_url: format!("http://127.0.0.1:{}/auth/v1.0", self.base + TEMPAUTH),
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Owner of an account.
    pub fn tester(&self) -> SwiftAccount {
        self.account("test:tester", "testing")
    }

    /// A user of the same account who may do nothing in it.
    pub fn reader(&self) -> SwiftAccount {
        self.account("test:reader", "reading")
    }

    /// Owner of an account with a quota of so many bytes.
    pub fn with_quota(&self, bytes: u64) -> anyhow::Result<SwiftAccount> {
        let (owner, reseller) = (self.account("limited:keeper", "keeping"), self.account("admin:admin", "admin"));
        // The account is made by its first request; only a reseller sets its quota.
        owner.make("PUT", "first", "", &[], b"")?;
        let (storage, _) = owner.admission()?;
        let (_, token) = reseller.admission()?;
        ureq::post(&storage)
            .header("x-auth-token", token)
            .header("x-account-meta-quota-bytes", bytes.to_string())
            .send_empty()
            .context("the quota")?;
        Ok(owner)
    }

    /// Owner of an account in which one container a second can be made.
    pub fn slow(&self) -> SwiftAccount {
        self.account("slow:writer", "writing")
    }

    /// Makes the service forget every token, as a restart of its cache does.
    pub fn forget_tokens(&self) -> anyhow::Result<()> {
        let mut cache = TcpStream::connect(("127.0.0.1", self.base + MEMCACHED))?;
        cache.write_all(b"flush_all\r\n")?;
        let mut answer = [0; 4];
        cache.read_exact(&mut answer)?;
        anyhow::ensure!(&answer == b"OK\r\n", "memcached says {answer:?}");
        Ok(())
    }
}

struct Service<'a> {
    directory: &'a Path,
    base: u16,
    user: String,
}

impl Service<'_> {
    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn start(&self) -> anyhow::Result<Vec<Keeper>> {
        fs::create_dir_all(self.path("disks/disk"))?;
        fs::write(self.path("swift.conf"), policies())?;
        let rings = [("account", ACCOUNT), ("container", CONTAINER), ("object", OBJECT), ("object-1", OBJECT)]
            .map(|(name, port)| format!("{name}={}", self.base + port));
        let directory = self.directory.display().to_string();
        run(PYTHON, [["-c", RINGS, &directory].as_slice(), rings.each_ref().map(String::as_str).as_slice()].concat())
            .context("the rings")?;
        let port = (self.base + MEMCACHED).to_string();
        let cache = ["-l", "127.0.0.1", "-p", &port, "-U", "0", "-m", "32", "-u", &self.user];
        let mut processes = vec![Keeper::start(self.directory, "memcached", "memcached", cache)?];
        for (name, port) in [("account", ACCOUNT), ("container", CONTAINER), ("object", OBJECT)] {
            let settings = format!(
                "{}devices = {}\nmount_check = false\ndisable_fallocate = true\nfallocate_reserve = 0\n[pipeline:main]\npipeline = healthcheck {name}-server\n\
                 [filter:healthcheck]\nuse = egg:swift#healthcheck\n[app:{name}-server]\nuse = egg:swift#{name}\n",
                self.common(port),
                self.path("disks")
            );
            processes.push(self.server(name, name, &settings)?);
        }
        processes.push(self.server("tempauth", "proxy", &self.proxy(TEMPAUTH, "ratelimit tempauth", &tempauth()))?);
        let keystone = self.proxy(KEYSTONE_PROXY, "authtoken keystoneauth", &self.keystoneauth());
        processes.push(self.server("keystone-proxy", "proxy", &keystone)?);
        // The first to be stopped is the one that is talked to.
        processes.reverse();
        for keeper in &processes {
            keeper.wait_until(Duration::from_secs(60), || self.all_answer())?;
        }
        Ok(processes)
    }

    fn all_answer(&self) -> bool {
        [TEMPAUTH, KEYSTONE_PROXY, ACCOUNT, CONTAINER, OBJECT]
            .iter()
            .all(|port| http_ok(&format!("http://127.0.0.1:{}/healthcheck", self.base + port)))
    }

    fn server(&self, name: &str, kind: &str, settings: &str) -> anyhow::Result<Keeper> {
        let file = self.path(&format!("{name}.conf"));
        fs::write(&file, settings)?;
        let program = format!("/usr/bin/swift-{kind}-server");
        Keeper::start(self.directory, name, PYTHON, ["-c", LAUNCH, &self.path("swift.conf"), &program, &file])
    }

    fn common(&self, port: u16) -> String {
        format!(
            "[DEFAULT]\nswift_dir = {}\nbind_ip = 127.0.0.1\nbind_port = {}\nworkers = 0\nuser = {}\nlog_address = {}\n{PATIENCE}",
            self.directory.display(),
            self.base + port,
            self.user,
            self.path("no-log"),
        )
    }

    fn proxy(&self, port: u16, who: &str, filters: &str) -> String {
        let before = "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl";
        let after = "copy container-quotas account-quotas slo dlo versioned_writes symlink proxy-logging proxy-server";
        let mut settings = self.common(port);
        settings.push_str(&format!("[pipeline:main]\npipeline = {before} {who} {after}\n"));
        settings
            .push_str("[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nallow_account_management = true\n");
        for filter in
            ["catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "tempurl", "copy", "slo", "dlo", "symlink"]
        {
            settings.push_str(&format!("[filter:{filter}]\nuse = egg:swift#{filter}\n"));
        }
        settings.push_str("[filter:proxy-logging]\nuse = egg:swift#proxy_logging\n");
        settings.push_str("[filter:container-quotas]\nuse = egg:swift#container_quotas\n[filter:account-quotas]\nuse = egg:swift#account_quotas\n");
        settings.push_str("[filter:versioned_writes]\nuse = egg:swift#versioned_writes\nallow_versioned_writes = true\nallow_object_versioning = true\n");
        settings.push_str(&format!(
            "[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:{}\n{CACHE_PATIENCE}",
            self.base + MEMCACHED
        ));
        settings.push_str(filters);
        settings
    }

    fn keystoneauth(&self) -> String {
        let keystone = format!("http://127.0.0.1:{}", self.base + KEYSTONE);
        format!(
            "[filter:authtoken]\npaste.filter_factory = keystonemiddleware.auth_token:filter_factory\nwww_authenticate_uri = {keystone}/v3\n\
             auth_url = {keystone}\nauth_type = password\nproject_domain_id = default\nuser_domain_id = default\nproject_name = service\n\
             username = {SERVICE_USER}\npassword = {SERVICE_PASSWORD}\ninterface = public\ndelay_auth_decision = false\ncache = swift.cache\ntoken_cache_time = 300\n\
             [filter:keystoneauth]\nuse = egg:swift#keystoneauth\noperator_roles = admin, member\n"
        )
    }
}

fn policies() -> String {
    let mut text = String::from("[swift-hash]\nswift_hash_path_prefix = before\nswift_hash_path_suffix = after\n");
    for (index, name) in POLICIES.iter().enumerate() {
        let default = if index == 0 { "yes" } else { "no" };
        text.push_str(&format!("[storage-policy:{index}]\nname = {name}\ndefault = {default}\n"));
    }
    text
}

/// Only the slow account is held to a rate.
fn tempauth() -> String {
    "[filter:tempauth]\nuse = egg:swift#tempauth\nuser_admin_admin = admin .admin .reseller_admin\nuser_test_tester = testing .admin\n\
     user_test_reader = reading\nuser_limited_keeper = keeping .admin\nuser_slow_writer = writing .admin\n\
     [filter:ratelimit]\nuse = egg:swift#ratelimit\naccount_whitelist = AUTH_test,AUTH_limited,AUTH_admin\nmax_sleep_time_seconds = 1\n\
     rate_buffer_seconds = 0\naccount_ratelimit = 1\n"
        .to_owned()
}
