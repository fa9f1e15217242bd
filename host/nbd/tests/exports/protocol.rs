//! Requests by hand: what is wrong is refused with the protocol's own number, and costs nobody else anything.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hand::{BLOCK_STATUS, EINVAL, ENOSPC, EPERM, FLUSH, FUA, Hand, READ, TRIM, WRITE, WRITE_ZEROES, export};
use crate::world::{World, noise, until};

const SIZE: u64 = 4 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn options_that_are_wrong_are_refused_and_the_next_one_is_heard() {
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    let mut hand = Hand::shake(&world.path("s")).await;
    const UNSUPPORTED: u32 = (1 << 31) | 1;
    const INVALID: u32 = (1 << 31) | 3;
    const UNKNOWN: u32 = (1 << 31) | 6;
    let contexts = export("disk", &[&1_u32.to_be_bytes()[..], &export("base:allocation", &[])].concat());
    for (option, data, refusal) in [
        (99, vec![], UNSUPPORTED),
        (5, vec![], UNSUPPORTED),
        (3, vec![1], INVALID),
        (8, vec![1], INVALID),
        (6, vec![0xff; 9], INVALID),
        (7, export("disk", &[0, 2, 0, 0]), INVALID),
        (7, export("another", &[0, 0]), UNKNOWN),
        (6, export("another", &[0, 0]), UNKNOWN),
        // Before structured answers were agreed on.
        (10, contexts.clone(), INVALID),
    ] {
        let answers = hand.option(option, &data).await;
        assert_eq!(answers.last().unwrap().0, refusal, "option {option} {data:?}");
    }
    assert_eq!(hand.option(8, &[]).await, [(1, vec![])]);
    let told = hand.option(10, &contexts).await;
    assert_eq!(told.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [4, 1]);
    assert_eq!(told[0].1, [&1_u32.to_be_bytes()[..], b"base:allocation"].concat());
    assert_eq!(hand.option(6, &export("", &[0, 0])).await.last().unwrap().0, 1);
    assert_eq!(hand.option(2, &[]).await, [(1, vec![])]);
    hand.ends().await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_way_to_an_export_works_and_a_wrong_name_ends_it() {
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    for (name, known) in [("disk", true), ("", true), ("another", false)] {
        let mut hand = Hand::shake(&world.path("s")).await;
        hand.0.write_all(&[b"IHAVEOPT", &1_u32.to_be_bytes()[..], &export(name, &[])].concat()).await.unwrap();
        if !known {
            hand.ends().await;
            continue;
        }
        assert_eq!(hand.0.read_u64().await.unwrap(), SIZE);
        assert_eq!(hand.0.read_u16().await.unwrap() & 1, 1);
        assert_eq!(hand.read(4096, 512).await, noise(4096, 512));
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_wrong_get_their_number_and_the_next_one_is_served() {
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    for (flags, command, offset, length, error) in [
        (0, READ, SIZE, 1, EINVAL),
        (0, READ, SIZE - 1, 2, EINVAL),
        (0, READ, u64::MAX, 1, EINVAL),
        (0, READ, 0, (32 << 20) + 1, EINVAL),
        (0, TRIM, SIZE - 1, 2, EINVAL),
        (0, WRITE_ZEROES, SIZE - 1, 2, ENOSPC),
        (1 << 9, READ, 0, 1, EINVAL),
        (0, 99, 0, 0, EINVAL),
        // It was not agreed on.
        (0, BLOCK_STATUS, 0, 512, EINVAL),
        (0, FLUSH, 0, 0, 0),
    ] {
        assert_eq!(hand.asked(flags, command, offset, length).await, error, "{command} {offset} {length}");
        assert_eq!(hand.read(512, 512).await, noise(512, 512));
    }
    assert_eq!(hand.write(0, SIZE - 1, &[1, 2]).await, ENOSPC);
    assert_eq!(hand.read(SIZE - 8, 8).await, noise(SIZE - 8, 8));
    // One byte anywhere, with and without being asked to have it on the disk.
    for flags in [0, FUA] {
        assert_eq!(hand.write(flags, 1001, &[7]).await, 0);
    }
    assert_eq!(hand.asked(0, TRIM, 0, 512).await, 0);
    assert_eq!(hand.asked(FUA, WRITE_ZEROES, 700, 5000).await, 0);
    assert_eq!(hand.read(700, 5000).await, vec![0; 5000]);
    assert_eq!(hand.read(5700, 100).await, noise(5700, 100));
    // After these nothing can be understood any more.
    hand.0.write_all(&[0xff; 28]).await.unwrap();
    hand.ends().await;
    let mut hand = Hand::go(&world.path("s")).await;
    hand.request(0, WRITE, 1, 0, (32 << 20) + 1, &[]).await;
    hand.ends().await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_for_reading_answers_that_writing_is_not_permitted() {
    let world = World::new();
    let drive = world.drive("d", SIZE);
    let before = std::fs::read(&drive).unwrap();
    let server = world.file(&drive, true, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    // Of all sizes: what a refused write carries is taken from the wire.
    for length in [1, 4096, 1 << 20, 3 << 20] {
        assert_eq!(hand.write(FUA, 0, &vec![9; length]).await, EPERM);
    }
    assert_eq!(hand.asked(0, TRIM, 0, 4096).await, EPERM);
    assert_eq!(hand.asked(0, WRITE_ZEROES, 0, 4096).await, EPERM);
    assert_eq!(hand.asked(0, FLUSH, 0, 0).await, 0);
    assert_eq!(hand.read(0, 4096).await, noise(0, 4096));
    server.stop().await.unwrap();
    assert_eq!(std::fs::read(&drive).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_are_all_answered_each_with_its_own_bytes() {
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    let mut hand = Hand::go(&world.path("s")).await;
    let requests: Vec<(u64, u32)> =
        (0..300_u64).map(|n| (n * 4099 % (SIZE / 2 - 8192), 512 + u32::try_from(n).unwrap())).collect();
    for (cookie, (offset, length)) in requests.iter().enumerate() {
        hand.request(0, READ, cookie as u64, *offset, *length, &[]).await;
        if cookie % 10 == 0 {
            hand.request(0, FLUSH, u64::MAX, 0, 0, &[]).await;
        }
    }
    let mut seen = vec![false; requests.len()];
    for _ in 0..requests.len() + 30 {
        let (error, cookie) = hand.answer().await;
        assert_eq!(error, 0);
        if cookie == u64::MAX {
            continue;
        }
        let at = usize::try_from(cookie).unwrap();
        let (offset, length) = requests[at];
        let mut bytes = vec![0; length as usize];
        hand.0.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, noise(offset, u64::from(length)));
        assert!(!std::mem::replace(&mut seen[at], true));
    }
    assert!(seen.iter().all(|seen| *seen));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_or_never_speaks_hinders_no_other_and_no_end() {
    let world = World::new();
    let server = Arc::new(world.file(&world.drive("d", SIZE), false, "s").await);
    let path = world.path("s");
    let silent = tokio::net::UnixStream::connect(&path).await.unwrap();
    let mut vanishing = Hand::go(&path).await;
    // Half a write, and gone.
    vanishing.request(0, WRITE, 1, 0, 1 << 20, &[5; 1000]).await;
    // Asks for much, and never reads it.
    let mut deaf = Hand::go(&path).await;
    for cookie in 0..8 {
        deaf.request(0, READ, cookie, 0, 2 << 20, &[]).await;
    }
    drop(vanishing);
    until("the client that is gone is still counted", || server.connections() == 2).await;
    let mut one = Hand::go(&path).await;
    let mut other = Hand::go(&path).await;
    assert_eq!(one.write(0, 8192, &[3; 512]).await, 0);
    assert_eq!(other.read(8192, 512).await, [3; 512]);
    // Nothing of the write that was not whole.
    assert_eq!(other.read(0, 1000).await, noise(0, 1000));
    until("a connection is not counted", || server.connections() == 4).await;
    Arc::try_unwrap(server).ok().unwrap().stop().await.unwrap();
    one.ends().await;
    other.ends().await;
    assert!(!path.exists());
    drop((silent, deaf));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_connections_and_no_more() {
    let world = World::new();
    let server = world.file(&world.drive("d", SIZE), false, "s").await;
    let mut hands = Vec::new();
    for _ in 0..32 {
        hands.push(Hand::go(&world.path("s")).await);
    }
    Hand(tokio::net::UnixStream::connect(world.path("s")).await.unwrap()).ends().await;
    hands.pop();
    until("the place of who left is not free", || server.connections() == 31).await;
    assert_eq!(Hand::go(&world.path("s")).await.read(0, 8).await, noise(0, 8));
    server.stop().await.unwrap();
}
