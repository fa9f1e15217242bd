use std::time::Duration;

use capstan_sdk::{Failure, Outcome};

use super::{Target, at, create, noise, read, server_or_skip, write};
use crate::answers::GIB;
use crate::vpsa::Vpsa;
use crate::{drives, remover, snapshots};

fn is_unclear<T: std::fmt::Debug>(outcome: Outcome<T>) {
    let failure = outcome.unwrap_err();
    assert!(failure.may_retry() && failure.fault().maybe_done, "{failure:?}");
}

#[test]
fn an_answer_that_is_lost_costs_nothing_but_another_try() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        server.fall_silent(1, "POST", "/volumes.json");
        is_unclear(create("drive", "a1").await);
        // Half-made drives are not there.
        assert!(matches!(drives::get(at("drive")).await, Err(Failure::NotFound(_))));
        assert!(drives::list(Vpsa::POOL, None, 10).await.unwrap().drives.is_empty());
        create("drive", "a1").await.unwrap();
        server.fall_silent(1, "POST", "/expand.json");
        is_unclear(drives::resize(at("drive"), 3 * GIB).await);
        assert_eq!(drives::resize(at("drive"), 3 * GIB).await.unwrap().size, 3 * GIB);
        server.fall_silent(1, "POST", "/clone.json");
        is_unclear(drives::clone(at("drive"), None, "copy", "a2").await);
        assert_eq!(drives::clone(at("drive"), None, "copy", "a2").await.unwrap().size, 3 * GIB);
        server.fall_silent(1, "POST", "/snapshots.json");
        is_unclear(snapshots::take(at("drive"), "now", "a3").await);
        assert!(snapshots::list(at("drive"), None, 10).await.unwrap().snapshots.is_empty());
        snapshots::take(at("drive"), "now", "a3").await.unwrap();
        server.fall_silent(1, "DELETE", ".json");
        is_unclear(snapshots::delete(at("drive"), "now").await);
        snapshots::delete(at("drive"), "now").await.unwrap();
        server.fall_silent(1, "DELETE", ".json");
        is_unclear(remover::delete(at("drive")).await);
        assert!(matches!(drives::get(at("drive")).await, Err(Failure::NotFound(_))));
        remover::delete(at("drive")).await.unwrap();
        remover::delete(at("copy")).await.unwrap();
    });
    let made = server.changes().iter().filter(|change| *change == "POST /api/volumes.json").count();
    assert_eq!((made, server.volumes().len()), (1, 0));
    assert!(target.0.state.lock().unwrap().is_empty());
}

#[test]
fn a_refusal_leaves_neither_a_volume_nor_a_name() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        server.refuse(1, "POST", "/volumes.json", 4711, "The array is unhappy");
        let failure = create("drive", "a1").await.unwrap_err();
        assert!(!failure.may_retry() && !failure.fault().maybe_done);
        assert_eq!(failure.fault().code.as_deref(), Some("VPSA 4711"));
        create("drive", "a2").await.unwrap();
        // A lookup is asked again.
        server.turn_away(2, "GET", ".json", 503);
        drives::get(at("drive")).await.unwrap();
        // What goes on by itself is waited for.
        server.refuse(1, "POST", "/snapshots.json", 1, "The request has been submitted and is being processed");
        server.take(Duration::from_millis(600));
        drives::resize(at("drive"), 2 * GIB).await.unwrap();
    });
}

#[test]
fn a_session_that_breaks_is_opened_again_and_nothing_is_lost() {
    let server = server_or_skip!();
    Target::of(&server).run(async || {
        create("drive", "a").await.unwrap();
        let written = noise(3, 8 << 20);
        write("drive", 0, &written).await.unwrap();
        // The session of the call before is kept, and gone.
        server.restart_target().unwrap();
        assert!(read("drive", 0, 8 << 20).await.unwrap() == written);
        // In the middle of a stream.
        let (_, reading) = crate::bytes::read(at("drive"), crate::disk::Piece { offset: 0, length: 8 << 20 }).await.unwrap();
        server.restart_target().unwrap();
        let mut bytes = Vec::new();
        reading.pour(&mut bytes).await.unwrap();
        assert!(bytes == written);
        server.restart_target().unwrap();
        let again = noise(4, 8 << 20);
        write("drive", 512, &again).await.unwrap();
        assert!(read("drive", 512, 8 << 20).await.unwrap() == again);
    });
}

#[test]
fn a_volume_that_was_detached_behind_our_back_is_attached_again() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        for name in ["one", "two"] {
            create(name, name).await.unwrap();
            write(name, 0, &noise(name.len() as u64, 4096)).await.unwrap();
        }
        // Another instance, which knows nothing of this one's LUNs.
        target.run(async || crate::access::detach_drive(at("one")).await.unwrap());
        target.run(async || {
            write("two", 4096, &noise(9, 512)).await.unwrap();
        });
        assert_eq!(read("one", 0, 4096).await.unwrap(), noise(3, 4096));
    });
}

#[test]
fn a_lun_that_became_another_volumes_is_never_written() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        let (one, two) = (noise(1, 4096), noise(2, 4096));
        for (name, bytes) in [("one", &one), ("two", &two)] {
            create(name, name).await.unwrap();
            write(name, 0, bytes).await.unwrap();
        }
        // Another instance frees both LUNs and takes them the other way round.
        target.run(async || {
            for name in ["one", "two"] {
                crate::access::detach_drive(at(name)).await.unwrap();
            }
            for name in ["two", "one"] {
                crate::access::attach(at(name), false).await.unwrap();
            }
        });
        write("one", 4096, &noise(3, 4096)).await.unwrap();
        assert_eq!(read("one", 0, 4096).await.unwrap(), one);
        assert_eq!(read("one", 4096, 4096).await.unwrap(), noise(3, 4096));
        assert_eq!(read("two", 0, 4096).await.unwrap(), two);
        assert_eq!(read("two", 4096, 4096).await.unwrap(), vec![0; 4096]);
        // In the middle of a stream: what comes is the drive's, or nothing.
        let long = noise(4, 16 << 20);
        write("one", 0, &long).await.unwrap();
        let (_, reading) = crate::bytes::read(at("one"), crate::disk::Piece { offset: 0, length: 16 << 20 }).await.unwrap();
        target.run(async || {
            for name in ["one", "two"] {
                crate::access::detach_drive(at(name)).await.unwrap();
            }
            for name in ["one", "two"] {
                crate::access::attach(at(name), false).await.unwrap();
            }
        });
        // The target does not tell: the silence does.
        std::thread::sleep(Duration::from_millis(600));
        let mut bytes = Vec::new();
        let failure = reading.pour(&mut bytes).await.unwrap_err();
        assert!(failure.may_retry(), "{failure:?}");
        assert!(bytes[..] == long[..bytes.len()]);
        assert!(read("one", 0, 16 << 20).await.unwrap() == long);
    });
}
