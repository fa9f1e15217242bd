//! The content of a write, read in its order.

use capstan_sdk::content::Content;
use capstan_sdk::failure::corrupt;
use capstan_sdk::{Outcome, StreamReader, StreamResult};

use crate::payload::Payload;

pub(crate) struct Source<'a> {
    content: &'a Content,
    stream: Option<StreamReader<u8>>,
    size: u64,
    taken: u64,
}

impl<'a> Source<'a> {
    pub(crate) fn new(content: &'a Content, size: u64) -> Self {
        Self { content, stream: None, size, taken: 0 }
    }

    /// All of it, where it is little.
    pub(crate) async fn whole(&mut self) -> Outcome<Vec<u8>> {
        let wanted = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.fill(Vec::with_capacity(wanted), wanted).await
    }

    /// Exactly so many bytes, or why there are not.
    pub(crate) async fn piece(&mut self, length: u64) -> Outcome<Payload> {
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        self.fill(Payload::with_capacity(wanted).into_buffer(), wanted).await.map(Payload::from)
    }

    /// So many bytes behind what is there, for which there is room.
    async fn fill(&mut self, mut buffer: Vec<u8>, wanted: usize) -> Outcome<Vec<u8>> {
        let begin = buffer.len();
        if wanted == 0 {
            return Ok(buffer);
        }
        let stream = self.stream.get_or_insert_with(|| self.content.open(0, self.size));
        while buffer.len() - begin < wanted {
            // It fills what room there is behind what is there.
            let (result, filled) = stream.read(buffer).await;
            buffer = filled;
            if result == StreamResult::Dropped {
                break;
            }
        }
        let got = buffer.len() - begin;
        self.taken += got as u64;
        if got == wanted {
            return Ok(buffer);
        }
        let (got, size) = (self.taken, self.size);
        Err(self.content.broken().unwrap_or_else(|| corrupt(format!("the content ended after {got} of {size} bytes"))))
    }
}
