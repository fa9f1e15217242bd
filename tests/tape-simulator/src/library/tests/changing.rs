//! The robot.

use super::*;
use crate::faults::{Fault, Subject};

fn elements(kind: u8) -> [u8; 12] {
    [0xb8, 0x10 | kind, 0, 0, 0xff, 0xff, 1, 0, 0xff, 0xff, 0, 0]
}

#[tokio::test]
async fn what_is_moved_is_reported_where_it_went_with_where_it_came_from() {
    let host = Host::new();
    host.good(ROBOT, &moved(SLOT, MAIL), &[]).await;
    let data = host.good(ROBOT, &elements(3), &[]).await;
    assert_eq!(&data[..8], &[0, 16, 0, 2, 0, 0, 0, 8 + 2 * 52]);
    assert_eq!(&data[8..16], &[3, 0x80, 0, 52, 0, 0, 0, 104]);
    let first = &data[16..68];
    assert_eq!((&first[..3], &first[9..12]), (&[0, 16, 0x39][..], &[0x81, 4, 0][..]));
    assert_eq!(&first[12..20], b"CAP001L9");
    assert_eq!(data[68 + 2] & 1, 0);
}

#[tokio::test]
async fn a_drive_is_reported_by_the_name_that_it_has_itself() {
    let host = Host::new();
    let data = host.good(ROBOT, &elements(4), &[]).await;
    let page = host.good(0, &[0x12, 1, 0x83, 0, 255, 0], &[]).await;
    let first = &data[16..];
    let length = 4 + usize::from(page[4 + 3]);
    assert_eq!(first[48..48 + length], page[4..4 + length]);
}

#[tokio::test]
async fn a_move_that_cannot_be_is_refused_with_its_reason() {
    let host = Host::new();
    assert_eq!(host.sense(ROBOT, &moved(SLOT, SLOT + 1), &[]).await, (5, 0x3b0d, 0));
    assert_eq!(host.sense(ROBOT, &moved(SLOT + 9, SLOT), &[]).await, (5, 0x3b0e, 0));
    assert_eq!(host.sense(ROBOT, &moved(9, SLOT), &[]).await, (5, 0x2101, 0));
    host.mount(0).await;
    host.good(0, &[0x1e, 0, 0, 0, 1, 0], &[]).await;
    assert_eq!(host.sense(ROBOT, &moved(DRIVE, SLOT), &[]).await, (5, 0x5302, 0));
    host.good(0, &[0x1e, 0, 0, 0, 0, 0], &[]).await;
    host.good(ROBOT, &moved(DRIVE, SLOT), &[]).await;
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (2, 0x3a00, 0));
}

#[tokio::test]
async fn an_exchange_puts_one_cartridge_where_another_was() {
    let host = Host::loaded().await;
    let [a, b] = DRIVE.to_be_bytes();
    host.good(ROBOT, &[0xa6, 0, 0, 0, 4, 1, a, b, 4, 9, 0, 0], &[]).await;
    let place = host.tell(Order::Place { drive: 0 });
    assert_eq!(place["barcode"], "CAP002L9");
    let inventory = host.tell(Order::Inventory);
    let in_slot =
        |address: u16| inventory.as_array().unwrap().iter().find(|element| element["address"] == address).unwrap().clone();
    assert_eq!(in_slot(SLOT + 9)["barcode"], "CAP001L9");
}

#[tokio::test]
async fn an_operator_brings_a_cartridge_in_and_takes_one_out_and_the_host_is_told() {
    let host = Host::new();
    let address = host.tell(Order::Insert(CartridgePlan::new("NEW001L9", GB)));
    assert_eq!(address["address"], MAIL);
    assert_eq!(host.sense(ROBOT, &[0; 6], &[]).await, (6, 0x2801, 0));
    let data = host.good(ROBOT, &elements(3), &[]).await;
    assert_eq!(data[16 + 2], 0x3b);
    assert_eq!(host.tell(Order::Take { address: MAIL })["barcode"], "NEW001L9");
    assert!(host.library.control(Order::Take { address: MAIL }).is_err());
}

#[tokio::test]
async fn a_jam_moves_nothing_and_the_library_warns_of_it() {
    let host = Host::new();
    host.arm(Subject::Robot, Fault::RobotJam, Some(1));
    assert_eq!(host.sense(ROBOT, &moved(SLOT, DRIVE), &[]).await, (4, 0x1500, 0));
    let alerts = host.good(ROBOT, &[0x4d, 0, 0x2e, 0, 0, 0, 0, 4, 0, 0], &[]).await;
    assert_eq!(alerts[4 + 4], 1);
    host.good(ROBOT, &moved(SLOT, DRIVE), &[]).await;
}

#[tokio::test]
async fn labels_are_read_as_faults_have_them() {
    let host = Host::new();
    let of = |barcode: &str| Subject::Cartridge(barcode.to_owned());
    host.arm(of("CAP001L9"), Fault::MissingBarcode, None);
    host.arm(of("CAP002L9"), Fault::WrongBarcode { shown: "XXX999L9".to_owned() }, None);
    let data = host.good(ROBOT, &elements(2), &[]).await;
    let tag = |number: usize| data[16 + 52 * number + 12..][..8].to_vec();
    assert_eq!((tag(0), tag(1)), (vec![0; 8], b"XXX999L9".to_vec()));
    host.tell(Order::Clear { subject: None });
    let data = host.good(ROBOT, &elements(2), &[]).await;
    assert_eq!(&data[28..36], b"CAP001L9");
}

#[tokio::test]
async fn a_full_mail_slot_takes_nothing() {
    let host = Host::new();
    host.arm(Subject::Robot, Fault::MailSlotsFull, Some(1));
    assert_eq!(host.sense(ROBOT, &moved(SLOT, MAIL), &[]).await, (5, 0x3b0d, 0));
}

#[tokio::test]
async fn the_library_says_which_addresses_it_has() {
    let host = Host::new();
    let data = host.good(ROBOT, &[0x1a, 0x08, 0x1d, 0, 255, 0], &[]).await;
    assert_eq!(&data[4..22], &[0x1d, 18, 0, 1, 0, 1, 4, 0, 0, 20, 0, 16, 0, 2, 1, 0, 0, 2]);
    let all = host.good(ROBOT, &[0x5a, 0x08, 0x3f, 0, 0, 0, 0, 1, 0, 0], &[]).await;
    assert_eq!(all.len(), 8 + 12 + 20 + 4 + 20);
}

#[tokio::test]
async fn cartridges_are_where_they_were_when_the_library_is_started_again() {
    let host = Host::loaded().await;
    host.write(b"kept").await;
    host.marks(0).await;
    let host = host.restart();
    host.ask(0, &[0; 6]).await;
    host.good(0, &[0; 6], &[]).await;
    assert_eq!(host.read().await, b"kept");
}
