use capstan_sdk::Failure;

use super::{Target, at, create, noise, read, server_or_skip, write};
use crate::answers::GIB;
use crate::{drives, remover, snapshots};

#[test]
fn a_snapshot_keeps_what_was_and_a_drive_goes_back_to_it() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        create("drive", "a1").await.unwrap();
        let (first, second) = (noise(1, 1 << 20), noise(2, 1 << 20));
        write("drive", 0, &first).await.unwrap();
        let one = snapshots::take(at("drive"), "one", "s1").await.unwrap();
        assert_eq!((one.name.as_str(), one.size), ("one", GIB));
        write("drive", 0, &second).await.unwrap();
        snapshots::take(at("drive"), "two", "s2").await.unwrap();
        // As one, and each once.
        assert_eq!(snapshots::take(at("drive"), "one", "s1").await.unwrap(), one);
        assert!(matches!(snapshots::take(at("drive"), "one", "s3").await, Err(Failure::AlreadyExists(_))));
        let page = snapshots::list(at("drive"), None, 1).await.unwrap();
        assert_eq!(page.snapshots[0].name, "one");
        let page = snapshots::list(at("drive"), page.next.as_deref(), 10).await.unwrap();
        assert_eq!((page.snapshots[0].name.as_str(), page.snapshots.len(), page.next), ("two", 1, None));
        // A clone of what was.
        drives::clone(at("drive"), Some("one"), "copy", "c1").await.unwrap();
        assert!(read("copy", 0, 1 << 20).await.unwrap() == first);
        // Back, with the size that it has now; behind the snapshot's end are zeros.
        drives::resize(at("drive"), 2 * GIB).await.unwrap();
        write("drive", 2 * GIB - 512, &noise(3, 512)).await.unwrap();
        assert_eq!(snapshots::restore(at("drive"), "one", "r1").await.unwrap().size, 2 * GIB);
        assert!(read("drive", 0, 1 << 20).await.unwrap() == first);
        assert_eq!(read("drive", 2 * GIB - 512, 512).await.unwrap(), vec![0; 512]);
        // The same attempt again is no second one.
        write("drive", 0, &second).await.unwrap();
        snapshots::restore(at("drive"), "one", "r1").await.unwrap();
        assert!(read("drive", 0, 1 << 20).await.unwrap() == second);
        // Both snapshots are there as before, and one is taken of what is now.
        snapshots::take(at("drive"), "three", "s4").await.unwrap();
        let all = snapshots::list(at("drive"), None, 10).await.unwrap().snapshots;
        assert_eq!(all.iter().map(|snapshot| snapshot.name.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        snapshots::restore(at("drive"), "two", "r2").await.unwrap();
        assert!(read("drive", 0, 1 << 20).await.unwrap() == second);
        assert!(matches!(snapshots::restore(at("drive"), "none", "r3").await, Err(Failure::NotFound(_))));
    });
    // The drive under its name, its clone, and two it was before.
    let names = server.volumes();
    assert_eq!((names.len(), names.iter().filter(|name| name.starts_with("Capstan-")).count()), (4, 2), "{names:?}");
    target.run(async || {
        // With the last of its snapshots an old volume goes.
        for name in ["one", "two", "two"] {
            snapshots::delete(at("drive"), name).await.unwrap();
        }
        assert_eq!(server.volumes().len(), 3);
        assert_eq!(snapshots::list(at("drive"), None, 10).await.unwrap().snapshots.len(), 1);
        remover::delete(at("drive")).await.unwrap();
        assert_eq!(server.volumes(), ["copy"]);
        remover::delete(at("copy")).await.unwrap();
    });
    assert!(target.0.state.lock().unwrap().is_empty());
}

#[test]
fn a_restore_that_is_cut_anywhere_ends_as_one() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    let before = noise(7, 64 << 10);
    target.run(async || {
        create("drive", "a").await.unwrap();
        write("drive", 0, &before).await.unwrap();
        snapshots::take(at("drive"), "was", "s").await.unwrap();
        write("drive", 0, &noise(8, 64 << 10)).await.unwrap();
    });
    // The order of the clone is lost before it is done, and after.
    server.turn_away(1, "POST", "/clone.json", 502);
    assert!(target.run(async || snapshots::restore(at("drive"), "was", "r").await).is_err());
    server.fall_silent(1, "POST", "/clone.json");
    assert!(target.run(async || snapshots::restore(at("drive"), "was", "r").await).is_err());
    assert_eq!(server.volumes().len(), 2);
    target.run(async || {
        snapshots::restore(at("drive"), "was", "r").await.unwrap();
        assert!(read("drive", 0, 64 << 10).await.unwrap() == before);
    });
    assert_eq!(server.volumes().len(), 2);
    // What an attempt left that nobody goes on with is taken away by the next.
    server.fall_silent(1, "POST", "/clone.json");
    assert!(target.run(async || snapshots::restore(at("drive"), "was", "given-up").await).is_err());
    target.run(async || {
        snapshots::restore(at("drive"), "was", "another").await.unwrap();
        remover::delete(at("drive")).await.unwrap();
    });
    assert!(server.volumes().is_empty());
}

#[test]
fn a_restore_that_is_cut_before_its_volumes_have_their_names_gives_them_those_later() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    let before = noise(7, 64 << 10);
    target.run(async || {
        create("drive", "a").await.unwrap();
        write("drive", 0, &before).await.unwrap();
        snapshots::take(at("drive"), "was", "s").await.unwrap();
    });
    // The one that has the snapshot, and the drive.
    let each_has_its_name = || {
        let names = server.volumes();
        let former = |name: &String| name.starts_with("Capstan-") && name.ends_with("-old");
        assert!(names.len() == 2 && former(&names[0]) && names[1] == "drive", "{names:?}");
    };
    for (cut, again) in [("r1", "r1"), ("r2", "another")] {
        target.run(async || write("drive", 0, &noise(8, 64 << 10)).await.unwrap());
        // The VPSA does not hear of the first name, or nobody hears that it was given.
        if cut == again {
            server.turn_away(1, "POST", "/rename.json", 502);
        } else {
            server.fall_silent(1, "POST", "/rename.json");
        }
        let lost = target.run(async || snapshots::restore(at("drive"), "was", cut).await).unwrap_err();
        assert!(lost.may_retry(), "{lost:?}");
        target.run(async || {
            assert!(read("drive", 0, 64 << 10).await.unwrap() == before, "it is done but for the names");
            snapshots::restore(at("drive"), "was", again).await.unwrap();
            assert!(read("drive", 0, 64 << 10).await.unwrap() == before);
        });
        each_has_its_name();
    }
    // A name that the VPSA refuses keeps nobody from the drive.
    server.refuse(2, "POST", "/rename.json", 4711, "The array is unhappy");
    target.run(async || {
        snapshots::restore(at("drive"), "was", "r3").await.unwrap();
        assert!(read("drive", 0, 64 << 10).await.unwrap() == before);
        remover::delete(at("drive")).await.unwrap();
    });
    assert!(server.volumes().is_empty());
    assert!(target.0.state.lock().unwrap().is_empty());
}

#[test]
fn an_old_volume_goes_also_where_the_deletion_of_its_last_snapshot_is_cut() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        create("drive", "a").await.unwrap();
        snapshots::take(at("drive"), "was", "s").await.unwrap();
        snapshots::restore(at("drive"), "was", "r").await.unwrap();
        assert_eq!(server.volumes().len(), 2);
        // The first that was made; its snapshot is gone by then.
        server.turn_away(1, "DELETE", "/volume-00000001.json", 502);
        assert!(snapshots::delete(at("drive"), "was").await.is_err());
        assert_eq!(server.volumes().len(), 2);
        snapshots::delete(at("drive"), "was").await.unwrap();
        assert_eq!(server.volumes(), ["drive"]);
    });
}
