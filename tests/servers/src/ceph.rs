//! Ceph RGW: the strict S3 server. It checks every signature, hash, clock and precondition.
//!
//! One monitor, one OSD, one gateway, no manager. Where the OSD keeps its data is nothing to the gateway, which is what tests talk to.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::ceph_cluster::{Cluster, PORTS};
use crate::ports::free_block;
use crate::process::Keeper;
use crate::program::find;
use crate::{S3, SwiftAccount};

const CURE: &str = "apt-get install ceph-mon ceph-osd radosgw ceph-common";
/// Under this name buckets are hosts of their own (`bucket.DOMAIN`). No DNS knows it; a `Proxy` does.
const DOMAIN: &str = "rgw.test";
/// Names the running gateway for all tests of a run.
const SHARED: &str = "CAPSTAN_TEST_RGW";
/// Of the cluster's ports, that of the gateway that gives temporary credentials.
const TOKEN_GATEWAY: u16 = PORTS - 1;
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
        let cluster = Cluster { directory: data.path(), base, more: more(data.path(), base) };
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

impl Cluster<'_> {
    fn gateway(&self, access_key: &str, secret_key: &str) -> anyhow::Result<Keeper> {
        self.key("client.rgw.a", &["mon", "allow rw", "osd", "allow rwx"])?;
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
}

/// What a cluster with gateways is configured with besides.
fn more(directory: &Path, gateway: u16) -> String {
    let directory = directory.display();
    format!(
        "rgw_data = {directory}/rgw\n\
         rgw_thread_pool_size = 64\n\
         rgw_enable_usage_log = false\n\
         rgw_gc_obj_min_wait = 5\n\
         rgw_gc_processor_period = 5\n\
         rgw_dns_name = {DOMAIN}\n\
         rgw_frontends = beast endpoint=127.0.0.1:{gateway}\n"
    )
}
