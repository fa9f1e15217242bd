//! What was read from a tape, put back. A change that does not fit what is there is left out: after damage, later changes may speak of what
//! was lost.

use std::collections::BTreeMap;

use super::{Attributes, DIRECTORY_MODE, File, Kind, ROOT, Setting, Tree, check_xattr};
use crate::catalogue::{Change, NodeKind, Record};
use crate::tar::{Member, Type};
use crate::{Malformed, Place};

impl Tree {
    /// False: it did not fit.
    pub(crate) fn restore(&mut self, change: &Change) -> bool {
        match change {
            Change::Put(record) => self.restore_record(record).is_some(),
            Change::Remove { path } => self.remove(path).is_ok(),
            Change::Rename { from, to } => self.rename(from, to, true).is_ok(),
            Change::Set { path, modified, mode, uid, gid } => {
                self.set(path, &Setting { modified: *modified, mode: *mode, uid: *uid, gid: *gid }).is_ok()
            }
            Change::Xattr { path, name, value: None } => self.set_xattr(path, name, None).is_ok(),
            Change::Xattr { path, name, value: Some(value) } => {
                hex::decode(value).is_ok_and(|value| self.set_xattr(path, name, Some(&value)).is_ok())
            }
        }
    }

    fn restore_record(&mut self, record: &Record) -> Option<()> {
        let mut xattrs = BTreeMap::new();
        for (name, value) in &record.xattrs {
            let value = hex::decode(value).ok()?;
            check_xattr(&xattrs, name, &value).ok()?;
            xattrs.insert(name.clone(), value);
        }
        let kind = match record.kind {
            NodeKind::Directory => Kind::Directory(BTreeMap::new()),
            NodeKind::Link => Kind::Link(record.target.as_deref()?.into()),
            NodeKind::File => {
                let mut blake3 = [0; 32];
                if let Some(text) = &record.blake3 {
                    hex::decode_to_slice(text, &mut blake3).ok()?;
                }
                let blake3 = record.blake3.as_ref().map(|_| blake3);
                Kind::File(File { size: record.size, blake3, header: record.header?, data: record.data? })
            }
        };
        let attributes = Attributes { modified: record.modified, mode: record.mode, uid: record.uid, gid: record.gid };
        self.restore_node(&record.path, record.id, attributes, xattrs, kind)
    }

    /// A member of a tar that was found by its headers.
    pub(crate) fn restore_member(&mut self, member: Member, header: Place, data: Place) -> Result<bool, Malformed> {
        let kind = match member.kind {
            Type::Directory => Kind::Directory(BTreeMap::new()),
            Type::Link => Kind::Link(member.target.unwrap_or_default().into()),
            Type::File => Kind::File(File { size: member.size, blake3: member.blake3, header, data }),
            Type::Other => return Ok(false),
        };
        let mut xattrs = BTreeMap::new();
        for (name, value) in member.xattrs {
            check_xattr(&xattrs, &name, &value).map_err(|_| Malformed("extended attributes"))?;
            xattrs.insert(name, value);
        }
        let id = member.id.unwrap_or_default();
        Ok(self.restore_node(&member.path, id, member.attributes, xattrs, kind).is_some())
    }

    fn restore_node(
        &mut self,
        path: &str,
        id: u64,
        attributes: Attributes,
        xattrs: BTreeMap<String, Vec<u8>>,
        kind: Kind,
    ) -> Option<()> {
        let parents = Attributes { mode: DIRECTORY_MODE, ..attributes };
        self.make_parents(path, parents).ok()?;
        if let (Kind::Directory(_), Ok(there)) = (&kind, self.id(path)) {
            let node = self.nodes.get_mut(&there).filter(|node| node.is_directory() && there != ROOT)?;
            (node.attributes, node.xattrs) = (attributes, xattrs);
            return Some(());
        }
        // Another one that is called so already is a lie, or damage.
        let id = if id <= ROOT || id == u64::MAX || self.nodes.contains_key(&id) { self.new_id() } else { id };
        self.put(path, id, attributes, xattrs, kind).ok()
    }
}
