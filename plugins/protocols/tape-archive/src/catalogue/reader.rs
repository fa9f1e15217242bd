//! A catalogue from the blocks of its section. Nothing of it counts before its checksum came.

use super::{BYTES, CHANGES, Change, End, Head, LINE};
use crate::tar::{self, Member, Type};
use crate::{Label, Malformed, Tree};

/// What a catalogue says.
#[derive(Debug)]
pub(crate) enum Contents {
    /// All there is, and how many lines did not fit.
    Everything(Box<Tree>, u64),
    Changes(Vec<Change>),
}

#[derive(Debug)]
pub(crate) struct CatalogueReader {
    tar: tar::Reader,
    lines: Lines,
}

#[derive(Debug)]
struct Lines {
    section: u32,
    label: Option<Label>,
    /// The member began.
    begun: bool,
    line: Vec<u8>,
    sum: blake3::Hasher,
    head: Option<Head>,
    contents: Contents,
    /// Changes so far.
    count: u64,
    /// The last line came, and the checksum was right.
    sealed: bool,
    whole: bool,
}

impl CatalogueReader {
    pub(crate) fn new(section: u32, label: Option<&Label>) -> Self {
        let lines = Lines {
            section,
            label: label.cloned(),
            begun: false,
            line: Vec::new(),
            sum: blake3::Hasher::new(),
            head: None,
            contents: Contents::Changes(Vec::new()),
            count: 0,
            sealed: false,
            whole: false,
        };
        Self { tar: tar::Reader::default(), lines }
    }

    pub(crate) fn push(&mut self, block: &[u8]) -> Result<(), Malformed> {
        self.tar.push(block, &mut self.lines)
    }

    /// As soon as it came; it is believed when all of the catalogue is.
    pub(crate) fn head(&self) -> Option<&Head> {
        self.lines.head.as_ref()
    }

    /// None: it is not whole.
    pub(crate) fn finish(self) -> Option<(Head, Contents)> {
        let Lines { head, contents, whole: true, .. } = self.lines else { return None };
        head.map(|head| (head, contents))
    }
}

impl Lines {
    fn line(&mut self, line: &[u8]) -> Result<(), Malformed> {
        const WHAT: &str = "the lines of a catalogue";
        let Some(head) = &self.head else {
            let head: Head = serde_json::from_slice(line).map_err(|_| Malformed("the head of a catalogue"))?;
            head.check(self.section, self.label.as_ref())?;
            if head.full {
                self.contents = Contents::Everything(Box::default(), 0);
            }
            self.head = Some(head);
            return Ok(());
        };
        if self.sealed {
            return Err(Malformed(WHAT));
        }
        if self.count == head.changes {
            let end: End = serde_json::from_slice(line).map_err(|_| Malformed(WHAT))?;
            if end.blake3 != self.sum.finalize().to_hex().as_str() {
                return Err(Malformed("the checksum of a catalogue"));
            }
            if let Contents::Everything(tree, _) = &mut self.contents {
                tree.reserve_ids(head.next_id);
            }
            self.sealed = true;
            return Ok(());
        }
        let change = Change::read(line, self.section, head.block)?;
        match &mut self.contents {
            Contents::Everything(tree, misfits) => *misfits += u64::from(!tree.restore(&change)),
            Contents::Changes(changes) if changes.len() >= CHANGES => return Err(Malformed(WHAT)),
            Contents::Changes(changes) => changes.push(change),
        }
        self.count += 1;
        Ok(())
    }
}

impl tar::Sink for Lines {
    fn begins(&mut self, member: &Member, _header: u64, _data: u64) -> Result<(), Malformed> {
        let ours = member.kind == Type::File && member.size <= BYTES && member.path.starts_with(".capstan/catalogue-");
        if self.begun || !ours {
            return Err(Malformed("the member of a catalogue"));
        }
        self.begun = true;
        Ok(())
    }

    fn data(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at_checked(end.saturating_add(1)).ok_or(Malformed("a line of a catalogue"))?;
            self.gather(line)?;
            let line = std::mem::take(&mut self.line);
            self.line(&line)?;
            self.sum.update(&line);
            bytes = rest;
        }
        self.gather(bytes)
    }

    fn ended(&mut self) -> Result<(), Malformed> {
        self.whole = self.sealed && self.line.is_empty();
        Ok(())
    }

    fn void(&mut self, _id: u64) -> Result<(), Malformed> {
        Err(Malformed("the member of a catalogue"))
    }
}

impl Lines {
    fn gather(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if self.line.len().saturating_add(bytes.len()) > LINE {
            return Err(Malformed("a line of a catalogue"));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }
}
