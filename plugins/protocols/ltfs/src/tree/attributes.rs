//! Extended attributes of a file or directory (section 9.2.9), packed into one piece of memory: nearly every file has one, few have many.

use std::fmt;

/// Names and values. Names stand as LTFS has them: without the `user.` by which Linux shows them. Those that begin with `ltfs` are the
/// format's own (annex C), as `ltfs.hash.sha256sum` is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Records of: bytes of the name (u16), bytes of the value (u32), both little endian, name, value.
    packed: Box<[u8]>,
}

const HEAD: usize = 6;

impl Attributes {
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest: &[u8] = &self.packed;
        std::iter::from_fn(move || {
            let [a, b, c, d, e, f, behind @ ..] = rest else { return None };
            let (name, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes([*a, *b])))?;
            let (value, behind) = behind.split_at_checked(u32::from_le_bytes([*c, *d, *e, *f]) as usize)?;
            rest = behind;
            Some((std::str::from_utf8(name).ok()?, value))
        })
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Instead of the value that is there. False: the name or the value is longer than anything that is kept.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) -> bool {
        let (Ok(name_bytes), Ok(value_bytes)) = (u16::try_from(name.len()), u32::try_from(value.len())) else { return false };
        let mut packed = self.without(name, HEAD + name.len() + value.len());
        packed.extend_from_slice(&name_bytes.to_le_bytes());
        packed.extend_from_slice(&value_bytes.to_le_bytes());
        packed.extend_from_slice(name.as_bytes());
        packed.extend_from_slice(value);
        self.packed = packed.into_boxed_slice();
        true
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let before = self.packed.len();
        self.packed = self.without(name, 0).into_boxed_slice();
        self.packed.len() < before
    }

    pub(crate) fn bytes(&self) -> usize {
        self.packed.len()
    }

    fn without(&self, name: &str, more: usize) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.packed.len() + more);
        let mut rest: &[u8] = &self.packed;
        for (known, value) in self.iter() {
            let Some((record, behind)) = rest.split_at_checked(HEAD + known.len() + value.len()) else { break };
            rest = behind;
            if known != name {
                packed.extend_from_slice(record);
            }
        }
        packed
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_replaced_and_removed() {
        let mut attributes = Attributes::default();
        assert!(attributes.set("a", b"1") && attributes.set("", b"") && attributes.set("ü", &[0xff; 300]));
        assert!(attributes.set("a", b"22"));
        assert_eq!(
            attributes.iter().map(|(name, value)| (name, value.len())).collect::<Vec<_>>(),
            [("", 0), ("ü", 300), ("a", 2)]
        );
        assert_eq!((attributes.get("a"), attributes.get("b")), (Some(&b"22"[..]), None));
        assert!(attributes.remove("ü") && !attributes.remove("ü") && attributes.remove("a") && attributes.remove(""));
        assert!(attributes.is_empty() && !attributes.set(&"n".repeat(70_000), b""));
    }
}
