//! PDUs as they go out: several of them, with data that is not copied, in one call of the kernel.

use std::io::{self, IoSlice};
use std::ops::Range;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::header::{Header, padding};
use super::reader::{crc, written};

/// PDUs in one call; the kernel takes 1024 parts.
const PDUS: usize = 64;

/// A header, and where its data lies in the buffer that is sent with it.
pub(super) struct Pdu {
    pub(super) header: Header,
    pub(super) data: Range<usize>,
}

pub(super) struct Writer<W> {
    sink: W,
    pub(super) header_digest: bool,
    pub(super) data_digest: bool,
    frames: Vec<Frame>,
}

/// What surrounds the data of a PDU.
struct Frame {
    header: Header,
    digest: Option<[u8; 4]>,
    data: Range<usize>,
    /// Padding and digest, so many bytes of them.
    tail: ([u8; 7], usize),
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Without digests, as a login is.
    pub(super) fn new(sink: W) -> Self {
        Self { sink, header_digest: false, data_digest: false, frames: Vec::new() }
    }

    /// Sends a PDU with all of `data`.
    pub(super) async fn send(&mut self, header: Header, data: &[u8]) -> io::Result<()> {
        self.send_all([Pdu { header, data: 0..data.len() }], data).await
    }

    pub(super) async fn send_all(&mut self, pdus: impl IntoIterator<Item = Pdu>, data: &[u8]) -> io::Result<()> {
        let mut pdus = pdus.into_iter().peekable();
        while pdus.peek().is_some() {
            self.frames.clear();
            for pdu in pdus.by_ref().take(PDUS) {
                let frame = self.frame(pdu, data);
                self.frames.push(frame);
            }
            let parts = self.frames.iter().flat_map(|frame| frame.parts(data)).filter(|part| !part.is_empty());
            let mut parts: Vec<IoSlice<'_>> = parts.map(IoSlice::new).collect();
            let mut left = parts.as_mut_slice();
            while !left.is_empty() {
                let sent = self.sink.write_vectored(left).await?;
                if sent == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                IoSlice::advance_slices(&mut left, sent);
            }
        }
        self.sink.flush().await
    }

    /// No more PDUs follow.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.sink.shutdown().await
    }

    fn frame(&self, Pdu { mut header, data }: Pdu, buffer: &[u8]) -> Frame {
        header.set_data_length(data.len());
        let digest = self.header_digest.then(|| {
            let mut digest = crc();
            digest.update(&header.0);
            written(&digest)
        });
        let mut tail = [0; 7];
        let mut length = padding(data.len());
        if self.data_digest && !data.is_empty() {
            let mut digest = crc();
            digest.update(buffer.get(data.clone()).unwrap_or_default());
            digest.update(tail.get(..length).unwrap_or_default());
            if let Some(place) = tail.get_mut(length..length + 4) {
                place.copy_from_slice(&written(&digest));
            }
            length += 4;
        }
        Frame { header, digest, data, tail: (tail, length) }
    }
}

impl Frame {
    fn parts<'a>(&'a self, data: &'a [u8]) -> [&'a [u8]; 4] {
        let (tail, length) = &self.tail;
        let digest = self.digest.as_ref().map_or(&[][..], |digest| digest);
        [&self.header.0, digest, data.get(self.data.clone()).unwrap_or_default(), tail.get(..*length).unwrap_or_default()]
    }
}
