//! Lists: the short form and the detailed one, fields, windows and filters.

use serde_json::json;

use crate::support::{GIB, NOBODY, door, path};

#[tokio::test]
async fn the_short_list_has_four_members_and_the_detailed_one_all() {
    let door = door();
    let drive = door.drive("a").await;
    let short = door.get("/drives/").await.expect(200).body;
    assert_eq!(short["meta"], json!({ "limit": 20, "offset": 0, "total_count": 1 }));
    assert!(short["objects"][0].as_object().unwrap().keys().eq(["owner", "resource_uri", "status", "uuid"]));
    assert_eq!(door.get("/drives/detail/").await.expect(200).body["objects"][0], drive);
}

#[tokio::test]
async fn fields_cut_every_list_to_what_was_named() {
    let door = door();
    door.drive("a").await;
    for list in ["/drives/", "/drives/detail/"] {
        let found = door.get(&format!("{list}?fields=uuid,name,colour&limit=0")).await.expect(200).body;
        assert!(found["objects"][0].as_object().unwrap().keys().eq(["name", "uuid"]), "{found}");
    }
    assert!(door.fake.last().contains("Only"), "the host is not told which members are wanted");
}

#[tokio::test]
async fn windows_do_not_overlap_and_no_limit_means_all() {
    let door = door();
    let drives: Vec<_> = (0..25).map(|number| json!({ "name": format!("d{number}"), "media": "disk", "size": GIB })).collect();
    door.post("/drives/", json!(drives)).await.expect(201);
    let all = door.get("/drives/?limit=0").await;
    assert_eq!((all.uuids().len(), &all.body["meta"]["limit"]), (25, &json!(0)));
    let (first, second) = (door.get("/drives/").await, door.get("/drives/?offset=20").await);
    assert_eq!([first.uuids(), second.uuids()].concat(), all.uuids());
    assert_eq!(second.body["meta"], json!({ "limit": 20, "offset": 20, "total_count": 25 }));
    assert!(door.get("/drives/?offset=99").await.uuids().is_empty());
    let refused = door.get("/drives/?limit=-1").await.expect(400);
    assert_eq!(refused.errors(), [("validation", "limit")]);
}

#[tokio::test]
async fn filters_hold_together_and_commas_are_alternatives() {
    let door = door();
    let tag = door.post("/tags/", json!({ "name": "red" })).await.expect(201).object().clone();
    let tag_uuid = tag["uuid"].as_str().unwrap();
    let [a, b, comma] = [door.drive("Alpha").await, door.drive("beta").await, door.drive("a,b").await];
    let [a, b, comma] = [&a, &b, &comma].map(|drive| drive["uuid"].as_str().unwrap());
    let retag = json!({ "name": "red", "resources": [a, b] });
    door.put(path(&tag), retag).await.expect(200);
    for (query, found) in [
        ("name=Alpha".to_owned(), &[a][..]),
        ("name=alpha".to_owned(), &[]),
        ("name=Alpha,beta".to_owned(), &[a, b]),
        ("name=a%5C,b".to_owned(), &[comma]),
        ("name__contains=AL".to_owned(), &[a]),
        ("name=Alpha&name=beta".to_owned(), &[]),
        (format!("tag={tag_uuid}"), &[a, b]),
        (format!("tag={tag_uuid}&name=beta"), &[b]),
        ("tag__name=red&name__contains=et".to_owned(), &[b]),
        (format!("tag={NOBODY}"), &[]),
        ("tag=nonsense".to_owned(), &[]),
        (format!("uuid={a},{comma}"), &[a, comma]),
        ("colour=red".to_owned(), &[a, b, comma]),
    ] {
        let reply = door.get(&format!("/drives/?{query}")).await.expect(200);
        assert_eq!(reply.uuids(), found, "{query}");
        assert_eq!(reply.body["meta"]["total_count"], found.len(), "{query}");
    }
    assert_eq!(door.get(&format!("/tags/{tag_uuid}/drives/")).await.expect(200).uuids(), [a, b]);
    assert_eq!(door.get(&format!("/tags/{tag_uuid}/drives/detail/?name=beta")).await.expect(200).uuids(), [b]);
    door.get(&format!("/tags/{NOBODY}/drives/")).await.expect(404);
}

#[tokio::test]
async fn an_unknown_parameter_on_a_single_object_is_ignored() {
    let door = door();
    let drive = door.drive("a").await;
    assert_eq!(door.get(&format!("{}?limit=0", path(&drive))).await.expect(200).body, drive);
    door.get("/capabilities/?limit=0").await.expect(200);
    door.get("/drives/availability_groups/?limit=0").await.expect(200);
}
