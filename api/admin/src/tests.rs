//! The rules of this dialect, held against its own document: every operation is guarded, and the document is the one that was agreed.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use capstan_api_http::{Caller, Document};
use capstan_test_dialect::{ADMIN, Doorman, basic, call, golden, operations};
use serde_json::json;
use tower::ServiceExt;

use crate::audit::{Audit, AuditEvent};
use crate::drives::{Attachment, Drive, Drives, Image, NewAttachment, Part, Span, Upload, Usage};
use crate::grants::{Grant, GrantList, Grants, NewGrant, Power};
use crate::jobs::{Job, Jobs, PathOutcome, Progress};
use crate::mounts::{Mount, MountList, Mounts, NewMount};
use crate::plugins::{Plugin, PluginList, PluginVersion, Plugins};
use crate::snapshots::{NewSnapshot, Snapshot, Snapshots};
use crate::spaces::{Export, ExportList, NewExport, NewRebuild, RebuildList, Spaces};
use crate::targets::{NewTarget, Probe, Target, TargetChange, Targets};
use crate::users::{NewUser, PasswordChange, User, UserChange, Users};
use crate::{AdminError, Nouns, Page, Window, jobs, router};

/// Knows nothing, refuses with the failure of a plugin.
struct Host;

fn no<T>() -> Result<T, AdminError> {
    Err(AdminError { retry: "later".into(), retry_after_ms: Some(1500), ..AdminError::caller("plugin-fault", "no") })
}

#[async_trait]
impl Plugins for Host {
    async fn list_plugins(&self, _: &Caller) -> Result<PluginList, AdminError> {
        no()
    }
    async fn show_plugin(&self, _: &Caller, _: &str) -> Result<Plugin, AdminError> {
        no()
    }
    async fn install_plugin(&self, _: &Caller, _: Body, _: Option<Vec<u8>>) -> Result<PluginVersion, AdminError> {
        no()
    }
    async fn activate_plugin(&self, _: &Caller, _: &str, _: &str) -> Result<Plugin, AdminError> {
        no()
    }
    async fn roll_back_plugin(&self, _: &Caller, _: &str) -> Result<Plugin, AdminError> {
        no()
    }
    async fn remove_plugin(&self, _: &Caller, _: &str, _: Option<&str>) -> Result<(), AdminError> {
        Ok(())
    }
}

#[async_trait]
impl Grants for Host {
    async fn list_grants(&self, _: &Caller, _: Option<&str>) -> Result<GrantList, AdminError> {
        no()
    }
    async fn allow_grant(&self, _: &Caller, grant: NewGrant) -> Result<Grant, AdminError> {
        Ok(Grant {
            id: "1".into(),
            target: grant.target,
            power: grant.power,
            by: "ada".into(),
            reason: grant.reason,
            created: String::new(),
            revoked: None,
        })
    }
    async fn revoke_grant(&self, _: &Caller, _: &str) -> Result<(), AdminError> {
        no()
    }
}

#[async_trait]
impl Spaces for Host {
    async fn export_space(&self, _: &Caller, space: &str, export: NewExport) -> Result<ExportList, AdminError> {
        let bucket = export.bucket.unwrap_or_else(|| space.to_owned());
        Ok(ExportList { exports: vec![Export { bucket, files: 2, written: 1, removed: 3, missing: 0 }] })
    }
    async fn rebuild_space(&self, _: &Caller, _: &str, rebuild: NewRebuild) -> Result<RebuildList, AdminError> {
        match rebuild.from {
            Some(_) => Ok(RebuildList { rebuilds: Vec::new() }),
            None => Err(AdminError { code: Some("which-manifest".into()), ..AdminError::caller("conflict", "say which one") }),
        }
    }
}

#[async_trait]
impl Targets for Host {
    async fn list_targets(&self, _: &Caller, _: Window) -> Result<Page<Target>, AdminError> {
        Ok(Page { count: 0, items: Vec::new() })
    }
    async fn show_target(&self, _: &Caller, _: &str) -> Result<Target, AdminError> {
        no()
    }
    async fn create_target(&self, _: &Caller, _: NewTarget) -> Result<Target, AdminError> {
        no()
    }
    async fn change_target(&self, _: &Caller, _: &str, _: TargetChange) -> Result<Target, AdminError> {
        no()
    }
    async fn remove_target(&self, _: &Caller, _: &str) -> Result<(), AdminError> {
        no()
    }
    async fn probe_target(&self, _: &Caller, _: &str) -> Result<Probe, AdminError> {
        no()
    }
}

#[async_trait]
impl Jobs for Host {
    async fn list_jobs(&self, _: &Caller, _: Window) -> Result<Page<Job>, AdminError> {
        no()
    }
    async fn show_job(&self, _: &Caller, _: &str) -> Result<Job, AdminError> {
        no()
    }
    async fn list_outcomes(&self, _: &Caller, _: &str, _: Window) -> Result<Page<PathOutcome>, AdminError> {
        no()
    }
    async fn request_of_job(&self, _: &Caller, _: &str, _: jobs::Request) -> Result<Job, AdminError> {
        no()
    }
}

#[async_trait]
impl Mounts for Host {
    async fn list_mounts(&self, _: &Caller) -> Result<MountList, AdminError> {
        no()
    }
    async fn create_mount(&self, _: &Caller, _: NewMount) -> Result<Mount, AdminError> {
        no()
    }
    async fn remove_mount(&self, _: &Caller, _: &str) -> Result<(), AdminError> {
        no()
    }
}

#[async_trait]
impl Drives for Host {
    async fn list_drives(&self, _: &Caller, _: Window) -> Result<Page<Drive>, AdminError> {
        no()
    }
    async fn show_drive(&self, _: &Caller, _: &str) -> Result<Drive, AdminError> {
        no()
    }
    async fn show_usage(&self, _: &Caller, _: &str) -> Result<Usage, AdminError> {
        no()
    }
    async fn attach_drive(&self, _: &Caller, _: &str, _: NewAttachment) -> Result<Attachment, AdminError> {
        no()
    }
    async fn detach_drive(&self, _: &Caller, _: &str) -> Result<(), AdminError> {
        no()
    }
    /// Of ten bytes, which are their own places.
    async fn read_image(&self, _: &Caller, _: &str, span: Option<Span>) -> Result<Image, AdminError> {
        let within = span.map_or(Some((0, 10)), |span| span.within(10));
        let Some((offset, length)) = within else {
            return Err(AdminError { code: Some("range".into()), ..AdminError::caller("invalid", "no") });
        };
        let bytes: String = (offset..offset + length).map(|at| at.to_string()).collect();
        Ok(Image { name: "my \"drive\"".into(), size: 10, offset, length, bytes: Body::from(bytes) })
    }
    async fn write_image(&self, _: &Caller, _: &str, part: Part, _: Body) -> Result<Upload, AdminError> {
        Ok(Upload { size: part.total, received: part.offset, complete: false })
    }
    async fn show_upload(&self, _: &Caller, _: &str) -> Result<Upload, AdminError> {
        no()
    }
}

#[async_trait]
impl Snapshots for Host {
    /// One, of which nobody knows what it takes.
    async fn list_snapshots(&self, caller: &Caller, drive: &str, window: Window) -> Result<Page<Snapshot>, AdminError> {
        let one = self.create_snapshot(caller, drive, NewSnapshot { name: Some("then".into()) }).await?;
        Ok(Page { count: 1, items: std::iter::once(one).take(window.limit as usize).collect() })
    }
    async fn show_snapshot(&self, _: &Caller, _: &str, _: &str) -> Result<Snapshot, AdminError> {
        no()
    }
    async fn create_snapshot(&self, _: &Caller, drive: &str, snapshot: NewSnapshot) -> Result<Snapshot, AdminError> {
        Ok(Snapshot {
            id: "1".into(),
            number: 1,
            name: snapshot.name.unwrap_or_else(|| "now".into()),
            drive: drive.into(),
            size: 10,
            used: None,
            state: "creating".into(),
            failure: None,
            created: String::new(),
        })
    }
    async fn remove_snapshot(&self, _: &Caller, _: &str, _: &str) -> Result<(), AdminError> {
        Ok(())
    }
    /// Of the drive that nobody has.
    async fn restore_snapshot(&self, _: &Caller, drive: &str, snapshot: &str) -> Result<Job, AdminError> {
        if drive != "free" {
            return Err(AdminError { code: Some("mounted".into()), ..AdminError::caller("conflict", "it is attached") });
        }
        Ok(Job {
            id: "1".into(),
            number: 1,
            name: format!("restore {snapshot}"),
            work: "drive".into(),
            state: "queued".into(),
            progress: Progress::default(),
            attempt: 1,
            failure: None,
            created: String::new(),
            started: None,
            finished: None,
        })
    }
}

#[async_trait]
impl Audit for Host {
    async fn list_audit(&self, _: &Caller, _: Window) -> Result<Page<AuditEvent>, AdminError> {
        no()
    }
}

#[async_trait]
impl Users for Host {
    async fn list_users(&self, _: &Caller, _: Window) -> Result<Page<User>, AdminError> {
        no()
    }
    async fn show_user(&self, _: &Caller, _: &str) -> Result<User, AdminError> {
        no()
    }
    async fn create_user(&self, _: &Caller, user: NewUser) -> Result<User, AdminError> {
        Ok(User {
            id: "1".into(),
            number: 1,
            name: user.name,
            role: user.role,
            disabled: user.password.reveal().is_empty(),
            created: String::new(),
        })
    }
    async fn change_user(&self, _: &Caller, _: &str, _: UserChange) -> Result<User, AdminError> {
        no()
    }
    async fn remove_user(&self, _: &Caller, _: &str) -> Result<(), AdminError> {
        no()
    }
    async fn change_password(&self, _: &Caller, _: PasswordChange) -> Result<(), AdminError> {
        Ok(())
    }
}

fn dialect() -> (Router, Document) {
    let host = Arc::new(Host);
    let nouns = Nouns {
        plugins: Arc::<Host>::clone(&host),
        grants: Arc::<Host>::clone(&host),
        targets: Arc::<Host>::clone(&host),
        jobs: Arc::<Host>::clone(&host),
        mounts: Arc::<Host>::clone(&host),
        drives: Arc::<Host>::clone(&host),
        snapshots: Arc::<Host>::clone(&host),
        spaces: Arc::<Host>::clone(&host),
        audit: Arc::<Host>::clone(&host),
        users: host,
    };
    router(nouns, Arc::new(Doorman))
}

async fn ask(method: &str, path: &str, authorization: &str, body: &str) -> (StatusCode, AdminError) {
    let (status, _, body) = call(&dialect().0, authorization, method.parse().unwrap(), path, body).await;
    (status, serde_json::from_value(body).unwrap_or_default())
}

#[tokio::test]
async fn every_operation_of_the_document_asks_who_calls_and_whether_they_may() {
    let operations = operations(dialect().1.value(), "");
    assert!(operations.len() > 15, "{operations:?}");
    for (method, path, _) in operations {
        let path = path.replace(['{', '}'], "");
        for (authorization, status, kind) in [
            ("", StatusCode::UNAUTHORIZED, "unauthenticated"),
            (basic("admin", "wrong").as_str(), StatusCode::UNAUTHORIZED, "unauthenticated"),
            (basic("guest", "pw").as_str(), StatusCode::FORBIDDEN, "denied"),
        ] {
            let (found, error) = ask(method.as_str(), &path, authorization, "").await;
            assert_eq!((found, error.kind.as_str()), (status, kind), "{method} {path} with {authorization:?}");
        }
    }
}

#[tokio::test]
async fn bad_input_is_told_in_this_dialects_shape_and_is_never_a_fault_of_the_host() {
    for (method, path, body, status) in [
        ("POST", "/capstan/v1/grants", "{", StatusCode::BAD_REQUEST),
        ("POST", "/capstan/v1/grants", "[]", StatusCode::UNPROCESSABLE_ENTITY),
        ("POST", "/capstan/v1/grants", "{}", StatusCode::UNPROCESSABLE_ENTITY),
        ("POST", "/capstan/v1/grants", r#"{"target":"t","power":{"to":"fly"}}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (
            "POST",
            "/capstan/v1/grants",
            r#"{"target":"t","power":{"to":"connect","host":"h","port":70000}}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("GET", "/capstan/v1/targets?limit=x", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("GET", "/capstan/v1/targets?limit=5000", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("POST", "/capstan/v1/jobs/1/explode", "", StatusCode::NOT_FOUND),
        ("POST", "/capstan/v1/users", r#"{"name":"eve","role":"king","password":"x"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("POST", "/capstan/v1/users", r#"{"name":"eve","role":"reader"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("PUT", "/capstan/v1/users/eve", r#"{"disabled":"yes"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("POST", "/capstan/v1/drives/7/snapshots", r#"{"name":7}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("GET", "/capstan/v1/drives/7/snapshots?offset=x", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("GET", "/capstan/v1/drives/7/snapshots/1/restore", "", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/capstan/v1/nothing", "", StatusCode::NOT_FOUND),
        ("PATCH", "/capstan/v1/targets", "", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/capstan/v1/targets", &format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20)), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (found, error) = ask(method, path, ADMIN, body).await;
        assert_eq!(found, status, "{method} {path} {}", body.chars().take(60).collect::<String>());
        assert!(!error.message.is_empty() && !error.kind.is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn a_grant_comes_back_as_it_was_given() {
    let body = r#"{"target":"t","power":{"to":"insecure-tls","host":"h","port":443}}"#;
    let (status, _, grant) = call(&dialect().0, ADMIN, Method::POST, "/capstan/v1/grants", body).await;
    assert_eq!(status, StatusCode::CREATED);
    let grant: Grant = serde_json::from_value(grant).unwrap();
    assert_eq!(grant.power, Power::InsecureTls { host: "h".into(), port: 443 });
}

#[tokio::test]
async fn a_snapshot_has_the_name_that_was_asked_for_or_one_of_its_own() {
    for (body, name) in [(r#"{"name":"then"}"#, "then"), ("{}", "now"), ("", "now")] {
        let (status, _, snapshot) = call(&dialect().0, ADMIN, Method::POST, "/capstan/v1/drives/7/snapshots", body).await;
        assert_eq!((status, &snapshot["name"], &snapshot["drive"]), (StatusCode::CREATED, &json!(name), &json!("7")), "{body:?}");
        assert_eq!(snapshot.get("used"), None, "what is not known is left out");
    }
    for (limit, shown) in [("", 1), ("?limit=0", 0)] {
        let path = format!("/capstan/v1/drives/7/snapshots{limit}");
        let (status, _, page) = call(&dialect().0, ADMIN, Method::GET, &path, "").await;
        let items = page["items"].as_array().map(Vec::len);
        assert_eq!((status, &page["count"], items), (StatusCode::OK, &json!(1), Some(shown)), "{limit}");
    }
    let (status, ..) = call(&dialect().0, ADMIN, Method::DELETE, "/capstan/v1/drives/7/snapshots/then", "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_restore_is_answered_with_its_job_and_that_of_a_drive_that_somebody_has_with_a_conflict() {
    let (status, _, job) = call(&dialect().0, ADMIN, Method::POST, "/capstan/v1/drives/free/snapshots/then/restore", "").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let job: Job = serde_json::from_value(job).unwrap();
    assert_eq!((job.name.as_str(), job.state.as_str()), ("restore then", "queued"));
    let (status, error) = ask("POST", "/capstan/v1/drives/held/snapshots/then/restore", ADMIN, "").await;
    assert_eq!((status, error.code.as_deref()), (StatusCode::CONFLICT, Some("mounted")));
}

#[tokio::test]
async fn manifests_of_spaces_are_written_and_read_as_the_body_says() {
    let (router, _) = dialect();
    let export = |body| call(&router, ADMIN, Method::POST, "/capstan/v1/spaces/walk/export", body);
    for (body, bucket) in [("{}", "walk"), (r#"{"bucket":"cold"}"#, "cold")] {
        let (status, _, answer) = export(body).await;
        let list: ExportList = serde_json::from_value(answer).unwrap();
        assert_eq!((status, list.exports[0].bucket.as_str(), list.exports[0].removed), (StatusCode::OK, bucket, 3));
    }
    let (status, error) = ask("POST", "/capstan/v1/spaces/walk/rebuild", ADMIN, "{}").await;
    assert_eq!((status, error.code.as_deref()), (StatusCode::CONFLICT, Some("which-manifest")));
    let (status, ..) = call(&router, ADMIN, Method::POST, "/capstan/v1/spaces/walk/rebuild", r#"{"from":"x"}"#).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_plugins_fault_is_a_bad_gateway_that_says_when_to_ask_again() {
    let (status, headers, _) = call(&dialect().0, ADMIN, Method::GET, "/capstan/v1/plugins", "").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(headers["retry-after"], "2");
}

#[test]
fn the_document_is_the_one_that_was_agreed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/admin-openapi.json");
    golden::check(&file, dialect().1.value()).unwrap();
}

/// With these headers; what came, and as which bytes.
async fn image(method: &str, headers: &[(&str, &str)], body: &'static str) -> (axum::http::response::Parts, String) {
    let mut request = Request::builder().method(method).uri("/capstan/v1/drives/7/image").header("authorization", ADMIN);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = dialect().0.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (head, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn an_image_is_answered_whole_or_in_the_range_that_was_asked_for() {
    let (head, bytes) = image("GET", &[], "").await;
    assert_eq!((head.status, bytes.as_str()), (StatusCode::OK, "0123456789"));
    assert_eq!(head.headers["content-length"], "10");
    assert_eq!(head.headers["accept-ranges"], "bytes");
    assert_eq!(head.headers["content-disposition"], "attachment; filename=\"my__drive_.raw\"");
    for (range, bytes, content_range) in
        [("bytes=2-4", "234", "bytes 2-4/10"), ("bytes=-3", "789", "bytes 7-9/10"), ("bytes=8-", "89", "bytes 8-9/10")]
    {
        let (head, found) = image("GET", &[("range", range)], "").await;
        assert_eq!((head.status, found.as_str()), (StatusCode::PARTIAL_CONTENT, bytes), "{range}");
        assert_eq!(head.headers["content-range"], content_range);
    }
    assert_eq!(image("GET", &[("range", "bytes=10-")], "").await.0.status, StatusCode::RANGE_NOT_SATISFIABLE);
    // What is no range of bytes is not looked at.
    assert_eq!(image("GET", &[("range", "lines=1-2")], "").await.0.status, StatusCode::OK);
}

#[tokio::test]
async fn a_part_of_an_image_is_put_where_its_header_says() {
    for (range, body, come) in [
        (Some("bytes 0-2/10"), "abc", Some((0, 10))),
        (Some("bytes 7-9/10"), "abc", Some((7, 10))),
        (Some("bytes 7-9/10"), "ab", None),
        (Some("7-9/10"), "abc", None),
    ] {
        let length = body.len().to_string();
        let mut headers = vec![("content-length", length.as_str())];
        headers.extend(range.map(|range| ("content-range", range)));
        let (head, answer) = image("PUT", &headers, body).await;
        let Some((received, size)) = come else {
            assert_eq!(head.status, StatusCode::BAD_REQUEST, "{range:?} {answer}");
            continue;
        };
        let upload: Upload = serde_json::from_str(&answer).unwrap();
        assert_eq!((head.status, upload.received, upload.size), (StatusCode::OK, received, size));
    }
}
