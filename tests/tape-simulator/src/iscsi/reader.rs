//! PDUs as they come in: headers checked by their digest, data read to where it stays.

use std::io;

use crc_fast::{CrcAlgorithm, Digest};
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

use super::header::{BYTES, Header, padding};

const DIGEST: usize = 4;
/// A header and what little follows it; longer data is read past it.
const BUFFER: usize = 4096;
/// How much is thrown away at a time.
const DISCARDED: u64 = 64 << 10;

pub(super) struct Reader<R> {
    source: BufReader<R>,
    pub(super) header_digest: bool,
    pub(super) data_digest: bool,
    additional: Vec<u8>,
    discarded: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Without digests, as a login is.
    pub(super) fn new(source: R) -> Self {
        let source = BufReader::with_capacity(BUFFER, source);
        Self { source, header_digest: false, data_digest: false, additional: Vec::new(), discarded: Vec::new() }
    }

    /// None: the initiator has closed the connection between two PDUs.
    ///
    /// # Errors
    /// The connection's own, and a header whose digest is wrong: nothing that follows can be trusted.
    pub(super) async fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header([0; BYTES]);
        if let Err(failure) = self.source.read_exact(&mut header.0).await {
            return if failure.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(failure) };
        }
        self.additional.clear();
        let length = header.additional_length();
        append(&mut self.source, length, &mut self.additional).await?;
        if self.header_digest {
            let mut digest = crc();
            digest.update(&header.0);
            digest.update(&self.additional);
            if !self.matches(&digest).await? {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a header with another digest"));
            }
        }
        Ok(Some(header))
    }

    /// Additional header segments of the last header.
    pub(super) fn additional(&self) -> &[u8] {
        &self.additional
    }

    /// Appends the data of a PDU, without its padding. `false`: it has another digest.
    pub(super) async fn data(&mut self, length: usize, to: &mut Vec<u8>) -> io::Result<bool> {
        if length == 0 {
            return Ok(true);
        }
        let from = to.len();
        append(&mut self.source, length, to).await?;
        let mut pad = [0; 3];
        let pad = pad.get_mut(..padding(length)).unwrap_or_default();
        self.source.read_exact(pad).await?;
        if !self.data_digest {
            return Ok(true);
        }
        let mut digest = crc();
        digest.update(to.get(from..).unwrap_or_default());
        digest.update(pad);
        self.matches(&digest).await
    }

    /// Throws the data of a PDU away, digest and all.
    pub(super) async fn discard(&mut self, length: usize) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let digest = if self.data_digest { DIGEST } else { 0 };
        let mut left = u64::try_from(length + padding(length) + digest).unwrap_or(u64::MAX);
        while left > 0 {
            self.discarded.clear();
            let read = (&mut self.source).take(left.min(DISCARDED)).read_to_end(&mut self.discarded).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    async fn matches(&mut self, digest: &Digest) -> io::Result<bool> {
        let mut wire = [0; DIGEST];
        self.source.read_exact(&mut wire).await?;
        Ok(wire == written(digest))
    }
}

/// CRC32C (section 13.1).
pub(super) fn crc() -> Digest {
    Digest::new(CrcAlgorithm::Crc32Iscsi)
}

/// A digest as it is sent, its least significant byte first.
pub(super) fn written(digest: &Digest) -> [u8; DIGEST] {
    let [first, second, third, fourth, ..] = digest.finalize().to_le_bytes();
    [first, second, third, fourth]
}

/// Into memory that was not cleared before.
async fn append<R: AsyncRead + Unpin>(source: &mut R, length: usize, to: &mut Vec<u8>) -> io::Result<()> {
    to.reserve(length);
    let mut left = length;
    while left > 0 {
        let read = source.take(u64::try_from(left).unwrap_or(u64::MAX)).read_buf(to).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= read;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{crc, written};

    /// RFC 7143, appendix A.4.
    #[test]
    fn a_digest_is_written_as_the_standard_shows() {
        let mut digest = crc();
        digest.update(&[0; 32]);
        assert_eq!(written(&digest), [0xaa, 0x36, 0x91, 0x8a]);
    }
}
