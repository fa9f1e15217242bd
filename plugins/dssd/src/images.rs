//! Images and their snapshots, as the dashboard has them under `/api/block/image`.
//!
//! Looked at without their usage: with it, an image of no bytes ends the Ceph manager. So what an image takes is asked for only once
//! it was seen to have some. The list is never asked for: it is up to
//! half a minute old.

use capstan_sdk::failure::{conflict, malformed};
use capstan_sdk::text::percent;
use capstan_sdk::{Failure, Outcome, clock, time};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::client::{Call, Client};
use crate::error::Refusal;

/// What an image of a drive is made with: a copy-on-write parent, one writer at a time, a map of what is there.
const FEATURES: [&str; 5] = ["layering", "exclusive-lock", "object-map", "fast-diff", "deep-flatten"];

/// Before an image that is not shown is looked for again, milliseconds: longer in all than removing a snapshot takes.
const LOOKS_MS: [u64; 3] = [200, 800, 2_000];

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Image {
    /// Bytes.
    pub(crate) size: u64,
    /// Stays when the image is renamed.
    pub(crate) id: String,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    pub(crate) parent: Option<Parent>,
    #[serde(default)]
    pub(crate) snapshots: Vec<Snapshot>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parent {
    pub(crate) pool_name: String,
    pub(crate) image_name: String,
    pub(crate) snap_name: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Snapshot {
    /// Rises with every snapshot of the pool.
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size: u64,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    pub(crate) is_protected: bool,
    /// Bytes that came between the snapshot before and this one; told only with the usage.
    #[serde(default)]
    pub(crate) disk_usage: Option<u64>,
    #[serde(default)]
    children: Vec<IgnoredAny>,
}

impl Image {
    pub(crate) fn created(&self) -> Option<i64> {
        self.timestamp.as_deref().and_then(time::iso)
    }

    pub(crate) fn snapshot(&self, engine: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.name == engine)
    }

    /// Whether it and all of its snapshots have bytes, so that the manager survives a question for its usage.
    fn has_bytes(&self) -> bool {
        self.size > 0 && self.snapshots.iter().all(|snapshot| snapshot.size > 0)
    }

    /// Whether clones hang on any of its snapshots.
    pub(crate) fn is_held(&self) -> bool {
        self.snapshots.iter().any(Snapshot::is_held)
    }
}

impl Snapshot {
    pub(crate) fn created(&self) -> Option<i64> {
        self.timestamp.as_deref().and_then(time::iso)
    }

    pub(crate) fn is_held(&self) -> bool {
        !self.children.is_empty()
    }
}

/// An image by its name in the target's pool, and what a failure calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Images<'a> {
    client: &'a Client,
    name: &'a str,
    subject: &'a str,
}

impl<'a> Images<'a> {
    pub(crate) fn new(client: &'a Client, name: &'a str, subject: &'a str) -> Self {
        Self { client, name, subject }
    }

    fn spec(&self) -> String {
        format!("{}/{}", self.client.config.pool, self.name)
    }

    fn call(&self, method: &'static str, rest: &str) -> Call {
        let mut path = "/api/block/image/".to_owned();
        percent(&self.spec(), false, &mut path);
        path.push_str(rest);
        Call::new(method, path, self.subject)
    }

    fn snapshot_call(&self, method: &'static str, snapshot: &str, rest: &str) -> Call {
        let mut path = "/snap/".to_owned();
        percent(snapshot, false, &mut path);
        path.push_str(rest);
        self.call(method, &path)
    }

    /// None: there is none, however often one looks. While a snapshot of it or a clone is being removed, the dashboard comes upon what is
    /// gone and tells of the whole image that it is not there.
    pub(crate) async fn find(&self) -> Outcome<Option<Image>> {
        for pause in LOOKS_MS {
            if let Some(image) = self.look().await? {
                return Ok(Some(image));
            }
            clock::wait(pause).await;
        }
        self.look().await
    }

    /// None: the dashboard shows none at this moment.
    pub(crate) async fn look(&self) -> Outcome<Option<Image>> {
        let image: Option<Image> = self.client.look(&self.call("GET", "?omit_usage=true")).await?;
        if image.as_ref().is_some_and(|image| image.id.is_empty()) {
            return Err(malformed("the dashboard tells an image without an id", self.spec()));
        }
        Ok(image)
    }

    /// The image that was just looked at, with what its snapshots take; without, where that is not told: nothing hangs on it.
    pub(crate) async fn with_usage(&self, image: Image) -> Image {
        if !image.has_bytes() {
            return image;
        }
        match self.client.look::<Image>(&self.call("GET", "")).await {
            Ok(Some(told)) if told.id == image.id => told,
            _ => image,
        }
    }

    pub(crate) async fn create(&self, size: u64) -> Outcome<Result<(), Refusal>> {
        let body = json!({ "name": self.name, "pool_name": self.client.config.pool, "size": size, "features": FEATURES });
        self.client.change(&Call::new("POST", "/api/block/image".to_owned(), self.subject).with(body)).await
    }

    /// Whoever calls this has seen that it grows: the cluster cuts without a word.
    pub(crate) async fn resize(&self, size: u64) -> Outcome<Result<(), Refusal>> {
        self.client.change(&self.call("PUT", "").with(json!({ "size": size }))).await
    }

    pub(crate) async fn rename(&self, to: &str) -> Outcome<Result<(), Refusal>> {
        self.client.change(&self.call("PUT", "").with(json!({ "name": to }))).await
    }

    /// Removes its snapshots first, also where it fails then: whoever calls this has let go of the image and seen that nothing
    /// hangs on it.
    pub(crate) async fn remove(&self) -> Outcome<Result<(), Refusal>> {
        match self.client.change(&self.call("DELETE", "")).await? {
            Err(refusal) if refusal.is_absent() => Ok(Ok(())),
            other => Ok(other),
        }
    }

    /// Whether the cluster is at removing it, while it does not show it any more.
    pub(crate) async fn is_going(&self) -> Outcome<bool> {
        self.client.goes_on("rbd/delete", &json!({ "image_spec": self.spec() })).await
    }

    pub(crate) async fn take(&self, snapshot: &str) -> Outcome<Result<(), Refusal>> {
        // Without the second field the dashboard fails with an internal error.
        let body = json!({ "snapshot_name": snapshot, "mirrorImageSnapshot": false });
        self.client.change(&self.call("POST", "/snap").with(body)).await
    }

    async fn edit(&self, snapshot: &str, body: Value) -> Outcome<Result<(), Refusal>> {
        self.client.change(&self.snapshot_call("PUT", snapshot, "").with(body)).await
    }

    /// A success where it is as it is to be.
    pub(crate) async fn protect(&self, snapshot: &str, protected: bool) -> Outcome<Result<(), Refusal>> {
        self.edit(snapshot, json!({ "is_protected": protected })).await
    }

    pub(crate) async fn rename_snapshot(&self, snapshot: &str, to: &str) -> Outcome<Result<(), Refusal>> {
        self.edit(snapshot, json!({ "new_snap_name": to })).await
    }

    /// One that is not protected.
    pub(crate) async fn remove_snapshot(&self, snapshot: &str) -> Outcome<Result<(), Refusal>> {
        match self.client.change(&self.snapshot_call("DELETE", snapshot, "")).await? {
            Err(refusal) if refusal.is_absent() => Ok(Ok(())),
            other => Ok(other),
        }
    }

    pub(crate) async fn clone_to(&self, snapshot: &str, child: &str) -> Outcome<Result<(), Refusal>> {
        let body = json!({ "child_pool_name": self.client.config.pool, "child_image_name": child, "features": FEATURES });
        self.client.change(&self.snapshot_call("POST", snapshot, "/clone").with(body)).await
    }

    /// Cuts the image to the snapshot's size.
    pub(crate) async fn roll_back(&self, snapshot: &str) -> Outcome<Result<(), Refusal>> {
        self.client.change(&self.snapshot_call("POST", snapshot, "/rollback").with(json!({}))).await
    }

    pub(crate) async fn is_rolling_back(&self, snapshot: &str) -> Outcome<bool> {
        let metadata = json!({ "image_spec": self.spec(), "snapshot_name": snapshot });
        self.client.goes_on("rbd/snap/rollback", &metadata).await
    }
}

/// Somebody else changed what this call works on.
pub(crate) fn meanwhile(subject: &str) -> Failure {
    conflict(format!("{subject} was changed by another call meanwhile")).retry(capstan_sdk::Retry::AtOnce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_read_as_the_dashboard_tells_it() {
        let image: Image = serde_json::from_str(
            r#"{"size": 67108864, "obj_size": 4194304, "id": "10353e5486f3", "timestamp": "2026-11-22T11:45:47Z", "disk_usage": null,
                "parent": {"pool_name": "rbd", "pool_namespace": "", "image_name": "capstan.a", "snap_name": "capstan.clone.1"},
                "snapshots": [{"id": 4, "size": 67108864, "name": "s.0123456789abcdef", "namespace": 0, "is_protected": true,
                  "timestamp": "2026-11-22T11:45:47Z", "children": [{"pool_name": "rbd", "image_name": "b"}], "used_bytes": null}]}"#,
        )
        .unwrap();
        assert_eq!((image.created(), image.is_held()), (Some(1_795_347_947_000_000_000), true));
        assert_eq!(image.snapshot("s.0123456789abcdef").map(|snapshot| (snapshot.id, snapshot.is_protected)), Some((4, true)));
        assert_eq!(image.parent.map(|parent| parent.image_name).as_deref(), Some("capstan.a"));
        assert_eq!(image.snapshots.first().and_then(|snapshot| snapshot.disk_usage), None);
        let bare: Image = serde_json::from_str(r#"{"size": 1, "id": "1", "parent": null, "snapshots": []}"#).unwrap();
        assert!(bare.created().is_none() && !bare.is_held());
    }

    #[test]
    fn an_image_is_asked_for_its_usage_where_it_and_its_snapshots_have_bytes() {
        let of = |size: u64, snapshot: u64| {
            let snapshots = json!([{ "id": 1, "name": "s", "size": snapshot, "disk_usage": 4096 }]);
            serde_json::from_value::<Image>(json!({ "size": size, "id": "x", "snapshots": snapshots })).unwrap()
        };
        assert!(of(1, 1).has_bytes() && !of(0, 1).has_bytes() && !of(1, 0).has_bytes());
        assert_eq!(of(1, 1).snapshots.first().and_then(|snapshot| snapshot.disk_usage), Some(4096));
    }
}
