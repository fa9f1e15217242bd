//! Plugins nobody should have to trust: the host survives each, says which one it was and why, and everybody else is served.

use std::time::{Duration, Instant};

use capstan_e2e::{Answer, Client, Harbour, HostOptions, Outcomes, Route, Shape, Tree, dist};
use capstan_test_servers::{Rgw, server_or_skip};
use serde_json::{Value, json};

/// Short limits, so that a guest that hangs is cut soon.
const LIMITS: &str = "[guests]\ncpu-ms = 1000\ncall-ms = 3000\ndescribe-ms = 2000\nmemory-bytes = 67108864\n";
const PATIENCE: Duration = Duration::from_secs(300);
/// A call that hangs is cut by then.
const CUT: Duration = Duration::from_secs(20);

fn install(client: &Client, fixture: &str) -> anyhow::Result<Answer> {
    let component = std::fs::read(dist().join("fixtures").join(fixture))?;
    client.raw("POST", "/capstan/v1/plugins", Some("application/wasm"), &component)
}

#[test]
fn a_plugin_that_misbehaves_costs_nobody_else_anything() {
    let rgw = server_or_skip!(Rgw::get());
    let options = HostOptions { configuration: Some(LIMITS.to_owned()), ..HostOptions::default() };
    let mut harbour = Harbour::with("beside-hostile", &rgw.s3, options).unwrap();
    let client = harbour.host.client();
    let installed = install(&client, "hostile-shared.wasm").unwrap();
    assert_eq!(installed.status, 201, "{}", installed.text);
    let plugin = installed.json()["plugin"].as_str().unwrap().to_owned();

    let before = harbour.load(&Shape { files: 1_000, small: 8 << 10, large: vec![64 << 20], odd: false }).unwrap();
    let up = harbour.upward("copy").unwrap();
    harbour.cargo.act(up, "run").unwrap();
    for wrong in ["trap", "loop", "park", "grow", "ungranted-host"] {
        let target = json!({"name": wrong, "plugin": plugin, "configuration": {"misbehave": wrong, "in-probe": true}});
        client.post("/capstan/v1/targets", &target).unwrap();
        let start = Instant::now();
        let answer = client.send("POST", &format!("/capstan/v1/targets/{wrong}/probe"), &json!({})).unwrap();
        assert!(start.elapsed() < CUT, "{wrong} was cut only after {:?}", start.elapsed());
        assert!(answer.status >= 400 && answer.status != 500, "{wrong}: {}: {}", answer.status, answer.text);
        let failure = answer.json();
        assert_eq!(failure["plugin"], plugin.as_str(), "{wrong} does not say which plugin: {failure}");
        assert!(failure["message"].as_str().is_some_and(|message| message.len() > 10), "{wrong} does not say why: {failure}");
        if wrong == "ungranted-host" {
            assert_eq!(failure["kind"], "denied", "{failure}");
        }
        assert!(harbour.host.is_running(), "{wrong} took the host with it");
        assert_eq!(client.raw("GET", "/livez", None, b"").unwrap().status, 200);
    }
    // All the while the S3 target has worked.
    let run = harbour.cargo.finish(up, PATIENCE).unwrap();
    assert_eq!(run.files, before.files.len() as u64, "{}", run.whole);
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}

#[test]
fn what_the_load_gate_refuses_it_refuses_with_a_reason_and_keeps() {
    let rgw = server_or_skip!(Rgw::get());
    let options = HostOptions { configuration: Some(LIMITS.to_owned()), ..HostOptions::default() };
    let mut harbour = Harbour::with("at-the-gate", &rgw.s3, options).unwrap();
    let client = harbour.host.client();
    for fixture in ["wrong-version.wasm", "truncated.wasm", "loop-in-start.wasm", "loop-in-describe.wasm"] {
        let start = Instant::now();
        let answer = install(&client, fixture).unwrap();
        assert!((400..500).contains(&answer.status) || answer.status > 500, "{fixture}: {}: {}", answer.status, answer.text);
        assert!(start.elapsed() < CUT, "{fixture} was refused only after {:?}", start.elapsed());
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.len() > 10, "{fixture} was refused without a reason: {}", answer.text);
        assert!(harbour.host.is_running(), "{fixture} took the host with it");
    }
    let nothing = client.raw("POST", "/capstan/v1/plugins", Some("application/wasm"), b"no component at all").unwrap();
    assert_eq!(nothing.status, 400, "{}", nothing.text);
    let refused = client.get("/capstan/v1/plugins").unwrap()["refused"].as_array().map_or(0, Vec::len);
    assert!(refused >= 4, "{refused} refusals were kept");

    harbour.load(&Shape { files: 10, small: 8 << 10, large: vec![], odd: false }).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    harbour.close().unwrap();
}

#[test]
fn the_host_starts_with_a_plugin_that_is_broken() {
    let rgw = server_or_skip!(Rgw::get());
    let plugins = tempfile::tempdir().unwrap();
    std::fs::copy(dist().join("plugins/s3.wasm"), plugins.path().join("s3.wasm")).unwrap();
    std::fs::copy(dist().join("fixtures/truncated.wasm"), plugins.path().join("broken.wasm")).unwrap();
    let options = HostOptions { plugins: Some(plugins.path().to_path_buf()), ..HostOptions::default() };
    let harbour = Harbour::with("beside-broken", &rgw.s3, options).unwrap();
    harbour.load(&Shape { files: 10, small: 8 << 10, large: vec![], odd: false }).unwrap();
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    harbour.close().unwrap();
}

/// A target of the plugin that misbehaves in this way, its one bucket in a pool of the same name.
fn hostile_pool(harbour: &Harbour, wrong: &str) -> anyhow::Result<()> {
    let target = json!({"name": wrong, "plugin": "azure", "configuration": {"misbehave": wrong}});
    harbour.cargo.client.post("/capstan/v1/targets", &target)?;
    let connector = harbour
        .cargo
        .client
        .get(&format!("/api/v2/cloud_connectors/{wrong}"))?
        .get("id")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    let bucket = harbour.cargo.sync_bucket(connector, "main")?;
    harbour.cargo.pool(wrong, bucket).map(drop)
}

#[test]
fn a_target_that_lies_or_traps_in_a_transfer_is_believed_nothing_and_others_are_served() {
    let rgw = server_or_skip!(Rgw::get());
    // The liar goes by the name of a plugin that the dialect has a word for, so the honest one of that name is not there.
    let plugins = tempfile::tempdir().unwrap();
    std::fs::copy(dist().join("plugins/s3.wasm"), plugins.path().join("s3.wasm")).unwrap();
    let bundled = Some(plugins.path().to_path_buf());
    let options = HostOptions { configuration: Some(LIMITS.to_owned()), plugins: bundled, ..HostOptions::default() };
    let mut harbour = Harbour::with("beside-liars", &rgw.s3, options).unwrap();
    let client = harbour.host.client();
    let installed = install(&client, "hostile-cloud.wasm").unwrap();
    assert_eq!(installed.status, 201, "{}", installed.text);
    let before = harbour.load(&Shape { files: 3, small: 300 << 10, large: vec![3 << 20], odd: false }).unwrap();
    // The trap comes last: a plugin that traps again and again is taken out of service.
    for wrong in ["nothing", "lie-about-size", "lie-about-hash", "corrupt", "swallow", "trap-in-transfer"] {
        hostile_pool(&harbour, wrong).unwrap();
        // A move: what the target is believed to have, the host would remove.
        let route = Route::IntoPool { path: "/outbound", pool: wrong };
        let action = if wrong == "nothing" { "copy" } else { "move" };
        let task = harbour.cargo.task(wrong, action, route).unwrap();
        harbour.cargo.act(task, "run").unwrap();
        let beside = harbour.upward("copy").unwrap();
        harbour.cargo.run(beside, PATIENCE).unwrap();
        let run = harbour.cargo.watch(task, PATIENCE, |_| false).unwrap();
        assert!(harbour.host.is_running(), "{wrong} took the host with it");
        if wrong == "nothing" {
            assert_eq!(run.status, "done", "the same plugin, behaving: {}", harbour.cargo.failures(&run).unwrap());
            continue;
        }
        assert_ne!(run.status, "done", "{wrong}: {}", run.whole);
        let outcomes = Outcomes::of(&harbour.cargo, &run).unwrap();
        assert!(
            outcomes
                .in_state("done")
                .iter()
                .all(|path| before.files.get(path.trim_start_matches('/').as_bytes()).is_some_and(|file| file.size == 0)),
            "{wrong}: {outcomes:?}"
        );
        for path in outcomes.in_state("failed") {
            let kind = outcomes.kind(path).unwrap_or_default();
            assert!(matches!(kind, "corrupt" | "plugin-fault" | "not-found" | "busy" | "unavailable"), "{wrong} {path}: {kind}");
            assert!(outcomes.paths[path]["failure"]["message"].as_str().is_some_and(|text| text.len() > 10), "{wrong} {path}");
        }
        let left = Tree::read(&harbour.outbound()).unwrap();
        for (name, content) in before.files.iter().filter(|(_, content)| content.size > 0) {
            let still = left.files.get(name).map(|still| still.hash);
            assert_eq!(still, Some(content.hash), "{wrong}: {} is lost", String::from_utf8_lossy(name));
        }
    }
    assert!(!harbour.host.log().contains("panicked at host"), "{}", harbour.host.log_tail());
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}
