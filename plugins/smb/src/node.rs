//! What the server tells of a file, as a node.

use capstan_sdk::named;
use capstan_sdk::types::{Kind, Node};
use smb2::msg::close::{CloseResponse, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB};
use smb2::msg::create::CreateResponse;
use smb2::msg::create_context::{NAME_QFID, OnDiskId, find, parse_contexts};
use smb2::msg::directory_info::DirectoryInfoEntry;
use smb2::types::flags::FileAttributes;
use smb2::types::reparse::ReparseTag;

use crate::moment::nanoseconds;

/// What answers of different requests have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) attributes: u32,
    pub(crate) size: u64,
    /// As the wire counts.
    pub(crate) written: u64,
    pub(crate) changed: u64,
    /// None where the server has no stable number.
    pub(crate) id: Option<u64>,
    /// Of a file that is more than a file.
    pub(crate) tag: Option<u32>,
}

impl Look {
    pub(crate) fn opened(answer: &CreateResponse) -> Self {
        let contexts = parse_contexts(&answer.create_contexts).unwrap_or_default();
        let id = find(&contexts, NAME_QFID).and_then(|context| OnDiskId::from_bytes(&context.data).ok());
        Self {
            attributes: answer.file_attributes,
            size: answer.end_of_file,
            written: answer.last_write_time.0,
            changed: answer.change_time.0,
            id: id.map(|id| id.disk_file_id).filter(|id| *id != 0),
            tag: None,
        }
    }

    pub(crate) fn listed(entry: &DirectoryInfoEntry) -> Self {
        let special = FileAttributes::REPARSE_POINT & entry.file_attributes != 0;
        Self {
            attributes: entry.file_attributes,
            size: entry.end_of_file,
            written: entry.last_write_time.0,
            changed: entry.change_time.0,
            id: entry.file_id.filter(|id| *id != 0),
            // In the place of the size of extended attributes (MS-FSCC section 2.4.22).
            tag: special.then_some(entry.ea_size),
        }
    }

    /// The same file, as it was when it was closed. None: a server that does not tell leaves everything zero.
    pub(crate) fn closed(self, answer: &CloseResponse) -> Option<Self> {
        (answer.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB != 0).then_some(Self {
            attributes: answer.file_attributes,
            size: answer.end_of_file,
            written: answer.last_write_time.0,
            changed: answer.change_time.0,
            ..self
        })
    }

    /// Nobody wrote between the one look and the other.
    pub(crate) fn is_still(&self, before: &Self) -> bool {
        (self.size, self.written) == (before.size, before.written)
    }

    pub(crate) fn is_special(&self) -> bool {
        self.attributes & FileAttributes::REPARSE_POINT != 0
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.attributes & FileAttributes::DIRECTORY != 0
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.tag.filter(|_| self.is_special()).map(ReparseTag) {
            Some(ReparseTag::SYMLINK | ReparseTag::MOUNT_POINT | ReparseTag::LX_SYMLINK) => Kind::Symlink,
            // It stands for something elsewhere, or is no file at all.
            Some(tag) if tag.is_name_surrogate() => Kind::Other,
            Some(ReparseTag::AF_UNIX | ReparseTag::LX_FIFO | ReparseTag::LX_CHR | ReparseTag::LX_BLK | ReparseTag::NFS) => {
                Kind::Other
            }
            // Deduplicated, compressed, kept in a cloud: read like any other.
            _ if self.is_directory() => Kind::Directory,
            _ => Kind::File,
        }
    }

    pub(crate) fn node(&self, name: &str, link: Option<String>) -> Node {
        let kind = self.kind();
        let read_only = self.attributes & FileAttributes::READONLY != 0;
        let mut extras = vec![named("changed", nanoseconds(self.changed).to_string())];
        if read_only {
            extras.push(named("smb-read-only", "true"));
        }
        Node {
            name: name.to_owned(),
            size: if kind == Kind::File { self.size } else { 0 },
            kind,
            modified: nanoseconds(self.written),
            // The server decides by its own lists, which say nothing in these bits.
            mode: None,
            owner: None,
            group: None,
            id: self.id.map(|id| id.to_string()),
            link,
            extras,
        }
    }
}

#[cfg(test)]
mod tests {
    use smb2::pack::FileTime;

    use super::*;

    fn look(attributes: u32, tag: Option<ReparseTag>) -> Look {
        Look { attributes, size: 5, written: 116_444_736_000_000_010, changed: 0, id: Some(7), tag: tag.map(|tag| tag.0) }
    }

    #[test]
    fn links_are_links_and_what_reads_like_a_file_is_a_file() {
        let special = FileAttributes::REPARSE_POINT;
        assert_eq!(look(FileAttributes::DIRECTORY, None).kind(), Kind::Directory);
        assert_eq!(look(special, Some(ReparseTag::SYMLINK)).kind(), Kind::Symlink);
        assert_eq!(look(special | FileAttributes::DIRECTORY, Some(ReparseTag::MOUNT_POINT)).kind(), Kind::Symlink);
        assert_eq!(look(special, Some(ReparseTag::DEDUP)).kind(), Kind::File);
        assert_eq!(look(special, Some(ReparseTag::LX_FIFO)).kind(), Kind::Other);
        // A tag without the attribute is the size of extended attributes.
        assert_eq!(look(0, Some(ReparseTag::SYMLINK)).kind(), Kind::File);
    }

    #[test]
    fn what_a_close_does_not_tell_is_not_told() {
        let answer = |flags| CloseResponse {
            flags,
            creation_time: FileTime(0),
            last_access_time: FileTime(0),
            last_write_time: FileTime(116_444_736_000_000_020),
            change_time: FileTime(116_444_736_000_000_030),
            allocation_size: 4096,
            end_of_file: 7,
            file_attributes: FileAttributes::READONLY,
        };
        let before = look(0, None);
        let after = before.closed(&answer(SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB)).unwrap();
        assert_eq!((after.size, after.written, after.id, after.attributes), (7, 116_444_736_000_000_020, Some(7), 1));
        assert!(after.is_still(&after) && !after.is_still(&before));
        assert!(before.closed(&answer(0)).is_none());
    }

    #[test]
    fn a_node_has_no_permission_bits_and_the_size_of_a_file_alone() {
        let node = look(0, None).node("a", None);
        assert_eq!((node.size, node.modified, node.mode, node.id.as_deref()), (5, 1_000, None, Some("7")));
        assert_eq!(look(FileAttributes::DIRECTORY, None).node("a", None).size, 0);
    }
}
