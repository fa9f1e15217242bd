//! Who mounts a drive: machines and attachments, one at a time unless the drive is for several.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::drive::{Drive, DriveAttachment, DriveChange, DriveEdit, DriveState, Media, NewDrive};
use capstan_domain::ids::{DriveId, MachineId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::machine::{Machine, Mount, NewMachine};
use capstan_domain::time::Timestamp;
use serde_json::json;

use crate::database::{Base, on_both};
use crate::drives::{Ground, conflict, ground, made, new_drive, ready, work};

on_both! {
    two_machines_list_a_drive_only_if_it_is_for_several_or_a_cdrom => shared,
    of_many_machines_that_mount_a_drive_at_once_one_does => race,
    an_attached_drive_is_not_mounted_by_a_machine_nor_the_other_way_round => attached,
    no_attachment_outlives_the_process => cleared,
    a_machines_mounts_are_replaced_as_a_whole_and_keep_their_order => replaced,
    a_mounted_drive_is_not_deleted_nor_one_of_a_running_machine_resized => busy,
    only_machines_that_do_not_run_let_go_of_drives => released,
    machines_are_listed_by_what_they_are_and_have => listed,
}

fn mount(drive: &Drive) -> Mount {
    Mount { drive: drive.id, attributes: json!({"device": "virtio", "dev_channel": "0:1"}) }
}

fn new_machine(ground: Ground, name: &str, drives: &[&Drive]) -> NewMachine {
    let mounts = drives.iter().map(|drive| mount(drive)).collect();
    NewMachine { owner: ground.owner, name: name.to_owned(), mounts, attributes: json!({"cpu": 1000}), tags: Vec::new() }
}

async fn machine(catalogue: &Catalogue, ground: Ground, name: &str, drives: &[&Drive]) -> Machine {
    catalogue.create_machine(&new_machine(ground, name, drives)).await.unwrap()
}

fn attachment(drive: &Drive) -> DriveAttachment {
    DriveAttachment { drive: drive.id, address: "unix:/run/d".to_owned(), read_only: true, created: Timestamp(7) }
}

async fn shared(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let single = ready(catalogue, ground, "single").await;
    let several = made(catalogue, NewDrive { allow_multimount: true, ..new_drive(ground, "several") }).await;
    let cdrom = made(catalogue, NewDrive { media: Media::Cdrom, ..new_drive(ground, "cdrom") }).await;
    let first = machine(catalogue, ground, "first", &[&single, &several, &cdrom]).await;
    let failure = catalogue.create_machine(&new_machine(ground, "second", &[&several, &single])).await.unwrap_err();
    assert!(conflict(failure, "mounted").contains("single"));
    assert_eq!(catalogue.machine("second").await.unwrap_err().kind, Kind::NotFound);
    let second = machine(catalogue, ground, "second", &[&several, &cdrom]).await;
    let mut wanting = second.clone();
    wanting.mounts.push(mount(&single));
    conflict(catalogue.update_machine(&wanting).await.unwrap_err(), "mounted");
    assert_eq!(catalogue.machine(second.id).await.unwrap().mounts, second.mounts);
    let on: Vec<_> = catalogue.machine_mounts_of(&[several.id, single.id]).await.unwrap();
    let mut on: Vec<(DriveId, MachineId)> = on.into_iter().map(|(drive, machine, _)| (drive, machine)).collect();
    on.sort_unstable();
    let mut expected = [(single.id, first.id), (several.id, first.id), (several.id, second.id)];
    expected.sort_unstable();
    assert_eq!(on, expected);

    // It stays for several as long as several have it.
    let alone = || DriveEdit { allow_multimount: Some(false), ..DriveEdit::default() };
    conflict(catalogue.update_drive(several.id, alone()).await.unwrap_err(), "mounted");
    let disk = DriveEdit { media: Some(Media::Disk), ..DriveEdit::default() };
    conflict(catalogue.update_drive(cdrom.id, disk).await.unwrap_err(), "mounted");
    catalogue.delete_machine(first.id).await.unwrap();
    assert!(!catalogue.update_drive(several.id, alone()).await.unwrap().allow_multimount);
    // What the first had is free.
    assert_eq!(catalogue.update_machine(&wanting).await.unwrap().mounts.len(), 3);
}

async fn race(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await;
    let tasks: Vec<_> = (0..8)
        .map(|at| {
            let catalogue = catalogue.clone();
            let new = new_machine(ground, &format!("m{at}"), &[&drive]);
            let attachment = attachment(&drive);
            tokio::spawn(async move {
                if at % 4 == 0 {
                    catalogue.add_attachment(attachment).await.is_ok()
                } else {
                    catalogue.create_machine(&new).await.is_ok()
                }
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
    let machines = catalogue.machine_mounts_of(&[drive.id]).await.unwrap().len();
    assert_eq!(machines + catalogue.drive_attachments(&[drive.id]).await.unwrap().len(), 1);
}

async fn attached(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await;
    let made = catalogue.add_attachment(attachment(&drive)).await.unwrap();
    assert_eq!((made.drive, made.address.as_str(), made.read_only, made.created), (drive.id, "unix:/run/d", true, Timestamp(7)));
    conflict(catalogue.add_attachment(attachment(&drive)).await.unwrap_err(), "mounted");
    conflict(catalogue.create_machine(&new_machine(ground, "m", &[&drive])).await.unwrap_err(), "mounted");
    catalogue.remove_attachment(drive.id).await.unwrap();
    catalogue.remove_attachment(drive.id).await.unwrap();
    machine(catalogue, ground, "m", &[&drive]).await;
    conflict(catalogue.add_attachment(attachment(&drive)).await.unwrap_err(), "mounted");
    assert!(catalogue.drive_attachments(&[drive.id]).await.unwrap().is_empty());
    let several = DriveEdit { allow_multimount: Some(true), ..DriveEdit::default() };
    catalogue.update_drive(drive.id, several).await.unwrap();
    catalogue.add_attachment(attachment(&drive)).await.unwrap();
    let nothing = DriveAttachment { drive: DriveId::new(), ..attachment(&drive) };
    assert_eq!(catalogue.add_attachment(nothing).await.unwrap_err().kind, Kind::NotFound);
}

async fn cleared(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let (a, b) = (ready(catalogue, ground, "a").await, ready(catalogue, ground, "b").await);
    for drive in [&a, &b] {
        catalogue.add_attachment(attachment(drive)).await.unwrap();
    }
    assert_eq!(catalogue.drive_attachments(&[a.id, b.id, DriveId::new()]).await.unwrap().len(), 2);
    assert_eq!(catalogue.clear_attachments().await.unwrap(), 2);
    assert!(catalogue.drive_attachments(&[a.id, b.id]).await.unwrap().is_empty());
    assert_eq!(catalogue.clear_attachments().await.unwrap(), 0);
}

async fn replaced(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let (a, b, c) =
        (ready(catalogue, ground, "a").await, ready(catalogue, ground, "b").await, ready(catalogue, ground, "c").await);
    let mut machine = machine(catalogue, ground, "m", &[&b, &a]).await;
    assert_eq!(machine.mounts, [mount(&b), mount(&a)]);
    machine.mounts = vec![mount(&c), Mount { drive: b.id, attributes: json!({"boot_order": 1}) }];
    machine.name = "n".to_owned();
    let now = catalogue.update_machine(&machine).await.unwrap();
    assert_eq!((now.name.as_str(), &now.mounts, &now.attributes), ("n", &machine.mounts, &json!({"cpu": 1000})));
    assert!(catalogue.machine_mounts_of(&[a.id]).await.unwrap().is_empty());

    // Twice the same drive, or one that is not there: nothing is changed.
    let mut twice = now.clone();
    twice.mounts = vec![mount(&a), mount(&a)];
    assert_eq!(catalogue.update_machine(&twice).await.unwrap_err().kind, Kind::Invalid);
    let mut nothing = now.clone();
    nothing.name = "o".to_owned();
    nothing.mounts = vec![Mount { drive: DriveId::new(), attributes: json!({}) }];
    assert_eq!(catalogue.update_machine(&nothing).await.unwrap_err().kind, Kind::NotFound);
    let delete = work(a.id, DriveChange::Delete);
    catalogue.begin_drive_change(a.id, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();
    nothing.mounts = vec![mount(&a)];
    assert_eq!(catalogue.update_machine(&nothing).await.unwrap_err().kind, Kind::NotFound);
    let kept = catalogue.machine(now.id).await.unwrap();
    assert_eq!((kept.name.as_str(), kept.mounts), ("n", now.mounts));
}

async fn busy(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await;
    let machine = machine(catalogue, ground, "m", &[&drive]).await;
    let begin = async |to: DriveState, change: DriveChange| {
        catalogue.begin_drive_change(drive.id, &[DriveState::Ready], to, &work(drive.id, change), &[]).await
    };
    let resize = || DriveChange::Resize { size: 2 << 30 };
    conflict(begin(DriveState::Deleting, DriveChange::Delete).await.unwrap_err(), "mounted");
    assert!(catalogue.set_machine_running(machine.id, true).await.unwrap().running);
    conflict(begin(DriveState::Resizing, resize()).await.unwrap_err(), "mounted");
    assert_eq!(catalogue.drive(drive.id).await.unwrap().state, DriveState::Ready);
    catalogue.set_machine_running(machine.id, false).await.unwrap();
    begin(DriveState::Resizing, resize()).await.unwrap();
    assert_eq!(catalogue.set_machine_running(MachineId::new(), true).await.unwrap_err().kind, Kind::NotFound);

    let other = ready(catalogue, ground, "b").await;
    catalogue.add_attachment(attachment(&other)).await.unwrap();
    let delete = work(other.id, DriveChange::Delete);
    let begun = catalogue.begin_drive_change(other.id, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await;
    conflict(begun.unwrap_err(), "mounted");
}

async fn released(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let several = made(catalogue, NewDrive { allow_multimount: true, ..new_drive(ground, "several") }).await;
    let other = ready(catalogue, ground, "other").await;
    let stopped = machine(catalogue, ground, "stopped", &[&other, &several]).await;
    let running = machine(catalogue, ground, "running", &[&several]).await;
    catalogue.set_machine_running(running.id, true).await.unwrap();
    assert_eq!(catalogue.unmount_from_stopped(&[several.id]).await.unwrap(), 1);
    assert_eq!(catalogue.machine(stopped.id).await.unwrap().mounts, [mount(&other)]);
    assert_eq!(catalogue.machine(running.id).await.unwrap().mounts, [mount(&several)]);
    assert_eq!(catalogue.unmount_from_stopped(&[several.id]).await.unwrap(), 0);
}

async fn listed(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let drive = ready(catalogue, ground, "a").await;
    let first = machine(catalogue, ground, "first", &[&drive]).await;
    let second = machine(catalogue, ground, "second", &[]).await;
    catalogue.set_machine_running(second.id, true).await.unwrap();
    let by = |field: &str, value: String| Listing::first(10).with(field, Operator::Equal, value);
    for (listing, expected) in [
        (by("owner", ground.owner.to_string()), vec![first.id, second.id]),
        (by("drive", drive.id.to_string()), vec![first.id]),
        (by("running", "true".to_owned()), vec![second.id]),
        (by("name", "first".to_owned()), vec![first.id]),
    ] {
        let page = catalogue.machines(&listing).await.unwrap();
        assert_eq!(page.items.iter().map(|machine| machine.id).collect::<Vec<_>>(), expected, "{listing:?}");
        assert_eq!(page.count, expected.len() as u64);
    }
    catalogue.delete_machine(first.id).await.unwrap();
    assert_eq!(catalogue.delete_machine(first.id).await.unwrap_err().kind, Kind::NotFound);
    let third = machine(catalogue, ground, "first", &[&drive]).await;
    assert!(third.number > second.number);
}
