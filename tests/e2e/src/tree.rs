//! Trees of files to send on their way, and the proof that they came back: every path, size and hash.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};

/// Small files of one folder.
const FOLDER: usize = 100;
/// Buffer for writing and hashing, bytes.
const BUFFER: usize = 1 << 20;
/// How many differences are named.
const NAMED: usize = 20;

/// What a made tree holds.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Small files, 0 to `small` bytes each.
    pub files: usize,
    pub small: usize,
    /// Sizes of large files.
    pub large: Vec<u64>,
    /// Names that need care on the way: spaces, percent signs, other scripts, control characters, 255 bytes.
    pub odd: bool,
}

/// A tree as it is on the disk: path to size, hash and modification time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub files: BTreeMap<Vec<u8>, Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub size: u64,
    pub hash: blake3::Hash,
    /// Whole seconds since 1970.
    pub modified: i64,
}

impl Shape {
    /// Makes the tree below `root`; the same shape makes the same bytes.
    pub fn make(&self, root: &Path) -> anyhow::Result<()> {
        for index in 0..self.files {
            let folder = root.join(format!("folder-{:03}", index / FOLDER));
            if index % FOLDER == 0 {
                fs::create_dir_all(&folder)?;
            }
            let size = index.wrapping_mul(7919) % (self.small + 1);
            write(&folder.join(format!("file-{index:06}.bin")), index as u64 + 1, size as u64)?;
        }
        for (index, size) in self.large.iter().enumerate() {
            write(&root.join(format!("large-{index}.bin")), 1_000_000 + index as u64, *size)?;
        }
        if self.odd {
            let odd = root.join("odd names");
            fs::create_dir_all(&odd)?;
            for (index, name) in odd_names().iter().enumerate() {
                write(&odd.join(name), 2_000_000 + index as u64, 100 + index as u64)?;
            }
        }
        Ok(())
    }
}

/// Names every layer must carry unchanged.
fn odd_names() -> Vec<String> {
    let plain = [
        "a b",
        "percent%41",
        "%!41",
        "plus+and&amp;",
        "ünïcode-日本語",
        "quote'\"<>",
        "tab\tand\nline",
        "..dots",
        "trailing.",
        "\\back",
        "#?;=",
    ];
    plain.iter().map(|name| (*name).to_owned()).chain(["n".repeat(255)]).collect()
}

/// Bytes that do not compress and differ from file to file.
fn write(path: &Path, seed: u64, size: u64) -> anyhow::Result<()> {
    let mut output =
        BufWriter::with_capacity(BUFFER, File::create(path).with_context(|| format!("cannot make {}", path.display()))?);
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut left = size;
    while left > 0 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bytes = state.to_le_bytes();
        let take = usize::try_from(left.min(8))?;
        output.write_all(bytes.get(..take).unwrap_or(&bytes))?;
        left -= take as u64;
    }
    output.flush()?;
    Ok(())
}

impl Tree {
    /// Reads and hashes every file below `root`.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let path = entry.path();
                let name = path.strip_prefix(root)?.as_os_str().as_encoded_bytes().to_vec();
                let metadata = entry.metadata()?;
                let (size, hash) = hash(&path)?;
                files.insert(name, Content { size, hash, modified: metadata.mtime() });
            }
        }
        Ok(Self { files })
    }

    pub fn bytes(&self) -> u64 {
        self.files.values().map(|content| content.size).sum()
    }

    /// Every file of `self` is in `other` with the same bytes, and no other file is there.
    pub fn same_as(&self, other: &Self) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for (name, content) in &self.files {
            match other.files.get(name) {
                None => wrong.push(format!("missing: {}", show(name))),
                Some(found) if found.size != content.size || found.hash != content.hash => {
                    wrong.push(format!("differs: {} ({} bytes, {} expected)", show(name), found.size, content.size));
                }
                Some(_) => {}
            }
        }
        wrong.extend(
            other.files.keys().filter(|name| !self.files.contains_key(*name)).map(|name| format!("not expected: {}", show(name))),
        );
        if !wrong.is_empty() {
            let named: Vec<&str> = wrong.iter().take(NAMED).map(String::as_str).collect();
            bail!("{} of {} files are not as they were:\n{}", wrong.len(), self.files.len(), named.join("\n"));
        }
        Ok(())
    }
}

fn show(name: &[u8]) -> String {
    String::from_utf8_lossy(name).escape_debug().to_string()
}

fn hash(path: &Path) -> anyhow::Result<(u64, blake3::Hash)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0_u8; BUFFER];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        size += read as u64;
    }
    Ok((size, hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoiled_a_lost_and_a_strange_file_are_each_named() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let shape = Shape { files: 5, small: 1000, large: vec![100_000], odd: true };
        shape.make(here.path()).unwrap();
        shape.make(there.path()).unwrap();
        let tree = Tree::read(here.path()).unwrap();
        assert_eq!(tree.files.len(), 18);
        tree.same_as(&Tree::read(there.path()).unwrap()).unwrap();
        fs::remove_file(there.path().join("large-0.bin")).unwrap();
        fs::write(there.path().join("odd names/a b"), vec![0; 100]).unwrap();
        fs::write(there.path().join("new"), b"").unwrap();
        let wrong = tree.same_as(&Tree::read(there.path()).unwrap()).unwrap_err().to_string();
        for line in ["missing: large-0.bin", "differs: odd names/a b", "not expected: new"] {
            assert!(wrong.contains(line), "{wrong}");
        }
    }
}
