//! Checksums on the way in, against a simulator: none of the servers at hand refuses a wrong CRC, so this small front does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here says where")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_conformance::host::{Host, built};
use capstan_domain::failure::{Kind, Retry};
use capstan_domain::ports::PutOptions;
use crc_fast::CrcAlgorithm;
use serde_json::json;

/// A service with one bucket that stores nothing. It holds data against CRC64-NVME, or against nothing.
#[derive(Default)]
struct Front {
    verifies: bool,
    /// Lets nobody begin an upload in parts.
    forbids: bool,
    /// Uploads in parts that somebody wanted to begin.
    begun: AtomicU64,
    /// Flips a bit of what arrives, as a bad line would.
    spoils: AtomicBool,
    /// The checksum headers of stored objects.
    seen: Mutex<Vec<Option<String>>>,
}

async fn serve(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
    let query = head.uri.query().unwrap_or_default();
    match head.method.as_str() {
        "GET" => "<R><Buckets><Bucket><Name>simulated</Name></Bucket></Buckets></R>".into_response(),
        "POST" if query.contains("uploads") => {
            front.begun.fetch_add(1, Ordering::SeqCst);
            if front.forbids {
                return (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code></Error>").into_response();
            }
            "<R><UploadId>u1</UploadId></R>".into_response()
        }
        "PUT" => {
            if front.spoils.load(Ordering::SeqCst) {
                body[0] ^= 1;
            }
            let sent = head.headers.get("x-amz-checksum-crc64nvme").map(|value| value.to_str().unwrap().to_owned());
            let arrived = STANDARD.encode(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &body).to_be_bytes());
            if front.verifies && sent.as_ref().is_some_and(|sent| *sent != arrived) {
                let refusal =
                    "<Error><Code>BadDigest</Code><Message>The CRC64NVME you specified did not match.</Message></Error>";
                return (StatusCode::BAD_REQUEST, refusal).into_response();
            }
            if !query.contains("uploadId") {
                front.seen.lock().unwrap().push(sent);
            }
            ([("etag", "\"simulated\"")], Body::empty()).into_response()
        }
        "DELETE" => StatusCode::NO_CONTENT.into_response(),
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}

async fn start(verifies: bool) -> (Arc<Front>, Host) {
    start_with(Front { verifies, ..Front::default() }).await
}

async fn start_with(front: Front) -> (Arc<Front>, Host) {
    let front = Arc::new(front);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(Arc::clone(&front));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let configuration = json!({ "endpoint": endpoint, "access-key": "a" });
    let host = Host::start(&built("s3"), configuration, &[("secret-key", "s")]).await.unwrap();
    (front, host)
}

fn mode(report: &capstan_domain::ports::ProbeReport) -> &str {
    report.extras.iter().find(|(name, _)| name == "checksum-mode").map(|(_, value)| value.as_str()).unwrap()
}

#[tokio::test]
async fn a_service_that_checks_is_sent_the_checksum_and_a_spoiled_transfer_is_refused() {
    let (front, host) = start(true).await;
    assert_eq!(mode(&host.connection.probe().await.unwrap()), "crc64-nvme");
    let port = host.connection.objects().unwrap();
    let object = port.put("simulated", "k", counting(100_000), "1", PutOptions::default()).await.unwrap();
    assert_eq!(object.checksums[0].algorithm, "crc64-nvme");
    assert_eq!(front.seen.lock().unwrap().as_slice(), [Some(STANDARD.encode(&object.checksums[0].value))]);
    front.spoils.store(true, Ordering::SeqCst);
    let spoiled = port.put("simulated", "k", counting(100_000), "2", PutOptions::default()).await;
    assert_eq!(spoiled.as_ref().unwrap_err().retry, Retry::AtOnce);
    fails(spoiled, Kind::Corrupt, "a spoiled transfer").unwrap();
}

#[tokio::test]
async fn a_service_that_checks_nothing_is_sent_nothing() {
    let (front, host) = start(false).await;
    assert_eq!(mode(&host.connection.probe().await.unwrap()), "none");
    let port = host.connection.objects().unwrap();
    port.put("simulated", "k", counting(10), "1", PutOptions::default()).await.unwrap();
    assert_eq!(front.seen.lock().unwrap().as_slice(), [None]);
}

#[tokio::test]
async fn the_first_object_finds_out_what_no_probe_has() {
    for (verifies, algorithm) in [(true, Some("crc64-nvme")), (false, None)] {
        let (front, host) = start(verifies).await;
        let port = host.connection.objects().unwrap();
        for attempt in ["1", "2"] {
            let object = port.put("simulated", "k", counting(10), attempt, PutOptions::default()).await.unwrap();
            assert_eq!(object.checksums.first().map(|checksum| checksum.algorithm.as_str()), algorithm);
        }
        assert!(front.seen.lock().unwrap().iter().all(|sent| sent.is_some() == verifies));
    }
}

#[tokio::test]
async fn what_cannot_be_found_out_is_not_tried_with_every_object() {
    let (front, host) = start_with(Front { forbids: true, ..Front::default() }).await;
    let port = host.connection.objects().unwrap();
    let put = async |attempt: u32| port.put("simulated", "k", counting(10), &attempt.to_string(), PutOptions::default()).await;
    put(0).await.unwrap();
    let tried = front.begun.load(Ordering::SeqCst);
    for attempt in 1..10 {
        put(attempt).await.unwrap();
    }
    // Each store of the pool finds out for itself.
    let most = tried * capstan_runtime::Limits::default().stores_per_target as u64;
    assert!(front.begun.load(Ordering::SeqCst) <= most, "{tried} at first");
    assert_eq!(front.seen.lock().unwrap().len(), 10);
    assert!(tried > 0, "it was tried at all");
}
