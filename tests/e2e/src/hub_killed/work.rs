//! What a job does with the files of a folder.

use std::fmt;

use serde_json::json;

use super::writer::LOAD;
use crate::hub::HubSpace;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Migrate,
    Premigrate,
    Recall,
    /// The copies go once the files are back.
    RecallAndLetGo,
    /// File by file.
    Delete,
    /// The folder with all in it.
    DeleteFolder,
}

/// What is done with a new folder, one after the other.
const STORIES: [&[Work]; 4] = [
    &[Work::Migrate, Work::Recall, Work::Delete],
    &[Work::Premigrate, Work::Migrate, Work::RecallAndLetGo, Work::Migrate, Work::DeleteFolder],
    &[Work::Migrate, Work::RecallAndLetGo, Work::Premigrate, Work::Delete],
    &[Work::Premigrate, Work::Migrate, Work::Recall, Work::DeleteFolder],
];

pub(super) fn story(number: u64) -> &'static [Work] {
    let at = usize::try_from(number % STORIES.len() as u64).unwrap_or_default();
    STORIES.get(at).copied().unwrap_or_default()
}

impl Work {
    fn workflow(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Premigrate => "premigrate",
            Self::Recall => "recall",
            Self::RecallAndLetGo => "recall-and-let-go",
            Self::Delete => "delete",
            Self::DeleteFolder => "delete-folder",
        }
    }

    pub(super) fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteFolder)
    }

    /// It begins with files that are elsewhere.
    pub(super) fn wants_stubs(self) -> bool {
        matches!(self, Self::Recall | Self::RecallAndLetGo)
    }

    /// Statuses that a file of so many bytes may have when it was done while nobody else was at it.
    pub(super) fn leaves(self, size: u64) -> &'static [&'static str] {
        match self {
            // There is nothing to free of an empty one.
            Self::Migrate if size == 0 => &["PREMIGRATED"],
            Self::Migrate => &["MIGRATED"],
            Self::Premigrate => &["PREMIGRATED"],
            // What was written since it was stored has no copies.
            Self::Recall | Self::RecallAndLetGo => &["PREMIGRATED", "NORMAL"],
            Self::Delete | Self::DeleteFolder => &[],
        }
    }

    /// The job's id. The writer's files are worked on with the others, but for a deletion.
    pub(super) fn start(self, space: &HubSpace, folder: &str) -> anyhow::Result<i64> {
        match self {
            Self::Delete => space.start(self.workflow(), &[folder]),
            Self::DeleteFolder => space.start_with(self.workflow(), &[folder], &json!({})),
            _ => space.start(self.workflow(), &[folder, LOAD]),
        }
    }

    /// Those that are not built in.
    pub(super) fn define(space: &HubSpace) -> anyhow::Result<()> {
        let define = |work: Self, discovery: Option<&str>, kind: &str, step: serde_json::Value| {
            let rule = json!({ "type": kind, "state": "all", "action": [step] });
            let workflow = json!({
                "name": work.workflow(), "label": work.workflow(), "discovery": discovery, "filter_rules": [rule],
            });
            space.client.post("/api/workflows/", &workflow)
        };
        let recall = json!({ "name": "dynamo.tasks.recall", "delete_remote": true });
        define(Self::RecallAndLetGo, Some("recursive"), "all", recall)?;
        define(Self::Delete, Some("recursive"), "file", json!({ "name": "dynamo.tasks.delete" }))?;
        define(Self::DeleteFolder, None, "all", json!({ "name": "dynamo.tasks.delete", "recursive": true }))?;
        Ok(())
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.workflow())
    }
}
