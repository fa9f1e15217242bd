//! An index is written as the blocks of a tape, all of them full but the last (section 9.1).

use std::collections::btree_map::Iter;
use std::io::Write;

use crate::text::{base64_encode, escape, is_writable, needs_encoding, percent_encode};
use crate::tree::{Attributes, Kind};
use crate::{Entry, Index, Position, VERSION};

/// Where an index is about to be, and where the one before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointers {
    pub location: Position,
    pub previous: Option<Position>,
}

/// Gives blocks until there are no more. Holds a block and one file's element.
pub struct IndexWriter<'a> {
    index: &'a Index,
    pointers: Pointers,
    block_bytes: usize,
    state: State,
    open: Vec<Open<'a>>,
    out: Vec<u8>,
}

/// What is still to be written of a directory.
type Open<'a> = (Iter<'a, Box<str>, Box<Entry>>, &'a Entry);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Tree,
    Done,
}

impl<'a> IndexWriter<'a> {
    pub fn new(index: &'a Index, pointers: Pointers, block_bytes: u32) -> Self {
        let block_bytes = block_bytes.max(1) as usize;
        Self { index, pointers, block_bytes, state: State::Header, open: Vec::new(), out: Vec::new() }
    }

    fn proceed(&mut self) {
        match self.state {
            State::Header => {
                self.header();
                self.entry("", &self.index.root);
                self.state = State::Tree;
            }
            State::Tree => match self.open.last_mut() {
                None => {
                    self.raw(&self.index.unknown);
                    self.out.extend_from_slice(b"</ltfsindex>\n");
                    self.state = State::Done;
                }
                Some((children, directory)) => match children.next() {
                    Some((name, entry)) => self.entry(name, entry),
                    None => {
                        let unknown = &directory.unknown;
                        self.out.extend_from_slice(b"</contents>");
                        self.raw(unknown);
                        self.out.extend_from_slice(b"</directory>\n");
                        self.open.pop();
                    }
                },
            },
            State::Done => {}
        }
    }

    fn header(&mut self) {
        let index = self.index;
        self.out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.text(&format!("<ltfsindex version=\"{VERSION}\">\n"));
        self.element("creator", &index.creator);
        if let Some(comment) = &index.comment {
            self.element("comment", comment);
        }
        self.plain("volumeuuid", index.volume);
        self.plain("generationnumber", index.generation);
        self.plain("updatetime", index.update_time);
        self.pointer("location", self.pointers.location);
        if let Some(previous) = self.pointers.previous {
            self.pointer("previousgenerationlocation", previous);
        }
        self.plain("allowpolicyupdate", index.allow_policy_update);
        if let Some(lock) = &index.lock {
            self.element("volumelockstate", lock);
        }
        self.plain("highestfileuid", index.highest_uid);
    }

    fn pointer(&mut self, name: &str, at: Position) {
        self.text(&format!("<{name}><partition>{}</partition><startblock>{}</startblock></{name}>\n", at.partition, at.block));
    }

    fn entry(&mut self, name: &str, entry: &'a Entry) {
        let is_root = self.open.is_empty();
        let directory = entry.directory();
        self.text(if directory.is_some() { "<directory>" } else { "<file>" });
        self.name("name", if is_root { &self.index.name } else { name });
        if let Kind::File(file) = &entry.kind {
            self.plain("length", file.length);
        }
        if let Kind::Link(target) = &entry.kind {
            self.plain("length", target.len());
        }
        self.plain("readonly", entry.read_only);
        if let Kind::File(file) = &entry.kind {
            self.plain("openforwrite", file.open_for_write);
        }
        let times = &entry.times;
        self.plain("creationtime", times.creation);
        self.plain("changetime", times.change);
        self.plain("modifytime", times.modify);
        self.plain("accesstime", times.access);
        self.plain("backuptime", times.backup);
        self.plain("fileuid", entry.uid);
        self.attributes(&entry.attributes);
        match &entry.kind {
            Kind::Directory(directory) => {
                self.text("<contents>\n");
                self.open.push((directory.children.iter(), entry));
                return;
            }
            Kind::Link(target) => self.name("symlink", target),
            Kind::File(file) if file.extents().is_empty() => {}
            Kind::File(file) => {
                self.text("<extentinfo>");
                for extent in file.extents() {
                    let [partition, start] = [extent.partition.to_string(), extent.start_block.to_string()];
                    self.text(&format!(
                        "<extent><fileoffset>{}</fileoffset><partition>{partition}</partition><startblock>{start}</startblock>\
                         <byteoffset>{}</byteoffset><bytecount>{}</bytecount></extent>",
                        extent.file_offset, extent.byte_offset, extent.byte_count
                    ));
                }
                self.text("</extentinfo>");
            }
        }
        self.raw(&entry.unknown);
        self.text("</file>\n");
    }

    fn attributes(&mut self, attributes: &Attributes) {
        if attributes.is_empty() {
            return;
        }
        self.text("<extendedattributes>");
        for (name, value) in attributes.iter() {
            self.text("<xattr>");
            self.name("key", name);
            match std::str::from_utf8(value).ok().filter(|text| is_plain(text)) {
                Some(text) => self.element("value", text),
                None => {
                    self.text("<value type=\"base64\">");
                    base64_encode(value, &mut self.out);
                    self.text("</value>");
                }
            }
            self.text("</xattr>");
        }
        self.text("</extendedattributes>");
    }

    /// Section 7.4: percent-encoded where it has to be, and said so.
    fn name(&mut self, element: &str, name: &str) {
        if needs_encoding(name) {
            self.text(&format!("<{element} percentencoded=\"true\">"));
            escape(&percent_encode(name), &mut self.out);
            self.text(&format!("</{element}>"));
        } else {
            self.element(element, name);
        }
    }

    fn element(&mut self, name: &str, text: &str) {
        self.tag("<", name);
        escape(text, &mut self.out);
        self.tag("</", name);
    }

    fn tag(&mut self, begin: &str, name: &str) {
        self.text(begin);
        self.text(name);
        self.text(">");
    }

    /// What needs no escape.
    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        // Memory takes whatever it is given.
        let _ = write!(self.out, "<{name}>{value}</{name}>");
    }

    fn raw(&mut self, unknown: &Option<Box<str>>) {
        if let Some(unknown) = unknown {
            self.text(unknown);
        }
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl Iterator for IndexWriter<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.out.len() < self.block_bytes && self.state != State::Done {
            self.proceed();
        }
        let rest = if self.out.len() > self.block_bytes { self.out.split_off(self.block_bytes) } else { Vec::new() };
        let block = std::mem::replace(&mut self.out, rest);
        (!block.is_empty()).then_some(block)
    }
}

/// Whether a value comes back as it is when it is written as text: no reader makes one space of several where there are none at its ends.
fn is_plain(text: &str) -> bool {
    is_writable(text) && !text.contains(['\t', '\n', '\r']) && text.trim().len() == text.len()
}
