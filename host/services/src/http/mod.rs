//! `capstan:host/http`: a pooled HTTP/1.1 client per target.

mod answer;
mod client;
mod import;
mod link;
mod payload;
mod pool;
mod request;

pub use client::{Client, Reply, Response};
pub use pool::Counters;
pub use request::{Payload, Request};
