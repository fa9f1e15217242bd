//! A batch as bytes: lines of JSON. The first says what it is, the last proves all before it.
//!
//! ```text
//! {"capstan_manifest":1,"space":"…","name":"projects",…}
//! {"file":{"path":"a/b","size":65536,…}}
//! {"gone":{"path":"c"}}
//! {"lines":2,"blake3":"…"}
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use capstan_digest as digest;
use capstan_domain::failure::Kind;
use capstan_domain::ids::SpaceId;
use capstan_domain::{Failure, Outcome};
use serde::{Deserialize, Serialize};

use super::hex_bytes::HexBytes;
use super::line::Line;

const VERSION: u32 = 1;
/// From this many bytes on a batch is full.
pub(super) const FULL_BYTES: usize = 4 << 20;
/// From this many lines on a batch is full.
pub(super) const FULL_LINES: usize = 8192;
/// Bytes of a batch that is read; the last line that made one full may be a long one.
pub(super) const MOST_BYTES: u64 = 48 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    capstan_manifest: u32,
    pub(super) space: SpaceId,
    /// Of the space, when this was written.
    pub(super) name: String,
    /// Spaces that this one was rebuilt from: what their manifests say counts, too, and is older.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) after: Vec<SpaceId>,
    /// The end of a whole manifest: up to these numbers the batches of these writers count no longer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) replaces: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tail {
    lines: u64,
    blake3: HexBytes,
}

impl Head {
    pub(super) fn new(space: SpaceId, name: &str, after: Vec<SpaceId>) -> Self {
        Self { capstan_manifest: VERSION, space, name: name.to_owned(), after, replaces: BTreeMap::new() }
    }
}

pub(super) fn encode(head: &Head, lines: &[Line]) -> Outcome<Bytes> {
    let mut out = Vec::new();
    put(&mut out, head)?;
    for line in lines {
        put(&mut out, line)?;
    }
    let tail = Tail { lines: lines.len() as u64, blake3: HexBytes(digest::of(&out).to_vec()) };
    put(&mut out, &tail)?;
    Ok(out.into())
}

fn put(out: &mut Vec<u8>, line: &impl Serialize) -> Outcome<()> {
    serde_json::to_writer(&mut *out, line).map_err(|error| Failure::host("A manifest could not be written", error))?;
    out.push(b'\n');
    Ok(())
}

/// Fails with `Corrupt` for anything that is not whole, with `Unsupported` for a later version.
pub(super) fn decode(bytes: &[u8]) -> Outcome<(Head, Vec<Line>)> {
    let text = str::from_utf8(bytes).map_err(|_| torn("it is no text"))?;
    let ended = text.strip_suffix('\n').ok_or_else(|| torn("it has no end"))?;
    let start = ended.rfind('\n').ok_or_else(|| torn("it has no end"))? + 1;
    let (body, tail) = ended.split_at_checked(start).ok_or_else(|| torn("it has no end"))?;
    let tail: Tail = serde_json::from_str(tail).map_err(|_| torn("it has no end"))?;
    if digest::of(body.as_bytes()).as_slice() != tail.blake3.0 {
        return Err(torn("its hash does not match"));
    }
    let mut lines = body.lines();
    let head = lines.next().ok_or_else(|| torn("it has no head"))?;
    // Before its fields, which a later version may have others of.
    let version = serde_json::from_str::<serde_json::Value>(head).ok().and_then(|head| head.get("capstan_manifest")?.as_u64());
    match version {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) if version > u64::from(VERSION) => {
            return Err(Failure::unsupported(format!("The manifest is of version {version}, and this host reads {VERSION}"))
                .with_code("newer-manifest")
                .with_next_step("Rebuild with the version of the host that wrote it."));
        }
        _ => return Err(torn("it is none")),
    }
    let head: Head =
        serde_json::from_str(head).map_err(|error| torn("its head is not understood").with_detail(error.to_string()))?;
    let lines: Vec<Line> = lines
        .map(|line| serde_json::from_str(line).map_err(|error| torn("a line is not understood").with_detail(error.to_string())))
        .collect::<Outcome<_>>()?;
    if lines.len() as u64 == tail.lines { Ok((head, lines)) } else { Err(torn("lines are missing")) }
}

fn torn(why: &str) -> Failure {
    Failure::new(Kind::Corrupt, format!("A batch of the manifest cannot be believed: {why}")).with_code("bad-manifest")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        (0..3).map(|number| Line::Gone { path: format!("folder/ä\n{number}") }).collect()
    }

    #[test]
    fn a_batch_reads_as_it_was_written() {
        let mut head = Head::new(SpaceId::new(), "s", vec![SpaceId::new()]);
        head.replaces.insert("w".to_owned(), 7);
        for lines in [lines(), Vec::new()] {
            let bytes = encode(&head, &lines).unwrap();
            assert_eq!(decode(&bytes).unwrap(), (head.clone(), lines));
        }
    }

    #[test]
    fn a_batch_that_is_cut_or_changed_anywhere_is_not_believed() {
        let bytes = encode(&Head::new(SpaceId::new(), "s", Vec::new()), &lines()).unwrap();
        for at in 0..bytes.len() {
            assert_eq!(decode(&bytes[..at]).unwrap_err().kind, Kind::Corrupt, "{at} bytes");
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            assert!(decode(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_a_torn_batch() {
        let head = Head { capstan_manifest: 2, ..Head::new(SpaceId::new(), "s", Vec::new()) };
        assert_eq!(decode(&encode(&head, &[]).unwrap()).unwrap_err().code.as_deref(), Some("newer-manifest"));
    }
}
