//! Public clients, as they are shipped, against the dialect: what they ask for is served, and what is refused they understand.
//!
//! Their scripts stand beside this file. The driver of apache-libcloud speaks TLS only, so it comes through a front that does.

use std::path::Path;
use std::process::Command;

use capstan_test_servers::{S3, TlsFront, python_with, server_or_skip};
use tokio::net::TcpListener;

use crate::support::door;

/// Serves the dialect on a free port of loopback until the test ends.
async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, door().router).await });
    port
}

/// Runs a client to its end, which it has to reach.
async fn run(python: &Path, script: &str, arguments: Vec<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/clients").join(script);
    let mut command = Command::new(python);
    // A configuration of the user's own would win over the arguments.
    command.arg("-B").arg(script).args(arguments).env("CLOUDSIGMA_CONFIG", "/dev/null");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.trim_end().ends_with("done"), "{said}\n{complained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_libcloud_works_as_it_is_shipped() {
    let python = server_or_skip!(python_with(&[("libcloud", "apache-libcloud")]));
    let endpoint = format!("http://127.0.0.1:{}", serve().await);
    // The front passes on whatever it hears; only its name says S3.
    let behind = S3 { endpoint, access_key: String::new(), secret_key: String::new(), region: String::new() };
    let front = TlsFront::start(&behind).unwrap();
    let authority = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&authority, &front.authority).unwrap();
    let port = front.s3.endpoint.rsplit(':').next().unwrap().to_owned();
    run(&python, "run_libcloud.py", vec![port, authority.path().display().to_string()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_python_client_works_as_it_is_shipped() {
    let python = server_or_skip!(python_with(&[("cloudsigma.resource", "cloudsigma")]));
    run(&python, "run_pycloudsigma.py", vec![serve().await.to_string()]).await;
}
