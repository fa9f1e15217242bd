//! What no order of reading can beat.
//!
//! In any order each file is come to from one place, and each place is left for one file at most. The cheapest way to pair places with files is
//! the assignment problem; it may fall into several rounds that no tape could go, so its seconds are a bound from below, and the best order
//! takes somewhat more.
//!
//! Solved by shortest augmenting paths with prices of columns (Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse
//! linear assignment problems", Computing 38, 1987).

use anyhow::Context;
use capstan_tape_simulator::time::{Spot, locate_seconds};

/// A file on the tape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lying {
    pub begins: Spot,
    /// Where the tape is when the file was read.
    pub ends: Spot,
}

/// Seconds of all ways, in this order.
pub(super) fn seconds(from: Spot, files: &[Lying]) -> f64 {
    let places = std::iter::once(from).chain(files.iter().map(|file| file.ends));
    places.zip(files).map(|(place, file)| locate_seconds(place, file.begins)).sum()
}

/// Seconds that the ways of no order fall below.
pub(super) fn bound(from: Spot, files: &[Lying]) -> anyhow::Result<f64> {
    if files.is_empty() {
        return Ok(0.0);
    }
    // Rows are places that are left, first that from which all begins. Columns are files, and behind them the end, after which nothing is read.
    let begun = files.iter().map(|file| locate_seconds(from, file.begins)).chain([f64::INFINITY]).collect();
    let after = files.iter().enumerate().map(|(at, left)| {
        let way = |(to, file): (usize, &Lying)| if to == at { f64::INFINITY } else { locate_seconds(left.ends, file.begins) };
        files.iter().enumerate().map(way).chain([0.0]).collect()
    });
    Pairing::new(std::iter::once(begun).chain(after).collect()).solved().context("places and files could not be paired")
}

#[derive(Clone, Copy, Debug, Default)]
struct Column {
    /// The row that it is paired with.
    row: Option<usize>,
    price: f64,
    /// The shortest path to it from the row that is paired next, and the row before it on that path.
    distance: f64,
    before: usize,
    /// No shorter path will be found.
    settled: bool,
}

struct Pairing {
    costs: Vec<Vec<f64>>,
    columns: Vec<Column>,
    /// Of rows that are paired.
    column_of: Vec<usize>,
}

impl Pairing {
    /// As many columns as rows.
    fn new(costs: Vec<Vec<f64>>) -> Self {
        let (columns, column_of) = (vec![Column::default(); costs.len()], vec![0; costs.len()]);
        Self { costs, columns, column_of }
    }

    /// The cost of the cheapest pairing of all. None: there is none.
    fn solved(mut self) -> Option<f64> {
        (0..self.costs.len()).try_for_each(|row| self.pair(row))?;
        let cost = |(row, column): (&Vec<f64>, &usize)| row.get(*column).copied();
        self.costs.iter().zip(&self.column_of).map(cost).sum()
    }

    /// Pairs one more row; others may change over to other columns.
    fn pair(&mut self, row: usize) -> Option<()> {
        for (column, cost) in self.columns.iter_mut().zip(self.costs.get(row)?) {
            (column.distance, column.before, column.settled) = (cost - column.price, row, false);
        }
        let (free, shortest) = loop {
            let unsettled = self.columns.iter().enumerate().filter(|(_, column)| !column.settled);
            let (at, nearest) = unsettled.min_by(|(_, one), (_, other)| one.distance.total_cmp(&other.distance))?;
            let Column { distance, row: taken, price, .. } = *nearest;
            if !distance.is_finite() {
                return None;
            }
            let Some(over) = taken else { break (at, distance) };
            self.columns.get_mut(at)?.settled = true;
            let costs = self.costs.get(over)?;
            let less = costs.get(at)? - price - distance;
            for (column, cost) in self.columns.iter_mut().zip(costs).filter(|(column, _)| !column.settled) {
                let way = cost - column.price - less;
                if way < column.distance {
                    (column.distance, column.before) = (way, over);
                }
            }
        };
        for column in self.columns.iter_mut().filter(|column| column.settled) {
            column.price += column.distance - shortest;
        }
        self.change_over(row, free)
    }

    /// Each row on the path to the free column takes the column behind it.
    fn change_over(&mut self, row: usize, free: usize) -> Option<()> {
        let mut to = free;
        loop {
            let column = self.columns.get_mut(to)?;
            let changes = column.before;
            column.row = Some(changes);
            let left = std::mem::replace(self.column_of.get_mut(changes)?, to);
            if changes == row {
                return Some(());
            }
            to = left;
        }
    }
}
