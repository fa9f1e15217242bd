use capstan_sdk::Failure;

use super::{Target, at, create, noise, read, server_or_skip, write};
use crate::answers::GIB;
use crate::record::Place;
use crate::vpsa::Vpsa;
use crate::{access, drives, pools, remover};

#[test]
fn a_drive_is_made_written_grown_cloned_and_deleted() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        let report = pools::probe().await.unwrap();
        assert_eq!(
            report.locations.iter().map(|location| location.name.as_str()).collect::<Vec<_>>(),
            [Vpsa::POOL, Vpsa::SMALL_POOL]
        );
        let drive = create("one", "a1").await.unwrap();
        assert_eq!((drive.name.as_str(), drive.size), ("one", GIB));
        assert!(drive.created.is_some() && drive.used.is_some());
        let bytes = noise(1, 3 << 20);
        write("one", 4096, &bytes).await.unwrap();
        crate::bytes::flush(at("one")).await.unwrap();
        assert!(read("one", 4096, 3 << 20).await.unwrap() == bytes);
        assert_eq!(read("one", 0, 4096).await.unwrap(), vec![0; 4096]);
        assert!(read("one", 512, 0).await.unwrap().is_empty());
        // It grows while it is attached, and keeps its bytes.
        assert_eq!(drives::resize(at("one"), 3 * GIB).await.unwrap().size, 3 * GIB);
        assert_eq!(drives::resize(at("one"), 3 * GIB).await.unwrap().size, 3 * GIB);
        assert!(matches!(drives::resize(at("one"), GIB).await, Err(Failure::Invalid(_))));
        let end = noise(2, 512);
        write("one", 3 * GIB - 512, &end).await.unwrap();
        assert!(read("one", 4096, 3 << 20).await.unwrap() == bytes);
        // A clone is a drive of its own.
        assert_eq!(drives::clone(at("one"), None, "two", "a2").await.unwrap().size, 3 * GIB);
        write("one", 4096, &noise(3, 4096)).await.unwrap();
        remover::delete(at("one")).await.unwrap();
        remover::delete(at("one")).await.unwrap();
        assert!(matches!(drives::get(at("one")).await, Err(Failure::NotFound(_))));
        assert!(read("two", 4096, 3 << 20).await.unwrap() == bytes);
        assert_eq!(read("two", 3 * GIB - 512, 512).await.unwrap(), end);
        assert!(matches!(read("two", 3 * GIB, 512).await, Err(Failure::Invalid(_))));
    });
    assert_eq!(server.volumes(), ["two"]);
    // Another instance finds everything as it was.
    target.run(async || {
        assert_eq!(drives::get(at("two")).await.unwrap().size, 3 * GIB);
        remover::delete(at("two")).await.unwrap();
    });
    assert!(server.volumes().is_empty());
    assert!(target.0.state.lock().unwrap().is_empty());
}

#[test]
fn an_attempt_has_the_effect_of_one_and_a_name_belongs_to_who_had_it_first() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        let first = create("same", "a1").await.unwrap();
        assert_eq!(create("same", "a1").await.unwrap(), first);
        assert!(matches!(create("same", "a2").await, Err(Failure::AlreadyExists(_))));
        assert!(matches!(drives::clone(at("same"), None, "same", "a3").await, Err(Failure::AlreadyExists(_))));
    });
    // What another target made is neither touched nor seen.
    Target::of(&server).run(async || {
        assert!(matches!(create("same", "a1").await, Err(Failure::AlreadyExists(_))));
        assert!(matches!(drives::get(at("same")).await, Err(Failure::NotFound(_))));
        remover::delete(at("same")).await.unwrap();
        assert!(drives::list(Vpsa::POOL, None, 10).await.unwrap().drives.is_empty());
    });
    assert_eq!(server.volumes(), ["same"]);
}

#[test]
fn pages_hold_every_drive_once_in_the_order_of_names() {
    let server = server_or_skip!();
    server.take(std::time::Duration::ZERO);
    let target = Target::of(&server);
    target.run(async || {
        let names = ["b", "a-1", "c", "a", "d", "e", "f"];
        for name in names {
            create(name, name).await.unwrap();
        }
        let (mut found, mut after) = (Vec::new(), None);
        for limit in [2, 5, 1, 10] {
            let page = drives::list(Vpsa::POOL, after.as_deref(), limit).await.unwrap();
            assert!(page.drives.len() <= limit as usize);
            found.extend(page.drives.into_iter().map(|drive| drive.name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        assert_eq!(found, sorted);
        assert!(matches!(drives::list("pool-0000000f", None, 1).await, Err(Failure::NotFound(_))));
    });
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    let small = |name| Place::new(Vpsa::SMALL_POOL, name).unwrap();
    target.run(async || {
        let limits = pools::limits(Vpsa::SMALL_POOL).await.unwrap();
        assert_eq!(capstan_sdk::find(&limits.extras, "available"), Some((8 * GIB).to_string().as_str()));
        for size in [0, 512, GIB - 1, GIB + 512, limits.maximum + GIB] {
            assert!(matches!(drives::create(small("odd"), size, "a").await, Err(Failure::Invalid(_))), "{size}");
        }
        assert!(matches!(drives::create(small("large"), 9 * GIB, "a").await, Err(Failure::NoSpace(_))));
        // The name is free again.
        drives::create(small("large"), 8 * GIB, "b").await.unwrap();
        assert!(matches!(drives::resize(small("large"), 9 * GIB).await, Err(Failure::NoSpace(_))));
        assert_eq!(drives::get(small("large")).await.unwrap().size, 8 * GIB);
        let usage = pools::usage(Some(Vpsa::SMALL_POOL)).await.unwrap();
        assert_eq!((usage.used, usage.capacity), (Some(8 * GIB), Some(8 * GIB)));
        assert!(matches!(drives::create(Place::new("pool-0000000f", "x").unwrap(), GIB, "a").await, Err(Failure::NotFound(_))));
    });
}

#[test]
fn attaching_is_by_calls_and_what_somebody_else_holds_is_busy() {
    let server = server_or_skip!();
    let target = Target::of(&server);
    target.run(async || {
        create("held", "a").await.unwrap();
        assert_eq!(access::attach(at("held"), true).await.unwrap().peer, "calls");
        assert_eq!(access::attach(at("held"), true).await.unwrap().peer, "calls");
        assert!(matches!(access::attach(at("held"), false).await, Err(Failure::Conflict(_))));
        access::detach_drive(at("held")).await.unwrap();
        access::detach_drive(at("held")).await.unwrap();
        access::attach(at("held"), false).await.unwrap();
        server.attach_elsewhere("held").unwrap();
        assert!(matches!(remover::delete(at("held")).await, Err(Failure::Busy(_))));
        // It is whole.
        write("held", 0, &noise(5, 512)).await.unwrap();
    });
}
