//! A plugin's success is a claim. What the answer itself allows to check is checked here; proof is reading back, and the mover's.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::{ByteRange, Checksum, DriveLimits, ElementPage, ExtentPage, Laying, MediumInfo, TapePlace, Written};
use futures::Stream;

/// The stored size and every checksum the host knows must be those of the content.
pub(crate) fn stored(content: &Content, size: u64, checksums: &[Checksum], whole: bool, claimed: u64) -> Outcome<()> {
    if claimed != size {
        return Err(
            lie("size-mismatch", format!("The plugin says it stored {claimed} bytes; it was given {size}.")).with_maybe_done()
        );
    }
    for checksum in checksums.iter().filter(|_| whole) {
        if content.checksum(&checksum.algorithm).is_some_and(|known| known != checksum.value) {
            let message = format!("The plugin says what it stored has another {} than what it was given.", checksum.algorithm);
            return Err(lie("checksum-mismatch", message).with_maybe_done());
        }
    }
    Ok(())
}

/// A file that was written up to here is at least as long.
pub(crate) fn reaches(end: u64, claimed: u64) -> Outcome<()> {
    if claimed >= end {
        return Ok(());
    }
    let message = format!("The plugin says the file has {claimed} bytes; a range of it was written up to {end}.");
    Err(lie("size-mismatch", message).with_maybe_done())
}

/// A drive is exactly as large as was asked.
pub(crate) fn sized(asked: u64, claimed: u64) -> Outcome<()> {
    if claimed == asked {
        return Ok(());
    }
    let message = format!("The plugin says the drive has {claimed} bytes; {asked} were asked for.");
    Err(lie("size-mismatch", message).with_maybe_done())
}

/// Sizes that can be reckoned with.
pub(crate) fn limits(limits: &DriveLimits) -> Outcome<()> {
    let DriveLimits { minimum, maximum, granularity, block, .. } = limits;
    let sane = *granularity > 0
        && block.is_power_of_two()
        && minimum <= maximum
        && granularity.is_multiple_of(u64::from(*block))
        && minimum.is_multiple_of(*granularity);
    if sane {
        return Ok(());
    }
    Err(lie(
        "limits-absurd",
        format!(
            "The plugin's limits of drives cannot be: {minimum} to {maximum} bytes in steps of {granularity}, blocks of {block}."
        ),
    ))
}

/// Extents advance, stay apart and within what was asked.
pub(crate) fn extents((offset, length): (u64, u64), page: &ExtentPage, limit: u32) -> Outcome<()> {
    let end = offset.saturating_add(length);
    let mut at = offset;
    for extent in &page.extents {
        let stop = extent.offset.checked_add(extent.length).filter(|stop| *stop <= end && extent.length > 0);
        let Some(stop) = stop.filter(|_| extent.offset >= at) else {
            return Err(lie("extents-astray", "The plugin's extents overlap, or leave the range that was asked for.".to_owned()));
        };
        at = stop;
    }
    let stuck = page.next.is_some_and(|next| next <= offset || next < at || next > end);
    if stuck || page.extents.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(lie(
            "list-stuck",
            "The plugin's list of extents does not advance, or is longer than was asked for.".to_owned(),
        ));
    }
    Ok(())
}

/// Elements in the order of their addresses, each once.
pub(crate) fn elements(page: &ElementPage) -> Outcome<()> {
    if page.elements.is_sorted_by(|one, next| one.address < next.address) {
        return Ok(());
    }
    Err(lie("list-disordered", "The plugin's list of a library's elements is out of order.".to_owned()))
}

/// A medium whose blocks can be written.
pub(crate) fn medium(medium: &MediumInfo) -> Outcome<()> {
    let MediumInfo { block_minimum, block_maximum, partitions, .. } = medium;
    let overfull = partitions.iter().any(|part| part.capacity.is_some_and(|most| part.remaining.is_some_and(|left| left > most)));
    if *block_maximum > 0 && block_minimum <= block_maximum && !overfull {
        return Ok(());
    }
    let message =
        format!("The plugin's medium cannot be: blocks of {block_minimum} to {block_maximum} bytes, or more left than fits.");
    Err(lie("medium-absurd", message))
}

/// An order of so many has each of them once.
pub(crate) fn order(count: usize, order: &[u32]) -> Outcome<()> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    let each = sorted.len() == count && sorted.iter().zip(0_u32..).all(|(index, place)| *index == place);
    if each {
        return Ok(());
    }
    Err(lie("order-astray", format!("The plugin's order of {count} files leaves some out, or has some twice.")))
}

/// A tape is where it was sent.
pub(crate) fn stands((partition, object): (u32, u64), place: &TapePlace) -> Outcome<()> {
    if (place.partition, place.object) == (partition, object) {
        return Ok(());
    }
    let message = format!(
        "The plugin says the tape is at object {} of partition {}; it was sent to {object} of {partition}.",
        place.object, place.partition
    );
    Err(lie("place-astray", message))
}

/// Content of `size` bytes laid down as was asked, or a part of it in whole blocks because the medium is full.
pub(crate) fn written(size: u64, laying: Laying, written: &Written) -> Outcome<()> {
    let Laying { partition, object, block, filemarks, .. } = laying;
    let block = u64::from(block.max(1));
    let whole = written.bytes == size;
    let cut = written.bytes < size && written.bytes.is_multiple_of(block) && written.near_end;
    // Behind content that is cut there may be no room for a filemark.
    let marks = if whole { u64::from(filemarks)..=u64::from(filemarks) } else { 0..=u64::from(filemarks) };
    let blocks = written.bytes.div_ceil(block);
    let passed = written.place.object.checked_sub(object).and_then(|passed| passed.checked_sub(blocks));
    if (whole || cut) && written.place.partition == partition && passed.is_some_and(|marked| marks.contains(&marked)) {
        return Ok(());
    }
    let message = format!(
        "The plugin says it wrote {} of {size} bytes in blocks of {block} from object {object} on, and stands at {}.",
        written.bytes, written.place.object
    );
    Err(lie("size-mismatch", message).with_maybe_done())
}

/// A page that leads to itself would be read for ever.
pub(crate) fn page(after: Option<&str>, next: Option<&str>, items: usize, limit: u32) -> Outcome<()> {
    if next.is_some() && next == after {
        return Err(lie(
            "list-stuck",
            "The plugin's list does not advance: the page after a marker has the same marker.".to_owned(),
        ));
    }
    if items > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(lie("list-overlong", format!("The plugin listed {items} items; it was asked for {limit} at most.")));
    }
    Ok(())
}

/// Whoever is told of a claim that did not hold.
pub(crate) trait Answerable: Send + 'static {
    /// Signs the failure and holds it against who made the claim.
    fn answer_for(&self, failure: Failure) -> Failure;
}

/// Holds a body to the length its record promises.
pub(crate) fn body(body: Body, size: u64, range: Option<ByteRange>, by: impl Answerable) -> Body {
    let promised = match range {
        None => size,
        Some(range) => {
            let rest = size.saturating_sub(range.offset);
            range.length.map_or(rest, |length| length.min(rest))
        }
    };
    Box::pin(Measured { body, left: Some(promised), exact: true, by: Box::new(by) })
}

/// Holds a body to the length that was asked for at most: it may end before.
pub(crate) fn body_up_to(body: Body, most: u64, by: impl Answerable) -> Body {
    Box::pin(Measured { body, left: Some(most), exact: false, by: Box::new(by) })
}

struct Measured {
    body: Body,
    /// None: it is over.
    left: Option<u64>,
    /// All that is left has to come.
    exact: bool,
    by: Box<dyn Answerable>,
}

impl Stream for Measured {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome<Bytes>>> {
        let Some(left) = self.left else { return Poll::Ready(None) };
        let next = std::task::ready!(self.body.as_mut().poll_next(context));
        match next {
            Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                Some(rest) => {
                    self.left = Some(rest);
                    Poll::Ready(Some(Ok(chunk)))
                }
                None => {
                    self.left = None;
                    let lie = lie("body-overlong", "The target sent more bytes than it announced.".to_owned());
                    Poll::Ready(Some(Err(self.by.answer_for(lie))))
                }
            },
            Some(Err(failure)) => {
                self.left = None;
                Poll::Ready(Some(Err(failure)))
            }
            None => {
                self.left = None;
                if left == 0 || !self.exact {
                    return Poll::Ready(None);
                }
                let message = format!("The body ended {left} bytes before its announced end.");
                let failure = Failure::new(Kind::Corrupt, message)
                    .with_code("body-short")
                    .with_retry(Retry::AtOnce)
                    .with_blame(Blame::Target);
                Poll::Ready(Some(Err(self.by.answer_for(failure))))
            }
        }
    }
}

fn lie(code: &str, message: String) -> Failure {
    Failure::new(Kind::Corrupt, message)
        .with_code(code)
        .with_blame(Blame::Plugin)
        .with_next_step("Do not trust this copy. Report it to the plugin's vendor.")
}

#[cfg(test)]
mod tests {
    use capstan_domain::ports::{ElementInfo, ElementKind, PartitionInfo};
    use futures::StreamExt;

    use super::*;

    struct Nobody;

    impl Answerable for Nobody {
        fn answer_for(&self, failure: Failure) -> Failure {
            failure
        }
    }

    fn body(stream: Body, size: u64, range: Option<ByteRange>) -> Body {
        super::body(stream, size, range, Nobody)
    }

    fn chunks(sizes: &[usize]) -> Body {
        let chunks: Vec<Outcome<Bytes>> = sizes.iter().map(|&size| Ok(Bytes::from(vec![0; size]))).collect();
        Box::pin(futures::stream::iter(chunks))
    }

    async fn ends_with(stream: Body) -> Option<String> {
        stream.collect::<Vec<_>>().await.pop().and_then(Result::err).and_then(|failure| failure.code)
    }

    #[test]
    fn an_order_has_each_once() {
        assert!(order(3, &[2, 0, 1]).is_ok() && order(0, &[]).is_ok());
        for wrong in [&[0, 1][..], &[0, 1, 1], &[1, 2, 3], &[0, 1, 2, 3], &[u32::MAX, 0, 1]] {
            assert!(order(3, wrong).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_held_to_its_announced_length() {
        let range = |offset, length| Some(ByteRange { offset, length });
        assert_eq!(ends_with(body(chunks(&[3, 7]), 10, None)).await, None);
        assert_eq!(ends_with(body(chunks(&[3]), 10, None)).await.as_deref(), Some("body-short"));
        assert_eq!(ends_with(body(chunks(&[11]), 10, None)).await.as_deref(), Some("body-overlong"));
        assert_eq!(ends_with(body(chunks(&[4]), 10, range(6, None))).await, None);
        assert_eq!(ends_with(body(chunks(&[4]), 10, range(6, Some(100)))).await, None);
        assert_eq!(ends_with(body(chunks(&[3]), 10, range(6, Some(3)))).await, None);
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_held_to_what_was_asked_for() {
        assert_eq!(ends_with(super::body_up_to(chunks(&[3]), 10, Nobody)).await, None);
        assert_eq!(ends_with(super::body_up_to(chunks(&[3, 7]), 10, Nobody)).await, None);
        assert_eq!(ends_with(super::body_up_to(chunks(&[3, 8]), 10, Nobody)).await.as_deref(), Some("body-overlong"));
    }

    #[test]
    fn what_is_on_a_tape_is_as_long_as_its_blocks_and_marks() {
        let laying = Laying { partition: 0, object: 5, truncate: false, block: 100, filemarks: 1 };
        let told = |bytes: u64, object: u64, near_end: bool| {
            let place = TapePlace { partition: 0, object, met: None };
            written(250, laying, &Written { bytes, place, near_end, extras: Vec::new() })
        };
        assert!(told(250, 9, false).is_ok() && told(250, 9, true).is_ok());
        // Full: whole blocks, and the mark as may be.
        assert!(told(200, 7, true).is_ok() && told(200, 8, true).is_ok() && told(0, 5, true).is_ok());
        for (bytes, object, near_end) in
            [(250, 8, false), (250, 10, false), (300, 9, true), (200, 7, false), (150, 7, true), (250, 4, false)]
        {
            let failure = told(bytes, object, near_end).unwrap_err();
            assert!(failure.maybe_done && failure.code.as_deref() == Some("size-mismatch"), "{bytes} {object} {near_end}");
        }
        let place = TapePlace { partition: 1, object: 7, met: Some("filemark".to_owned()) };
        assert!(stands((1, 7), &place).is_ok() && stands((0, 7), &place).is_err() && stands((1, 8), &place).is_err());
    }

    #[test]
    fn a_medium_and_its_elements_are_such_as_can_be() {
        let medium = |block_minimum: u32, block_maximum: u32, remaining: u64| {
            let partitions = vec![PartitionInfo { capacity: Some(10), remaining: Some(remaining) }];
            let (counters, extras) = (Vec::new(), Vec::new());
            let write_protected = false;
            super::medium(&MediumInfo {
                cartridge: None,
                write_protected,
                block_minimum,
                block_maximum,
                partitions,
                counters,
                extras,
            })
        };
        assert!(medium(1, 1 << 20, 10).is_ok());
        assert!(medium(2, 1, 0).is_err() && medium(0, 0, 0).is_err() && medium(1, 1, 11).is_err());
        let element = |address| ElementInfo {
            address,
            kind: ElementKind::Slot,
            full: false,
            cartridge: None,
            drive: None,
            extras: Vec::new(),
        };
        let page = |addresses: &[u32]| ElementPage { elements: addresses.iter().copied().map(element).collect(), next: None };
        assert!(elements(&page(&[1, 2, 256])).is_ok() && elements(&page(&[])).is_ok());
        assert!(elements(&page(&[2, 1])).is_err() && elements(&page(&[1, 1])).is_err());
    }

    #[test]
    fn a_list_must_advance_and_keep_its_limit() {
        assert!(page(None, Some("a"), 10, 10).is_ok());
        assert!(page(Some("a"), None, 0, 10).is_ok());
        assert_eq!(page(Some("a"), Some("a"), 1, 10).unwrap_err().code.as_deref(), Some("list-stuck"));
        assert_eq!(page(None, None, 11, 10).unwrap_err().code.as_deref(), Some("list-overlong"));
    }
}
