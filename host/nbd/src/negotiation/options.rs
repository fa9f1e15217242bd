//! What options carry.

use crate::limits::{NAME_BYTES, QUERIES};
use crate::wire::{BASE_ALLOCATION, Reader};

/// Of `INFO` and `GO`.
pub(super) struct Query<'d> {
    pub(super) name: &'d [u8],
    kinds: Vec<u16>,
}

impl<'d> Query<'d> {
    /// None: it is malformed.
    pub(super) fn read(data: &'d [u8]) -> Option<Self> {
        let mut data = Reader(data);
        let name = data.string().filter(|name| name.len() <= NAME_BYTES)?;
        let count = data.u16().filter(|count| u32::from(*count) <= QUERIES)?;
        let kinds = (0..count).map(|_| data.u16()).collect::<Option<_>>()?;
        data.0.is_empty().then_some(Self { name, kinds })
    }

    pub(super) fn asks_for(&self, kind: u16) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Of `LIST_META_CONTEXT` and `SET_META_CONTEXT`.
pub(super) struct Contexts<'d> {
    pub(super) name: &'d [u8],
    queries: Vec<&'d [u8]>,
}

impl<'d> Contexts<'d> {
    /// None: it is malformed.
    pub(super) fn read(data: &'d [u8]) -> Option<Self> {
        let mut data = Reader(data);
        let name = data.string().filter(|name| name.len() <= NAME_BYTES)?;
        let count = data.u32().filter(|count| *count <= QUERIES)?;
        let queries: Option<Vec<_>> = (0..count).map(|_| data.string().filter(|query| query.len() <= NAME_BYTES)).collect();
        data.0.is_empty().then_some(Self { name, queries: queries? })
    }

    /// Whether "base:allocation" is among them: by name, or, where contexts are listed, by no query at all or by that for all of
    /// "base".
    pub(super) fn want_allocation(&self, set: bool) -> bool {
        let all = !set && self.queries.is_empty();
        let namespace = if set { b"".as_slice() } else { b"base:" };
        all || self.queries.iter().any(|query| *query == BASE_ALLOCATION.as_bytes() || (!set && *query == namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Put;

    fn option(name: &str, rest: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_u32(u32::try_from(name.len()).unwrap());
        data.put(name.as_bytes());
        data.put(rest);
        data
    }

    #[test]
    fn an_option_is_read_to_its_last_byte_or_not_at_all() {
        let whole = option("disk", &[0, 2, 0, 1, 0, 3]);
        let query = Query::read(&whole).unwrap();
        assert_eq!(query.name, b"disk");
        assert!(query.asks_for(1) && query.asks_for(3) && !query.asks_for(0));
        for cut in 0..whole.len() {
            assert!(Query::read(&whole[..cut]).is_none(), "{cut}");
        }
        assert!(Query::read(&option("disk", &[0, 1, 0, 1, 0])).is_none());
        assert!(Query::read(&[0xff; 64]).is_none());
        assert!(Query::read(&option(&"x".repeat(NAME_BYTES + 1), &[0, 0])).is_none());
    }

    #[test]
    fn the_allocation_is_meant_by_its_name_and_listed_by_its_namespace() {
        let ask = |queries: &[&str], set| {
            let mut rest = Vec::new();
            rest.put_u32(u32::try_from(queries.len()).unwrap());
            queries.iter().for_each(|query| rest.put(&option(query, b"")));
            Contexts::read(&option("", &rest)).unwrap().want_allocation(set)
        };
        assert!(ask(&["other:x", "base:allocation"], true) && ask(&["base:allocation"], false));
        assert!(ask(&[], false) && ask(&["base:"], false));
        assert!(!ask(&[], true) && !ask(&["base:"], true) && !ask(&["base:allocation2"], true));
        assert!(Contexts::read(&option("", &u32::MAX.to_be_bytes())).is_none());
    }
}
