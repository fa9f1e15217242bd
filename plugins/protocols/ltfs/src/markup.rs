//! Where a piece of a document can be cut, and its pieces as events. Documents come in blocks of a tape that end anywhere; whole markup is
//! gathered here and given to the parser, so that no more than one block and one element's text is ever held.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::Error;
use crate::bounds::TOKEN_BYTES;

/// What a document consists of for who reads it; declarations, comments and instructions are not told.
pub(crate) enum Piece<'a> {
    /// With its attributes. `empty`: it ends at once; no [`Piece::Close`] follows.
    Open {
        start: BytesStart<'a>,
        empty: bool,
    },
    Close(&'a str),
    Text(&'a str),
}

/// Takes the pieces of a document in turn, each with its source as it stands there.
pub(crate) trait Sink {
    fn take(&mut self, piece: Piece<'_>, source: &str) -> Result<(), Error>;
}

/// Bytes of a document that wait for the end of their markup.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    waiting: Vec<u8>,
}

impl Markup {
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Error> {
        self.waiting.extend_from_slice(bytes);
        let mut whole = 0;
        while let Some(end) = self.waiting.get(whole..).and_then(markup_end) {
            whole += end;
        }
        if self.waiting.len() - whole > TOKEN_BYTES {
            return Err(Error::TooMuch("bytes of an element"));
        }
        let text = self.waiting.get(..whole).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| Error::Malformed("a document in UTF-8"))?;
        read(text, sink)?;
        self.waiting.drain(..whole);
        Ok(())
    }

    /// Whether nothing but what may stand behind a document is left.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
    }
}

/// The end of the first markup, with what stands before it. None: it has not come yet.
fn markup_end(bytes: &[u8]) -> Option<usize> {
    let open = bytes.iter().position(|byte| *byte == b'<')?;
    let rest = bytes.get(open..)?;
    for (begins, ends) in [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")] {
        if let Some(inside) = rest.strip_prefix(begins) {
            let end = inside.windows(ends.len()).position(|window| window == ends)?;
            return Some(open + begins.len() + end + ends.len());
        }
        if begins.starts_with(rest) {
            return None;
        }
    }
    let mut quote = None;
    let end = rest.iter().position(|byte| {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), _) if open == *byte => quote = None,
            _ => {}
        }
        quote.is_none() && *byte == b'>'
    })?;
    Some(open + end + 1)
}

fn read(text: &str, sink: &mut impl Sink) -> Result<(), Error> {
    let mut reader = Reader::from_str(text);
    // Elements end in other pieces than they began in; whoever takes them knows which is open.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut from = 0;
    loop {
        let event = reader.read_event().map_err(|_| Error::Malformed("a document in XML"))?;
        let to = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let source = text.get(from..to).unwrap_or_default();
        from = to;
        match event {
            Event::Start(start) => sink.take(Piece::Open { start, empty: false }, source)?,
            Event::Empty(start) => sink.take(Piece::Open { start, empty: true }, source)?,
            Event::End(end) => sink.take(Piece::Close(end.name().as_ref()), source)?,
            Event::Text(text) => sink.take(Piece::Text(&text.xml10_content()), source)?,
            Event::CData(data) => sink.take(Piece::Text(&data.xml10_content()), source)?,
            Event::GeneralRef(reference) => {
                let character = character(&reference).ok_or(Error::Malformed("an entity"))?;
                sink.take(Piece::Text(character.encode_utf8(&mut [0; 4])), source)?;
            }
            // Entities of a document's own are a way to make much of little.
            Event::DocType(_) => return Err(Error::Malformed("a document without a type of its own")),
            Event::Eof => return Ok(()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
    }
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character);
    }
    match &*reference.xml10_content() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// An attribute of an element; the empty text where there is none.
pub(crate) fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let found = start.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
    found
        .and_then(|found| found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned()))
        .unwrap_or_default()
}

/// Versions that are read: those before 3, which say what they add by elements that are kept.
pub(crate) fn known_version(version: &str) -> Result<(), Error> {
    let mut numbers = version.split('.').map(|number| number.parse::<u16>().ok());
    match numbers.next() {
        Some(Some(1 | 2)) if numbers.all(|number| number.is_some()) => Ok(()),
        _ => Err(Error::Version(version.chars().take(32).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(String);

    impl Sink for Told {
        fn take(&mut self, piece: Piece<'_>, source: &str) -> Result<(), Error> {
            match piece {
                Piece::Open { start, empty } => {
                    self.0.push_str(&format!(
                        "({}{}{}",
                        start.name().as_ref(),
                        attribute(&start, "k"),
                        if empty { ")" } else { "" }
                    ));
                }
                Piece::Close(_) => self.0.push(')'),
                Piece::Text(text) => self.0.push_str(text),
            }
            assert!(!source.is_empty());
            Ok(())
        }
    }

    fn told(document: &[u8], piece: usize) -> Result<String, Error> {
        let (mut markup, mut told) = (Markup::default(), Told::default());
        for bytes in document.chunks(piece) {
            markup.push(bytes, &mut told)?;
        }
        assert!(markup.is_done());
        Ok(told.0)
    }

    #[test]
    fn a_document_may_be_cut_anywhere() {
        let document = "<?xml version=\"1.0\"?><a k='>'>x<!-- <no> -->&amp;&#65;<b/>ü<![CDATA[<raw>]]></a>\n".as_bytes();
        for piece in 1..document.len() {
            assert_eq!(told(document, piece).unwrap(), "(a>x&A(b)ü<raw>)", "{piece}");
        }
    }

    #[test]
    fn what_grows_or_is_no_text_is_refused() {
        assert_eq!(told(b"<!DOCTYPE a><a/>", 7), Err(Error::Malformed("a document without a type of its own")));
        assert!(told(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 7).is_err());
        assert_eq!(told(b"<a>&b;</a>", 3), Err(Error::Malformed("an entity")));
        assert_eq!(told(b"<a>\xff</a>", 3), Err(Error::Malformed("a document in UTF-8")));
        assert_eq!(told(&[b'x'; TOKEN_BYTES + 2], 4096), Err(Error::TooMuch("bytes of an element")));
    }

    #[test]
    fn versions_before_the_third_are_read() {
        for version in ["1.0", "2.0.0", "2.4.0", "2.5.1"] {
            assert_eq!(known_version(version), Ok(()));
        }
        for version in ["", "3.0.0", "2.x", "two"] {
            assert!(known_version(version).is_err());
        }
    }
}
