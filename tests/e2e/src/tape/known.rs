//! Files as the host knows them: their size, their hash, and the tapes they lie on.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::client::Client;
use crate::tree::Tree;

/// Files of one page.
const PAGE: usize = 1000;
/// Files of one folder, at most.
const MOST: usize = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    pub id: i64,
    /// Bytes.
    pub size: u64,
    /// BLAKE3, in hexadecimal digits.
    pub hash: Option<String>,
    /// Barcodes.
    pub tapes: Vec<String>,
    /// Its bytes are on the host's disks.
    pub in_cache: bool,
}

/// The bytes of a name that the API shows: those that are no text, and what looks like an escape, as `%!XX`.
fn bytes(name: &str) -> anyhow::Result<Vec<u8>> {
    let mut parts = name.split("%!");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).with_context(|| format!("half an escape in {name:?}"))?;
        bytes.push(u8::from_str_radix(digits, 16).with_context(|| format!("no escape in {name:?}"))?);
        bytes.extend(rest.as_bytes());
    }
    Ok(bytes)
}

/// All files below a list of the Nodeum API, such as `/api/v2/containers/field/files`, by their path in it, as it is on a disk.
pub fn known(client: &Client, top: &str) -> anyhow::Result<BTreeMap<Vec<u8>, KnownFile>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(Vec::new(), top.to_owned())];
    while let Some((under, list)) = folders.pop() {
        for file in whole(client, &list)? {
            let name = file.get("name").and_then(Value::as_str).with_context(|| format!("a file without a name: {file}"))?;
            let id = file.get("id").and_then(Value::as_i64).with_context(|| format!("a file without an id: {file}"))?;
            let name = bytes(name)?;
            let path = if under.is_empty() { name } else { [under.as_slice(), b"/", &name].concat() };
            if file.get("type").and_then(Value::as_str) == Some("folder") {
                folders.push((path, format!("/api/v2/files/{id}/children")));
            } else {
                files.insert(path, shown(id, &file));
            }
        }
    }
    Ok(files)
}

fn whole(client: &Client, list: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    loop {
        let page = client.get(&format!("{list}?sort_by=file_id&limit={PAGE}&offset={}", all.len()))?;
        let some = page.get("files").and_then(Value::as_array).with_context(|| format!("no files in {page}"))?;
        all.extend(some.iter().cloned());
        if some.len() < PAGE {
            return Ok(all);
        }
        ensure!(all.len() < MOST, "{list} does not end");
    }
}

fn shown(id: i64, file: &Value) -> KnownFile {
    let texts = |member: &str| -> Vec<String> {
        let list = file.get(member).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    KnownFile {
        id,
        size: file.get("size").and_then(Value::as_u64).unwrap_or_default(),
        hash: texts("checksums").iter().find_map(|sum| sum.strip_prefix("blake3:")).map(str::to_owned),
        tapes: texts("tapes"),
        in_cache: file.get("in_cache").and_then(Value::as_str) == Some("in_cache"),
    }
}

/// Each file of the tree is known with its size and hash, on one of these tapes at least and on no other, and no other file is known.
pub fn agree(tree: &Tree, known: &BTreeMap<Vec<u8>, KnownFile>, tapes: &[String]) -> anyhow::Result<()> {
    for (name, content) in &tree.files {
        let path = String::from_utf8_lossy(name);
        let Some(file) = known.get(name) else { bail!("{path:?} is not known; {} files are", known.len()) };
        ensure!(file.size == content.size, "{path:?} has {} bytes, and is known with {file:?}", content.size);
        let hash = content.hash.to_hex();
        ensure!(file.hash.as_deref() == Some(hash.as_str()), "{path:?} has the hash {hash}, and is known with {file:?}");
        let right = !file.tapes.is_empty() && file.tapes.iter().all(|tape| tapes.contains(tape));
        ensure!(right, "{path:?} is not on the tapes {tapes:?}: {file:?}");
    }
    ensure!(known.len() == tree.files.len(), "{} files are known, and there are {}", known.len(), tree.files.len());
    Ok(())
}
