//! Blocks and filemarks, there and back.

use super::*;

#[tokio::test]
async fn blocks_come_back_as_they_were_written() {
    let host = Host::loaded().await;
    host.write(b"one").await;
    host.write(&[2; 70_000]).await;
    host.marks(1).await;
    assert_eq!(host.place().await, (0, 3));
    host.rewind().await;
    assert_eq!(host.read().await, b"one");
    assert_eq!(host.read().await, [2; 70_000]);
    assert_eq!(host.sense(0, &cdb6(0x08, 0x02, 100, 0), &[]).await, (0, 0x0001, 100));
    assert_eq!(host.sense(0, &cdb6(0x08, 0x02, 100, 0), &[]).await, (8, 0x0005, 100));
}

#[tokio::test]
async fn a_block_of_another_length_is_told_of_unless_the_host_does_not_care() {
    let host = Host::loaded().await;
    host.write(b"seven..").await;
    host.rewind().await;
    let answer = host.ask(0, &cdb6(0x08, 0, 10, 0)).await;
    assert_eq!((seen(&answer), answer.sense[2], answer.data.as_slice()), (Some((0, 0, 3)), 0x20, &b"seven.."[..]));
    host.rewind().await;
    let answer = host.ask(0, &cdb6(0x08, 0, 5, 0)).await;
    assert_eq!((seen(&answer), answer.data.as_slice()), (Some((0, 0, -2)), &b"seven"[..]));
    host.rewind().await;
    assert_eq!(host.good(0, &cdb6(0x08, 0x02, 5, 0), &[]).await, b"seven");
    assert_eq!(host.place().await, (0, 1));
}

#[tokio::test]
async fn blocks_of_one_length_are_written_and_read_by_number() {
    let host = Host::loaded().await;
    assert_eq!(host.sense(0, &cdb6(0x0a, 0x01, 2, 0), &[0; 8]).await, (5, 0x2400, 0));
    host.good(0, &[0x15, 0x10, 0, 0, 12, 0], &[0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 4]).await;
    host.good(0, &cdb6(0x0a, 0x01, 3, 0), b"aaaabbbbcccc").await;
    host.rewind().await;
    assert_eq!(host.good(0, &cdb6(0x08, 0x01, 2, 0), &[]).await, b"aaaabbbb");
    let answer = host.ask(0, &cdb6(0x08, 0x01, 5, 0)).await;
    assert_eq!((seen(&answer), answer.data.as_slice()), (Some((8, 0x0005, 4)), &b"cccc"[..]));
}

#[tokio::test]
async fn what_is_written_ends_the_data_behind_it() {
    let host = Host::loaded().await;
    for block in [b"a", b"b", b"c"] {
        host.write(block).await;
    }
    host.good(0, &[0x2b, 0, 0, 0, 0, 0, 1, 0, 0, 0], &[]).await;
    host.write(b"new").await;
    assert_eq!(host.sense(0, &cdb6(0x08, 0x02, 9, 0), &[]).await, (8, 0x0005, 9));
    assert_eq!(host.sense(0, &[0x2b, 0, 0, 0, 0, 0, 9, 0, 0, 0], &[]).await, (8, 0x0005, 0));
    assert_eq!(host.place().await, (0, 2));
}

#[tokio::test]
async fn the_tape_goes_to_blocks_files_and_the_end() {
    let host = Host::loaded().await;
    for _ in 0..3 {
        host.write(b"block").await;
        host.marks(1).await;
    }
    let locate = |kind: u8, to: u8| [0x92, kind << 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, to, 0, 0, 0, 0];
    host.good(0, &locate(0, 2), &[]).await;
    assert_eq!(host.place().await, (0, 2));
    host.good(0, &locate(1, 1), &[]).await;
    assert_eq!(host.place().await, (0, 2));
    host.good(0, &locate(3, 0), &[]).await;
    assert_eq!(host.place().await, (0, 6));
    host.good(0, &[0x11, 1, 0xff, 0xff, 0xfe, 0], &[]).await;
    assert_eq!(host.place().await, (0, 3));
    assert_eq!(host.sense(0, &[0x11, 0, 0, 0, 9, 0], &[]).await, (0, 0x0001, 9));
    host.good(0, &[0x91, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], &[]).await;
    host.good(0, &[0x11, 3, 0, 0, 0, 0], &[]).await;
    assert_eq!(host.place().await, (0, 6));
}

#[tokio::test]
async fn the_end_of_a_tape_is_told_before_it_comes() {
    let host = Host::new();
    host.mount(1).await;
    host.arm(faults::Subject::Cartridge("CAP002L9".to_owned()), faults::Fault::EarlyEnd { bytes: 1_000_000 }, None);
    let block = [0; 100_000];
    let cdb = cdb6(0x0a, 0, 100_000, 0);
    for _ in 0..9 {
        host.good(0, &cdb, &block).await;
    }
    let write = host.sense(0, &cdb6(0x0a, 0, 90_000, 0), &block[..90_000]).await;
    assert_eq!(write, (0, 0x0002, 0));
    let answer = host.give(0, &cdb, &block).await;
    assert_eq!((seen(&answer), answer.sense[2]), (Some((0xd, 0x0002, 100_000)), 0x4d));
    let position = host.good(0, &[0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[]).await;
    assert_eq!(position[0] & 0x40, 0x40);
}

#[tokio::test]
async fn programmable_early_warning_comes_once() {
    let host = Host::new();
    host.mount(1).await;
    host.arm(faults::Subject::Cartridge("CAP002L9".to_owned()), faults::Fault::EarlyEnd { bytes: 4_000_000 }, None);
    let mut page = vec![0, 0, 0x10, 0, 0x50, 0x01, 0, 28, 0, 0, 0, 3];
    page.resize(36, 0);
    host.good(0, &[0x15, 0x10, 0, 0, 36, 0], &page).await;
    let block = vec![0; 500_000];
    let cdb = cdb6(0x0a, 0, 500_000, 0);
    host.good(0, &cdb, &block).await;
    assert_eq!(host.sense(0, &cdb, &block).await, (0, 0x0007, 0));
    host.good(0, &cdb, &block).await;
}

#[tokio::test]
async fn what_is_erased_is_gone() {
    let host = Host::loaded().await;
    host.write(b"a").await;
    host.write(b"b").await;
    host.good(0, &[0x2b, 0, 0, 0, 0, 0, 1, 0, 0, 0], &[]).await;
    host.good(0, &[0x19, 0, 0, 0, 0, 0], &[]).await;
    host.rewind().await;
    assert_eq!(host.read().await, b"a");
    assert_eq!(host.sense(0, &cdb6(0x08, 0x02, 9, 0), &[]).await, (8, 0x0005, 9));
}
