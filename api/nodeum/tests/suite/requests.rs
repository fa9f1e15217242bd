//! Rules that one request shows: what comes in, what goes out, and what is said of bad input.

use crate::support::{ADMIN, door};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

const CONNECTOR: &str =
    r#"{"name":"a","url":"http://127.0.0.1:9000","provider":"generic_s3","access_key":"k","secret_key":"hush"}"#;

#[tokio::test]
async fn bad_input_is_named_by_attribute_and_code() {
    let door = door();
    let long = format!("{{\"name\":\"{}\",\"type\":\"primary\",\"content\":\"nas\"}}", "n".repeat(256));
    for (path, body, wrong) in [
        ("/pools", "", &[("name", "blank"), ("type", "blank"), ("content", "blank")][..]),
        ("/pools", r#"{"name":" ","type":"primary","content":"tape"}"#, &[("name", "blank"), ("content", "invalid")]),
        ("/pools", r#"{"name":"a\u0007","type":"primary","content":"nas"}"#, &[("name", "invalid")]),
        (
            "/pools",
            r#"{"name":1,"type":"floppy","content":["nas"],"tape_ids":["x"]}"#,
            &[("name", "invalid"), ("type", "invalid"), ("content", "invalid"), ("tape_ids[0]", "invalid")],
        ),
        ("/pools", r#"{"name":"taken","type":"data_exchange","content":"nas"}"#, &[("name", "taken")]),
        (
            "/pools",
            r#"{"name":"a","type":"data_exchange","content":"nas","cloud_bucket_ids":[1]}"#,
            &[("cloud_bucket_ids", "invalid")],
        ),
        (
            "/pools",
            r#"{"name":"a","type":"data_exchange","content":"nas","storage_extra_data":{"data":"{"}}"#,
            &[("storage_extra_data.data", "invalid")],
        ),
        ("/pools", &long, &[("name", "too_long")]),
        ("/pools/1/primary_scan", "{}", &[("operand", "blank"), ("unit", "blank")]),
        ("/pools/1/primary_scan", r#"{"operand":0,"unit":"days"}"#, &[("operand", "greater_than")]),
        ("/pools/1/primary_scan", r#"{"operand":1.5,"unit":"days"}"#, &[("operand", "invalid")]),
        ("/pools/1/primary_scan", r#"{"operand":99999,"unit":"days"}"#, &[("operand", "less_than_or_equal_to")]),
        ("/pools/1/primary_scan", r#"{"operand":1,"unit":"fortnights"}"#, &[("unit", "invalid")]),
        ("/cloud_connectors", "{}", &[("name", "blank"), ("provider", "blank"), ("url", "blank")]),
        ("/cloud_connectors", r#"{"name":"a","provider":"generic_s3","url":"ftp://x"}"#, &[("url", "invalid")]),
        ("/cloud_connectors", r#"{"name":"a","provider":"tapes_r_us","url":"http://x"}"#, &[("provider", "invalid")]),
        ("/cloud_connectors", r#"{"name":"taken","provider":"azure","url":"http://x"}"#, &[("name", "taken")]),
        ("/nas", "{}", &[("name", "blank"), ("host", "blank"), ("type", "blank")]),
        ("/nas", r#"{"name":"a","host":"nas.example:445","type":"smb_v3"}"#, &[("host", "invalid")]),
        ("/nas", r#"{"name":"a","host":"//nas/share","type":"smb_v3"}"#, &[("host", "invalid")]),
        ("/nas", r#"{"name":"a","host":"nas","type":"afp"}"#, &[("type", "invalid")]),
        ("/nas/1/nas_shares", "{}", &[("name", "blank"), ("path", "blank")]),
        ("/nas/1/nas_shares", r#"{"name":"a/b","path":"/e/../f"}"#, &[("name", "invalid"), ("path", "invalid")]),
        ("/containers", r#"{"name":"a/b"}"#, &[("name", "invalid")]),
        ("/containers", r#"{"name":".."}"#, &[("name", "invalid")]),
        ("/containers", r#"{"name":"a","quota_total_size":-1}"#, &[("quota_total_size", "greater_than_or_equal_to")]),
        ("/containers", r#"{"name":"a","quota_total_size":1,"quota_on_cache":2}"#, &[("quota_on_cache", "quota_on_cache")]),
        ("/containers", r#"{"name":"a","quota_total_size":99999999999999999999}"#, &[("quota_total_size", "invalid")]),
        ("/tape_libraries", "{}", &[("serial", "blank")]),
        ("/tape_libraries", r#"{"serial":"S1","protocol":"acsls"}"#, &[("protocol", "invalid")]),
        ("/tape_libraries", r#"{"serial":"S1","name":"taken"}"#, &[("name", "taken")]),
        ("/tape_libraries/1/tape_drives", r#"{"name":"d"}"#, &[("serial", "blank")]),
        ("/tasks/1/task_options", "{}", &[("type", "blank"), ("value", "blank")]),
        ("/tasks/1/task_options", r#"{"type":"juggle","value":"1"}"#, &[("type", "invalid")]),
        ("/tasks", "{}", &[("name", "blank"), ("workflow_type", "blank"), ("workflow_action", "blank")]),
        (
            "/tasks",
            r#"{"name":"a","workflow_type":"data_migration","workflow_action":"juggle"}"#,
            &[("workflow_action", "invalid")],
        ),
        (
            "/tasks",
            r#"{"name":"a","workflow_type":"data_migration","workflow_action":"copy","priority":-1}"#,
            &[("priority", "greater_than_or_equal_to")],
        ),
        ("/tasks/1/task_destinations", "{}", &[("folder_id", "blank")]),
        ("/tasks/1/task_destinations", r#"{"folder_id":1,"pool_id":1}"#, &[("pool_id", "invalid")]),
        ("/tasks/1/task_destinations", r#"{"folder_path":"/c/../d"}"#, &[("folder_path", "invalid")]),
        ("/tasks/1/task_destinations", r#"{"folder_path":"c"}"#, &[("folder_path", "invalid")]),
        ("/tasks/1/task_sources", r#"{"file_id":1,"range":[5,1]}"#, &[("range", "invalid")]),
        ("/tasks/1/task_sources", "{}", &[("file_id", "blank")]),
        (
            "/users/me/api_keys",
            r#"{"api_key_scopes":[{"controller":"*","action":"index"}]}"#,
            &[("name", "blank"), ("api_key_scopes", "invalid")],
        ),
        ("/users/me/api_keys", r#"{"name":"a","api_key_scopes":[{"controller":"pools"}]}"#, &[("api_key_scopes[0]", "invalid")]),
    ] {
        let reply = door.post(path, body).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}: {}", reply.body);
        assert!(reply.is_error_shaped(), "{path} {body}: {}", reply.body);
        let mut wanted: Vec<_> = wrong.iter().map(|(attribute, _)| (*attribute).to_owned()).collect();
        wanted.sort_unstable();
        let named: Vec<_> = reply.body["details"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(named, wanted, "{path} {body}: {}", reply.body);
        for (attribute, code) in wrong {
            assert_eq!(reply.codes(attribute), [*code], "{path} {body}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn creating_answers_201_and_members_that_nobody_asked_for_are_dropped() {
    let door = door();
    let body =
        r#"{"name":"a","type":"offline_archive","content":"cloud","cloud_bucket_ids":[1],"colour":"red","id":77,"primary_id":9}"#;
    let reply = door.post("/pools", body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    assert_eq!(reply.body["id"], 1);
    for hidden in ["tape_ids", "nas_share_ids", "cloud_bucket_ids", "colour"] {
        assert!(reply.body.get(hidden).is_none(), "{hidden} is only written");
    }
    assert!(door.fake.last().contains("cloud_bucket_ids: Some([1])"), "{}", door.fake.last());
}

#[tokio::test]
async fn an_update_tells_left_out_from_null_where_null_means_something() {
    let door = door();
    door.put("/containers/1", r#"{"push_pool_id":null,"quota_total_size":5}"#).await;
    let asked = door.fake.last();
    for part in ["push_pool_id: Null", "cleaning_pool_id: Absent", "quota_total_size: Value(5)"] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
}

#[tokio::test]
async fn a_secret_key_is_shown_only_under_its_own_scope_and_never_comes_back_from_a_write() {
    let door = door();
    for (authorization, shown) in [
        (ADMIN, true),
        ("key:cloud_connectors/index+cloud_connectors/show+cloud_connectors/get_secret_key", true),
        ("key:cloud_connectors/index+cloud_connectors/show", false),
    ] {
        let one = door.call_as(authorization, Method::GET, "/cloud_connectors/1", "").await;
        let all = door.call_as(authorization, Method::GET, "/cloud_connectors", "").await;
        assert_eq!(one.body.get("secret_key").is_some(), shown, "{authorization}: {}", one.body);
        assert_eq!(all.body["cloud_connectors"][0].get("secret_key").is_some(), shown, "{authorization}: {}", all.body);
    }
    let created = door.post("/cloud_connectors", CONNECTOR).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert!(created.body.get("secret_key").is_none());
    assert!(!door.fake.last().contains("hush"), "a secret can be printed: {}", door.fake.last());
}

#[tokio::test]
async fn a_password_of_a_share_is_censored_and_cannot_be_printed() {
    let door = door();
    let shown = door.get("/nas_shares/1").await;
    assert_eq!(shown.body["password"], "********");
    let created = door.post("/nas/1/nas_shares", r#"{"name":"a","path":"media","username":"u","password":"hush"}"#).await;
    assert_eq!((created.status, &created.body["password"]), (StatusCode::CREATED, &"********".into()), "{}", created.body);
    assert!(!door.fake.last().contains("hush"), "a secret can be printed: {}", door.fake.last());
}

#[tokio::test]
async fn a_share_is_found_by_itself_under_its_nas_and_under_its_pool() {
    let door = door();
    for path in ["/nas_shares/1", "/nas/1/nas_shares/1", "/pools/1/nas_shares/one"] {
        assert_eq!(door.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(door.get(&format!("{path}/mount")).await.body["mounted"], false, "{path}");
        assert_eq!(door.put(path, r#"{"options":"ro"}"#).await.status, StatusCode::OK, "{path}");
        assert_eq!(door.put(path, r#"{"path":""}"#).await.codes("path"), ["blank"], "{path}");
        assert_eq!(door.call(Method::DELETE, path, "").await.status, StatusCode::NO_CONTENT, "{path}");
    }
    assert_eq!(door.get("/nas/2/nas_shares/1").await.codes("nas_id"), ["not_found"]);
    assert_eq!(door.get("/nas/1/nas_shares/2").await.codes("nas_share_id"), ["not_found"]);
    for path in ["/cloud_buckets/1", "/cloud_connectors/1/cloud_buckets/1", "/pools/1/cloud_buckets/1"] {
        assert_eq!(door.get(&format!("{path}/mount")).await.body["mounted"], false, "{path}");
    }
}

#[tokio::test]
async fn a_connector_can_be_tested_without_a_name() {
    let reply = door().put("/cloud_connectors/-/test", r#"{"url":"http://x","provider":"generic_s3"}"#).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.body);
    assert_eq!(reply.body, serde_json::json!({ "job_id": "j1", "status": "queued" }));
}

#[tokio::test]
async fn a_job_is_202_until_it_is_done_and_also_when_it_failed() {
    let door = door();
    for path in [
        "/cloud_connectors/-/test",
        "/cloud_connectors/1/cloud_buckets/-/sync",
        "/nas/1/nas_shares/-/test",
        "/tasks/1/action/run",
        "/tasks/one/action/stop",
    ] {
        for (job, status) in [("queued", 202), ("working", 202), ("failed", 202), ("completed", 200), ("none", 404), ("", 422)] {
            let reply = door.get(&format!("{path}?job_id={job}")).await;
            assert_eq!(reply.status.as_u16(), status, "{path} {job}: {}", reply.body);
            if status == 202 {
                assert_eq!(reply.body["status"], job, "{path}: {}", reply.body);
                assert_eq!(reply.body.get("progress").is_some(), job == "working", "{path}: {}", reply.body);
            }
        }
        assert_eq!(door.get(path).await.codes("job_id"), ["blank"]);
    }
    let done = door.get("/cloud_connectors/-/test?job_id=completed").await;
    assert_eq!(done.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["cloud_buckets"]);
    for path in ["/tasks/1/action/run?job_id=completed", "/nas/1/nas_shares/-/test?job_id=completed"] {
        assert_eq!(door.get(path).await.body, serde_json::json!({ "job_id": "completed", "status": "completed" }));
    }
}

#[tokio::test]
async fn lists_show_the_count_and_the_plural() {
    let door = door();
    for (path, plural) in [
        ("/pools", "pools"),
        ("/cloud_connectors", "cloud_connectors"),
        ("/cloud_buckets", "cloud_buckets"),
        ("/nas", "nas"),
        ("/nas_shares", "nas_shares"),
        ("/nas/1/nas_shares", "nas_shares"),
        ("/pools/1/nas_shares", "nas_shares"),
        ("/containers", "containers"),
        ("/files", "files"),
        ("/tasks", "tasks"),
        ("/task_executions", "task_executions"),
        ("/tasks/1/task_sources", "task_sources"),
        ("/tasks/1/task_destinations", "task_destinations"),
        ("/tasks/1/task_options", "task_options"),
        ("/tape_libraries", "tape_libraries"),
        ("/tape_libraries/1/tapes", "tapes"),
        ("/tape_libraries/1/tape_drives", "tape_drives"),
        ("/tape_drives", "tape_drives"),
        ("/tapes", "tapes"),
        ("/tape_stats", "tape_stats"),
        ("/pools/1/tapes", "tapes"),
        ("/pools/1/files/1/tapes", "tapes"),
        ("/users/me/api_keys", "api_keys"),
    ] {
        let reply = door.get(path).await;
        assert_eq!(reply.body["count"], 1, "{path}");
        assert_eq!(reply.body[plural].as_array().unwrap().len(), 1, "{path}");
    }
    assert_eq!(door.get("/mounts").await.body, serde_json::json!({ "mounts": [] }));
}

#[tokio::test]
async fn a_number_in_a_path_arrives_as_a_number_and_a_name_decoded() {
    let door = door();
    assert_eq!(door.get("/pools/one").await.status, StatusCode::OK);
    door.get("/pools/my%20pool%2F1").await;
    assert_eq!(door.fake.last(), r#"Reference("my pool/1")"#);
}

#[tokio::test]
async fn a_content_type_without_a_body_is_ignored_and_another_type_is_refused() {
    let door = door();
    let with = |method: Method, path: &str, kind: &str, body: &str| {
        Request::builder()
            .method(method)
            .uri(format!("/api/v2{path}"))
            .header("authorization", ADMIN)
            .header("content-type", kind)
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    assert_eq!(door.send(with(Method::GET, "/pools", "application/json", "")).await.status, StatusCode::OK);
    assert_eq!(door.send(with(Method::GET, "/pools", "text/xml", "")).await.status, StatusCode::OK);
    assert_eq!(door.send(with(Method::DELETE, "/pools/1", "application/json", "")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(door.send(with(Method::PUT, "/pools/1/mount", "text/plain", "")).await.status, StatusCode::OK);
    let reply = door.send(with(Method::PUT, "/cloud_buckets/1", "multipart/form-data; boundary=x", "--x--")).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(reply.is_error_shaped());
    let good = with(Method::PUT, "/cloud_buckets/1", "application/json; charset=utf-8", r#"{"price":"0.02"}"#);
    assert_eq!(door.send(good).await.body["price"], "0.02");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_shape_of_the_dialect() {
    let door = door();
    for path in ["/", "/nothing", "/pools/1/nothing", "/pools/1/mount/2"] {
        let reply = door.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert!(reply.is_error_shaped(), "{path}: {}", reply.body);
    }
    let reply = door.call(Method::PATCH, "/pools", "").await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(reply.is_error_shaped(), "{}", reply.body);
    let allow = reply.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn a_head_request_needs_the_right_of_get() {
    let door = door();
    assert_eq!(door.call(Method::HEAD, "/pools/1", "").await.status, StatusCode::OK);
    assert_eq!(door.call_as("key:pools/index", Method::HEAD, "/pools/1", "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_authenticator_that_cannot_tell_is_not_a_refusal() {
    let door = door();
    let busy = door.call_as("busy", Method::GET, "/pools", "").await;
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers["retry-after"], "1");
    assert_eq!(door.call_as("down", Method::GET, "/pools", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_have() {
    let door = door();
    let body = r#"{"name":"a","api_key_scopes":[{"controller":"pools","action":"destroy"}]}"#;
    let small = "key:api_keys/create+api_keys/update+pools/index";
    for (method, path) in [(Method::POST, "/users/me/api_keys"), (Method::PUT, "/users/me/api_keys/1")] {
        let reply = door.call_as(small, method, path, body).await;
        assert_eq!(reply.codes("api_key_scopes"), ["invalid"], "{}", reply.body);
    }
    let reply = door.post("/users/me/api_keys", body).await;
    assert_eq!((reply.status, &reply.body["key"]), (StatusCode::CREATED, &"0123456789abcdef".into()));
    let own = r#"{"name":"a","api_key_scopes":[{"controller":"pools","action":"index"}]}"#;
    assert_eq!(door.call_as(small, Method::POST, "/users/me/api_keys", own).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_scan_that_ended_is_named_by_its_number() {
    let door = door();
    assert_eq!(door.post("/pools/1/sync?tx=7", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(door.fake.last(), "7");
    assert_eq!(door.post("/pools/1/sync", "").await.codes("tx"), ["blank"]);
    assert_eq!(door.post("/pools/1/sync?tx=x", "").await.codes("tx"), ["invalid"]);
}

#[tokio::test]
async fn dates_are_shown_in_milliseconds() {
    let reply = door().get("/files/1").await;
    assert_eq!(reply.body["modification_date"], "2018-12-10T08:33:47.000Z");
    assert_eq!(reply.body["file_path"], "/c/one");
    assert_eq!(reply.body["extern"], 0);
}

#[tokio::test]
async fn a_look_at_devices_is_begun_and_asked_about_and_one_that_failed_is_an_error_of_the_server() {
    let door = door();
    for path in ["/tape_libraries/-/devices", "/tape_libraries/1/tape_drives/-/devices"] {
        for reply in [door.put(path, "").await, door.get(path).await] {
            assert_eq!((reply.status, &reply.body["status"]), (StatusCode::ACCEPTED, &"queued".into()), "{path}");
        }
        let asked = async |job: &str| door.get(&format!("{path}?job_id={job}")).await;
        assert_eq!(asked("working").await.status, StatusCode::ACCEPTED, "{path}");
        let failed = asked("failed").await;
        assert_eq!((failed.status, &failed.body["status"]), (StatusCode::INTERNAL_SERVER_ERROR, &"failed".into()), "{path}");
        assert_eq!(asked("completed").await.status, StatusCode::OK, "{path}");
        assert_eq!(asked("nothing").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_library_is_shown_with_what_its_device_is() {
    let door = door();
    let shown = door.get("/tape_libraries/1").await.body;
    assert_eq!((&shown["name"], &shown["serial"], &shown["io_slots"]), (&"one".into(), &"S1".into(), &2.into()), "{shown}");
    let drive = door.get("/tape_drives/1").await.body;
    assert_eq!((&drive["serial"], &drive["full"], &drive["tape_library_id"]), (&"D1".into(), &0.into(), &1.into()), "{drive}");
}
