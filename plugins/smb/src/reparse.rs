//! Files that are more than files: what kind they are, and where a link points (MS-FSCC section 2.1.2).

use capstan_sdk::types::Kind;
use capstan_sdk::{Failure, Outcome};
use smb2::msg::query_info::InfoType;
use smb2::types::reparse::ReparseTag;

use crate::chain::{Chain, Opening, access};
use crate::links::Links;
use crate::node::Look;
use crate::place::Place;

/// FileAttributeTagInformation (MS-FSCC section 2.4.6): attributes, tag.
const ATTRIBUTE_TAG: u8 = 35;
const GET_REPARSE_POINT: u32 = 0x0009_00A8;
/// A reparse point is never larger.
const MAX_POINT: u32 = 16 << 10;

/// With its tag; without where the server does not tell.
pub(crate) async fn tagged(links: &Links, place: &Place, look: Look) -> Outcome<Look> {
    let subject = place.subject();
    let chain = Chain::open(Opening::existing(place.wire(), access::LOOK)).query(InfoType::File, ATTRIBUTE_TAG, 8).close();
    let answers = links.ask(&chain, &subject).await?;
    answers.opened(&subject)?;
    let tag = match answers.info(1, &subject) {
        Ok(info) => info.get(4..8).and_then(|tag| tag.try_into().ok()).map(u32::from_le_bytes),
        Err(Failure::Unsupported(_) | Failure::Invalid(_)) => None,
        Err(failure) => return Err(failure),
    };
    Ok(Look { tag, ..look })
}

/// Where it points, if it is a link.
pub(crate) async fn target(links: &Links, place: &Place, look: &Look) -> Outcome<Option<String>> {
    if look.kind() != Kind::Symlink {
        return Ok(None);
    }
    let subject = place.subject();
    let chain = Chain::open(Opening::existing(place.wire(), access::LOOK)).control(GET_REPARSE_POINT, MAX_POINT).close();
    let answers = links.ask(&chain, &subject).await?;
    answers.opened(&subject)?;
    Ok(text(&answers.controlled(1, &subject)?))
}

/// The name a point shows, with slashes; none if it cannot be understood.
fn text(point: &[u8]) -> Option<String> {
    let word = |at: usize| point.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes).map(usize::from);
    let tag = point.first_chunk::<4>().copied().map(u32::from_le_bytes).map(ReparseTag)?;
    // Offsets count from behind the fixed part, whose length differs by four bytes of flags.
    let names = match tag {
        ReparseTag::SYMLINK => 20,
        ReparseTag::MOUNT_POINT => 16,
        ReparseTag::LX_SYMLINK => return String::from_utf8(point.get(12..8 + word(4)?)?.to_vec()).ok(),
        _ => return None,
    };
    let name = |offset: usize, length: usize| {
        let bytes = point.get(names + offset..names + offset + length)?;
        let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|unit| unit.try_into().ok().map(u16::from_le_bytes)).collect();
        String::from_utf16(&units).ok().filter(|name| !name.is_empty())
    };
    let (substitute, printed) = (name(word(8)?, word(10)?), name(word(12)?, word(14)?));
    let shown = printed.or(substitute)?;
    Some(shown.trim_start_matches(r"\??\").replace('\\', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_link_shows_its_printed_name_and_a_junction_its_directory() {
        let (substitute, printed) = (units(r"..\b"), units(r"..\b"));
        let mut link = 0xA000_000C_u32.to_le_bytes().to_vec();
        for word in [28_u16, 0, 0, 8, 8, 8] {
            link.extend_from_slice(&word.to_le_bytes());
        }
        link.extend_from_slice(&1_u32.to_le_bytes());
        link.extend_from_slice(&substitute);
        link.extend_from_slice(&printed);
        assert_eq!(text(&link).as_deref(), Some("../b"));

        let substitute = units(r"\??\D:\x");
        let mut junction = 0xA000_0003_u32.to_le_bytes().to_vec();
        for word in [0, 0, 0, substitute.len() as u16, substitute.len() as u16, 0] {
            junction.extend_from_slice(&word.to_le_bytes());
        }
        junction.extend_from_slice(&substitute);
        assert_eq!(text(&junction).as_deref(), Some("D:/x"));
        assert_eq!(text(&junction[..20]), None);
    }
}
