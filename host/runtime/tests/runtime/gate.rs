//! The load gate and what is kept of it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::{bench, fixture, options, plugin, short, target};
use base64::Engine;
use blake2::Digest;
use capstan_domain::failure::{Blame, Kind, Retry};
use capstan_domain::plugin::{Facet, VersionState};
use capstan_runtime::{Limits, Runtime, SignaturePolicy};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_described_without_configuration_and_waits_to_be_activated() {
    let bench = bench(short());
    let bytes = plugin("memory");
    let version = bench.install(bytes.clone()).await;
    assert_eq!((version.plugin.as_str(), version.track.as_str()), ("memory", "0.1"));
    assert_eq!(version.facets, [Facet::Objects, Facet::Uploads]);
    assert_eq!(version.state, VersionState::Idle);
    assert_eq!(version.size, bytes.len() as u64);
    assert!(version.imports.iter().any(|import| import.starts_with("capstan:host/")));
    // The same bytes again are no second version, and are not compiled again.
    let again = bench.install(bytes).await;
    assert_eq!(again.digest, version.digest);
    assert_eq!(bench.runtime.versions(None).len(), 1);
    assert_eq!(bench.runtime.metrics().compiles.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_says_what_is_wrong_and_leaves_nothing_behind() {
    let bench = bench(Limits { describe_deadline: Duration::from_secs(1), cpu_budget: Duration::from_secs(30), ..short() });
    let memory = plugin("memory");
    let cut = memory.slice(..memory.len() / 2);
    let mut damaged = memory.to_vec();
    let middle = damaged.len() / 3;
    damaged[middle..middle + 64].fill(0xff);
    let cases = [
        ("empty", bytes::Bytes::new(), "malformed"),
        ("text", bytes::Bytes::from_static(b"not wasm"), "malformed"),
        ("core module", bytes::Bytes::from_static(b"\0asm\x01\0\0\0"), "not-a-component"),
        ("empty component", bytes::Bytes::from_static(b"\0asm\x0d\0\x01\0"), "contract-mismatch"),
        ("truncated", cut, "malformed"),
        ("truncated fixture", fixture("truncated"), "malformed"),
        ("damaged", damaged.into(), "malformed"),
        ("wrong version", fixture("wrong-version"), "contract-mismatch"),
        ("loops in describe", fixture("loop-in-describe"), "describe-deadline"),
    ];
    for (what, bytes, code) in cases {
        let started = Instant::now();
        let refusal = bench.runtime.install(bytes, None).await.unwrap_err();
        assert_eq!(refusal.failure.code.as_deref(), Some(code), "{what}: {:?}", refusal.failure);
        assert_eq!((refusal.failure.blame, refusal.failure.retry), (Blame::Plugin, Retry::Never), "{what}");
        assert!(refusal.failure.next_step.is_some(), "{what}");
        assert!(matches!(refusal.version.state, VersionState::Refused { .. }), "{what}");
        assert_eq!(refusal.version.digest.len(), 64, "{what}");
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
    }
    let left = std::fs::read_dir(bench.directory.path().join("components")).unwrap().count();
    assert_eq!(left, 0);
    // The gate is none the worse for it.
    bench.serve(memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_in_the_start_is_cut_off() {
    let bench = bench(Limits { describe_deadline: Duration::from_millis(500), ..short() });
    let refusal = bench.runtime.install(fixture("loop-in-start"), None).await.unwrap_err();
    assert_eq!(refusal.failure.blame, Blame::Plugin);
    assert!(matches!(refusal.failure.code.as_deref(), Some("describe-deadline" | "cpu-budget")), "{:?}", refusal.failure);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_over_the_size_limit_is_refused_unread() {
    let bench = bench(Limits { component_bytes: 1000, ..short() });
    let refusal = bench.runtime.install(plugin("memory"), None).await.unwrap_err();
    assert_eq!(refusal.failure.code.as_deref(), Some("component-too-large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_takes_versions_up_from_the_cache_and_a_bad_cache_is_compiled_again() {
    let bench = bench(short());
    let mut version = bench.serve(plugin("memory")).await;
    version.state = VersionState::Active;
    for damage in [false, true] {
        if damage {
            for file in std::fs::read_dir(bench.directory.path().join("compiled")).unwrap() {
                let path = file.unwrap().path();
                let mut code = std::fs::read(&path).unwrap();
                let middle = code.len() / 2;
                code[middle] ^= 1;
                std::fs::write(&path, code).unwrap();
            }
        }
        let runtime = Runtime::new(options(bench.directory.path().to_owned(), short())).unwrap();
        let connection = runtime.open_target(target("t", "memory", json!({})));
        assert_eq!(connection.probe().await.unwrap_err().kind, Kind::Unavailable);
        runtime.adopt(&version).await.unwrap();
        // Opened before its plugin was there, it comes alive by itself.
        connection.probe().await.unwrap();
        assert_eq!(runtime.metrics().cache_hits.load(Ordering::Relaxed), u64::from(!damage));
        assert_eq!(runtime.metrics().compiles.load(Ordering::Relaxed), u64::from(damage));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_file_is_gone_leaves_its_targets_unavailable_and_others_serving() {
    let bench = bench(short());
    let mut version = bench.install(plugin("memory")).await;
    version.plugin = "lost".to_owned();
    version.digest = "0".repeat(64);
    version.state = VersionState::Active;
    assert_eq!(bench.runtime.adopt(&version).await.unwrap_err().kind, Kind::NotFound);
    let lost = bench.runtime.open_target(target("lost", "lost", json!({})));
    let failure = lost.probe().await.unwrap_err();
    assert!(failure.next_step.is_some());
    bench.runtime.activate("memory", "0.1.0").await.unwrap();
    bench.runtime.open_target(target("good", "memory", json!({}))).probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_in_use_cannot_be_removed() {
    let bench = bench(short());
    bench.serve(plugin("memory")).await;
    let settings = target("t", "memory", json!({}));
    let id = settings.id;
    bench.runtime.open_target(settings);
    assert_eq!(bench.runtime.remove("memory", "0.1.0").await.unwrap_err().code.as_deref(), Some("version-in-use"));
    bench.runtime.close_target(id);
    bench.runtime.remove("memory", "0.1.0").await.unwrap();
    assert!(bench.runtime.versions(None).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_and_other_builds_installed_at_once_do_not_race() {
    let bench = bench(short());
    let same = plugin("memory");
    // Another build of the same version: a custom section more.
    let other: Vec<bytes::Bytes> = (0..3_u8)
        .map(|number| {
            let mut bytes = same.to_vec();
            bytes.extend_from_slice(&[0, 3, 1, b'x', number]);
            bytes.into()
        })
        .collect();
    let installs = (0..4).map(|_| same.clone()).chain(other).map(|bytes| bench.runtime.install(bytes, None));
    let versions: Vec<_> = futures::future::join_all(installs).await.into_iter().map(|outcome| outcome.unwrap()).collect();
    let mut kept: Vec<_> = bench.runtime.versions(None).into_iter().map(|record| (record.version, record.digest)).collect();
    kept.sort();
    assert_eq!(kept.len(), 4, "{kept:?}");
    let mut names: Vec<_> = kept.iter().map(|(version, _)| version.as_str()).collect();
    names.dedup();
    assert_eq!(names.len(), 4, "each build has a name of its own: {names:?}");
    assert!(versions.iter().all(|version| kept.contains(&(version.version.clone(), version.digest.clone()))));
    assert_eq!(bench.runtime.metrics().compiles.load(Ordering::Relaxed), 4);
    assert_eq!(std::fs::read_dir(bench.directory.path().join("components")).unwrap().count(), 4);
    for (version, _) in kept {
        bench.runtime.activate("memory", &version).await.unwrap();
        bench.runtime.open_target(target("t", "memory", json!({}))).probe().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_beside_a_removal_of_the_same_bytes_ends_whole_or_not_at_all() {
    let bench = bench(short());
    for _ in 0..10 {
        bench.install(plugin("memory")).await;
        let (removed, installed) =
            tokio::join!(bench.runtime.remove("memory", "0.1.0"), bench.runtime.install(plugin("memory"), None));
        removed.unwrap();
        installed.unwrap();
        let listed = bench.runtime.versions(None).len();
        let files = std::fs::read_dir(bench.directory.path().join("components")).unwrap().count();
        assert_eq!(listed, files);
        if listed > 0 {
            bench.runtime.remove("memory", "0.1.0").await.unwrap();
        }
    }
}

/// A signer as minisign is one: a key pair, and detached signatures over the hash of a file.
struct Vendor {
    pair: ring::signature::Ed25519KeyPair,
}

impl Vendor {
    const ID: [u8; 8] = *b"capstan!";

    fn new(seed: u8) -> Self {
        Self { pair: ring::signature::Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    fn key(&self) -> String {
        use ring::signature::KeyPair;
        let mut key = b"Ed".to_vec();
        key.extend_from_slice(&Self::ID);
        key.extend_from_slice(self.pair.public_key().as_ref());
        base64::engine::general_purpose::STANDARD.encode(key)
    }

    fn sign(&self, file: &[u8]) -> bytes::Bytes {
        let hash = blake2::Blake2b512::digest(file);
        let signature = self.pair.sign(&hash);
        let mut first = b"ED".to_vec();
        first.extend_from_slice(&Self::ID);
        first.extend_from_slice(signature.as_ref());
        let comment = "file:plugin.wasm";
        let both = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        format!(
            "untrusted comment: signed by a test\n{}\ntrusted comment: {comment}\n{}\n",
            encode(&first),
            encode(both.as_ref())
        )
        .into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_signatures_are_required_only_what_a_trusted_key_signed_is_kept_and_run() {
    let (vendor, stranger) = (Vendor::new(1), Vendor::new(2));
    let directory = tempfile::tempdir().unwrap();
    let with = |policy, keys: Vec<String>| {
        let signatures = capstan_runtime::Signatures { policy, trusted_keys: keys };
        Runtime::new(capstan_runtime::RuntimeOptions { signatures, ..options(directory.path().to_owned(), short()) }).unwrap()
    };
    let memory = plugin("memory");
    let runtime = with(SignaturePolicy::Require, vec![vendor.key()]);
    let other = vendor.sign(&plugin("s3"));
    for (signature, code) in [
        (None, "signature-missing"),
        (Some(bytes::Bytes::from_static(b"no signature")), "signature-malformed"),
        (Some(other), "signature-wrong"),
        (Some(stranger.sign(&memory)), "signature-wrong"),
    ] {
        let refusal = runtime.install_signed(memory.clone(), signature, None).await.unwrap_err();
        assert_eq!((refusal.failure.kind, refusal.failure.code.as_deref()), (Kind::Denied, Some(code)));
        assert!(refusal.failure.next_step.is_some());
        assert_eq!(refusal.version.digest.len(), 64);
        assert_eq!(std::fs::read_dir(directory.path().join("components")).unwrap().count(), 0);
    }
    let mut version = runtime.install_signed(memory.clone(), Some(vendor.sign(&memory)), None).await.unwrap();
    version.state = VersionState::Active;
    drop(runtime);
    // At the next start it is looked at again, by the policy of then.
    with(SignaturePolicy::Require, vec![stranger.key(), vendor.key()]).adopt(&version).await.unwrap();
    let strict = with(SignaturePolicy::Require, Vec::new());
    assert_eq!(strict.adopt(&version).await.unwrap_err().code.as_deref(), Some("signature-untrusted"));
    let unavailable = strict.open_target(target("t", "memory", json!({}))).probe().await.unwrap_err();
    assert_eq!(unavailable.code.as_deref(), Some("signature-untrusted"));
    with(SignaturePolicy::Warn, Vec::new()).adopt(&version).await.unwrap();
}
