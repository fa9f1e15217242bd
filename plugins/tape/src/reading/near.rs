//! For each file, the few that are best read before it and after it.

use super::order::Ways;

/// How many of them.
const FEW: usize = 10;
/// Among how many they are looked for, to each side: along the tape, and by numbers.
const ALONG: usize = 40;
const BESIDE: usize = 6;

#[derive(Debug)]
pub(crate) struct Near {
    before: Vec<Vec<u32>>,
    after: Vec<Vec<u32>>,
}

impl Near {
    pub(crate) fn new(ways: &Ways<'_>) -> Self {
        let numbers = || (0_u32..).take(ways.count());
        let sorted = |key: &dyn Fn(u32) -> f64| {
            let mut sorted: Vec<u32> = numbers().collect();
            sorted.sort_by(|one, other| key(*one).total_cmp(&key(*other)));
            sorted
        };
        let along = sorted(&|number| ways.begin(number).metres);
        // As one long line, there and back.
        let line = sorted(&|number| {
            let begin = ways.begin(number);
            let into = if begin.is_outward() { begin.metres } else { -begin.metres };
            f64::from(begin.wrap) * 1e6 + into
        });
        let mut around: Vec<Vec<u32>> = vec![Vec::new(); ways.count()];
        for (sorted, reach) in [(along, ALONG), (line, BESIDE)] {
            for (at, number) in sorted.iter().enumerate() {
                let from = at.saturating_sub(reach);
                let others = sorted.iter().skip(from).take(2 * reach + 1).filter(|other| *other != number);
                if let Some(around) = usize::try_from(*number).ok().and_then(|at| around.get_mut(at)) {
                    around.extend(others);
                }
            }
        }
        let few = |number: u32, around: &[u32], after: bool| {
            let way = |other: u32| if after { ways.seconds(number, Some(other)) } else { ways.seconds(other, Some(number)) };
            let mut few: Vec<(f64, u32)> = around.iter().map(|other| (way(*other), *other)).collect();
            few.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            few.dedup_by_key(|(_, other)| *other);
            few.into_iter().map(|(_, other)| other).take(FEW).collect::<Vec<u32>>()
        };
        let before = numbers().zip(&around).map(|(number, around)| few(number, around, false)).collect();
        let after = numbers().zip(&around).map(|(number, around)| few(number, around, true)).collect();
        Self { before, after }
    }

    pub(crate) fn before(&self, number: u32) -> &[u32] {
        list(&self.before, number)
    }

    pub(crate) fn after(&self, number: u32) -> &[u32] {
        list(&self.after, number)
    }
}

fn list(lists: &[Vec<u32>], number: u32) -> &[u32] {
    usize::try_from(number).ok().and_then(|at| lists.get(at)).map_or(&[], Vec::as_slice)
}
