//! Documents as small trees.
//!
//! The host bounds an answer's size, so a tree of it is bounded as well; only the depth needs a bound of its own.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};

use crate::failure::{Outcome, malformed};

/// Elements inside each other; the deepest document of a storage service has about five.
const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    pub name: String,
    pub text: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
}

impl Element {
    /// Attributes that cannot be read are left out: no answer was ever about one of them alone.
    fn of(start: &BytesStart<'_>) -> Self {
        let pair = |attribute: Attribute<'_>| {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            Some((attribute.key.local_name().as_ref().to_owned(), value.into_owned()))
        };
        let attributes = start.attributes().flatten().filter_map(pair).collect();
        Self { name: start.local_name().as_ref().to_owned(), attributes, ..Self::default() }
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of a child, if it has any.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }
}

/// The document's root element.
pub fn parse(document: &[u8]) -> Outcome<Element> {
    let text = String::from_utf8_lossy(document);
    let bad = |why: String| malformed("the target answered a document that cannot be read", why);
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| bad(error.to_string()))?;
        let Some(current) = open.last_mut() else { return Err(bad("unbalanced".to_owned())) };
        match event {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err(bad("too deep".to_owned()));
                }
                open.push(Element::of(&start));
            }
            Event::Empty(start) => current.children.push(Element::of(&start)),
            Event::End(_) => {
                let done = open.pop().unwrap_or_default();
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Err(bad("unbalanced".to_owned())),
                }
            }
            Event::Text(text) => current.text.push_str(&text.xml10_content()),
            Event::CData(data) => current.text.push_str(&data.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => current.text.push(character),
                _ => match &*reference.xml10_content() {
                    "lt" => current.text.push('<'),
                    "gt" => current.text.push('>'),
                    "amp" => current.text.push('&'),
                    "quot" => current.text.push('"'),
                    "apos" => current.text.push('\''),
                    other => return Err(bad(format!("unknown entity {other:?}"))),
                },
            },
            Event::Eof => break,
            _ => {}
        }
    }
    let document = open.pop().filter(|_| open.is_empty()).ok_or_else(|| bad("it ends early".to_owned()))?;
    document.children.into_iter().next().ok_or_else(|| bad("it is empty".to_owned()))
}

/// Text as it may stand in a document. XML 1.0 has no way to write most control characters: none for those.
pub fn escape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_namespaces_are_seen_through() {
        let root =
            parse(br#"<?xml version="1.0"?><R xmlns="http://x"><K>a&amp;b&#x41; &lt;</K><E/><L><K>1</K></L><L><K>2</K></L></R>"#)
                .unwrap();
        assert_eq!(root.name, "R");
        assert_eq!(root.text_of("K"), Some("a&bA <"));
        assert_eq!(root.children("L").filter_map(|line| line.text_of("K")).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(root.text_of("E"), None);
        let root = parse(br#"<R><N x:Encoded="tr&amp;ue" broken=>a%20</N></R>"#).unwrap();
        assert_eq!(root.child("N").map(|name| (name.attribute("Encoded"), name.attribute("x"))), Some((Some("tr&ue"), None)));
    }

    #[test]
    fn what_is_no_document_is_a_malformed_answer() {
        for text in ["", "<a>", "<a></b>", "<a>&unknown;</a>", "hello"] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().fault().code.as_deref(), Some("malformed-answer"), "{text}");
        }
        assert!(parse("<a>".repeat(100).as_bytes()).is_err());
    }

    #[test]
    fn escaped_text_comes_back_and_control_characters_have_no_escape() {
        let text = "a<b>&\"\r\n\tü";
        let document = format!("<a>{}</a>", escape(text).unwrap());
        assert_eq!(parse(document.as_bytes()).unwrap().text, text);
        assert_eq!(escape("a\u{1}"), None);
    }
}
