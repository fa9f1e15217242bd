//! A large content into an open file: several writes under way at a time.

use capstan_sdk::failure::{cancelled, corrupt};
use capstan_sdk::{Outcome, job};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use smb2::types::FileId;

use crate::budget::Share;
use crate::error;
use crate::links::Lease;
use crate::payload::Payload;
use crate::source::Source;

/// All of the source, from `begin` on.
pub(crate) async fn pour(
    lease: &Lease,
    file: FileId,
    source: &mut Source<'_>,
    begin: u64,
    size: u64,
    subject: &str,
) -> Outcome<()> {
    let share = Share::take();
    let piece = u64::from(lease.write_bytes);
    let mut under_way = FuturesUnordered::new();
    let mut taken = 0;
    while taken < size || !under_way.is_empty() {
        if taken < size && under_way.len() < share.pieces() {
            if job::cancelled() {
                return Err(cancelled("the job was cancelled"));
            }
            let data = source.piece(piece.min(size - taken)).await?;
            let (at, length) = (begin + taken, data.len() as u64);
            under_way.push(put_piece(lease, file, at, data, subject));
            taken += length;
            continue;
        }
        under_way.next().await.transpose()?;
    }
    Ok(())
}

async fn put_piece(lease: &Lease, file: FileId, offset: u64, data: Payload, subject: &str) -> Outcome<()> {
    let length = data.len() as u64;
    let answers = lease.write(file, offset, data).await.map_err(|error| error::failure(&error, subject))?;
    whole(answers.written(0, subject)?, length)
}

/// A server that takes less than all of a write has no room, and says so at the next one; here it is an error at once.
pub(crate) fn whole(written: u32, size: u64) -> Outcome<()> {
    if u64::from(written) == size {
        return Ok(());
    }
    Err(corrupt(format!("the server took {written} of {size} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_the_server_did_not_take_whole_is_none() {
        assert!(whole(5, 5).is_ok());
        assert!(matches!(whole(4, 5), Err(capstan_sdk::Failure::Corrupt(_))));
    }
}
