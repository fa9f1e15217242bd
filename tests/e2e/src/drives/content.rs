//! The bytes of drives, put in and looked at over REST.

use anyhow::ensure;

use crate::client::Client;

pub const GIB: u64 = 1 << 30;
/// Bytes of noise at the beginning of a drive: several of the pieces that the host copies at a time.
pub const CONTENT: u64 = 12 << 20;
/// Bytes that are looked at where there have to be zeros.
const LOOK: u64 = 64 << 10;

/// No two words are the same, in one drive or in two of different seeds.
pub fn noise(seed: u64, length: u64) -> Vec<u8> {
    (0..length / 8)
        .flat_map(|word| ((word + 1).wrapping_mul(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)).to_be_bytes())
        .collect()
}

fn image(drive: &str) -> String {
    format!("/capstan/v1/drives/{drive}/image")
}

/// The drive begins with this noise from then on, and has nothing else.
pub fn put(client: &Client, drive: &str, seed: u64, length: u64) -> anyhow::Result<()> {
    let answer = client.raw("PUT", &image(drive), Some("application/octet-stream"), &noise(seed, length))?;
    ensure!(answer.status == 200, "the image of {drive}: {}: {}", answer.status, answer.text);
    Ok(())
}

/// Whether the drive of so many bytes begins with the noise and ends with zeros.
pub fn holds(client: &Client, drive: &str, seed: u64, length: u64, size: u64) -> anyhow::Result<()> {
    ensure!(client.range(&image(drive), 0, length)? == noise(seed, length), "{drive} has other bytes");
    zeros(client, drive, size - LOOK)
}

/// Whether there are zeros from this byte on.
pub fn zeros(client: &Client, drive: &str, from: u64) -> anyhow::Result<()> {
    let bytes = client.range(&image(drive), from, LOOK)?;
    ensure!(bytes.iter().all(|byte| *byte == 0), "{drive} has bytes at {from} that nobody wrote");
    Ok(())
}
