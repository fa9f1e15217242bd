//! The rules of the dialect, tested at its routes with a fake host behind them.

#[cfg(test)]
mod data_path;
#[cfg(test)]
mod document;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod support;
