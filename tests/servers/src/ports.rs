//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

/// Blocks are looked for below the range that the kernel hands out by itself, so that no outgoing connection takes one.
const FIRST: u16 = 20_000;
const LAST: u16 = 31_000;
/// How often a block is tried before giving up.
const TRIES: u16 = 200;

/// A port the kernel gave and took back. Another process could be quicker; the caller sees that as a failed start.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}

/// The first of `count` neighbouring free ports.
pub fn free_block(count: u16) -> anyhow::Result<u16> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos() ^ std::process::id();
    let room = LAST - FIRST - count;
    for attempt in 0..TRIES {
        let step = u16::try_from(seed % u32::from(room)).unwrap_or(0).wrapping_add(attempt.wrapping_mul(count)) % room;
        let base = FIRST + step;
        if (base..base + count).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return Ok(base);
        }
    }
    bail!("no {count} neighbouring free ports between {FIRST} and {LAST}")
}
