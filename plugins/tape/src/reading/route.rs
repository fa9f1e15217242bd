//! A round, made shorter: a few files are taken out and put in elsewhere in the same order (Or-opt, which suits ways that differ by direction) as
//! long as that helps; then two neighbouring stretches change places somewhere, and it begins again around there. What did not help is undone.

use super::near::Near;
use super::order::Ways;

/// Files that are moved at once.
const MOVED: usize = 3;
/// Files of the stretches that change places.
const STRETCH: usize = 30;
/// Ways that are reckoned in all, which takes a second or two, and for each file. Reading so many files takes hours.
const RECKONED: u64 = 60_000_000;
const RECKONED_EACH: u64 = 60_000;
/// Seconds that are no gain.
const NOTHING: f64 = 1e-6;

#[derive(Debug)]
pub(crate) struct Route<'a> {
    ways: &'a Ways<'a>,
    /// Number 0 first.
    tour: Vec<u32>,
    /// Where in it each number is.
    places: Vec<usize>,
    reckoned: u64,
    /// No more than these.
    most: u64,
    dice: u64,
}

/// Files to be put elsewhere: so many from there on, behind another one.
struct Move {
    from: usize,
    count: usize,
    behind: usize,
    gain: f64,
}

impl<'a> Route<'a> {
    /// `tour` begins with number 0 and has every number once.
    pub(crate) fn new(ways: &'a Ways<'a>, tour: Vec<u32>) -> Self {
        let files = u64::try_from(tour.len()).unwrap_or(u64::MAX);
        let most = RECKONED_EACH.saturating_mul(files).min(RECKONED);
        let mut route = Self { ways, places: vec![0; tour.len()], tour, reckoned: 0, most, dice: 0x9e37_79b9_7f4a_7c15 };
        route.place(0, route.tour.len());
        route
    }

    pub(crate) fn improved(mut self, near: &Near) -> Vec<u32> {
        let mut waiting = self.tour.clone();
        let mut length = self.ways.length(&self.tour) - self.settle(near, &mut waiting);
        while self.tour.len() > 4 && self.reckoned < self.most {
            let before = self.tour.clone();
            let (lost, mut waiting) = self.shake();
            let after = length + lost - self.settle(near, &mut waiting);
            if after < length - NOTHING {
                length = after;
            } else {
                self.tour = before;
                self.place(0, self.tour.len());
            }
        }
        self.tour
    }

    /// Notes where the numbers of this stretch are.
    fn place(&mut self, from: usize, to: usize) {
        for (at, number) in self.tour.iter().enumerate().take(to).skip(from) {
            if let Some(place) = usize::try_from(*number).ok().and_then(|number| self.places.get_mut(number)) {
                *place = at;
            }
        }
    }

    fn at(&self, place: usize) -> Option<u32> {
        self.tour.get(place).copied()
    }

    fn place_of(&self, number: u32) -> usize {
        usize::try_from(number).ok().and_then(|number| self.places.get(number)).copied().unwrap_or(0)
    }

    fn way(&mut self, from: u32, to: Option<u32>) -> f64 {
        self.reckoned += 1;
        self.ways.seconds(from, to)
    }

    /// Moves files as long as that gains something; which are looked at grows with what moved. Answers the gain.
    fn settle(&mut self, near: &Near, waiting: &mut Vec<u32>) -> f64 {
        let mut gained = 0.0;
        while let Some(number) = waiting.pop() {
            while let Some(found) = self.find(near, number) {
                gained += found.gain;
                let ends = [found.from.wrapping_sub(1), found.from, found.from + found.count, found.behind, found.behind + 1];
                waiting.extend(ends.iter().filter_map(|place| self.at(*place)));
                self.apply(&found);
                if self.reckoned > self.most {
                    return gained;
                }
            }
        }
        gained
    }

    /// The best move of a few files that begin, or end, with this one.
    fn find(&mut self, near: &Near, number: u32) -> Option<Move> {
        let place = self.place_of(number);
        let mut best: Option<Move> = None;
        for count in 1..=MOVED {
            for from in [place, (place + 1).saturating_sub(count)] {
                let to = from + count;
                let (Some(before), Some(first)) = (from.checked_sub(1).and_then(|at| self.at(at)), self.at(from)) else {
                    continue;
                };
                let Some(last) = self.at(to - 1) else { continue };
                let after = self.at(to);
                let out = self.way(before, Some(first)) + self.way(last, after) - self.way(before, after);
                if out <= NOTHING {
                    continue;
                }
                let behind = near.before(first).iter().map(|other| self.place_of(*other));
                let ahead = near.after(last).iter().filter_map(|other| self.place_of(*other).checked_sub(1));
                let places: Vec<usize> = behind.chain(ahead).chain([self.tour.len().saturating_sub(1)]).collect();
                for behind in places {
                    // Within, or where they are.
                    if behind + 1 >= from && behind < to {
                        continue;
                    }
                    let Some(left) = self.at(behind) else { continue };
                    let right = self.at(behind + 1);
                    let gain = out - (self.way(left, Some(first)) + self.way(last, right) - self.way(left, right));
                    if gain > best.as_ref().map_or(NOTHING, |best| best.gain) {
                        best = Some(Move { from, count, behind, gain });
                    }
                }
            }
        }
        best
    }

    fn apply(&mut self, found: &Move) {
        let (from, to) = (found.from, found.from + found.count);
        // What lies between moves to the other side.
        let (begin, end) = if found.behind < from { (found.behind + 1, to) } else { (from, found.behind + 1) };
        if let Some(between) = self.tour.get_mut(begin..end) {
            if found.behind < from { between.rotate_right(found.count) } else { between.rotate_left(found.count) }
        }
        self.place(begin, end);
    }

    /// Two neighbouring stretches change places somewhere. Answers what that costs, and what is to be looked at.
    fn shake(&mut self) -> (f64, Vec<u32>) {
        let files = self.tour.len() - 1;
        let reach = STRETCH.min(files / 2).max(1);
        let (one, other) = (1 + self.roll(reach), 1 + self.roll(reach));
        let from = 1 + self.roll(files + 1 - (one + other).min(files));
        let (middle, to) = (from + one, (from + one + other).min(self.tour.len()));
        let cuts = [from, middle, to];
        let before: f64 = cuts.iter().map(|cut| self.over(*cut)).sum();
        if let Some(stretch) = self.tour.get_mut(from..to).filter(|stretch| stretch.len() > one) {
            stretch.rotate_left(one);
        }
        self.place(from, to);
        let cuts = [from, from + to.saturating_sub(middle), to];
        let after: f64 = cuts.iter().map(|cut| self.over(*cut)).sum();
        let waiting = cuts.iter().flat_map(|cut| [cut.wrapping_sub(1), *cut]).filter_map(|place| self.at(place)).collect();
        (after - before, waiting)
    }

    /// The way to what is at this place.
    fn over(&mut self, place: usize) -> f64 {
        match (place.checked_sub(1).and_then(|at| self.at(at)), self.at(place)) {
            (Some(from), Some(to)) => self.way(from, Some(to)),
            _ => 0.0,
        }
    }

    /// Below that number; the same in every run (xorshift64*).
    fn roll(&mut self, below: usize) -> usize {
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        let roll = self.dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(roll).unwrap_or(0) % below.max(1)
    }
}
