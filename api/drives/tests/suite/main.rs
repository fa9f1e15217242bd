//! The rules of the dialect, tested at its routes with a small host behind them that keeps drives in memory.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod document;
#[cfg(test)]
mod drives;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod others;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terraform;
