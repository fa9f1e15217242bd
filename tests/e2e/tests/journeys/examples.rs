//! The examples run as they stand.

use std::path::{Path, PathBuf};
use std::process::Command;

use capstan_e2e::{Harbour, HostOptions, PASSWORD, USER};
use capstan_test_servers::{Rgw, server_or_skip};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

#[test]
fn the_walkthroughs_of_the_nodeum_api_run_to_their_end() {
    let rgw = server_or_skip!(Rgw::get());
    let configuration = std::fs::read_to_string(example("configuration/capstan.toml")).unwrap();
    let options = HostOptions { configuration: Some(configuration), ..HostOptions::default() };
    let harbour = Harbour::with("walkthrough", &rgw.s3, options).unwrap();
    for script in ["nodeum/first-cargo.sh", "nodeum/api-key.sh"] {
        let output = Command::new("bash")
            .arg(example(script))
            .env("CAPSTAN", harbour.cargo.client.base())
            .env("CAPSTAN_USER", USER)
            .env("CAPSTAN_PASSWORD", PASSWORD)
            .env("S3", &rgw.s3.endpoint)
            .env("S3_ACCESS_KEY", &rgw.s3.access_key)
            .env("S3_SECRET_KEY", &rgw.s3.secret_key)
            .env("S3_BUCKET", &harbour.bucket)
            .env("SPACES", harbour.host.data().join("spaces"))
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {said}");
    }
    harbour.close().unwrap();
}
