//! Each server starts, serves, and is gone afterwards.

use capstan_test_servers::{CephDrives, ChecksumFront, Postgres, Rclone, Rgw, S3, Swift, SwiftAccount, Vtl, server_or_skip};

fn objects_come_back(s3: &S3, bucket: &str) -> anyhow::Result<()> {
    s3.create_bucket(bucket)?;
    s3.put(bucket, "a/b c+ü%.txt", b"hello")?;
    assert_eq!(s3.get(bucket, "a/b c+ü%.txt")?, b"hello");
    assert_eq!(s3.list(bucket)?, ["a/b c+ü%.txt"]);
    let stranger = S3 { secret_key: "wrong".to_owned(), ..s3.clone() };
    let refusal = stranger.get(bucket, "a/b c+ü%.txt").map_err(|failure| failure.to_string());
    assert!(refusal.is_err_and(|text| text.contains("SignatureDoesNotMatch")));
    s3.delete_bucket(bucket)?;
    assert!(s3.list(bucket).is_err());
    Ok(())
}

#[test]
fn rgw_stores_objects_and_checks_signatures() {
    let rgw = server_or_skip!(Rgw::get());
    objects_come_back(&rgw.s3, "starter-rgw").unwrap();
}

#[test]
fn the_cluster_for_drives_has_a_pool_a_dashboard_and_a_storage_daemon() {
    let drives = server_or_skip!(CephDrives::get());
    let image = format!("starter-{}", std::process::id());
    drives.rbd(&["create", "--size", "8", &image]).unwrap();
    assert!(drives.images().unwrap().contains(&image));
    drives.rbd(&["rm", "--no-progress", &image]).unwrap();
    let dashboard: u16 = drives.dashboard.rsplit(':').next().unwrap().parse().unwrap();
    for port in [dashboard, drives.nbd_port, drives.qmp_port] {
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "{port}");
    }
}

#[test]
fn the_tape_library_has_a_robot_and_drives_and_comes_back_with_its_cartridges() {
    let mut library = server_or_skip!(Vtl::start());
    for _ in 0..2 {
        let shown = library.shown().unwrap();
        assert_eq!((shown.matches("Type: tape").count(), shown.matches("Type: changer").count()), (2, 1), "{shown}");
        assert!(shown.contains(Vtl::TARGET) && shown.contains(Vtl::LIBRARY) && shown.contains(Vtl::USER), "{shown}");
        assert!((1..=Vtl::CARTRIDGES).all(|number| library.cartridge(number).is_file()));
        assert!(std::net::TcpStream::connect(("127.0.0.1", library.port)).is_ok());
        library.begin().unwrap();
    }
    library.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", library.port)).is_err());
}

#[test]
fn rclone_stores_objects_and_checks_signatures() {
    let rclone = server_or_skip!(Rclone::start());
    objects_come_back(&rclone.s3, "starter-rclone").unwrap();
}

fn objects_come_back_by_swift(account: &SwiftAccount, container: &str) -> anyhow::Result<()> {
    account.make("PUT", container, "", &[], b"")?;
    let object = format!("{container}/a/b c+ü%.txt");
    account.make("PUT", &object, "", &[], b"hello")?;
    assert_eq!(account.make("GET", &object, "", &[], b"")?.body, b"hello");
    assert_eq!(account.names(container)?, ["a/b c+ü%.txt"]);
    let stranger = SwiftAccount { password: "wrong".to_owned(), ..account.clone() };
    assert!(stranger.call("GET", &object, "", &[], b"").is_err());
    account.make("DELETE", &object, "", &[], b"")?;
    account.make("DELETE", container, "", &[], b"")?;
    assert_eq!(account.call("HEAD", container, "", &[], b"")?.status, 404);
    Ok(())
}

#[test]
fn swift_and_rgw_store_objects_by_swifts_api_and_check_passwords() {
    objects_come_back_by_swift(&server_or_skip!(Swift::get()).tester(), "starter-swift").unwrap();
    objects_come_back_by_swift(&server_or_skip!(Rgw::get()).swift(), "starter-swift").unwrap();
}

#[test]
fn a_stopped_postgres_leaves_nothing_behind() {
    let postgres = server_or_skip!(Postgres::start());
    let address = postgres.url.rsplit('@').next().unwrap().split('/').next().unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(postgres);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[test]
fn the_simulated_front_refuses_what_does_not_match_its_checksum() {
    let rgw = server_or_skip!(Rgw::get());
    let front = ChecksumFront::start(&rgw.s3).unwrap();
    let bucket = "starter-front";
    front.s3.create_bucket(bucket).unwrap();
    front.s3.put(bucket, "whole", &[7; 10_000]).unwrap();
    front.spoil(1);
    assert!(front.s3.put(bucket, "spoilt", &[7; 10_000]).unwrap_err().to_string().contains("BadDigest"));
    assert_eq!(front.refused(), 1);
    assert_eq!(rgw.s3.list(bucket).unwrap(), ["whole"]);
    rgw.s3.delete_bucket(bucket).unwrap();
}
