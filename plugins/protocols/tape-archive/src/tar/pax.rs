//! Records of an extended header: length, keyword, value (POSIX.1-2024, pax: "pax Extended Header").

use super::Member;
use crate::Malformed;

const WHAT: &str = "an extended header";
const XATTR: &str = "SCHILY.xattr.";
const ID: &str = "CAPSTAN.id";
const BLAKE3: &str = "CAPSTAN.blake3";
const VOID: &str = "CAPSTAN.void";
const NANOSECONDS: u64 = 1_000_000_000;

/// The length counts its own digits.
fn record(into: &mut Vec<u8>, keyword: &str, value: &[u8]) {
    let rest = keyword.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    into.extend_from_slice(length.to_string().as_bytes());
    into.push(b' ');
    into.extend_from_slice(keyword.as_bytes());
    into.push(b'=');
    into.extend_from_slice(value);
    into.push(b'\n');
}

/// Seconds with nine places.
fn time(nanoseconds: i64) -> String {
    let whole = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", whole / NANOSECONDS, whole % NANOSECONDS)
}

fn read_time(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    // Nine places, whatever there is.
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let seconds = seconds.parse::<i64>().ok()?;
    let nanoseconds = seconds.checked_mul(i64::try_from(NANOSECONDS).ok()?)?.checked_add(fraction.parse().ok()?)?;
    Some(if negative { -nanoseconds } else { nanoseconds })
}

/// What a member has that its header may have no room for. `long`: which of path, target, size, uid and gid have none.
pub(super) struct Long {
    pub(super) path: bool,
    pub(super) target: bool,
    pub(super) size: bool,
    pub(super) uid: bool,
    pub(super) gid: bool,
}

pub(super) fn write(member: &Member, path: &str, long: &Long) -> Vec<u8> {
    let mut bytes = Vec::new();
    if long.path {
        record(&mut bytes, "path", path.as_bytes());
    }
    if let Some(target) = member.target.as_ref().filter(|_| long.target) {
        record(&mut bytes, "linkpath", target.as_bytes());
    }
    let numbers = [
        ("size", long.size, member.size),
        ("uid", long.uid, u64::from(member.attributes.uid)),
        ("gid", long.gid, u64::from(member.attributes.gid)),
    ];
    for (keyword, _, number) in numbers.iter().filter(|(_, long, _)| *long) {
        record(&mut bytes, keyword, number.to_string().as_bytes());
    }
    record(&mut bytes, "mtime", time(member.attributes.modified).as_bytes());
    if let Some(id) = member.id {
        record(&mut bytes, ID, id.to_string().as_bytes());
    }
    if let Some(blake3) = member.blake3 {
        record(&mut bytes, BLAKE3, hex::encode(blake3).as_bytes());
    }
    for (name, value) in &member.xattrs {
        record(&mut bytes, &format!("{XATTR}{name}"), value);
    }
    bytes
}

/// Of a global header: the member before it was given up.
pub(super) fn write_void(id: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(&mut bytes, VOID, id.to_string().as_bytes());
    bytes
}

pub(super) fn read_void(bytes: &[u8]) -> Result<Option<u64>, Malformed> {
    let mut void = None;
    records(bytes, |keyword, value| {
        if keyword == VOID {
            let text = std::str::from_utf8(value).map_err(|_| Malformed(WHAT))?;
            void = Some(text.parse().map_err(|_| Malformed(WHAT))?);
        }
        Ok(())
    })?;
    Ok(void)
}

/// What an extended header says goes before what the header says.
pub(super) fn read(bytes: &[u8], member: &mut Member) -> Result<(), Malformed> {
    records(bytes, |keyword, value| apply(keyword, value, member))
}

fn records(mut bytes: &[u8], mut each: impl FnMut(&str, &[u8]) -> Result<(), Malformed>) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        let digits = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or(Malformed(WHAT))?;
        let length = bytes.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(Malformed(WHAT))?;
        let length: usize = length.parse().map_err(|_| Malformed(WHAT))?;
        let (record, rest) = bytes.split_at_checked(length).ok_or(Malformed(WHAT))?;
        let body = record.get(digits.saturating_add(1)..).and_then(|body| body.strip_suffix(b"\n")).ok_or(Malformed(WHAT))?;
        let equals = body.iter().position(|byte| *byte == b'=').ok_or(Malformed(WHAT))?;
        let (keyword, value) = body.split_at_checked(equals).ok_or(Malformed(WHAT))?;
        let keyword = std::str::from_utf8(keyword).map_err(|_| Malformed(WHAT))?;
        each(keyword, value.get(1..).unwrap_or_default())?;
        bytes = rest;
    }
    Ok(())
}

fn apply(keyword: &str, value: &[u8], member: &mut Member) -> Result<(), Malformed> {
    if let Some(name) = keyword.strip_prefix(XATTR) {
        member.xattrs.insert(name.to_owned(), value.to_vec());
        return Ok(());
    }
    let text = || std::str::from_utf8(value).map_err(|_| Malformed(WHAT));
    let number = || text()?.parse::<u64>().map_err(|_| Malformed(WHAT));
    let short = || u32::try_from(number()?).map_err(|_| Malformed(WHAT));
    match keyword {
        "path" => text()?.clone_into(&mut member.path),
        "linkpath" => member.target = Some(text()?.to_owned()),
        "size" => member.size = number()?,
        "uid" => member.attributes.uid = short()?,
        "gid" => member.attributes.gid = short()?,
        "mtime" => member.attributes.modified = read_time(text()?).ok_or(Malformed(WHAT))?,
        ID => member.id = Some(number()?),
        BLAKE3 => {
            let mut blake3 = [0; 32];
            hex::decode_to_slice(value, &mut blake3).map_err(|_| Malformed(WHAT))?;
            member.blake3 = Some(blake3);
        }
        // Of others, and none of what a volume has.
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::Type;

    #[test]
    fn a_length_counts_its_own_digits() {
        for value in 0..1_200 {
            let mut bytes = Vec::new();
            record(&mut bytes, "k", &vec![b'x'; value]);
            let digits = bytes.iter().position(|byte| *byte == b' ').unwrap();
            assert_eq!(std::str::from_utf8(&bytes[..digits]).unwrap().parse::<usize>().unwrap(), bytes.len());
        }
    }

    #[test]
    fn times_before_1970_and_odd_ones_are_read() {
        for nanoseconds in [0, 1, -1, -500_000_000, 1_700_000_000_123_456_789, i64::MAX, -i64::MAX] {
            assert_eq!(read_time(&time(nanoseconds)), Some(nanoseconds));
        }
        assert_eq!(read_time("5"), Some(5_000_000_000));
        assert_eq!(read_time("5.12345678999"), Some(5_123_456_789));
        for wrong in ["5.x", "", "-", "99999999999", "1.2.3", "+1"] {
            assert!(read_time(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn records_that_cannot_be_are_refused() {
        let mut member = Member::plain("a", Type::File, 0, 0);
        for wrong in [
            "9 path=b",
            "0 path=b\n",
            "99 path=b\n",
            "x path=b\n",
            "7 pathb\n",
            "-1 a=b\n",
            "13 size=-200\n",
            "14 CAPSTAN.id=x\n",
        ] {
            assert!(read(wrong.as_bytes(), &mut member).is_err(), "{wrong}");
        }
        assert!(read(b"10 path=b\n8 gid=7\n", &mut member).is_ok());
        assert_eq!((&member.path[..], member.attributes.gid), ("b", 7));
    }
}
