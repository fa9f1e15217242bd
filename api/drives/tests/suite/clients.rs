//! Public clients, as they are shipped, against the dialect: what they ask for is served, and what is refused they understand.

use capstan_test_servers::{CloudSigma, CloudSigmaClients, StorageType, server_or_skip};
use tokio::net::TcpListener;

use crate::support::{GRANULARITY, LIMITS, door};

/// All of the small host behind the dialect are alike.
fn storage_type(name: &str) -> StorageType<'_> {
    StorageType { name, minimum: LIMITS.min, granularity: GRANULARITY }
}

/// Serves the dialect on a free port of loopback until the test ends, and takes a client to it.
async fn meet(client: impl FnOnce(&CloudSigma<'_>) -> anyhow::Result<()> + Send + 'static) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, door().router).await });
    let met = tokio::task::spawn_blocking(move || {
        client(&CloudSigma {
            endpoint: &endpoint,
            user: "admin",
            password: "pw",
            default_type: storage_type("dssd"),
            other_type: storage_type("nvme"),
            absent_types: &["zadara"],
            apart: true,
            at_work: false,
        })
    });
    met.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_libcloud_works_as_it_is_shipped() {
    let clients = server_or_skip!(CloudSigmaClients::get());
    meet(move |there| clients.libcloud(there)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_python_client_works_as_it_is_shipped() {
    let clients = server_or_skip!(CloudSigmaClients::get());
    meet(move |there| clients.pycloudsigma(there)).await;
}
