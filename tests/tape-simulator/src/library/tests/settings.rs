//! Partitions, protection, features, reservations.

use super::*;

/// MODE SELECT of page 0x11: the first partition has a gigabyte.
async fn divide(host: &Host) {
    let page = [0, 0, 0x10, 0, 0x11, 10, 3, 1, 0x20 | 0x18, 0, 9, 0, 0, 1, 0xff, 0xff];
    host.good(0, &[0x15, 0x10, 0, 0, 16, 0], &page).await;
    host.good(0, &[0x04, 0, 1, 0, 0, 0], &[]).await;
}

#[tokio::test]
async fn partitions_are_written_and_read_each_for_itself() {
    let host = Host::loaded().await;
    divide(&host).await;
    host.write(b"index").await;
    host.good(0, &[0x2b, 0x02, 0, 0, 0, 0, 0, 0, 1, 0], &[]).await;
    host.write(b"data").await;
    host.marks(1).await;
    assert_eq!(host.place().await, (1, 2));
    host.good(0, &[0x92, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[]).await;
    assert_eq!(host.read().await, b"index");
    let page = host.good(0, &[0x1a, 0x08, 0x11, 0, 255, 0], &[]).await;
    assert_eq!(page[4 + 3], 1);
    let first = u64::from(u16::from_be_bytes([page[12], page[13]])) * 10_u64.pow(u32::from(page[10] & 0x0f));
    assert!((GB..2 * GB).contains(&first), "{first}");
    assert_eq!(host.sense(0, &[0x2b, 0x02, 0, 0, 0, 0, 0, 0, 2, 0], &[]).await, (5, 0x2400, 0));
}

#[tokio::test]
async fn a_block_is_taken_only_with_the_check_that_is_its_own() {
    let host = Host::loaded().await;
    let mut page = vec![0, 0, 0x10, 0, 0x4a, 0xf0, 0, 28, 2, 4, 0xc0];
    page.resize(36, 0);
    host.good(0, &[0x15, 0x10, 0, 0, 36, 0], &page).await;
    // CRC32C of "123456789", lowest byte first.
    let mut block = b"123456789\x83\x92\x06\xe3".to_vec();
    host.write(&block).await;
    host.rewind().await;
    assert_eq!(host.read().await, block);
    block[0] ^= 1;
    assert_eq!(host.sense(0, &cdb6(0x0a, 0, 13, 0), &block).await, (4, 0x1001, 13));
}

#[tokio::test]
async fn a_drive_that_knows_less_says_so() {
    let none = Features { locate: false, partitions: false, memory: false, logs: false, protection: false, access_order: false };
    let host = Host::with(none);
    host.mount(0).await;
    for opcode in [0x2b, 0x92, 0x04, 0x8c, 0x8d, 0x4d] {
        assert_eq!(host.sense(0, &[opcode, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[]).await, (5, 0x2000, 0), "{opcode:02x}");
    }
    assert_eq!(host.sense(0, &[0xa3, 0x1d, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0], &[]).await, (5, 0x2400, 0));
    assert_eq!(host.sense(0, &[0xa4, 0x1d, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0], &[]).await, (5, 0x2000, 0));
    for page in [0x11, 0x0a] {
        assert_eq!(host.sense(0, &[0x1a, 0x08, page, 0xf0, 255, 0], &[]).await, (5, 0x2400, 0));
    }
    let position = host.good(0, &[0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[]).await;
    assert_eq!(position[0] & 0x04, 0x04);
}

#[tokio::test]
async fn the_commands_that_are_reported_are_those_that_are_known() {
    let host = Host::loaded().await;
    let all = host.good(0, &[0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0], &[]).await;
    assert_eq!(all.len(), 4 + u32::from_be_bytes(all[..4].try_into().unwrap()) as usize);
    for operation in all[4..].chunks(8) {
        let one = host.good(0, &[0xa3, 0x0c, 1, operation[0], 0, 0, 0, 0, 1, 0, 0, 0], &[]).await;
        assert_eq!((one[1], usize::from(one[3])), (3, usize::from(operation[7])));
    }
    let unknown = host.good(0, &[0xa3, 0x0c, 1, 0xfe, 0, 0, 0, 0, 1, 0, 0, 0], &[]).await;
    assert_eq!(unknown[1], 1);
}

#[tokio::test]
async fn a_reserved_drive_is_closed_to_another_host() {
    let host = Host::loaded().await;
    let other = Nexus("other".to_owned());
    host.library.with_attentions_taken(0, &other);
    host.good(0, &[0x16, 0, 0, 0, 0, 0], &[]).await;
    let conflict = host.library.execute(&other, 0, &[0; 6], &[]).await.unwrap();
    assert_eq!(conflict.status, 0x18);
    let inquiry = host.library.execute(&other, 0, &[0x12, 0, 0, 0, 36, 0], &[]).await.unwrap();
    assert_eq!((inquiry.status, inquiry.data.len()), (0, 36));
    host.good(0, &[0x17, 0, 0, 0, 0, 0], &[]).await;
    assert_eq!(host.library.execute(&other, 0, &[0; 6], &[]).await.unwrap().status, 0);
}

#[tokio::test]
async fn units_are_listed_and_one_that_is_not_there_says_so() {
    let host = Host::new();
    let list = host.good(0, &[0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &[]).await;
    assert_eq!((list[3], list[8 + 1], list[16 + 1], list[24 + 1]), (24, 0, 1, 2));
    assert_eq!(host.good(9, &[0x12, 0, 0, 0, 36, 0], &[]).await[0], 0x7f);
    assert_eq!(host.sense(9, &[0; 6], &[]).await, (5, 0x2500, 0));
}

#[tokio::test]
async fn a_reset_takes_back_settings_and_is_told() {
    let host = Host::loaded().await;
    host.good(0, &[0x15, 0x10, 0, 0, 12, 0], &[0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 4]).await;
    host.library.reset(Some(0));
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (6, 0x2903, 0));
    assert_eq!(host.sense(0, &cdb6(0x0a, 0x01, 1, 0), b"aaaa").await, (5, 0x2400, 0));
}

#[tokio::test]
async fn the_order_of_segments_comes_back_with_their_names() {
    let host = Host::loaded().await;
    for _ in 0..30 {
        host.write(&[0; 1000]).await;
    }
    host.marks(0).await;
    let limits = host.good(0, &[0xa3, 0x9d, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0], &[]).await;
    assert_eq!(limits[2..], [0, 32]);
    let mut list = vec![0, 0, 0, 0, 0, 0, 0, 96];
    for first in [20_u8, 1, 10] {
        let mut segment = vec![0, 0x1e, 0, 0, 0, b'f', first, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        segment.extend_from_slice(&u64::from(first).to_be_bytes());
        segment.extend_from_slice(&u64::from(first + 2).to_be_bytes());
        list.extend(segment);
    }
    host.rewind().await;
    host.good(0, &[0xa4, 0x1d, 2, 0, 0, 0, 0, 0, 0, 104, 0, 0], &list).await;
    let order = host.good(0, &[0xa3, 0x1d, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &[]).await;
    let names: Vec<u8> = order[8..].chunks(32).map(|segment| segment[6]).collect();
    assert_eq!((order[1], names), (2, vec![1, 10, 20]));
}
