//! The header of a member (POSIX.1-2024, pax: "ustar Interchange Format").

use super::pax::{self, Long};
use super::{Member, RECORD_BYTES, Type, padding};
use crate::{Attributes, Malformed};

/// Bytes of the fields for a name and for where a link points.
const NAME: usize = 100;
/// What seven and eleven octal digits hold.
const SEVEN: u64 = 0o777_7777;
const ELEVEN: u64 = 0o777_7777_7777;
const NANOSECONDS: i64 = 1_000_000_000;

const MODE_AT: usize = 100;
const UID_AT: usize = 108;
const GID_AT: usize = 116;
const SIZE_AT: usize = 124;
const TIME_AT: usize = 136;
const SUM_AT: usize = 148;
const TYPE_AT: usize = 156;
const TARGET_AT: usize = 157;
const MAGIC_AT: usize = 257;
const PREFIX_AT: usize = 345;
const MAGIC: &[u8] = b"ustar\x0000";

const FILE: u8 = b'0';
const LINK: u8 = b'2';
const DIRECTORY: u8 = b'5';
pub(super) const EXTENDED: u8 = b'x';
pub(super) const GLOBAL: u8 = b'g';

/// The extended header and the header: all that goes before the data.
pub(crate) fn header(member: &Member) -> Vec<u8> {
    // A directory's name ends so, for programs that know no types.
    let path = if member.kind == Type::Directory { format!("{}/", member.path) } else { member.path.clone() };
    let target = member.target.as_deref().unwrap_or_default();
    let size = if member.kind == Type::File { member.size } else { 0 };
    let (uid, gid) = (u64::from(member.attributes.uid), u64::from(member.attributes.gid));
    let long = Long { path: !fits(&path), target: !fits(target), size: size > ELEVEN, uid: uid > SEVEN, gid: gid > SEVEN };
    let extended = pax::write(member, &path, &long);
    let seconds = u64::try_from(member.attributes.modified.div_euclid(NANOSECONDS)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(extended.len() + 3 * RECORD_BYTES);
    let name = format!("PaxHeaders/{}", member.id.unwrap_or_default());
    let length = u64::try_from(extended.len()).unwrap_or(u64::MAX);
    bytes.extend(record(&Fields { name: &name, mode: 0o644, uid: 0, gid: 0, size: length, seconds, kind: EXTENDED, target: "" }));
    bytes.extend_from_slice(&extended);
    bytes.resize(bytes.len() + padding(length), 0);
    let kind = match member.kind {
        Type::Directory => DIRECTORY,
        Type::Link => LINK,
        Type::File | Type::Other => FILE,
    };
    let mode = u64::from(member.attributes.mode & 0o7777);
    bytes.extend(record(&Fields { name: &path, mode, uid, gid, size, seconds, kind, target }));
    bytes
}

/// A header that stands for no file: whoever reads headers forgets the member of this number.
pub(crate) fn void(id: u64) -> Vec<u8> {
    let mut records = pax::write_void(id);
    let size = u64::try_from(records.len()).unwrap_or(u64::MAX);
    let fields = Fields { name: "PaxHeaders/void", mode: 0o644, uid: 0, gid: 0, size, seconds: 0, kind: GLOBAL, target: "" };
    records.resize(records.len() + padding(size), 0);
    let mut bytes = record(&fields).to_vec();
    bytes.extend(records);
    bytes
}

fn fits(text: &str) -> bool {
    text.len() <= NAME && text.is_ascii()
}

struct Fields<'a> {
    name: &'a str,
    mode: u64,
    uid: u64,
    gid: u64,
    size: u64,
    seconds: u64,
    kind: u8,
    target: &'a str,
}

fn record(fields: &Fields<'_>) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    let mut set = |at: usize, bytes: &[u8]| {
        if let Some(field) = record.get_mut(at..at.saturating_add(bytes.len())) {
            field.copy_from_slice(bytes);
        }
    };
    set(0, &ascii(fields.name));
    set(MODE_AT, octal(fields.mode, 7).as_bytes());
    set(UID_AT, octal(fields.uid, 7).as_bytes());
    set(GID_AT, octal(fields.gid, 7).as_bytes());
    set(SIZE_AT, octal(fields.size, 11).as_bytes());
    set(TIME_AT, octal(fields.seconds, 11).as_bytes());
    set(SUM_AT, b"        ");
    set(TYPE_AT, &[fields.kind]);
    set(TARGET_AT, &ascii(fields.target));
    set(MAGIC_AT, MAGIC);
    let sum: u64 = record.iter().map(|byte| u64::from(*byte)).sum();
    if let Some(field) = record.get_mut(SUM_AT..SUM_AT + 8) {
        field.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    record
}

/// What has no room is in the extended header, and zero here.
fn octal(number: u64, digits: usize) -> String {
    let most = if digits == 7 { SEVEN } else { ELEVEN };
    let number = if number > most { 0 } else { number };
    format!("{number:0digits$o}")
}

/// As much as there is room for; the whole is in the extended header.
fn ascii(text: &str) -> Vec<u8> {
    text.chars().take(NAME).map(|char| u8::try_from(char).ok().filter(u8::is_ascii).unwrap_or(b'_')).collect()
}

/// What a header says without an extended one. None: records of zeros, where a tar ends. The type as it is there.
pub(super) fn read(record: &[u8]) -> Result<Option<(Member, u8)>, Malformed> {
    const WHAT: &str = "the header of a member";
    if record.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let field = |at: usize, length: usize| record.get(at..at.saturating_add(length)).ok_or(Malformed(WHAT));
    let number = |at: usize, length: usize| number(field(at, length)?).ok_or(Malformed(WHAT));
    let sum = number(SUM_AT, 8)?;
    let blank = SUM_AT..SUM_AT + 8;
    let actual: u64 = record.iter().enumerate().map(|(at, byte)| if blank.contains(&at) { 0x20 } else { u64::from(*byte) }).sum();
    if sum != actual || field(MAGIC_AT, 5)? != b"ustar" {
        return Err(Malformed(WHAT));
    }
    let text = |at: usize, length: usize| {
        let bytes = field(at, length)?.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    let (name, prefix, target) = (text(0, NAME)?, text(PREFIX_AT, 155)?, text(TARGET_AT, NAME)?);
    let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    let typeflag = field(TYPE_AT, 1)?.first().copied().ok_or(Malformed(WHAT))?;
    let kind = match typeflag {
        FILE | 0 => Type::File,
        LINK => Type::Link,
        DIRECTORY => Type::Directory,
        _ => Type::Other,
    };
    let short = |at: usize| u32::try_from(number(at, 8)?).map_err(|_| Malformed(WHAT));
    let modified = i64::try_from(number(TIME_AT, 12)?).ok().and_then(|seconds| seconds.checked_mul(NANOSECONDS));
    let attributes = Attributes {
        modified: modified.ok_or(Malformed(WHAT))?,
        mode: short(MODE_AT)? & 0o7777,
        uid: short(UID_AT)?,
        gid: short(GID_AT)?,
    };
    let mut member = Member::plain(&path, kind, number(SIZE_AT, 12)?, 0);
    member.attributes = attributes;
    member.target = (kind == Type::Link).then_some(target);
    Ok(Some((member, typeflag)))
}

/// Octal digits up to a blank or a zero.
fn number(field: &[u8]) -> Option<u64> {
    let end = |byte: &u8| *byte == b' ' || *byte == 0;
    let text = std::str::from_utf8(field).ok()?.trim_start_matches(' ');
    let text = text.split(|char| u8::try_from(char).is_ok_and(|byte| end(&byte))).next()?;
    if text.is_empty() {
        return Some(0);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| u64::from_str_radix(text, 8).ok()).flatten()
}
