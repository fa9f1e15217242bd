//! Drives and what belongs to them, as far as that needs no engine: that of a host without any plugin for them.

use capstan_domain::Kind;
use capstan_domain::drive::Media;
use capstan_domain::identity::{Caller, Proof, Role};
use capstan_domain::ids::DriveId;
use capstan_domain::listing::Listing;
use capstan_domain::machine::Mount;
use capstan_domain::permission::Given;
use capstan_domain::secret::SecretText;
use capstan_domain::tag::Tagged;
use futures::StreamExt;
use serde_json::json;

use super::host::{Host, bare, start};
use crate::drives::DriveWish;
use crate::machines::{MachineEdit, MachineWish};
use crate::settings::Settings;
use crate::tags::{TagEdit, TagWish};

fn wish(storage_type: Option<&str>) -> DriveWish {
    DriveWish {
        name: "data".into(),
        media: Media::Disk,
        size: 1 << 30,
        storage_type: storage_type.map(str::to_owned),
        avoid: Vec::new(),
        allow_multimount: false,
        attributes: json!({}),
        tags: Vec::new(),
    }
}

fn machine() -> MachineWish {
    MachineWish { name: "m".into(), mounts: Vec::new(), attributes: json!({}), tags: Vec::new() }
}

async fn somebody(host: &Host, name: &str) -> Caller {
    let password = SecretText::new("long enough to be one");
    let user = host.app.identity.create_user(&host.admin, name, Role::Operator, password).await.unwrap();
    Caller::new(&user, Proof::Password, Given::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_engines_makes_no_drive_and_says_why() {
    let host = bare().await;
    let drives = &host.app.drives;
    assert!(drives.storage_types().await.unwrap().is_empty());
    assert_eq!(drives.default_type().await.unwrap(), "nvme");
    for given in [None, Some("nvme"), Some("floppy")] {
        let failure = drives.create(&host.admin, vec![wish(given)]).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Invalid, Some("storage-type")));
    }
    let long = DriveWish { name: "x".repeat(10_000), ..wish(None) };
    assert_eq!(drives.create(&host.admin, vec![long]).await.unwrap_err().code.as_deref(), Some("too-long"));
    assert_eq!(drives.create(&host.admin, Vec::new()).await.unwrap_err().code.as_deref(), Some("blank"));
    assert_eq!(drives.list(&host.admin, Listing::first(10)).await.unwrap().count, 0);
    assert_eq!(drives.get(&host.admin, DriveId::new()).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(drives.jobs(&host.admin, Listing::first(10)).await.unwrap().count, 0);
    assert!(drives.availability_groups(&host.admin).await.unwrap().next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_storage_type_is_a_setting() {
    let mut settings = Settings::default();
    settings.drives.default_storage_type = Some("zadara".into());
    let host = start(tempfile::tempdir().unwrap(), settings).await;
    assert_eq!(host.app.drives.default_type().await.unwrap(), "zadara");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_runs_is_neither_deleted_nor_given_other_drives() {
    let host = bare().await;
    let machines = &host.app.machines;
    let made = machines.create(&host.admin, machine()).await.unwrap();
    assert!(!made.running);
    assert_eq!(machines.stop(&host.admin, made.id).await.unwrap_err().code.as_deref(), Some("stopped"));
    assert!(machines.start(&host.admin, made.id).await.unwrap().running);
    for failure in [
        machines.start(&host.admin, made.id).await.map(|_| ()).unwrap_err(),
        machines.delete(&host.admin, made.id).await.unwrap_err(),
    ] {
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Conflict, Some("running")));
    }
    let mounts = vec![Mount { drive: DriveId::new(), attributes: json!({}) }];
    let other = MachineEdit { mounts: Some(mounts.clone()), ..MachineEdit::default() };
    assert_eq!(machines.edit(&host.admin, made.id, other.clone()).await.unwrap_err().code.as_deref(), Some("running"));
    let named = MachineEdit { name: Some("n".into()), mounts: Some(Vec::new()), ..MachineEdit::default() };
    assert_eq!(machines.edit(&host.admin, made.id, named).await.unwrap().name, "n");
    machines.stop(&host.admin, made.id).await.unwrap();
    // Nobody mounts what is not there.
    assert_eq!(machines.edit(&host.admin, made.id, other).await.unwrap_err().kind, Kind::NotFound);
    machines.delete(&host.admin, made.id).await.unwrap();
    assert_eq!(machines.list(&host.admin, Listing::first(10)).await.unwrap().count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_others_is_not_there_but_for_administrators() {
    let host = bare().await;
    let (ada, eve) = (somebody(&host, "ada").await, somebody(&host, "eve").await);
    let (tags, machines) = (&host.app.tags, &host.app.machines);
    let made = machines.create(&ada, machine()).await.unwrap();
    let new = TagWish { name: "t".into(), attributes: json!({}), resources: vec![Tagged::Machine(made.id)] };
    let tag = tags.create(&ada, new.clone()).await.unwrap();
    assert_eq!(tags.create(&ada, new.clone()).await.unwrap_err().code.as_deref(), Some("taken"));
    assert_eq!(tags.tagged(&ada, tag.id).await.unwrap(), [Tagged::Machine(made.id)]);

    assert_eq!(tags.get(&eve, tag.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(machines.get(&eve, made.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(machines.list(&eve, Listing::first(10)).await.unwrap().count, 0);
    assert_eq!(tags.create(&eve, new).await.unwrap_err().kind, Kind::NotFound, "she cannot tag what is not hers");
    let bare_tag = TagWish { name: "t".into(), attributes: json!({}), resources: Vec::new() };
    let hers = tags.create(&eve, bare_tag).await.unwrap();
    assert_eq!(tags.set(&eve, Tagged::Machine(made.id), &[hers.id]).await.unwrap_err().kind, Kind::NotFound);
    let with_hers = MachineWish { tags: vec![hers.id], ..machine() };
    assert_eq!(machines.create(&ada, with_hers).await.unwrap_err().code.as_deref(), Some("tags"));

    assert_eq!(machines.get(&host.admin, made.id).await.unwrap().owner, ada.user);
    assert_eq!(tags.list(&host.admin, Listing::first(10)).await.unwrap().count, 2);
    let cleared = TagEdit { resources: Some(Vec::new()), ..TagEdit::default() };
    tags.edit(&ada, tag.id, cleared).await.unwrap();
    assert!(tags.of(&ada, &[Tagged::Machine(made.id)]).await.unwrap().is_empty());
    tags.delete(&ada, tag.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_a_record_of_its_user() {
    let host = bare().await;
    let ada = somebody(&host, "ada").await;
    let profiles = &host.app.profiles;
    assert_eq!(profiles.get(&ada).await.unwrap(), json!({}));
    profiles.set(&ada, json!({ "clone_naming": "COUNTER" })).await.unwrap();
    assert_eq!(profiles.get(&ada).await.unwrap(), json!({ "clone_naming": "COUNTER" }));
    assert_eq!(profiles.get(&host.admin).await.unwrap(), json!({}));
    assert_eq!(profiles.set(&ada, json!([])).await.unwrap_err().kind, Kind::Invalid);
}
