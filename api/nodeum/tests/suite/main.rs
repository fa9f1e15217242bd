//! The rules of the dialect, tested at its routes with a fake host behind them.

#[cfg(test)]
mod document;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod support;
