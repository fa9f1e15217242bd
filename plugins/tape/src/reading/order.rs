//! The order.

use super::near::Near;
use super::route::Route;
use super::{Layout, Spot, way};

/// More files than these are sorted and no more: their ways are short anyway.
const SEARCHED: usize = 5_000;

/// A file on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) partition: u32,
    /// The first block.
    pub(crate) object: u64,
    pub(crate) blocks: u64,
}

/// Where the files begin and end; number 0 is where the tape is, the first file is number 1.
#[derive(Debug)]
pub(crate) struct Ways<'a> {
    layout: &'a Layout,
    begins: Vec<Spot>,
    ends: Vec<Spot>,
}

impl<'a> Ways<'a> {
    fn new(layout: &'a Layout, before: &dyn Fn(u64) -> u64, from: (u32, u64), wanted: &[Wanted]) -> Self {
        let spot = |partition: u32, object: u64| layout.spot(partition, before(object) as f64);
        let here = spot(from.0, from.1);
        let begins = wanted.iter().map(|file| spot(file.partition, file.object));
        let ends = wanted.iter().map(|file| spot(file.partition, file.object.saturating_add(file.blocks)));
        Self { layout, begins: std::iter::once(here).chain(begins).collect(), ends: std::iter::once(here).chain(ends).collect() }
    }

    pub(crate) fn count(&self) -> usize {
        self.begins.len()
    }

    pub(crate) fn begin(&self, number: u32) -> Spot {
        of(&self.begins, number)
    }

    pub(crate) fn end(&self, number: u32) -> Spot {
        of(&self.ends, number)
    }

    /// From the end of one to the beginning of another; none: it is the last.
    pub(crate) fn seconds(&self, from: u32, to: Option<u32>) -> f64 {
        to.map_or(0.0, |to| way::seconds(&self.layout.geometry, self.end(from), self.begin(to)))
    }

    pub(crate) fn length(&self, tour: &[u32]) -> f64 {
        let next = tour.iter().skip(1).copied().map(Some);
        tour.iter().zip(next).map(|(from, to)| self.seconds(*from, to)).sum()
    }
}

fn of(spots: &[Spot], number: u32) -> Spot {
    usize::try_from(number).ok().and_then(|at| spots.get(at)).copied().unwrap_or_default()
}

/// Indexes into `wanted`, in the order in which the files are best read. `before`: the bytes of a partition that lie
/// before an object. `from`: partition and object where the tape is. No layout: the tape is not known, and files are read as their numbers say.
pub(crate) fn order(layout: Option<&Layout>, before: &dyn Fn(u64) -> u64, from: (u32, u64), wanted: &[Wanted]) -> Vec<u32> {
    let files = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    let Some(layout) = layout else { return numbered(wanted).into_iter().map(|number| number.saturating_sub(1)).collect() };
    let ways = Ways::new(layout, before, from, wanted);
    let tours = [numbered(wanted), out_and_back(&ways, files)];
    let begun = tours.into_iter().map(|tour| std::iter::once(0).chain(tour).collect::<Vec<u32>>());
    let best = begun.min_by(|one, other| ways.length(one).total_cmp(&ways.length(other))).unwrap_or_default();
    let tour = if wanted.len() > SEARCHED { best } else { Route::new(&ways, best).improved(&Near::new(&ways)) };
    tour.into_iter().skip(1).map(|number| number.saturating_sub(1)).collect()
}

/// Seconds of all ways, without reading.
#[cfg(test)]
pub(crate) fn seconds(layout: &Layout, before: &dyn Fn(u64) -> u64, from: (u32, u64), wanted: &[Wanted], order: &[u32]) -> f64 {
    let ways = Ways::new(layout, before, from, wanted);
    let tour: Vec<u32> = std::iter::once(0).chain(order.iter().map(|index| index.saturating_add(1))).collect();
    ways.length(&tour)
}

/// As the numbers of their objects say.
fn numbered(wanted: &[Wanted]) -> Vec<u32> {
    let mut files: Vec<(u32, u64, u32)> =
        (1_u32..).zip(wanted).map(|(number, file)| (file.partition, file.object, number)).collect();
    files.sort_unstable();
    files.into_iter().map(|(_, _, number)| number).collect()
}

/// All wraps that are read on the way out, along the tape, then all that are read on the way back.
fn out_and_back(ways: &Ways<'_>, files: u32) -> Vec<u32> {
    let (mut out, mut back): (Vec<u32>, Vec<u32>) = (1..=files).partition(|number| ways.begin(*number).is_outward());
    out.sort_by(|one, other| ways.begin(*one).metres.total_cmp(&ways.begin(*other).metres));
    back.sort_by(|one, other| ways.begin(*other).metres.total_cmp(&ways.begin(*one).metres));
    out.extend(back);
    out
}
