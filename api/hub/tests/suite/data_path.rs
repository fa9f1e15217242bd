//! Buckets, targets, sites, spaces, files, workflows, jobs, tasks and stats: what comes in, and what goes out.

use axum::http::Method;
use serde_json::json;

use crate::support::door;

#[tokio::test]
async fn credentials_go_in_and_come_out_masked() {
    let door = door();
    let body = json!({
        "name": "b", "storage_type": "S3", "endpoint": "s3.example", "access_key_id": "hush1", "secret_access_key": "hush2",
        "credentials_json": { "private_key": "hush3" },
    });
    let made = door.post("/buckets/", body).await.expect(201).body;
    assert_eq!((&made["secret_access_key"], &made["access_key"]), (&json!("********"), &json!(null)));
    assert!(!door.fake.last().contains("hush"), "{}", door.fake.last());
}

#[tokio::test]
async fn a_mask_that_comes_back_leaves_the_secret_as_it_is() {
    let door = door();
    door.patch("/buckets/1/", json!({ "secret_access_key": "********", "credentials_json": "********", "label": null }))
        .await
        .expect(200);
    let arrived = door.fake.last();
    assert!(arrived.contains("secret_access_key: Absent") && arrived.contains("credentials_json: Absent"), "{arrived}");
    assert!(arrived.contains("label: Null"), "{arrived}");
    let made = json!({ "name": "b", "storage_type": "AmazonS3", "secret_access_key": "********" });
    assert!(door.post("/buckets/", made).await.expect(400).body["secret_access_key"].is_array());
}

#[tokio::test]
async fn only_kinds_of_storage_that_are_served_are_accepted_and_the_others_are_told_which() {
    let door = door();
    for good in ["S3", "AmazonS3", "Azure", "GoogleCloudStorage", "FS"] {
        let body = json!({
            "name": "b", "storage_type": good, "endpoint": "e", "storage_account": "a", "migration_target_folder": "/m",
        });
        door.post("/buckets/", body).await.expect(201);
    }
    for bad in ["BlackPearl", "s3", ""] {
        let reply = door.post("/buckets/", json!({ "name": "b", "storage_type": bad })).await.expect(400);
        let said = reply.body["storage_type"][0].as_str().unwrap();
        assert!(["S3", "AmazonS3", "Azure", "GoogleCloudStorage", "FS"].iter().all(|word| said.contains(word)), "{said}");
    }
}

#[tokio::test]
async fn a_target_names_its_bucket_by_id_or_by_name_and_lists_its_remote_side() {
    let door = door();
    let target = json!({ "name": "t", "local_file_regex": ".*", "space": { "name": "one" } });
    for (member, value) in [("bucket_instance", json!(1)), ("bucket", json!({ "name": "one", "secret_access_key": "********" }))]
    {
        let mut body = target.clone();
        body[member] = value;
        door.post("/external_targets/", body).await.expect(201);
    }
    let listing = door.get("/external_targets/1/files/?path=x/*.jpg&marker=m&max_items=7").await.expect(200).body;
    assert_eq!((&listing["path"], &listing["marker"], &listing["next_marker"]), (&json!("x/*.jpg"), &json!("m"), &json!(null)));
    assert_eq!(listing["summary"], json!({ "directories": 0, "files": 1, "size": 1 }));
    door.get("/external_targets/1/files/?path=../x").await.expect(400);
}

#[tokio::test]
async fn a_site_has_short_rows_settings_by_key_and_health() {
    let door = door();
    door.fake.count.store(1, std::sync::atomic::Ordering::Relaxed);
    let row = door.get("/sites/").await.expect(200).body["results"][0].clone();
    assert_eq!((&row["spaces"], row.get("file_batch_size")), (&json!(["one"]), None));
    let site = door.get("/sites/1/").await.expect(200).body;
    assert_eq!(site["spaces"][0]["url"], "http://localhost/api/spaces/1/");
    assert_eq!(door.get("/sites/1/settings/").await.expect(200).body[0]["key"], "samba:realm");
    assert_eq!(door.get("/sites/1/settings/?flat=true").await.expect(200).body, json!({ "samba:realm": "EXAMPLE" }));
    let change = json!({ "values": [{ "key": "samba:realm", "value": null }] });
    assert_eq!(door.patch("/sites/1/settings/", change).await.expect(202).body, json!({ "task_id": "t1" }));
    door.patch("/sites/1/settings/", json!({ "values": [] })).await.expect(400);
    assert_eq!(door.get("/sites/1/health/").await.expect(200).body["nodes"][0]["online"], true);
    for path in ["/health/", "/health"] {
        assert_eq!(door.get(path).await.expect(200).body["overall_health"], "ok");
    }
}

#[tokio::test]
async fn a_file_of_a_site_needs_site_and_path_and_one_of_a_space_neither() {
    let door = door();
    let reply = door.get("/file/").await.expect(400);
    assert_eq!(reply.body, json!({ "site": ["This field is required."], "path": ["This field is required."] }));
    door.get("/file/?site=one&path=a").await.expect(400);
    door.get("/file/?site=one&path=/a/../b").await.expect(400);
    door.get("/file/?site=one&path=/a&type=socket").await.expect(400);
    door.get("/spaces/1/files/?custom_timeout=5&raise_exception=true&check_available_sites=1&details=1").await.expect(200);
    let arrived = door.fake.last();
    for part in ["space: 1", "path: \"/\"", "timeout_seconds: Some(5)", "raise_exception: true", "available_sites_only: true"] {
        assert!(arrived.contains(part), "{part}: {arrived}");
    }
}

#[tokio::test]
async fn a_run_of_a_workflow_answers_the_job_by_either_of_two_ways() {
    let door = door();
    let run = json!({ "site": "one", "workflow": "migrate", "paths": [{ "path": "/mmfs1/one", "size": 1 }], "discovery": null });
    for path in ["/file/workflow/", "/jobs/"] {
        let started = door.post(path, run.clone()).await.expect(201).body;
        assert_eq!(started, json!({ "id": 17, "url": "http://localhost/api/jobs/17/" }));
    }
    let mut other = run;
    other["workflow"] = json!("juggle");
    assert!(door.post("/file/workflow/", other).await.expect(400).body["workflow"].is_array());
}

#[tokio::test]
async fn jobs_come_with_numbers_whose_usual_keys_are_always_there() {
    let door = door();
    let stats = json!({
        "type": { "migrate": 0, "premigrate": 0, "recall": 0 },
        "state": { "SUCCESS": 0, "FAILURE": 0, "STARTED": 0, "PENDING": 0, "ERROR": 0 },
        "created": {},
        "site": {},
    });
    let empty = json!({ "count": 0, "next": null, "previous": null, "results": [], "stats": stats });
    assert_eq!(door.get("/jobs/").await.expect(200).body, empty);
    assert_eq!(door.get("/jobs/stats/?state=SUCCESS,ERROR&owner_ids=-1").await.expect(200).body, stats);
    assert!(door.fake.last().contains("states: [Success, Error], owners: [Unknown]"), "{}", door.fake.last());
    for path in ["/jobs/?created=soon", "/jobs/stats/?created=soon"] {
        assert!(door.get(path).await.expect(400).body["created"].is_array());
    }
}

#[tokio::test]
async fn an_action_on_a_job_is_begun_and_answers_the_job_that_goes_on() {
    let door = door();
    for (action, arrived) in [("cancel", "Cancel"), ("pause", "Pause"), ("resume", "Resume"), ("resubmit", "Resubmit")] {
        let reply = door.post(&format!("/jobs/1/{action}/"), json!({})).await.expect(202);
        assert_eq!(reply.body, json!({ "id": 1, "url": "http://localhost/api/jobs/1/" }));
        assert_eq!(door.fake.last(), arrived);
    }
    door.call(Method::DELETE, "/jobs/1/", "").await.expect(204);
    assert_eq!(door.get("/jobs/1/progress/").await.expect(200).body["progress"], 50);
    door.get("/jobs/1/files/?category=Failed").await.expect(200);
    door.get("/jobs/1/files/?category=odd").await.expect(400);
}

#[tokio::test]
async fn a_stat_shows_its_history_when_it_is_asked_for() {
    let door = door();
    door.fake.count.store(1, std::sync::atomic::Ordering::Relaxed);
    assert!(door.get("/jobstats/1/").await.expect(200).body.get("history").is_none());
    assert_eq!(door.get("/jobstats/1/history/").await.expect(200).body["history"][0]["task"], 1);
    let row = door.get("/jobstats/?history=true&state=processed&job=1").await.expect(200).body["results"][0].clone();
    assert!(row["history"].is_array() && row["url"] == "http://localhost/api/jobstats/1/");
    assert_eq!(door.get("/tasks/1/").await.expect(200).body["state"], "ERROR");
    door.get("/tasks/?state=error&internal=false&job_id=1").await.expect(200);
    door.get("/tasks/1/files/?type=file&state=processed").await.expect(200);
    door.get("/tasks/?state=happy").await.expect(400);
}
