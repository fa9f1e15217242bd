//! What is known of a cartridge, and what kind it is.

use super::*;

/// READ ATTRIBUTE of one.
async fn attribute(host: &Host, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let data = host.good(0, &[0x8c, 0, 0, 0, 0, 0, 0, 0, high, low, 0, 0, 0x10, 0, 0, 0], &[]).await;
    assert_eq!(data[4..6], id.to_be_bytes());
    data[9..9 + usize::from(u16::from_be_bytes([data[7], data[8]]))].to_vec()
}

#[tokio::test]
async fn what_hosts_write_into_the_memory_stays_there() {
    let host = Host::loaded().await;
    let list = [&[0, 0, 0, 13, 0x08, 0x06, 1, 0, 8][..], b"CAP001L9"].concat();
    host.good(0, &[0x8d, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0], &list).await;
    let host = host.restart();
    host.ask(0, &[0; 6]).await;
    assert_eq!(attribute(&host, 0x0806).await, b"CAP001L9");
    let mut wrong = list.clone();
    wrong[4..6].copy_from_slice(&[0x00, 0x03]);
    assert_eq!(host.sense(0, &[0x8d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0], &wrong).await, (5, 0x2600, 0));
    let gone = [0, 0, 0, 5, 0x08, 0x06, 1, 0, 0];
    host.good(0, &[0x8d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0], &gone).await;
    let left = host.good(0, &[0x8c, 1, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 9, 0, 0], &[]).await;
    assert_eq!(left, [0, 0, 0, 0]);
}

#[tokio::test]
async fn the_change_reference_changes_when_something_is_written_and_not_when_it_is_read() {
    let host = Host::loaded().await;
    let first = attribute(&host, 0x0009).await;
    host.write(b"x").await;
    host.marks(1).await;
    let second = attribute(&host, 0x0009).await;
    host.rewind().await;
    host.read().await;
    assert_ne!(first, second);
    assert_eq!(attribute(&host, 0x0009).await, second);
}

#[tokio::test]
async fn capacity_goes_down_as_the_tape_is_written() {
    let host = Host::new();
    host.mount(1).await;
    let number = |value: Vec<u8>| u64::from_be_bytes(value.try_into().unwrap());
    let before = number(attribute(&host, 0).await);
    for _ in 0..10 {
        host.write(&vec![0; 8 << 20]).await;
    }
    assert_eq!(before - number(attribute(&host, 0).await), 80);
    let page = host.good(0, &[0x4d, 0, 0x31, 0, 0, 0, 0, 1, 0, 0], &[]).await;
    assert_eq!(u64::from(u32::from_be_bytes(page[8..12].try_into().unwrap())), before - 80);
}

#[tokio::test]
async fn a_cartridge_that_is_written_once_takes_more_but_no_other() {
    let host = Host::new();
    host.mount(3).await;
    host.write(b"for ever").await;
    host.write(b"more").await;
    host.rewind().await;
    assert_eq!(host.sense(0, &cdb6(0x0a, 0, 3, 0), b"new").await, (7, 0x300c, 0));
    assert_eq!(host.read().await, b"for ever");
    assert_eq!(attribute(&host, 0x0408).await, [0x80]);
}

#[tokio::test]
async fn a_protected_cartridge_is_not_written_and_the_drive_says_that_it_is() {
    let host = Host::new();
    host.tell(Order::Protect { barcode: "CAP001L9".to_owned(), on: true });
    host.mount(0).await;
    assert_eq!(host.sense(0, &cdb6(0x0a, 0, 3, 0), b"new").await, (7, 0x2700, 0));
    assert_eq!(host.sense(0, &cdb6(0x10, 0, 1, 0), &[]).await, (7, 0x2700, 0));
    let mode = host.good(0, &[0x1a, 0, 0, 0, 255, 0], &[]).await;
    assert_eq!((mode[2] & 0x80, mode[4]), (0x80, 0x60));
}

#[tokio::test]
async fn a_cleaning_cartridge_cleans_the_drive_and_comes_out() {
    let host = Host::new();
    host.arm(faults::Subject::Drive(0), faults::Fault::CleaningNeeded { now: true }, None);
    let alerts = [0x4d, 0, 0x2e, 0, 0, 0, 0, 0xff, 0xff, 0];
    assert_eq!(host.good(0, &alerts, &[]).await[4 + 19 * 5 + 4], 1);
    host.mount(0).await;
    assert_eq!(host.sense(0, &cdb6(0x0a, 0, 1, 0), b"x").await, (1, 0x0017, 0));
    host.good(ROBOT, &moved(DRIVE, SLOT), &[]).await;
    host.good(ROBOT, &moved(SLOT + 2, DRIVE), &[]).await;
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (2, 0x3a00, 0));
    assert_eq!(host.good(0, &alerts, &[]).await[4 + 19 * 5 + 4], 0);
    host.good(ROBOT, &moved(DRIVE, SLOT + 2), &[]).await;
}

#[tokio::test]
async fn every_log_page_that_is_listed_can_be_read() {
    let host = Host::loaded().await;
    let pages = host.good(0, &[0x4d, 0, 0, 0, 0, 0, 0, 1, 0, 0], &[]).await;
    for page in &pages[4..] {
        let data = host.good(0, &[0x4d, 0, *page, 0, 0, 0, 0, 0x10, 0, 0], &[]).await;
        assert_eq!(data.len(), 4 + usize::from(u16::from_be_bytes([data[2], data[3]])), "{page:02x}");
    }
    let densities = host.good(0, &[0x44, 1, 0, 0, 0, 0, 0, 1, 0, 0], &[]).await;
    assert_eq!((densities.len(), densities[4]), (56, 0x60));
}

/// The parameters of a log page that are numbers.
async fn numbers(host: &Host, page: u8) -> std::collections::BTreeMap<u16, u64> {
    let data = host.good(0, &[0x4d, 0, page, 0, 0, 0, 0, 0x10, 0, 0], &[]).await;
    let (mut rest, mut numbers) = (&data[4..], std::collections::BTreeMap::new());
    while let [a, b, _, length, behind @ ..] = rest {
        let (value, next) = behind.split_at(usize::from(*length));
        if value.len() <= 8 {
            numbers.insert(u16::from_be_bytes([*a, *b]), value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)));
        }
        rest = next;
    }
    numbers
}

#[tokio::test]
async fn statistics_of_a_cartridge_go_on_where_they_were_and_those_of_a_load_begin_anew() {
    let host = Host::loaded().await;
    for _ in 0..3 {
        host.write(&vec![0; 4_000_000]).await;
    }
    host.arm(faults::Subject::Drive(0), faults::Fault::WriteError, Some(1));
    assert_eq!(host.sense(0, &cdb6(0x0a, 0, 1, 0), b"x").await.0, 3);
    host.marks(1).await;
    let told = numbers(&host, 0x17).await;
    assert_eq!([0x01, 0x04, 0x0c, 0x0e, 0x0f, 0x10, 0x12, 0x13].map(|code| told[&code]), [1, 1, 1, 12, 0, 12, 100, 0]);
    assert_eq!((told[&0x16], told[&0x17]), (20_000, 12));
    host.good(ROBOT, &moved(DRIVE, SLOT), &[]).await;
    host.mount(0).await;
    host.read().await;
    let told = numbers(&host, 0x17).await;
    assert_eq!([0x01, 0x04, 0x0c, 0x0e, 0x0f, 0x10, 0x11, 0x12].map(|code| told[&code]), [2, 1, 0, 0, 4, 12, 4, 0]);
    let told = numbers(&host, 0x1b).await;
    assert_eq!([0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x08].map(|code| told[&code]), [100, 0, 4, 0, 4, 0, 0]);
    assert_eq!(numbers(&host, 0x30).await[&0x04], 1);
}
