//! Pages of drives: by owner, tag, tag name and name, counted and in order.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::drive::{Drive, DriveChange, DriveState, Media, NewDrive};
use capstan_domain::ids::{TagId, UserId};
use capstan_domain::listing::{Filter, Listing, Operator, Sort};
use capstan_domain::machine::{Mount, NewMachine};
use capstan_domain::tag::{NewTag, Tagged};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::drives::{Ground, ground, made, new_drive, user, work};

on_both! {
    a_page_of_drives_by_owner_tag_and_name_counts_and_is_in_order => pages,
    a_field_of_several_rows_matches_if_one_does_and_negatively_if_none_does => several,
    a_drive_is_found_by_its_machine => machine,
    the_drives_of_a_place_are_read_in_pieces => places,
}

async fn names(catalogue: &Catalogue, listing: &Listing) -> (u64, Vec<String>) {
    let page = catalogue.drives(listing).await.unwrap();
    (page.count, page.items.into_iter().map(|drive| drive.name).collect())
}

async fn tag(catalogue: &Catalogue, ground: Ground, name: &str, drives: &[&Drive]) -> TagId {
    let new = NewTag { owner: ground.owner, name: name.to_owned(), attributes: json!({}) };
    let drives: Vec<_> = drives.iter().map(|drive| Tagged::Drive(drive.id)).collect();
    catalogue.create_tag(&new, &drives).await.unwrap().id
}

/// Twelve drives "web-00", "db-01", "web-02", …: each third red, each fourth blue; and one of somebody else's, red too.
async fn many(catalogue: &Catalogue) -> (Ground, TagId, TagId) {
    let ours = ground(catalogue).await;
    let mut drives = Vec::new();
    for at in 0..12_u64 {
        let kind = if at % 2 == 0 { "web" } else { "db" };
        let media = if at == 5 { Media::Cdrom } else { Media::Disk };
        let new = NewDrive { size: (12 - at) << 30, media, ..new_drive(ours, &format!("{kind}-{at:02}")) };
        drives.push(made(catalogue, new).await);
    }
    let theirs = Ground { owner: user(catalogue, "other").await, ..ours };
    let foreign = made(catalogue, new_drive(theirs, "web-99")).await;
    let red = tag(catalogue, ours, "red", &drives.iter().step_by(3).collect::<Vec<_>>()).await;
    let blue = tag(catalogue, ours, "blue", &drives.iter().step_by(4).collect::<Vec<_>>()).await;
    tag(catalogue, theirs, "red", &[&foreign]).await;
    (ours, red, blue)
}

async fn pages(catalogue: &Catalogue, _: &Base) {
    let (ours, red, _) = many(catalogue).await;
    let owned = |limit| Listing::first(limit).with("owner", Operator::Equal, ours.owner);
    let shown = |limit| owned(limit).with("state", Operator::NotEqual, "deleting");
    let window = Listing { offset: 4, ..shown(3) };
    assert_eq!(names(catalogue, &window).await, (12, vec!["web-04".into(), "db-05".into(), "web-06".into()]));
    assert_eq!(names(catalogue, &Listing::first(0)).await, (13, Vec::new()));
    let by_tag = shown(2).with("tag", Operator::Equal, red);
    assert_eq!(names(catalogue, &by_tag).await, (4, vec!["web-00".into(), "db-03".into()]));
    let by_name_of_tag = shown(10).with("tag_name", Operator::Like, "RE%").with("name", Operator::Like, "web%");
    assert_eq!(names(catalogue, &by_name_of_tag).await, (2, vec!["web-00".into(), "web-06".into()]));
    let anybodys = Listing::first(10).with("tag_name", Operator::Equal, "red");
    assert_eq!(names(catalogue, &anybodys).await.0, 5);
    let pattern = Listing { offset: 1, ..shown(2) }.with("name", Operator::Like, "%DB-0%");
    assert_eq!(names(catalogue, &pattern).await, (5, vec!["db-03".into(), "db-05".into()]));
    let mut smallest = shown(2).with("media", Operator::Equal, "disk");
    smallest.sort.push(Sort { field: "size".to_owned(), descending: false });
    assert_eq!(names(catalogue, &smallest).await, (11, vec!["db-11".into(), "web-10".into()]));
    let of_target = owned(1).with("storage_type", Operator::Equal, "nvme").with("target", Operator::Equal, ours.target);
    assert_eq!(names(catalogue, &of_target).await.0, 12);

    // What is being deleted is shown to who asks for it.
    let gone = catalogue.drive("web-04").await.unwrap();
    let delete = work(gone.id, DriveChange::Delete);
    catalogue.begin_drive_change(gone.id, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();
    assert_eq!(names(catalogue, &Listing { offset: 4, ..shown(1) }).await, (11, vec!["db-05".into()]));
    assert_eq!(names(catalogue, &owned(10).with("state", Operator::Equal, "deleting")).await.0, 1);
    assert_eq!(names(catalogue, &Listing::first(1).with("id", Operator::Equal, gone.id)).await.0, 1);
}

async fn several(catalogue: &Catalogue, _: &Base) {
    let (ours, red, blue) = many(catalogue).await;
    let with = |operator, values: &[String]| {
        let mut listing = Listing::first(100).with("owner", Operator::Equal, ours.owner);
        listing.filters.push(Filter { field: "tag".to_owned(), operator, values: values.to_vec() });
        listing
    };
    let (red, blue) = (red.to_string(), blue.to_string());
    let either = [red.clone(), blue.clone()];
    // Red: 0, 3, 6, 9. Blue: 0, 4, 8.
    assert_eq!(names(catalogue, &with(Operator::In, &either)).await.0, 6);
    assert_eq!(names(catalogue, &with(Operator::NotIn, &either)).await.0, 6);
    assert_eq!(names(catalogue, &with(Operator::NotEqual, std::slice::from_ref(&red))).await.0, 8);
    assert_eq!(names(catalogue, &with(Operator::In, &[])).await.0, 0);
    assert_eq!(names(catalogue, &with(Operator::NotIn, &[])).await.0, 12);
    let both = with(Operator::Equal, std::slice::from_ref(&red)).with("tag", Operator::Equal, &blue);
    assert_eq!(names(catalogue, &both).await, (1, vec!["web-00".into()]));
    let mut sorted = Listing::first(1);
    sorted.sort.push(Sort { field: "tag_name".to_owned(), descending: false });
    let failure = catalogue.drives(&sorted).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("unknown-field")));
    let wrong = Listing::first(1).with("tag", Operator::Equal, "red");
    assert_eq!(catalogue.drives(&wrong).await.unwrap_err().code.as_deref(), Some("invalid-value"));
}

async fn machine(catalogue: &Catalogue, _: &Base) {
    let ours = ground(catalogue).await;
    let first = made(catalogue, new_drive(ours, "a")).await;
    made(catalogue, new_drive(ours, "b")).await;
    let mounts = vec![Mount { drive: first.id, attributes: json!({}) }];
    let new = NewMachine { owner: ours.owner, name: "m".to_owned(), mounts, attributes: json!({}), tags: Vec::new() };
    let machine = catalogue.create_machine(&new).await.unwrap();
    let on = Listing::first(10).with("machine", Operator::Equal, machine.id);
    assert_eq!(names(catalogue, &on).await, (1, vec!["a".into()]));
    let off = Listing::first(10).with("machine", Operator::NotEqual, machine.id);
    assert_eq!(names(catalogue, &off).await, (1, vec!["b".into()]));
}

async fn places(catalogue: &Catalogue, _: &Base) {
    let ours = ground(catalogue).await;
    let theirs = Ground { owner: user(catalogue, "other").await, ..ours };
    let mut here = Vec::new();
    for name in ["a", "b", "c"] {
        here.push(made(catalogue, new_drive(ours, name)).await);
    }
    let foreign = made(catalogue, new_drive(theirs, "d")).await;
    let away = |name: &str, location: &str| NewDrive { location: location.to_owned(), ..new_drive(ours, name) };
    made(catalogue, away("e", "attic")).await;
    let gone = made(catalogue, away("f", "cellar")).await.id;
    let delete = work(gone, DriveChange::Delete);
    catalogue.begin_drive_change(gone, &[DriveState::Ready], DriveState::Deleting, &delete, &[]).await.unwrap();

    let place = |location: &str| (ours.target, location.to_owned());
    assert_eq!(catalogue.drive_places(None).await.unwrap(), [place("attic"), place("pool")]);
    assert_eq!(catalogue.drive_places(Some(theirs.owner)).await.unwrap(), [place("pool")]);
    let read = async |owner: Option<UserId>, after: i64, location: &str| {
        catalogue.drives_of_place(owner, &place(location), after, 2).await.unwrap()
    };
    let told = |drive: &Drive| (drive.number, drive.id);
    let mine = Some(ours.owner);
    assert_eq!(read(mine, 0, "pool").await, [told(&here[0]), told(&here[1])]);
    assert_eq!(read(mine, here[1].number, "pool").await, [told(&here[2])]);
    assert!(read(mine, here[2].number, "pool").await.is_empty());
    assert_eq!(read(None, here[2].number, "pool").await, [told(&foreign)]);
    assert!(read(mine, 0, "cellar").await.is_empty(), "what is being deleted lies nowhere");
}
