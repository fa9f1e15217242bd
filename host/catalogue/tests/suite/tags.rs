//! Tags, the users of drives, and profiles.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::drive::{DriveChange, DriveState, DriveUser, NewDrive, NewSnapshot};
use capstan_domain::identity::{NewUser, Role};
use capstan_domain::ids::{DriveId, SnapshotId, TagId, UserId};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::machine::NewMachine;
use capstan_domain::tag::{NewTag, Tag, Tagged};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::drives::{ground, new_drive, ready, user, work};

on_both! {
    a_tags_name_is_unique_among_an_owners => unique,
    what_bears_a_tag_is_replaced_as_a_whole => borne,
    what_is_made_bears_its_tags_at_once_or_is_not_made => made_with,
    tags_go_with_their_owner => owner,
    a_drive_has_one_record_of_its_users => people,
    a_profile_is_what_was_set_last => profiles,
}

fn new(owner: UserId, name: &str) -> NewTag {
    NewTag { owner, name: name.to_owned(), attributes: json!({"meta": {}}) }
}

async fn unique(catalogue: &Catalogue, _: &Base) {
    let (a, b) = (user(catalogue, "a").await, user(catalogue, "b").await);
    let red = catalogue.create_tag(&new(a, "red"), &[]).await.unwrap();
    let failure = catalogue.create_tag(&new(a, "red"), &[]).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::AlreadyExists, Some("taken")));
    catalogue.create_tag(&new(b, "red"), &[]).await.unwrap();
    catalogue.create_tag(&new(a, "Red"), &[]).await.unwrap();
    // Of any length.
    let long: String = (0..10_000_u32).map(|at| char::from_digit(at.wrapping_mul(2_654_435_761) >> 27, 36).unwrap()).collect();
    let mut blue = catalogue.create_tag(&new(a, &long), &[]).await.unwrap();
    assert_eq!(catalogue.create_tag(&new(a, &long), &[]).await.unwrap_err().kind, Kind::AlreadyExists);
    blue.name = "red".to_owned();
    assert_eq!(catalogue.update_tag(&blue, None).await.unwrap_err().kind, Kind::AlreadyExists);
    blue.name = "blue".to_owned();
    assert_eq!(catalogue.update_tag(&blue, None).await.unwrap().name, "blue");
    catalogue.create_tag(&new(a, &long), &[]).await.unwrap();
    let of = |owner: UserId| Listing::first(10).with("owner", Operator::Equal, owner);
    assert_eq!(catalogue.tags(&of(a)).await.unwrap().count, 4);
    let named = catalogue.tags(&of(b).with("name", Operator::Equal, "red")).await.unwrap();
    assert_eq!((named.count, named.items[0].owner), (1, b));
    catalogue.delete_tag(red.id).await.unwrap();
    assert_eq!(catalogue.tag(red.id).await.unwrap_err().kind, Kind::NotFound);
    let again = catalogue.create_tag(&new(a, "red"), &[]).await.unwrap();
    assert!(again.number > blue.number);
}

async fn borne(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let (a, b) = (ready(catalogue, ground, "a").await.id, ready(catalogue, ground, "b").await.id);
    let machine =
        NewMachine { owner: ground.owner, name: "m".to_owned(), mounts: Vec::new(), attributes: json!({}), tags: Vec::new() };
    let machine = catalogue.create_machine(&machine).await.unwrap().id;
    let (on_a, on_b, on_machine) = (Tagged::Drive(a), Tagged::Drive(b), Tagged::Machine(machine));
    let red = catalogue.create_tag(&new(ground.owner, "red"), &[on_a, on_machine, on_a]).await.unwrap();
    let blue = catalogue.create_tag(&new(ground.owner, "blue"), &[on_a]).await.unwrap();
    assert_eq!(catalogue.tagged(red.id).await.unwrap(), [on_a, on_machine]);
    let names = async |resources: &[Tagged]| {
        let found = catalogue.tags_of(resources).await.unwrap();
        let mut found: Vec<String> = found.into_iter().map(|(on, tag)| format!("{} {on:?}", tag.name)).collect();
        found.sort_unstable();
        found
    };
    let pair = |name: &str, on: Tagged| format!("{name} {on:?}");
    assert_eq!(names(&[on_a, on_b]).await, [pair("blue", on_a), pair("red", on_a)]);
    assert_eq!(names(&[on_machine, on_b]).await, [pair("red", on_machine)]);
    let machines = Listing::first(10).with("tag_name", Operator::Equal, "red");
    assert_eq!(catalogue.machines(&machines).await.unwrap().items[0].id, machine);

    // From either side.
    catalogue.set_tags(on_b, &[red.id, blue.id]).await.unwrap();
    catalogue.set_tags(on_a, &[blue.id]).await.unwrap();
    let mut all = [pair("blue", on_a), pair("blue", on_b), pair("red", on_b)];
    all.sort_unstable();
    assert_eq!(names(&[on_a, on_b]).await, all);
    let changed = Tag { attributes: json!({"x": 1}), ..red.clone() };
    let changed = catalogue.update_tag(&changed, Some(&[on_a])).await.unwrap();
    assert_eq!(changed.attributes, json!({"x": 1}));
    assert_eq!(catalogue.tagged(red.id).await.unwrap(), [on_a]);
    catalogue.update_tag(&changed, None).await.unwrap();
    assert_eq!(catalogue.tagged(red.id).await.unwrap(), [on_a]);
    catalogue.set_tags(on_a, &[]).await.unwrap();
    assert!(catalogue.tagged(red.id).await.unwrap().is_empty());

    // What is not there bears none, and a tag that is not there is borne by nothing; nothing is changed then.
    let nothing = Tagged::Drive(DriveId::new());
    assert_eq!(catalogue.set_tags(nothing, &[red.id]).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.update_tag(&changed, Some(&[on_b, nothing])).await.unwrap_err().kind, Kind::Invalid);
    assert!(catalogue.tagged(red.id).await.unwrap().is_empty());
    assert_eq!(catalogue.set_tags(on_b, &[TagId::new()]).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(names(&[on_b]).await, [pair("blue", on_b)]);

    let delete = work(b, DriveChange::Delete);
    catalogue.begin_drive_change(b, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();
    assert!(catalogue.tagged(blue.id).await.unwrap().is_empty());
}

async fn made_with(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let red = catalogue.create_tag(&new(ground.owner, "red"), &[]).await.unwrap().id;
    let blue = catalogue.create_tag(&new(ground.owner, "blue"), &[]).await.unwrap().id;
    let all = Listing::first(10);
    let drive = |tags: &[TagId]| NewDrive { tags: tags.to_vec(), ..new_drive(ground, "d") };

    // A tag that is gone: nothing is made, and no job.
    let (good, bad) = (drive(&[red]), drive(&[red, TagId::new()]));
    let (make_good, make_bad) = (work(good.id, DriveChange::Create), work(bad.id, DriveChange::Create));
    assert_eq!(catalogue.create_drive(&bad, &make_bad, &[]).await.unwrap_err().kind, Kind::Invalid);
    let both = vec![(good.clone(), make_good.clone(), Vec::new()), (bad, make_bad, Vec::new())];
    assert_eq!(catalogue.create_drives(both).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!((catalogue.drives(&all).await.unwrap().count, catalogue.jobs(&all).await.unwrap().count), (0, 0));
    assert!(catalogue.tagged(red).await.unwrap().is_empty());
    catalogue.create_drive(&good, &make_good, &[]).await.unwrap();
    assert_eq!(catalogue.tagged(red).await.unwrap(), [Tagged::Drive(good.id)]);

    let drive = ready(catalogue, ground, "a").await.id;
    let snapshot = |tags: &[TagId]| NewSnapshot {
        id: SnapshotId::new(),
        drive,
        owner: ground.owner,
        name: "s".to_owned(),
        size: 1 << 30,
        attributes: json!({}),
        tags: tags.to_vec(),
    };
    let take = |snapshot: &NewSnapshot| work(drive, DriveChange::TakeSnapshot { snapshot: snapshot.id });
    let (good, bad) = (snapshot(&[blue, red, blue]), snapshot(&[blue, TagId::new()]));
    assert_eq!(catalogue.create_snapshot(&bad, &take(&bad)).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!((catalogue.snapshots(&all).await.unwrap().count, catalogue.jobs(&all).await.unwrap().count), (0, 2));
    catalogue.create_snapshot(&good, &take(&good)).await.unwrap();
    assert_eq!(catalogue.tagged(blue).await.unwrap(), [Tagged::Snapshot(good.id)]);

    let machine = |tags: &[TagId]| NewMachine {
        owner: ground.owner,
        name: "m".to_owned(),
        mounts: Vec::new(),
        attributes: json!({}),
        tags: tags.to_vec(),
    };
    assert_eq!(catalogue.create_machine(&machine(&[TagId::new()])).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(catalogue.machines(&all).await.unwrap().count, 0);
    let made = catalogue.create_machine(&machine(&[blue])).await.unwrap().id;
    assert_eq!(catalogue.tagged(blue).await.unwrap(), [Tagged::Snapshot(good.id), Tagged::Machine(made)]);
}

async fn owner(catalogue: &Catalogue, _: &Base) {
    let admin = NewUser { name: "admin".to_owned(), role: Role::Administrator, password: "hash".to_owned() };
    catalogue.create_user(&admin).await.unwrap();
    let a = user(catalogue, "a").await;
    let machine = NewMachine { owner: a, name: "m".to_owned(), mounts: Vec::new(), attributes: json!({}), tags: Vec::new() };
    let machine = catalogue.create_machine(&machine).await.unwrap().id;
    let tag = catalogue.create_tag(&new(a, "red"), &[Tagged::Machine(machine)]).await.unwrap().id;
    catalogue.set_profile(a, json!({"clone_naming": "DATE"})).await.unwrap();
    catalogue.delete_user(a).await.unwrap();
    assert_eq!(catalogue.tag(tag).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.machine(machine).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.profile(a).await.unwrap(), json!({}));
}

async fn people(catalogue: &Catalogue, _: &Base) {
    let ground = ground(catalogue).await;
    let (a, b) = (ready(catalogue, ground, "a").await.id, ready(catalogue, ground, "b").await.id);
    assert_eq!(catalogue.set_drive_user(a, 1, false).await.unwrap_err().kind, Kind::NotFound);
    let made = catalogue.set_drive_user(a, 3, true).await.unwrap();
    assert_eq!(made, DriveUser { drive: a, owner: ground.owner, amount: 3 });
    assert_eq!(catalogue.set_drive_user(a, 4, true).await.unwrap_err().kind, Kind::AlreadyExists);
    assert_eq!(catalogue.set_drive_user(a, 5, false).await.unwrap().amount, 5);
    assert_eq!(catalogue.drive_user(a).await.unwrap().amount, 5);
    assert_eq!(catalogue.set_drive_user(DriveId::new(), 1, true).await.unwrap_err().kind, Kind::Invalid);
    catalogue.set_drive_user(b, 1, true).await.unwrap();
    let theirs = Listing::first(1).with("owner", Operator::Equal, ground.owner);
    let page = catalogue.drive_users(&theirs).await.unwrap();
    assert_eq!((page.count, page.items[0].drive), (2, a));
    let of = Listing::first(10).with("drive", Operator::Equal, b);
    assert_eq!(catalogue.drive_users(&of).await.unwrap().items[0].amount, 1);
    catalogue.delete_drive_user(a).await.unwrap();
    assert_eq!(catalogue.delete_drive_user(a).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.drive_user(a).await.unwrap_err().kind, Kind::NotFound);
}

async fn profiles(catalogue: &Catalogue, _: &Base) {
    let (a, b) = (user(catalogue, "a").await, user(catalogue, "b").await);
    assert_eq!(catalogue.profile(a).await.unwrap(), json!({}));
    catalogue.set_profile(a, json!({"clone_naming": "DATE", "x": 1})).await.unwrap();
    catalogue.set_profile(a, json!({"clone_naming": "COUNTER"})).await.unwrap();
    assert_eq!(catalogue.profile(a).await.unwrap(), json!({"clone_naming": "COUNTER"}));
    assert_eq!(catalogue.profile(b).await.unwrap(), json!({}));
    assert_eq!(catalogue.set_profile(UserId::new(), json!({})).await.unwrap_err().kind, Kind::Invalid);
}
