//! A file, under the clients that people have.

use capstan_test_servers::{nbd_program, server_or_skip};

use crate::world::{World, client, succeeds, uri};

const SIZE: u64 = 8 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_tells_its_size_its_powers_and_its_holes() {
    server_or_skip!(nbd_program("nbdinfo"));
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    let said = succeeds("nbdinfo", &[uri(&server)]).await;
    for line in [
        "export-size: 8388608",
        "base:allocation",
        "is_read_only: false",
        "can_flush: true",
        "can_fua: true",
        "can_multi_conn: true",
        "can_trim: true",
        "can_zero: true",
        "can_cache: true",
        "block_size_maximum: 33554432",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    let map = succeeds("nbdinfo", &["--map".to_owned(), uri(&server)]).await;
    let rows: Vec<Vec<&str>> = map.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(rows, [["0", "4194304", "0"], ["4194304", "2097152", "3"], ["6291456", "2097152", "0"]]);
    let list = succeeds("nbdinfo", &["--list".to_owned(), uri(&server)]).await;
    assert!(list.contains("export=\"disk\""), "{list}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_there_and_back_with_several_connections_and_its_holes_stay() {
    server_or_skip!(nbd_program("nbdcopy"));
    server_or_skip!(nbd_program("qemu-img"));
    let world = World::new();
    let image = world.drive("image", SIZE);
    let drive = world.path("drive");
    std::fs::File::create(&drive).unwrap().set_len(SIZE).unwrap();
    let server = world.file(&drive, false, "s").await;
    let (image_path, back) = (image.display().to_string(), world.path("back").display().to_string());
    succeeds("nbdcopy", &["--connections=4", "--flush", &image_path, &uri(&server)]).await;
    assert_eq!(std::fs::read(&drive).unwrap(), std::fs::read(&image).unwrap());
    succeeds("nbdcopy", &["--connections=4", &uri(&server), &back]).await;
    assert_eq!(std::fs::read(&back).unwrap(), std::fs::read(&image).unwrap());

    // qemu writes zeros, trims and flushes as it converts.
    succeeds("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", "-S", "4096", &image_path, &uri(&server)]).await;
    assert_eq!(std::fs::read(&drive).unwrap(), std::fs::read(&image).unwrap());
    succeeds("qemu-img", &["compare", "-f", "raw", "-F", "raw", &image_path, &uri(&server)]).await;
    let info = succeeds("qemu-img", &["info", "--output=json", &uri(&server)]).await;
    assert!(info.contains("\"virtual-size\": 8388608"), "{info}");
    server.stop().await.unwrap();
    use std::os::unix::fs::MetadataExt;
    let taken = std::fs::metadata(&drive).unwrap().blocks() * 512;
    assert!(taken <= SIZE / 4 * 3 + (64 << 10), "the hole was filled: {taken} bytes are taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_for_reading_is_read_and_written_by_nobody() {
    server_or_skip!(nbd_program("nbdcopy"));
    let world = World::new();
    let drive = world.drive("d", SIZE);
    let before = std::fs::read(&drive).unwrap();
    let server = world.file(&drive, true, "s").await;
    let said = succeeds("nbdinfo", &[uri(&server)]).await;
    assert!(said.contains("is_read_only: true"), "{said}");
    let image = world.drive("image", SIZE).display().to_string();
    let (written, said) = client("nbdcopy", &[image, uri(&server)]).await;
    assert!(!written && said.contains("read-only"), "{said}");
    let back = world.path("back").display().to_string();
    succeeds("nbdcopy", &[uri(&server), back]).await;
    assert_eq!(std::fs::read(world.path("back")).unwrap(), before);
    server.stop().await.unwrap();
    assert_eq!(std::fs::read(&drive).unwrap(), before);
}
