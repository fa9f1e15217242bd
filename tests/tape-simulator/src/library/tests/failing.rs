//! Faults.

use super::*;
use crate::faults::{Fault, Subject};

#[tokio::test]
async fn a_power_cut_takes_what_is_buffered_and_leaves_what_was_synchronized() {
    let host = Host::loaded().await;
    host.write(b"safe").await;
    host.marks(0).await;
    for _ in 0..4 {
        host.write(b"buffered").await;
    }
    host.tell(Order::PowerCut { device: Subject::Drive(0), kept: 1 });
    assert_eq!(host.library.execute(&host.nexus, 0, &[0; 6], &[]).await, None);
    host.tell(Order::Restore { device: Subject::Drive(0) });
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (6, 0x2900, 0));
    host.ask(0, &[0; 6]).await;
    host.good(0, &[0x11, 3, 0, 0, 0, 0], &[]).await;
    assert_eq!(host.place().await, (0, 2));
}

#[tokio::test]
async fn a_power_cut_at_a_command_comes_before_it_or_behind_it() {
    for performed in [false, true] {
        let host = Host::loaded().await;
        let cut = Fault::PowerCut { performed, kept: 0 };
        host.tell(Order::Arm(faults::Armed { subject: Subject::Drive(0), fault: cut, after: 1, times: Some(1) }));
        host.write(b"block").await;
        assert_eq!(host.library.execute(&host.nexus, 0, &cdb6(0x10, 0, 1, 0), &[]).await, None);
        let on_medium = host.tell(Order::Cartridge { barcode: "CAP001L9".to_owned() });
        assert_eq!(on_medium["partitions"][0]["records"], if performed { 2 } else { 0 });
    }
}

#[tokio::test]
async fn a_bad_block_is_not_read_and_its_neighbours_are() {
    let host = Host::loaded().await;
    for block in [b"a", b"b", b"c"] {
        host.write(block).await;
    }
    let of = Subject::Cartridge("CAP001L9".to_owned());
    host.arm(of, Fault::ReadError { partition: 0, block: 1 }, None);
    host.rewind().await;
    assert_eq!(host.read().await, b"a");
    assert_eq!(host.sense(0, &cdb6(0x08, 0x02, 9, 0), &[]).await, (3, 0x1100, 9));
    host.good(0, &[0x2b, 0, 0, 0, 0, 0, 2, 0, 0, 0], &[]).await;
    assert_eq!(host.read().await, b"c");
    let alerts = host.good(0, &[0x4d, 0, 0x2e, 0, 0, 0, 0, 0xff, 0xff, 0], &[]).await;
    assert_eq!(alerts[4 + 4 * 5 + 4], 1);
}

#[tokio::test]
async fn faults_of_a_drive_strike_as_they_are_armed() {
    let host = Host::loaded().await;
    host.arm(Subject::Drive(0), Fault::WriteError, Some(1));
    assert_eq!(host.sense(0, &cdb6(0x0a, 0, 1, 0), b"x").await, (3, 0x0c00, 1));
    host.write(b"x").await;
    host.arm(Subject::Drive(0), Fault::Busy, Some(1));
    assert_eq!(host.ask(0, &[0; 6]).await.status, 0x08);
    host.arm(Subject::Drive(0), Fault::UnitAttention { code: 0x2900 }, Some(1));
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (6, 0x2900, 0));
    host.good(0, &[0; 6], &[]).await;
}

#[tokio::test]
async fn a_cartridge_that_does_not_load_is_told_of_and_can_be_taken_out() {
    let host = Host::new();
    host.arm(Subject::Drive(0), Fault::LoadTimeout, Some(1));
    host.good(ROBOT, &moved(SLOT, DRIVE), &[]).await;
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (4, 0x5300, 0));
    host.good(ROBOT, &moved(DRIVE, SLOT), &[]).await;
    host.mount(0).await;
}

#[tokio::test]
async fn time_passes_as_the_plan_says_and_is_counted() {
    let mut plan = Plan { scale: crate::plan::Scale::Times(100.0), ..Plan::default() };
    plan.cartridges = vec![CartridgePlan::new("CAP001L9", 20 * GB)];
    let host = Host::of(plan);
    let begun = std::time::Instant::now();
    host.good(ROBOT, &moved(SLOT, DRIVE), &[]).await;
    assert_eq!(host.sense(0, &[0; 6], &[]).await, (2, 0x0401, 0));
    while host.ask(0, &[0; 6]).await.status != 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(begun.elapsed().as_secs_f64() >= 0.16);
    let totals = host.library.totals();
    assert_eq!((totals.mounts, totals.moves, totals.load_seconds, totals.robot_seconds), (1, 1, 16.0, 10.0));
    host.good(ROBOT, &moved(DRIVE, SLOT), &[]).await;
    assert_eq!(host.library.totals().unload_seconds, 56.0);
}

#[tokio::test]
async fn a_small_cartridge_has_the_ways_of_a_large_one() {
    let host = Host::new();
    host.mount(1).await;
    for _ in 0..100 {
        host.write(&vec![0; 4 << 20]).await;
    }
    host.marks(0).await;
    let spots = host.library.spots("CAP002L9", &[(0, 0), (0, 99)]).unwrap();
    host.rewind().await;
    let before = host.library.totals().locate_seconds;
    host.good(0, &[0x2b, 0, 0, 0, 0, 0, 99, 0, 0, 0], &[]).await;
    let took = host.library.totals().locate_seconds - before;
    assert!((took - crate::time::locate_seconds(spots[0], spots[1])).abs() < 1e-9);
    assert!(took > 5.0, "{took}");
}
