//! A drive that is only called.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use capstan_nbd::{Backend, CalledDrive, Export, Server};
use capstan_test_servers::{nbd_program, server_or_skip};
use tokio::io::AsyncReadExt;

use crate::called::{BLOCK, Memory};
use crate::hand::{EPERM, FLUSH, FUA, Hand, READ, TRIM, WRITE, WRITE_ZEROES};
use crate::world::{World, noise, succeeds, until, uri};

const SIZE: u64 = 4 << 20;

async fn exported(world: &World, memory: &Arc<Memory>, read_only: bool) -> Server {
    let block = u32::try_from(BLOCK).unwrap();
    let drives = Arc::<Memory>::clone(memory);
    let drive = CalledDrive::new(drives, "pool", "capstan-1", SIZE, block, read_only).unwrap();
    let export = Export::new("disk", Backend::Calls(Arc::new(drive))).unwrap();
    Server::start(export, &world.socket("s"), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_go_there_and_back_and_clients_are_told_of_blocks_and_holes() {
    server_or_skip!(nbd_program("nbdcopy"));
    server_or_skip!(nbd_program("qemu-img"));
    let world = World::new();
    let memory = Arc::new(Memory::new(vec![0; usize::try_from(SIZE).unwrap()]));
    let server = exported(&world, &memory, false).await;
    let said = succeeds("nbdinfo", &[uri(&server)]).await;
    assert!(said.contains("block_size_minimum: 512") && said.contains("base:allocation"), "{said}");
    let map = succeeds("nbdinfo", &["--map".to_owned(), uri(&server)]).await;
    let rows: Vec<&str> = map.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(rows, ["0", "3", "0", "3"], "{map}");
    let image = world.drive("image", SIZE);
    succeeds("nbdcopy", &["--connections=4", "--flush", &image.display().to_string(), &uri(&server)]).await;
    assert!(memory.bytes() == std::fs::read(&image).unwrap());
    assert!(memory.flushes.load(Ordering::SeqCst) > 0);
    // Where the target says there are holes, nothing is read.
    std::fs::write(world.path("half"), noise(0, SIZE)).unwrap();
    succeeds("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", &world.path("half").display().to_string(), &uri(&server)])
        .await;
    assert!(memory.bytes() == noise(0, SIZE));
    server.stop().await.unwrap();
    assert_eq!(memory.wrong.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_off_the_blocks_keep_their_neighbours_whoever_writes_there() {
    let world = World::new();
    let memory = Arc::new(Memory::new(noise(0, SIZE)));
    let server = exported(&world, &memory, false).await;
    // Each writes its own bytes of blocks that both write.
    let writer = |start: u64| {
        let path = world.path("s");
        async move {
            let mut hand = Hand::go(&path).await;
            for n in 0..50_u64 {
                assert_eq!(hand.write(0, start + n * 200, &[u8::try_from(start % 251).unwrap(); 100]).await, 0);
            }
        }
    };
    tokio::join!(writer(1), writer(101));
    let mut expected = noise(0, SIZE);
    for n in 0..50 {
        expected[1 + n * 200..][..100].fill(1);
        expected[101 + n * 200..][..100].fill(101);
    }
    assert!(memory.bytes() == expected);
    let mut hand = Hand::go(&world.path("s")).await;
    assert_eq!(hand.read(SIZE - 3, 3).await, expected[usize::try_from(SIZE).unwrap() - 3..]);
    // To the byte where zeros are asked for, in whole blocks where bytes may be forgotten.
    assert_eq!(hand.asked(FUA, WRITE_ZEROES, 100_001, 5000).await, 0);
    assert_eq!(hand.asked(0, TRIM, 200_001, 5000).await, 0);
    expected[100_001..105_001].fill(0);
    expected[200_192..204_800].fill(0);
    assert!(memory.bytes() == expected);
    server.stop().await.unwrap();
    assert_eq!(memory.wrong.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_target_is_asked_again_and_a_refusal_is_the_clients() {
    let world = World::new();
    let memory = Arc::new(Memory::new(noise(0, SIZE)));
    let server = exported(&world, &memory, false).await;
    let mut hand = Hand::go(&world.path("s")).await;
    memory.busy.store(2, Ordering::SeqCst);
    assert_eq!(hand.write(0, 0, &[4; 512]).await, 0);
    assert_eq!(memory.calls.load(Ordering::SeqCst), 3);
    memory.busy.store(u32::MAX, Ordering::SeqCst);
    assert_eq!(hand.write(0, 512, &[4; 512]).await, 5);
    memory.busy.store(0, Ordering::SeqCst);
    assert_eq!(hand.read(0, 1024).await, [vec![4; 512], noise(512, 512)].concat());
    server.stop().await.unwrap();
    assert_eq!(memory.wrong.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn for_reading_nothing_is_called_that_changes() {
    let world = World::new();
    let memory = Arc::new(Memory::new(noise(0, SIZE)));
    let server = exported(&world, &memory, true).await;
    let mut hand = Hand::go(&world.path("s")).await;
    assert_eq!(hand.write(0, 0, &[4; 512]).await, EPERM);
    assert_eq!(hand.asked(0, TRIM, 0, 512).await, EPERM);
    assert_eq!(memory.calls.load(Ordering::SeqCst), 0);
    assert_eq!(hand.read(1, 1000).await, noise(1, 1000));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_are_calls_beside_each_other_up_to_a_bound() {
    const BOUND: u32 = 16;
    let world = World::new();
    let memory = Arc::new(Memory::new(noise(0, SIZE)));
    let server = exported(&world, &memory, false).await;
    let mut hand = Hand::go(&world.path("s")).await;
    memory.held.send_replace(true);
    for cookie in 0..40 {
        hand.request(0, READ, cookie, cookie * 512, 512, &[]).await;
    }
    until("requests wait for each other", || memory.under_way.load(Ordering::SeqCst) == BOUND).await;
    memory.held.send_replace(false);
    let mut seen = HashSet::new();
    for _ in 0..40 {
        let (error, cookie) = hand.answer().await;
        let mut bytes = vec![0; 512];
        hand.0.read_exact(&mut bytes).await.unwrap();
        assert!(error == 0 && bytes == noise(cookie * 512, 512) && seen.insert(cookie), "{cookie}");
    }
    assert_eq!(memory.most.load(Ordering::SeqCst), BOUND);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_waits_for_no_write_that_was_not_answered() {
    let world = World::new();
    let memory = Arc::new(Memory::new(noise(0, SIZE)));
    let server = exported(&world, &memory, false).await;
    let mut hand = Hand::go(&world.path("s")).await;
    memory.held.send_replace(true);
    hand.request(0, WRITE, 1, 0, 512, &[4; 512]).await;
    until("the write is not under way", || memory.under_way.load(Ordering::SeqCst) == 1).await;
    assert_eq!(hand.asked(0, FLUSH, 0, 0).await, 0);
    memory.held.send_replace(false);
    assert_eq!(hand.answer().await, (0, 1));
    assert_eq!(hand.read(0, 512).await, [4; 512]);
    server.stop().await.unwrap();
}
