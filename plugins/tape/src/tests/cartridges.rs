use capstan_sdk::Failure;
use capstan_sdk::types::ElementKind;

use super::{DRIVE, Target, code, library_or_skip};
use crate::vtl::Vtl;
use crate::{health, inventory, medium, robot};

const OTHER: &str = Vtl::DRIVE_NAMES[1];

#[test]
fn a_library_is_listed_element_by_element_and_cartridge_by_cartridge() {
    let library = library_or_skip!();
    Target::of(&library).run(async || {
        let libraries = inventory::libraries().await.unwrap();
        assert_eq!((libraries.len(), libraries[0].name.as_str(), libraries[0].product.as_str()), (1, Vtl::LIBRARY, "L700"));
        let labels: Vec<String> = (1..=Vtl::CARTRIDGES).map(Vtl::label).collect();
        let locations = inventory::locations().await.unwrap();
        assert_eq!(locations.iter().map(|location| location.name.clone()).collect::<Vec<_>>(), labels);
        // In pages, each element once and in order.
        let (mut after, mut elements) = (None, Vec::new());
        loop {
            let page = inventory::elements(Vtl::LIBRARY, after.as_deref(), 4).await.unwrap();
            assert!(page.elements.len() <= 4);
            elements.extend(page.elements);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(elements.len(), 1 + 2 + 2 + usize::from(Vtl::SLOTS));
        assert!(elements.is_sorted_by(|one, other| one.address < other.address));
        let of = |kind: ElementKind| elements.iter().filter(|element| element.kind == kind).collect::<Vec<_>>();
        let named: Vec<&str> = of(ElementKind::Drive).into_iter().filter_map(|element| element.drive.as_deref()).collect();
        assert_eq!(named, Vtl::DRIVE_NAMES);
        let full: Vec<String> = of(ElementKind::Slot).into_iter().filter_map(|element| element.cartridge.clone()).collect();
        assert_eq!(full, labels);
        assert_eq!((of(ElementKind::Arm).len(), of(ElementKind::MailSlot).len()), (1, 2));
        assert!(matches!(inventory::elements("nowhere", None, 4).await, Err(Failure::NotFound(_))));
        robot::take_inventory(Vtl::LIBRARY).await.unwrap();
    });
}

#[test]
fn a_cartridge_goes_into_a_drive_and_home_again() {
    let library = library_or_skip!();
    let target = Target::of(&library);
    let label = Vtl::label(1);
    target.run(async || {
        let drives = inventory::drives().await.unwrap();
        assert!(drives.iter().all(|drive| !drive.ready && drive.cartridge.is_none() && drive.library.is_some()));
        assert!(matches!(medium::inspect(DRIVE).await, Err(Failure::Offline(_))));
        let loaded = robot::load(&label, Some(DRIVE)).await.unwrap();
        assert_eq!((loaded.name.as_str(), loaded.ready, loaded.element), (DRIVE, true, Some(1)));
        assert_eq!(loaded.cartridge.as_deref(), Some(label.as_str()));
        let told = medium::inspect(DRIVE).await.unwrap();
        assert_eq!((told.cartridge.as_deref(), told.write_protected), (Some(label.as_str()), false));
        assert!(told.block_maximum >= 1 << 20 && told.partitions.len() == 1);
    });
    // Another instance finds it there.
    target.run(async || {
        assert!(robot::load(&label, None).await.unwrap().ready);
        assert!(matches!(robot::load(&label, Some(OTHER)).await, Err(Failure::Conflict(_))));
        assert!(matches!(robot::load(&Vtl::label(2), Some(DRIVE)).await, Err(Failure::Conflict(_))));
        assert_eq!(robot::load(&Vtl::label(2), None).await.unwrap().name, OTHER);
        let full = robot::load(&Vtl::label(3), None).await.unwrap_err();
        assert!(matches!(&full, Failure::Busy(_)) && code(&full) == "drives-full");
        assert!(matches!(robot::load("NOBODY", None).await, Err(Failure::NotFound(_))));
        for drive in [DRIVE, OTHER, DRIVE] {
            robot::unload(drive).await.unwrap();
        }
        let slots = inventory::elements(Vtl::LIBRARY, None, 100).await.unwrap().elements;
        let home = slots.iter().find(|element| element.cartridge.as_deref() == Some(&label)).unwrap();
        assert_eq!(home.address, u32::from(Vtl::FIRST_SLOT));
    });
}

#[test]
fn cartridges_are_moved_given_out_and_taken_in() {
    let library = library_or_skip!();
    Target::of(&library).run(async || {
        let free = u32::from(Vtl::FIRST_SLOT + Vtl::SLOTS - 1);
        let label = Vtl::label(1);
        for _ in 0..2 {
            let moved = robot::move_cartridge(Vtl::LIBRARY, &label, free).await.unwrap();
            assert_eq!((moved.address, moved.cartridge.as_deref()), (free, Some(label.as_str())));
        }
        let taken = robot::move_cartridge(Vtl::LIBRARY, &Vtl::label(2), free).await;
        assert!(matches!(taken, Err(Failure::Conflict(_))));
        assert!(matches!(robot::move_cartridge(Vtl::LIBRARY, &label, 9_999).await, Err(Failure::NotFound(_))));
        let [first, second] = Vtl::MAIL_SLOTS.map(u32::from);
        for _ in 0..2 {
            assert_eq!(robot::eject(Vtl::LIBRARY, &label).await.unwrap().address, first);
        }
        assert_eq!(robot::eject(Vtl::LIBRARY, &Vtl::label(2)).await.unwrap().address, second);
        let full = robot::eject(Vtl::LIBRARY, &Vtl::label(3)).await.unwrap_err();
        assert!(matches!(&full, Failure::Busy(_)) && code(&full) == "mail-slots-full");
        let admitted = robot::admit(Vtl::LIBRARY, first).await.unwrap();
        assert_eq!((admitted.kind, admitted.cartridge.as_deref()), (ElementKind::Slot, Some(label.as_str())));
        assert!(matches!(robot::admit(Vtl::LIBRARY, first).await, Err(Failure::NotFound(_))));
    });
}

#[test]
fn a_library_that_tells_no_alerts_is_asked_and_strangers_are_sent_away() {
    let library = library_or_skip!();
    Target::of(&library).run(async || {
        for name in [Vtl::LIBRARY, DRIVE] {
            let health = health::examine(name).await.unwrap();
            assert!(health.alerts.is_empty() && health.counters.is_empty(), "{name}");
        }
        assert!(matches!(health::examine("nobody").await, Err(Failure::NotFound(_))));
    });
    Target::with(&library, "a guess of some length").run(async || {
        assert!(matches!(inventory::locations().await, Err(Failure::Unauthenticated(_))));
    });
}

#[test]
fn a_cartridge_in_use_stays_in_its_drive_and_what_is_refused_is_told_by_name() {
    let library = library_or_skip!();
    let target = Target::of(&library);
    let label = Vtl::label(1);
    target.run(async || {
        robot::load(&label, Some(DRIVE)).await.unwrap();
        // Another session, which has not heard of it, as another host's.
        let site = crate::site::site().await.unwrap();
        let mut robot = site.robot(Vtl::LIBRARY).unwrap().take().await.unwrap();
        let refused = robot::shift(&mut robot.it, 1, Vtl::FIRST_SLOT).await.unwrap_err();
        robot.give_back();
        for name in [Vtl::LIBRARY, label.as_str()] {
            assert!(refused.fault().message.contains(name), "{refused:?}");
        }
        assert!(matches!(refused, Failure::Busy(_)) && code(&refused) == "sense 5/53/02");
        let told = medium::inspect(DRIVE).await.unwrap();
        // What tgt's drive can do beside reading and writing.
        assert_eq!(capstan_sdk::find(&told.extras, "abilities"), None);
        robot::unload(DRIVE).await.unwrap();
        let empty = medium::inspect(DRIVE).await.unwrap_err();
        assert!(matches!(empty, Failure::Offline(_)));
        for name in [DRIVE, Vtl::LIBRARY] {
            assert!(empty.fault().message.contains(name), "{empty:?}");
        }
    });
}
