//! `capstan:host/tcp`: byte connections of a target, for protocols that are not HTTP.

mod connection;
mod connector;
mod import;
mod reader;
mod wanted;

pub use connection::Connection;
pub use connector::Connector;
