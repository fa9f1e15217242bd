//! A host that runs only what a vendor it trusts has signed, with minisign as vendors use it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use capstan_e2e::{Host, HostOptions, PASSWORD, USER, binaries, dist};
use minisign::KeyPair;

/// `capstan plugin install FILE`, as an administrator types it.
fn install(host: &Host, file: &Path) -> Output {
    let mut command = Command::new(binaries().unwrap().join("capstan"));
    command.args(["plugin", "install", "--url", host.base()]).arg(file);
    command.env("CAPSTAN_USER", USER).env("CAPSTAN_PASSWORD", PASSWORD).output().unwrap()
}

fn sign(key: &KeyPair, component: &Path) {
    let bytes = fs::read(component).unwrap();
    let signed = minisign::sign(Some(&key.pk), &key.sk, Cursor::new(bytes), None, None).unwrap();
    fs::write(component.with_added_extension("minisig"), signed.into_string()).unwrap();
}

/// Identifiers of the plugins that are installed.
fn plugins(host: &Host) -> Vec<String> {
    let list = host.client().get("/capstan/v1/plugins").unwrap();
    list["plugins"].as_array().unwrap().iter().map(|plugin| plugin["id"].as_str().unwrap().to_owned()).collect()
}

fn options(room: &Path, configuration: Option<String>) -> HostOptions {
    HostOptions { data: room.join("data"), configuration, plugins: Some(room.join("bundled")), ..HostOptions::default() }
}

/// The setting that trusts this vendor alone.
fn trusting(vendor: &KeyPair) -> String {
    format!("[plugins]\nsignatures = {{ policy = \"require\", trusted-keys = [\"{}\"] }}\n", vendor.pk.to_base64())
}

#[test]
fn only_what_a_trusted_vendor_signed_is_installed_whichever_way_it_comes() {
    let room = tempfile::tempdir().unwrap();
    let (vendor, stranger) = (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
    let bundled = room.path().join("bundled");
    fs::create_dir(&bundled).unwrap();
    for name in ["s3.wasm", "memory.wasm"] {
        fs::copy(dist().join("plugins").join(name), bundled.join(name)).unwrap();
    }
    sign(&vendor, &bundled.join("s3.wasm"));
    let own = room.path().join("own.wasm");
    fs::copy(dist().join("plugins/posix.wasm"), &own).unwrap();

    let host = Host::start(options(room.path(), Some(trusting(&vendor)))).unwrap();
    assert_eq!(plugins(&host), ["s3"], "what comes with the host is judged like all others");

    let unsigned = install(&host, &own);
    let said = String::from_utf8_lossy(&unsigned.stderr).into_owned();
    assert!(!unsigned.status.success() && said.contains("not signed") && said.contains("next:"), "{said}");

    sign(&stranger, &own);
    let strange = install(&host, &own);
    let said = String::from_utf8_lossy(&strange.stderr).into_owned();
    assert!(!strange.status.success() && said.contains("does not trust"), "{said}");

    sign(&vendor, &own);
    let signed = install(&host, &own);
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    assert_eq!(plugins(&host), ["posix", "s3"]);
    // At the next start it is looked at again, with the signature that was kept.
    let host = host.restart().unwrap();
    assert_eq!(plugins(&host), ["posix", "s3"]);
    let list = host.client().get("/capstan/v1/plugins").unwrap();
    assert!(list["plugins"].as_array().unwrap().iter().all(|plugin| plugin["active"].is_string()), "{list}");
    host.stop().unwrap();
}

#[test]
fn a_host_that_becomes_strict_takes_the_signatures_that_were_laid_beside_its_plugins() {
    let room = tempfile::tempdir().unwrap();
    let vendor = KeyPair::generate_unencrypted_keypair().unwrap();
    let component = room.path().join("bundled/posix.wasm");
    fs::create_dir(room.path().join("bundled")).unwrap();
    fs::copy(dist().join("plugins/posix.wasm"), &component).unwrap();
    Host::start(options(room.path(), None)).unwrap().stop().unwrap();

    // Without its signature it does not run: a target of it says so.
    let target = serde_json::json!({ "name": "t", "plugin": "posix", "configuration": { "path": room.path().join("tree") } });
    fs::create_dir(room.path().join("tree")).unwrap();
    let host = Host::start(options(room.path(), Some(trusting(&vendor)))).unwrap();
    let refused = host.client().send("POST", "/capstan/v1/targets", &target).unwrap();
    assert!(refused.status >= 400 && refused.text.contains("not signed"), "{}: {}", refused.status, refused.text);
    host.stop().unwrap();

    sign(&vendor, &component);
    let host = Host::start(options(room.path(), Some(trusting(&vendor)))).unwrap();
    let made = host.client().send("POST", "/capstan/v1/targets", &target).unwrap();
    assert!(made.status < 300, "{}: {}", made.status, made.text);
    host.stop().unwrap();
}
