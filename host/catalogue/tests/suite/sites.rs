//! Sites, their nodes and queues, and the spaces that are on them.

use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::ids::Number;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::node::HEARTBEAT_HOLDS;
use capstan_domain::site::{NewSite, Site, SiteCounts, SiteSettings};
use capstan_domain::space::NewSpace;
use capstan_domain::space_profile::SpaceProfile;
use capstan_domain::time::Timestamp;
use serde_json::json;

use crate::database::{Base, on_both};
use crate::nouns::space;

on_both! {
    the_first_start_makes_a_site_with_a_queue_and_later_ones_find_it => first_start,
    a_site_is_found_changed_and_deleted => changed,
    a_node_works_for_the_queues_it_names_and_is_online_by_its_heartbeat => nodes,
    a_queue_is_made_once_and_the_default_one_stays => queues,
    a_space_is_on_the_default_site_unless_others_are_named => places,
    a_space_that_is_being_deleted_says_so_and_the_default_one_stays => deletion,
    spaces_are_found_by_site_mountpoint_and_words => found,
}

pub(crate) fn new_site(name: &str) -> NewSite {
    NewSite { name: name.to_owned(), label: name.to_uppercase(), settings: SiteSettings::default(), attributes: json!({}) }
}

pub(crate) async fn default_site(catalogue: &Catalogue) -> Site {
    catalogue.default_site(&new_site("here")).await.unwrap()
}

fn new_space(name: &str) -> NewSpace {
    NewSpace {
        name: name.to_owned(),
        comment: None,
        directory: format!("/spaces/{name}"),
        quota_bytes: None,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    }
}

fn mounted(mountpoint: &str) -> SpaceProfile {
    SpaceProfile { mountpoint: Some(mountpoint.to_owned()), colour: Some([1, 2, 3]), is_ready: true, ..SpaceProfile::default() }
}

async fn first_start(catalogue: &Catalogue, _: &Base) {
    let before = space(catalogue, "before").await;
    let starts = [1, 2, 3].map(|_| {
        let catalogue = catalogue.clone();
        tokio::spawn(async move { catalogue.default_site(&new_site("here")).await.unwrap() })
    });
    let mut sites = Vec::new();
    for start in starts {
        sites.push(start.await.unwrap().number);
    }
    let site = default_site(catalogue).await;
    assert_eq!(sites, [site.number; 3], "of several hosts that start at once one makes it");
    assert!(site.is_default);
    let queue = catalogue.queue_of_site(site.number, None).await.unwrap();
    assert_eq!((queue.name.as_str(), queue.is_default, queue.site_name.as_str()), ("default", true, "here"));
    assert_eq!(catalogue.site_queues(&Listing::first(10)).await.unwrap().count, 1);
    assert_eq!(catalogue.managed_space(before.id).await.unwrap().sites, [site.number], "what was there before is on it");
    let made = catalogue.default_space(&new_space("space1"), &mounted("/mnt/space1")).await.unwrap();
    assert!(made.is_default);
    let again = catalogue.default_space(&new_space("other"), &mounted("/mnt/other")).await.unwrap();
    assert_eq!(again.space.number, made.space.number);
}

async fn changed(catalogue: &Catalogue, _: &Base) {
    let here = default_site(catalogue).await;
    let mut there = catalogue.create_site(&new_site("there")).await.unwrap();
    assert_eq!(catalogue.create_site(&new_site("there")).await.unwrap_err().kind, Kind::AlreadyExists);
    there.settings = SiteSettings { bandwidth: Some(100), exclude: vec!["*.tmp".to_owned()], ..there.settings };
    there.label = "Elsewhere".to_owned();
    let written = catalogue.update_site(&there).await.unwrap();
    assert_eq!((written.settings, written.label), (there.settings, there.label));
    assert_eq!(catalogue.site("there").await.unwrap().number, there.number);
    let refused = catalogue.delete_site(here.id).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Conflict, Some("default")));
    let on_it = catalogue.create_managed_space(&new_space("s"), &mounted("/mnt/s"), &[there.number]).await.unwrap();
    let refused = catalogue.delete_site(there.id).await.unwrap_err();
    assert_eq!((refused.kind, refused.code.as_deref()), (Kind::Conflict, Some("in-use")));
    catalogue.delete_space(on_it.space.id).await.unwrap();
    catalogue.delete_site(there.id).await.unwrap();
    assert_eq!(catalogue.site(there.id).await.unwrap_err().kind, Kind::NotFound);
}

async fn nodes(catalogue: &Catalogue, _: &Base) {
    let site = default_site(catalogue).await;
    let start = Timestamp::now();
    let node = catalogue.join_site(site.number, "host-1", &[], start).await.unwrap();
    assert!(node.has_default_queue && node.is_online(start));
    assert!(!node.is_online(start.plus(HEARTBEAT_HOLDS)));
    let slow = catalogue.ensure_site_queue(site.number, "slow", "Slow").await.unwrap();
    let again = catalogue.join_site(site.number, "host-1", &["slow".to_owned()], start).await.unwrap();
    assert_eq!((again.number, again.has_default_queue), (node.number, false));
    let other = catalogue.join_site(site.number, "host-2", &["slow".to_owned()], start).await.unwrap();
    let later = start.plus(Duration::from_secs(60));
    catalogue.beat_node(other.id, later).await.unwrap();
    let slow = catalogue.site_queue(slow.id).await.unwrap();
    assert_eq!((slow.nodes, slow.heartbeat), (vec!["host-1".to_owned(), "host-2".to_owned()], Some(later)));
    let names: Vec<_> = catalogue.queues_of_node(other.number).await.unwrap().into_iter().map(|queue| queue.name).collect();
    assert_eq!(names, ["slow"]);
    let unknown = catalogue.join_site(site.number, "host-3", &["none".to_owned()], start).await.unwrap_err();
    assert_eq!(unknown.kind, Kind::NotFound);
    assert_eq!(catalogue.nodes(&Listing::first(10)).await.unwrap().count, 2, "one that names no queue is not made");
    assert_eq!(catalogue.join_site(site.number + 9, "h", &[], start).await.unwrap_err().kind, Kind::NotFound);
    let online = Listing::first(10).with("heartbeat", Operator::Greater, start.0);
    assert_eq!(catalogue.nodes(&online).await.unwrap().items[0].name, "host-2");
    catalogue.delete_node(other.id).await.unwrap();
    assert_eq!(catalogue.beat_node(other.id, later).await.unwrap_err().kind, Kind::NotFound);
}

async fn queues(catalogue: &Catalogue, _: &Base) {
    let site = default_site(catalogue).await;
    let slow = catalogue.ensure_site_queue(site.number, "slow", "Slow").await.unwrap();
    let again = catalogue.ensure_site_queue(site.number, "slow", "Other").await.unwrap();
    assert_eq!((again.number, again.label.as_str()), (slow.number, "Slow"));
    assert_eq!(catalogue.label_site_queue(slow.id, "Slower").await.unwrap().label, "Slower");
    assert_eq!(catalogue.queue_of_site(site.number, Some("slow")).await.unwrap().number, slow.number);
    assert_eq!(catalogue.queue_of_site(site.number, Some("none")).await.unwrap_err().kind, Kind::NotFound);
    catalogue.delete_site_queue(slow.id).await.unwrap();
    let standard = catalogue.queue_of_site(site.number, None).await.unwrap();
    assert_eq!(catalogue.delete_site_queue(standard.id).await.unwrap_err().code.as_deref(), Some("default"));
}

async fn places(catalogue: &Catalogue, _: &Base) {
    let here = default_site(catalogue).await;
    let there = catalogue.create_site(&new_site("there")).await.unwrap();
    let container = space(catalogue, "container").await;
    let shown = catalogue.managed_space(container.id).await.unwrap();
    assert_eq!((shown.sites, shown.profile.is_ready, shown.profile.mountpoint), (vec![here.number], true, None));
    let both = [here.number, there.number];
    let wide = catalogue.create_managed_space(&new_space("wide"), &mounted("/mnt/wide"), &both).await.unwrap();
    assert_eq!((wide.sites.as_slice(), wide.profile.colour), (&both[..], Some([1, 2, 3])));
    let profile = SpaceProfile { is_ready: false, permission_mode: Some("nfsv4".to_owned()), ..wide.profile };
    let narrow = catalogue.set_space_profile(wide.space.id, &profile, Some(&[there.number])).await.unwrap();
    assert_eq!((narrow.sites, narrow.profile), (vec![there.number], profile.clone()));
    let kept = catalogue.set_space_profile(wide.space.id, &profile, None).await.unwrap();
    assert_eq!(kept.sites, [there.number]);
    let taken = catalogue.create_managed_space(&new_space("other"), &mounted("/mnt/wide"), &[]).await.unwrap_err();
    assert_eq!(taken.kind, Kind::AlreadyExists);
    let unknown = catalogue.create_managed_space(&new_space("other"), &mounted("/mnt/o"), &[there.number + 9]).await.unwrap_err();
    assert_eq!(unknown.kind, Kind::Invalid);
    assert_eq!(catalogue.space("other").await.unwrap_err().kind, Kind::NotFound, "all or nothing");
    let counts: Vec<(Number, SiteCounts)> = catalogue.site_counts().await.unwrap();
    assert_eq!(counts, [(here.number, SiteCounts::default()), (there.number, SiteCounts::default())]);
}

async fn deletion(catalogue: &Catalogue, _: &Base) {
    default_site(catalogue).await;
    let standard = catalogue.default_space(&new_space("first"), &mounted("/mnt/first")).await.unwrap();
    assert_eq!(catalogue.begin_space_deletion(standard.space.id).await.unwrap_err().code.as_deref(), Some("default"));
    let container = space(catalogue, "container").await;
    let going = catalogue.begin_space_deletion(container.id).await.unwrap();
    assert!(going.deleting.is_some());
    assert_eq!(catalogue.begin_space_deletion(container.id).await.unwrap().deleting, going.deleting, "it began once");
    assert_eq!(catalogue.jobs_on_space(container.id).await.unwrap(), 0);
    catalogue.delete_space(container.id).await.unwrap();
}

async fn found(catalogue: &Catalogue, _: &Base) {
    let here = default_site(catalogue).await;
    let there = catalogue.create_site(&new_site("there")).await.unwrap();
    catalogue.create_managed_space(&new_space("a"), &mounted("/mnt/alpha"), &[]).await.unwrap();
    catalogue.create_managed_space(&new_space("b"), &mounted("/mnt/beta"), &[there.number]).await.unwrap();
    let names = async |listing: Listing| {
        let page = catalogue.managed_spaces(&listing).await.unwrap();
        page.items.into_iter().map(|space| space.space.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Listing::first(9).with("site_number", Operator::Equal, here.number)).await, ["a"]);
    assert_eq!(names(Listing::first(9).with("mountpoint", Operator::Equal, "/mnt/beta")).await, ["b"]);
    assert_eq!(names(Listing::first(9).with("words", Operator::Contains, "ALPHA")).await, ["a"]);
    let of_space = catalogue.space("b").await.unwrap().number;
    let sites = catalogue.sites(&Listing::first(9).with("space_number", Operator::Equal, of_space)).await.unwrap();
    assert_eq!(sites.items[0].number, there.number);
}
