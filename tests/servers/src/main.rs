//! `capstan-test-servers NAME...`: starts servers, prints one `NAME=VALUE` line each, keeps them until its stdin ends.
//!
//! For a run of many test processes, and for trying things by hand: `capstan-test-servers ceph postgres`.

use std::io::{Read, Write};

use anyhow::bail;
use capstan_test_servers::{CephDrives, Gcs, Moto, Postgres, Rclone, Rgw, Swift, compiled};

fn main() -> anyhow::Result<()> {
    let mut running: Vec<Box<dyn std::any::Any>> = Vec::new();
    let mut out = std::io::stdout();
    // No server, and lives as long as they do.
    let compiled = tempfile::Builder::new().prefix("capstan-compiled-").tempdir()?;
    writeln!(out, "{}={}", compiled::SHARED, compiled.path().display())?;
    for name in std::env::args().skip(1) {
        let (variable, value) = match name.as_str() {
            "ceph" => {
                let server = Rgw::start("testkey", "testsecret")?;
                let value = server.s3.to_text();
                running.push(Box::new(server));
                ("CAPSTAN_TEST_RGW", value)
            }
            "drives" => {
                let server = CephDrives::start()?;
                let value = server.to_text();
                running.push(Box::new(server));
                ("CAPSTAN_TEST_CEPH_DRIVES", value)
            }
            "postgres" => {
                let server = Postgres::start()?;
                let value = server.url.clone();
                running.push(Box::new(server));
                ("CAPSTAN_TEST_POSTGRES_URL", value)
            }
            "rclone" => {
                let server = Rclone::start()?;
                let value = server.s3.to_text();
                running.push(Box::new(server));
                ("CAPSTAN_TEST_RCLONE", value)
            }
            "moto" => {
                let server = Moto::start()?;
                let value = server.s3.to_text();
                running.push(Box::new(server));
                ("CAPSTAN_TEST_MOTO", value)
            }
            "gcs" => {
                let server = Gcs::start()?;
                let value = [&server.endpoint, &server.token_endpoint, &server.account.client_email, &server.account.project]
                    .map(String::as_str);
                let value = value.join(",");
                running.push(Box::new(server));
                ("CAPSTAN_TEST_GCS", value)
            }
            "swift" => {
                let server = Swift::start()?;
                let value = server.to_text();
                running.push(Box::new(server));
                ("CAPSTAN_TEST_SWIFT", value)
            }
            other => bail!("no such server: {other}; there are ceph, drives, postgres, rclone, moto, gcs, swift"),
        };
        writeln!(out, "{variable}={value}")?;
        out.flush()?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
