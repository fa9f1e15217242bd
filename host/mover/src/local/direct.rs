//! Past the page cache: large files go straight between a buffer and the disk.
//!
//! The bytes of a large copy are not read again soon, so keeping them costs a page each and a long sync at the end; and a read-back
//! that the cache answers proves nothing of the disk. A file system that cannot do it is written and read the ordinary way.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Bytes that go through a buffer at a time.
pub(crate) const PIECE: usize = 1 << 20;
/// What offsets, lengths and buffers are multiples of: the block of any disk in use.
const ALIGN: usize = 4096;

/// A buffer that a disk can be given as it is.
pub(crate) struct Piece {
    memory: Vec<u8>,
    start: usize,
    filled: usize,
}

impl Piece {
    pub(crate) fn new() -> Self {
        let memory = vec![0; PIECE + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { memory, start, filled: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.filled).unwrap_or_default()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled >= PIECE
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Takes what fits and answers the rest.
    pub(crate) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(PIECE.saturating_sub(self.filled)));
        let at = self.start + self.filled;
        if let Some(room) = self.memory.get_mut(at..at + now.len()) {
            room.copy_from_slice(now);
            self.filled += now.len();
        }
        later
    }

    /// Fills the piece from `offset` on, up to `most` bytes; fewer only at the end of the file.
    pub(crate) fn read(&mut self, file: &OwnedFd, offset: u64, most: usize) -> Result<(), Errno> {
        self.filled = 0;
        let most = most.min(PIECE);
        while self.filled < most {
            let (from, to) = (self.start + self.filled, self.start + most.next_multiple_of(ALIGN));
            let Some(room) = self.memory.get_mut(from..to) else { return Err(Errno::INVAL) };
            match rustix::io::pread(file, room, offset + self.filled as u64) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                // In the middle of a block, or a file system that wants larger ones: the ordinary way from here on.
                Err(Errno::INVAL) if is_direct(file) => switch(file, false)?,
                Err(errno) => return Err(errno),
            }
        }
        self.filled = self.filled.min(most);
        Ok(())
    }

    /// Whole blocks: behind the end of a file that is not, zeros, which the file's size then cuts off.
    fn blocks(&mut self) -> &[u8] {
        let (from, end) = (self.start + self.filled, self.start + self.filled.next_multiple_of(ALIGN));
        if let Some(rest) = self.memory.get_mut(from..end) {
            rest.fill(0);
        }
        self.memory.get(self.start..end).unwrap_or_default()
    }
}

/// A file under two handles: the ordinary one, and one past the page cache where the file system has that.
pub(crate) struct Output {
    pub(crate) file: OwnedFd,
    pub(crate) direct: Option<OwnedFd>,
}

impl Output {
    /// May write zeros behind the end, up to the next block: the caller cuts the file to its size.
    pub(crate) fn put(&self, piece: &mut Piece, offset: u64) -> Result<(), Errno> {
        if let Some(direct) = &self.direct
            && offset.is_multiple_of(ALIGN as u64)
        {
            match write_at(direct, piece.blocks(), offset) {
                Err(Errno::INVAL) => {}
                other => return other,
            }
        }
        write_at(&self.file, piece.bytes(), offset)
    }
}

fn write_at(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = rustix::io::pwrite(file, bytes, offset)?;
        bytes = bytes.get(written..).filter(|_| written > 0).ok_or(Errno::IO)?;
        offset += written as u64;
    }
    Ok(())
}

/// Reads and writes of this handle pass the page cache by, or no longer. Fails where the file system cannot.
pub(crate) fn switch(file: impl AsFd, direct: bool) -> Result<(), Errno> {
    let mut flags = rustix::fs::fcntl_getfl(&file)?;
    flags.set(OFlags::DIRECT, direct);
    rustix::fs::fcntl_setfl(&file, flags)
}

fn is_direct(file: impl AsFd) -> bool {
    rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::DIRECT))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::testing::bytes;

    #[test]
    fn what_is_put_is_what_is_read_at_any_length() {
        let directory = tempfile::tempdir().expect("directory");
        for size in [1, ALIGN, ALIGN + 1, PIECE - 1, PIECE, PIECE + 7, 3 * PIECE + 12_345] {
            let path = directory.path().join("file");
            let open = || std::fs::File::options().read(true).write(true).create(true).truncate(false).open(&path).expect("file");
            let (file, direct) = (OwnedFd::from(open()), OwnedFd::from(open()));
            let direct = switch(&direct, true).is_ok().then_some(direct);
            let output = Output { file, direct };
            let content = bytes(size, 11);
            let mut piece = Piece::new();
            let (mut rest, mut offset) = (content.as_slice(), 0);
            while !rest.is_empty() {
                piece.clear();
                rest = piece.fill(rest);
                output.put(&mut piece, offset).expect("put");
                offset += piece.bytes().len() as u64;
            }
            open().set_len(size as u64).expect("size");
            let mut held = vec![0; size];
            open().read_exact_at(&mut held, 0).expect("read");
            assert!(held == content, "{size} bytes as others read them");
            let again = OwnedFd::from(open());
            let _ = switch(&again, true);
            let mut offset = 0;
            for chunk in content.chunks(PIECE) {
                piece.read(&again, offset, chunk.len()).expect("read");
                assert!(piece.bytes() == chunk, "{size} bytes from the disk, at {offset}");
                offset += chunk.len() as u64;
            }
            piece.read(&again, size as u64, 10).expect("read");
            assert!(piece.bytes().is_empty(), "nothing is behind the end");
            std::fs::remove_file(&path).expect("removed");
        }
    }
}
