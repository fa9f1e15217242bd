//! Files: entries of spaces and pools, and where their copies are.

use std::collections::HashMap;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_nodeum::{Answer, Criterion, File, FileKind, FileWithPath, Files, FilesOf, Listing, Operator, Page};
use capstan_app::entries::{EntryScope, StoredIn};
use capstan_domain::entry::{Entry, EntryKind, Tree};
use capstan_domain::ids::Number;
use capstan_domain::listing::{self, Filter};

use super::Door;
use super::failures::{error, missing};
use super::listing::{Column, Columns, filter, listing, operator};
use super::providers::CLOUD_PLUGINS;
use super::words::{count, moment};

const COLUMNS: Columns = &[
    ("file_id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("type", Column::By(kind)),
    ("permission", Column::By(permission)),
    ("size", Column::Is("size")),
    ("change_date", Column::Is("changed")),
    ("modification_date", Column::Is("modified")),
    ("access_date", Column::Absent),
    ("gid", Column::Is("gid")),
    ("uid", Column::Is("uid")),
];

/// Bits of a mode that are permissions; the others tell the type.
const PERMISSIONS: u32 = 0o7777;

/// The dialect knows files and folders; a link is shown as a file.
fn kind(criterion: &Criterion) -> Option<Vec<Filter>> {
    let operator = match criterion.operator {
        Operator::Equal | Operator::In => listing::Operator::In,
        Operator::NotEqual | Operator::NotIn => listing::Operator::NotIn,
        _ => return None,
    };
    let mut words = Vec::new();
    for value in &criterion.values {
        words.push(value.clone());
        if value == "file" {
            words.push("link".to_owned());
        }
    }
    Some(vec![filter("kind", operator, words)])
}

/// Octal digits that are written as a decimal number; the type is left aside, as the catalogue keeps it apart.
fn permission(criterion: &Criterion) -> Option<Vec<Filter>> {
    let mode = |value: &String| u32::from_str_radix(value, 8).ok().map(|mode| (mode & PERMISSIONS).to_string());
    let values: Option<Vec<String>> = criterion.values.iter().map(mode).collect();
    match criterion.operator {
        Operator::Like | Operator::NotLike => None,
        other => Some(vec![filter("mode", operator(other), values?)]),
    }
}

fn shown_mode(entry: &Entry) -> Option<i64> {
    let kind = match entry.kind {
        EntryKind::File => 0o100_000,
        EntryKind::Folder => 0o040_000,
        EntryKind::Link => 0o120_000,
    };
    format!("{:o}", kind | (entry.mode? & PERMISSIONS)).parse().ok()
}

/// The storage that holds a copy, for each entry.
pub(super) type Holders = HashMap<Number, Vec<StoredIn>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Storage {
    Tape,
    Cloud,
    Nas,
}

fn storage(stored: &StoredIn) -> Storage {
    match stored.is_cartridge {
        true => Storage::Tape,
        false if CLOUD_PLUGINS.contains(&stored.plugin.as_str()) => Storage::Cloud,
        false => Storage::Nas,
    }
}

fn file(entry: &Entry, primary_id: Option<Number>, holders: &Holders) -> File {
    let held = holders.get(&entry.number).map(Vec::as_slice).unwrap_or_default();
    let names = |of: Storage| held.iter().filter(|stored| storage(stored) == of).map(|stored| stored.name.clone()).collect();
    File {
        id: entry.number,
        name: entry.name.clone(),
        parent: entry.parent_number,
        primary_id,
        kind: if entry.kind == EntryKind::Folder { FileKind::Folder } else { FileKind::File },
        permission: shown_mode(entry),
        size: count(entry.size),
        change_date: entry.changed.map(moment),
        modification_date: Some(moment(entry.modified)),
        access_date: None,
        uid: entry.uid.map(i64::from),
        gid: entry.gid.map(i64::from),
        in_cache: if entry.resident { "in_cache" } else { "not_in_cache" }.to_owned(),
        offline: if is_at_hand(entry, held) { "online" } else { "offline" }.to_owned(),
        external: 0,
        checksums: entry.blake3.iter().map(|hash| format!("blake3:{}", hex(hash))).collect(),
        tapes: names(Storage::Tape),
        cloud_buckets: names(Storage::Cloud),
        nas_shares: names(Storage::Nas),
    }
}

/// A tape is not: it has to be found, loaded and wound first.
fn is_at_hand(entry: &Entry, held: &[StoredIn]) -> bool {
    entry.kind != EntryKind::File || entry.resident || held.iter().any(|stored| storage(stored) != Storage::Tape)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Door {
    async fn holders(&self, entries: &[Entry]) -> Answer<Holders> {
        let files: Vec<Number> =
            entries.iter().filter(|entry| entry.kind != EntryKind::Folder).map(|entry| entry.number).collect();
        let mut holders = Holders::new();
        for stored in self.app.entries.holders(&files).await.map_err(error)? {
            holders.entry(stored.entry).or_default().push(stored);
        }
        Ok(holders)
    }

    /// The number of the root of a primary pool, which the dialect shows with each of its files.
    async fn primary_of(&self, tree: Tree) -> Answer<Option<Number>> {
        match tree {
            Tree::Space(_) => Ok(None),
            Tree::Pool(pool) => Ok(self.app.pools.get(pool).await.map_err(error)?.root_number),
        }
    }

    pub(super) async fn file_with_path(&self, entry: &Entry) -> Answer<FileWithPath> {
        let holders = self.holders(std::slice::from_ref(entry)).await?;
        let name = self.app.entries.tree_name(entry.tree).await.map_err(error)?;
        let mut file = file(entry, self.primary_of(entry.tree).await?, &holders);
        if entry.path.is_empty() {
            file.name = name.clone();
        }
        let file_path = if entry.path.is_empty() { format!("/{name}") } else { format!("/{name}/{}", entry.path) };
        Ok(FileWithPath { file, file_path })
    }

    async fn scope(&self, of: &FilesOf) -> Answer<EntryScope> {
        Ok(match of {
            FilesOf::Roots => EntryScope::Roots,
            FilesOf::Folder(number) => {
                let folder = self.app.entries.find(*number).await;
                EntryScope::Children(folder.map_err(missing("file_parent_id", &number.to_string()))?.id)
            }
            FilesOf::Container(at) => EntryScope::Tree(Tree::Space(self.space(at).await?.id)),
            FilesOf::Pool(at) => EntryScope::Tree(Tree::Pool(self.pool(at).await?.id)),
        })
    }
}

#[async_trait]
impl Files for Door {
    async fn index(&self, _: &Caller, of: FilesOf, given: Listing) -> Answer<Page<File>> {
        let asked = listing(&given, COLUMNS)?;
        if let FilesOf::Pool(at) = &of
            && self.pool(at).await?.root.is_none()
        {
            // Primary pools have a tree of their own, and pools of tapes on which files were found that nothing else knew; what lies in
            // others is listed where it came from.
            return Ok(Page::empty());
        }
        let scope = self.scope(&of).await?;
        let page = self.app.entries.list(scope, asked).await.map_err(error)?;
        let holders = self.holders(&page.items).await?;
        let mut primaries = HashMap::new();
        let mut items = Vec::with_capacity(page.items.len());
        for entry in &page.items {
            let primary = match primaries.get(&entry.tree) {
                Some(known) => *known,
                None => {
                    let found = self.primary_of(entry.tree).await?;
                    primaries.insert(entry.tree, found);
                    found
                }
            };
            let mut shown = file(entry, primary, &holders);
            if entry.path.is_empty() {
                // The top of a tree has no name of its own; it is shown under that of its container or pool.
                shown.name = self.app.entries.tree_name(entry.tree).await.map_err(error)?;
            }
            items.push(shown);
        }
        Ok(Page { count: page.count, items })
    }

    async fn show(&self, _: &Caller, number: i64) -> Answer<FileWithPath> {
        let entry = self.app.entries.find(number).await.map_err(missing("file_id", &number.to_string()))?;
        self.file_with_path(&entry).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(field: &'static str, operator: Operator, value: &str) -> Criterion {
        Criterion { field, operator, values: vec![value.to_owned()] }
    }

    #[test]
    fn links_are_files() {
        let found = kind(&criterion("type", Operator::Equal, "file")).unwrap();
        assert_eq!(found, [filter("kind", listing::Operator::In, vec!["file".into(), "link".into()])]);
    }

    #[test]
    fn permissions_are_octal_digits() {
        let found = permission(&criterion("permission", Operator::Equal, "100644")).unwrap();
        assert_eq!(found, [filter("mode", listing::Operator::Equal, vec![0o644.to_string()])]);
        assert!(permission(&criterion("permission", Operator::Equal, "9")).is_none());
    }
}
