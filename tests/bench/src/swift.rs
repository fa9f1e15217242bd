//! The plugin for OpenStack Swift against OpenStack's own client for Python, on Debian's Swift.

use capstan_test_servers::Swift;
use serde_json::json;

use crate::cloud::{Load, Rival, Target, port, side_by_side};

const OPENSTACK: Rival = Rival {
    name: "python-swiftclient",
    package: "python-swiftclient",
    module: "swiftclient.service",
    script: include_str!("swift.py"),
};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let load = Load::asked(arguments)?;
    let target = |server: &Swift| {
        let account = server.tester();
        Ok(Target {
            plugin: "swift.wasm",
            ports: vec![port(&account.auth_url)?],
            configuration: json!({ "auth-url": account.auth_url, "user": account.user, "part-bytes": 16 << 20 }),
            secret: ("password", account.password),
        })
    };
    side_by_side("OpenStack Swift", load, &OPENSTACK, Swift::start, target, |server, lane| {
        let account = server.tester();
        OPENSTACK.run(&[&account.auth_url, &account.user, &account.password], load, lane)
    })
}
