//! What clients ask for, over CloudSigma's API, and over the host's own where that has no word for it.

use std::thread::{JoinHandle, spawn};

use serde_json::{Value, json};

use super::catalogue::Catalogue;
use super::rig::SUBJECT;
use crate::client::{Answer, Client};

pub(super) const API: &str = "/api/2.0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    /// In the engine, and larger than the source.
    Clone,
    /// From the host's own disks into the engine, through the host.
    CloneIn,
    /// From the engine to the host's own disks.
    CloneOut,
    Resize,
    /// Of a clone, which shares bytes with its source where the engine can.
    Delete,
    Snapshot,
    DeleteSnapshot,
    /// Of a drive that was written to since its snapshot was taken.
    Restore,
}

impl Operation {
    /// Those of one engine alone.
    pub const WITHIN: [Self; 7] =
        [Self::Create, Self::Clone, Self::Resize, Self::Delete, Self::Snapshot, Self::DeleteSnapshot, Self::Restore];
    /// Those between the engine and the host's own disks.
    pub const ACROSS: [Self; 2] = [Self::CloneIn, Self::CloneOut];
}

/// What stands ready for an operation.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Of what is made.
    pub(super) name: String,
    /// Of the drive, or the snapshot, that it is done to or that is read.
    pub(super) id: String,
    /// Bytes that a drive has then.
    pub(super) size: u64,
    pub(super) before: Catalogue,
}

/// An operation on its way. A host that is killed answers nobody.
pub(super) struct Sent(JoinHandle<anyhow::Result<Answer>>);

impl Sent {
    /// `storage_type`: of the engine.
    pub(super) fn begin(client: Client, operation: Operation, prepared: &Prepared, storage_type: &str) -> Self {
        let (method, path, body) = request(operation, prepared, storage_type);
        Self(spawn(move || match body {
            Value::Null => client.raw(method, &path, None, b""),
            body => client.send(method, &path, &body),
        }))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    /// Whether the client was promised that it will be done. A refusal is an error: nothing stands in the way of what is asked here.
    pub(super) fn was_promised(self) -> anyhow::Result<bool> {
        match self.0.join() {
            Ok(Ok(answer)) if (200..300).contains(&answer.status) => Ok(true),
            Ok(Ok(answer)) => anyhow::bail!("it was refused: {}: {}", answer.status, answer.text),
            Ok(Err(_)) => Ok(false),
            Err(_) => anyhow::bail!("the client's thread broke off"),
        }
    }
}

fn request(operation: Operation, prepared: &Prepared, storage_type: &str) -> (&'static str, String, Value) {
    let Prepared { name, id, size, .. } = prepared;
    let drive = format!("{API}/drives/{id}/");
    let clone = |storage_type: &str| {
        let body = json!({ "name": name, "size": size, "storage_type": storage_type });
        ("POST", format!("{drive}action/?do=clone"), body)
    };
    match operation {
        Operation::Create => ("POST", format!("{API}/drives/"), new_drive(name, *size, storage_type)),
        Operation::Clone | Operation::CloneIn => clone(storage_type),
        Operation::CloneOut => clone("nvme"),
        Operation::Resize => {
            let body = json!({ "name": name, "media": "disk", "size": size });
            ("POST", format!("{drive}action/?do=resize"), body)
        }
        Operation::Delete => ("DELETE", drive, Value::Null),
        Operation::Snapshot => ("POST", format!("{API}/snapshots/"), new_snapshot(name, id)),
        Operation::DeleteSnapshot => ("DELETE", format!("{API}/snapshots/{id}/"), Value::Null),
        Operation::Restore => {
            let drive = SUBJECT.0;
            ("POST", format!("/capstan/v1/drives/{drive}/snapshots/{id}/restore"), json!({}))
        }
    }
}

pub(super) fn new_drive(name: &str, size: u64, storage_type: &str) -> Value {
    json!({ "name": name, "media": "disk", "size": size, "storage_type": storage_type })
}

pub(super) fn new_snapshot(name: &str, drive: &str) -> Value {
    json!({ "name": name, "drive": drive })
}
