//! Drives in people's hands: attached over NBD by the command line, under the clients of others, and images put in and taken out
//! with what broke off going on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use capstan_e2e::{Client, Host, PASSWORD, USER};
use capstan_test_servers::{nbd_program, server_or_skip};
use serde_json::{Value, json};

use crate::attaching::{Attached, address, capstan, good, nbd, run};

const PATIENCE: Duration = Duration::from_secs(90);
const SIZE: u64 = 512 << 20;
/// Of the image, which is smaller than the drive.
const IMAGE: u64 = 96 << 20;

fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        sleep(Duration::from_millis(50));
    }
}

fn drive(client: &Client) -> Value {
    client.get("/capstan/v1/drives/disk").unwrap()
}

/// A drive called "disk", as clients of CloudSigma make one.
fn make(client: &Client) -> String {
    let made = client.post("/api/2.0/drives/", &json!({ "name": "disk", "media": "disk", "size": SIZE })).unwrap();
    wait("the drive is not ready", || drive(client)["state"] == "ready");
    made["objects"][0]["uuid"].as_str().unwrap().to_owned()
}

/// Noise here and there, at the end too, and holes between.
fn image(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(IMAGE).unwrap();
    for (seed, at) in [(1, 0), (2, 33 << 20), (3, IMAGE - (5 << 20))] {
        file.write_all_at(&noise(seed, 5 << 20), at).unwrap();
    }
}

fn noise(seed: u64, length: u64) -> Vec<u8> {
    (0..length / 8)
        .flat_map(|word| ((word + 1).wrapping_mul(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1).to_be_bytes())
        .collect()
}

/// The file begins with the image, and nothing follows.
fn begins_with(file: &Path, image: &Path) {
    let (file, image) = (fs::read(file).unwrap(), fs::read(image).unwrap());
    assert!(file[..image.len()] == image[..], "the bytes of the image are others");
    assert!(file[image.len()..].iter().all(|byte| *byte == 0), "there is something behind the image");
}

#[test]
fn a_drive_is_attached_until_it_is_interrupted_and_mounted_meanwhile() {
    server_or_skip!(nbd_program("nbdcopy"));
    server_or_skip!(nbd_program("qemu-img"));
    let (host, room) = Host::fresh().unwrap();
    let client = host.client();
    let id = make(&client);
    let sigma = || client.get(&format!("/api/2.0/drives/{id}/")).unwrap()["status"].clone();
    let (file, back) = (room.path().join("image"), room.path().join("back"));
    image(&file);

    let attached = Attached::new(&host, "disk", &[]);
    let uri = attached.uri.clone();
    assert_eq!(sigma(), "mounted");
    let listed = good(&mut capstan(&host, &["drive", "list"]));
    assert!(listed.contains("unix:") && listed.contains("true"), "{listed}");
    good(nbd("nbdcopy").arg("--flush").args([&file.display().to_string(), &uri]));
    let info = good(nbd("qemu-img").args(["info", "--output=json", &uri]));
    assert!(info.contains(&format!("\"virtual-size\": {SIZE}")), "{info}");
    // Nobody else gets it, and nobody takes it away.
    let (again, said) = run(&mut capstan(&host, &["drive", "attach", "disk", "--detach"]));
    assert!(!again && said.contains("attached"), "{said}");
    assert_ne!(client.raw("DELETE", &format!("/api/2.0/drives/{id}/"), None, b"").unwrap().status, 204);
    let (uploaded, said) = run(&mut capstan(&host, &["drive", "upload", "disk", &file.display().to_string()]));
    assert!(!uploaded && said.contains("mounted"), "{said}");
    attached.interrupt();
    assert_eq!(sigma(), "unmounted");
    assert!(!run(nbd("nbdinfo").arg(&uri)).0, "it is exported still");
    good(&mut capstan(&host, &["drive", "download", "disk", &back.display().to_string()]));
    begins_with(&back, &file);

    // Over TCP, for reading, left alone; then the host dies.
    let told = good(&mut capstan(&host, &["drive", "attach", "disk", "--address", "tcp:127.0.0.1:0", "--read-only", "--detach"]));
    let uri = address(&told);
    let map = good(nbd("nbdinfo").arg("--map").arg(&uri));
    assert!(map.lines().any(|line| line.contains("hole")) && map.lines().any(|line| line.contains("data")), "{map}");
    let (written, said) = run(nbd("nbdcopy").args([&file.display().to_string(), &uri]));
    assert!(!written && said.contains("read-only"), "{said}");
    for address in ["tcp:0.0.0.0:0", "unix:relative", "somewhere"] {
        let (made, said) = run(&mut capstan(&host, &["drive", "attach", "disk", "--address", address, "--detach"]));
        assert!(!made, "{said}");
    }
    let host = host.crash_and_restart().unwrap();
    let client = host.client();
    assert_eq!(drive(&client)["mounted"], false);
    let attached = Attached::new(&host, "disk", &[]);
    succeeds_at(&attached.uri);
    good(&mut capstan(&host, &["drive", "detach", "disk"]));
    assert_eq!(drive(&client)["mounted"], false);
    attached.interrupt();
    host.stop().unwrap();
}

fn succeeds_at(uri: &str) {
    let said = good(nbd("nbdinfo").arg(uri));
    assert!(said.contains("is_read_only: false"), "{said}");
}

#[test]
fn who_loses_the_grant_of_the_directory_loses_the_drive() {
    server_or_skip!(nbd_program("nbdinfo"));
    let (host, _room) = Host::fresh().unwrap();
    let client = host.client();
    make(&client);
    let attached = Attached::new(&host, "disk", &[]);
    succeeds_at(&attached.uri);
    let grants = client.get("/capstan/v1/grants").unwrap();
    let of = |grant: &&Value| grant["target"] == "nvme" && grant["revoked"].is_null();
    let grant = grants["grants"].as_array().unwrap().iter().find(of).unwrap()["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/capstan/v1/grants/{grant}")).unwrap();
    assert!(!run(nbd("nbdinfo").arg(&attached.uri)).0, "it is exported still");
    assert_eq!(drive(&client)["mounted"], false);
    attached.interrupt();
}

/// Puts the bytes of the image from one place to another into the drive; the status.
fn put(host: &Host, image: &Path, from: u64, to: u64, room: &Path) -> String {
    let part: PathBuf = room.join("part");
    let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
    File::open(image).unwrap().read_exact_at(&mut bytes, from).unwrap();
    fs::write(&part, bytes).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-u", &format!("{USER}:{PASSWORD}")]);
    curl.args(["-H", &format!("Content-Range: bytes {from}-{}/{IMAGE}", to - 1), "-H", "Expect:"]);
    curl.arg("--data-binary").arg(format!("@{}", part.display())).arg(format!("{}/capstan/v1/drives/disk/image", host.base()));
    good(&mut curl)
}

#[test]
fn an_image_goes_on_where_it_broke_off_also_when_the_host_died() {
    let (host, room) = Host::fresh().unwrap();
    make(&host.client());
    let (file, back) = (room.path().join("image"), room.path().join("back"));
    image(&file);
    let half = 34 << 20;
    assert_eq!(put(&host, &file, 0, half, room.path()), "200");
    let upload = |host: &Host| host.client().get("/capstan/v1/drives/disk/upload").unwrap();
    assert_eq!(upload(&host), json!({ "size": IMAGE, "received": half, "complete": false }));
    assert_eq!(drive(&host.client())["state"], "uploading");
    for wrong in [half - 4096, half + 4096] {
        assert_eq!(put(&host, &file, wrong, wrong + 4096, room.path()), "409");
    }
    let (made, said) = run(&mut capstan(&host, &["drive", "attach", "disk", "--detach"]));
    assert!(!made && said.contains("uploading"), "{said}");
    let host = host.crash_and_restart().unwrap();
    assert_eq!(upload(&host)["received"], half);
    let said = good(&mut capstan(&host, &["drive", "upload", "disk", &file.display().to_string()]));
    assert!(said.contains(&IMAGE.to_string()), "{said}");
    assert_eq!(drive(&host.client())["state"], "ready");
    assert_eq!(host.client().raw("GET", "/capstan/v1/drives/disk/upload", None, b"").unwrap().status, 404);

    // What was downloaded before is not downloaded again; what is asked for in part comes in part.
    fs::write(&back, &fs::read(&file).unwrap()[..1 << 20]).unwrap();
    good(&mut capstan(&host, &["drive", "download", "disk", &back.display().to_string(), "--resume"]));
    begins_with(&back, &file);
    let range = good(
        Command::new("curl")
            .args(["-s", "-u", &format!("{USER}:{PASSWORD}"), "-r", "34603009-34603018", "-o"])
            .arg(room.path().join("range"))
            .args(["-w", "%{http_code}"])
            .arg(format!("{}/capstan/v1/drives/disk/image", host.base())),
    );
    assert_eq!(range, "206");
    let at = 34_603_009;
    assert_eq!(fs::read(room.path().join("range")).unwrap(), fs::read(&file).unwrap()[at..at + 10]);

    // A second image leaves nothing of the first.
    let small = room.path().join("small");
    fs::write(&small, noise(9, 1 << 20)).unwrap();
    good(&mut capstan(&host, &["drive", "upload", "disk", &small.display().to_string()]));
    let whole = room.path().join("whole");
    good(&mut capstan(&host, &["drive", "download", "disk", &whole.display().to_string()]));
    begins_with(&whole, &small);
    host.stop().unwrap();
}
