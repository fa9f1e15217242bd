//! The host killed (SIGKILL) in the middle of whatever is done to drives and snapshots: at the next start every drive is as before or
//! as was asked, and each engine has what the host tells of, and nothing else. Here at some of the points there are;
//! `cargo xtask prove drives-killed` goes through all of them.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use capstan_e2e::drives::Operation::{Clone, CloneIn, CloneOut, Create, Delete, DeleteSnapshot, Resize, Restore, Snapshot};
use capstan_e2e::drives::{Dssd, Engine, Moment, Operation, Rig, Zadara};
use capstan_test_servers::server_or_skip;

type Kill = (Operation, &'static [Moment]);

/// A new volume comes as a part (1), goes from there (2) and is at its place (3); one that goes leaves its place (1), lies among
/// what is no more (2) and is removed (3). A drive grows without a name that changes. Bytes that come back are put together in a
/// part (1), which goes when the drive has them (2).
const ON_OWN_DISKS: [Kill; 11] = [
    (Create, &[Moment::made(1)]),
    (Create, &[Moment::made(3)]),
    (Clone, &[Moment::made(1), Moment::made(1)]),
    (Clone, &[Moment::after_ms(25)]),
    (Resize, &[Moment::after_ms(0)]),
    (Resize, &[Moment::after_ms(15)]),
    (Delete, &[Moment::made(1)]),
    (Delete, &[Moment::made(3)]),
    (Snapshot, &[Moment::made(1)]),
    (DeleteSnapshot, &[Moment::made(1)]),
    (Restore, &[Moment::made(1)]),
];

/// A clone is ordered (1) and enlarged (2); a volume that goes is detached twice (1, 2) and deleted (3); one that is written to is
/// made (1) and attached (2). Bytes that come back are those of a new volume (1), which is the drive's before both have their names
/// (2, 3) and the old one is detached (4).
const ON_ZADARA: [Kill; 11] = [
    (Create, &[Moment::before(1), Moment::made(1)]),
    (Clone, &[Moment::made(1)]),
    (Clone, &[Moment::before(2), Moment::made(1)]),
    (Resize, &[Moment::made(1)]),
    (Delete, &[Moment::made(3)]),
    (Snapshot, &[Moment::made(1)]),
    (DeleteSnapshot, &[Moment::made(1)]),
    (Restore, &[Moment::before(2)]),
    (CloneIn, &[Moment::made(2)]),
    (CloneIn, &[Moment::after_ms(700)]),
    (CloneOut, &[Moment::after_ms(400)]),
];

/// For a clone a snapshot is taken (1) and protected (2), cloned (3), and the clone enlarged (4); a clone that goes is removed (1), and
/// what it hung on is unprotected (2) and removed (3); a snapshot that goes is renamed (1) and removed (2). Bytes come back in one
/// step (1).
const ON_DSSD: [Kill; 11] = [
    (Create, &[Moment::before(1), Moment::made(1)]),
    (Clone, &[Moment::made(1)]),
    (Clone, &[Moment::made(3), Moment::before(1)]),
    (Resize, &[Moment::made(1)]),
    (Delete, &[Moment::made(1)]),
    (Delete, &[Moment::made(2)]),
    (Snapshot, &[Moment::made(1)]),
    (DeleteSnapshot, &[Moment::made(1)]),
    (Restore, &[Moment::made(1)]),
    (CloneIn, &[Moment::made(1)]),
    (CloneOut, &[Moment::after_ms(500)]),
];

fn killed(engine: Option<Box<dyn Engine>>, kills: &[Kill]) {
    let mut rig = Rig::start(engine).unwrap();
    for (operation, moments) in kills {
        let came = rig.kill(*operation, moments).unwrap();
        assert!(came, "{operation:?} was over before {moments:?}");
    }
    rig.host.stop().unwrap();
}

#[test]
fn whatever_is_done_on_the_hosts_own_disks_outlives_its_death() {
    killed(None, &ON_OWN_DISKS);
}

#[test]
fn whatever_is_done_on_a_zadara_array_outlives_the_hosts_death() {
    let engine = server_or_skip!(Zadara::start());
    killed(Some(Box::new(engine)), &ON_ZADARA);
}

#[test]
fn whatever_is_done_on_a_ceph_cluster_outlives_the_hosts_death() {
    let engine = server_or_skip!(Dssd::start());
    killed(Some(Box::new(engine)), &ON_DSSD);
}
