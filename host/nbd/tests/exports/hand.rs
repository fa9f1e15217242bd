//! A client by hand, that does what the clients of others do not.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub(crate) const READ: u16 = 0;
pub(crate) const WRITE: u16 = 1;
pub(crate) const FLUSH: u16 = 3;
pub(crate) const TRIM: u16 = 4;
pub(crate) const WRITE_ZEROES: u16 = 6;
pub(crate) const BLOCK_STATUS: u16 = 7;
pub(crate) const FUA: u16 = 1;

pub(crate) const EPERM: u32 = 1;
pub(crate) const EINVAL: u32 = 22;
pub(crate) const ENOSPC: u32 = 28;

const OPTION: u64 = 0x4948_4156_454f_5054;

pub(crate) struct Hand(pub(crate) UnixStream);

impl Hand {
    /// Greets.
    pub(crate) async fn shake(socket: &Path) -> Self {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"NBDMAGICIHAVEOPT\0\x03");
        stream.write_u32(3).await.unwrap();
        Self(stream)
    }

    /// Ready for requests whose answers are simple.
    pub(crate) async fn go(socket: &Path) -> Self {
        let mut hand = Self::shake(socket).await;
        let answers = hand.option(7, &export("disk", &[0, 0])).await;
        assert_eq!(answers.last().unwrap().0, 1);
        hand
    }

    /// Sends an option; its answers, the last one included.
    pub(crate) async fn option(&mut self, option: u32, data: &[u8]) -> Vec<(u32, Vec<u8>)> {
        self.0.write_u64(OPTION).await.unwrap();
        self.0.write_u32(option).await.unwrap();
        self.0.write_u32(u32::try_from(data.len()).unwrap()).await.unwrap();
        self.0.write_all(data).await.unwrap();
        let mut answers = Vec::new();
        loop {
            assert_eq!(self.0.read_u64().await.unwrap(), 0x0003_e889_0455_65a9);
            assert_eq!(self.0.read_u32().await.unwrap(), option);
            let kind = self.0.read_u32().await.unwrap();
            let mut data = vec![0; self.0.read_u32().await.unwrap() as usize];
            self.0.read_exact(&mut data).await.unwrap();
            answers.push((kind, data));
            if kind == 1 || kind >> 31 == 1 {
                return answers;
            }
        }
    }

    pub(crate) async fn request(&mut self, flags: u16, command: u16, cookie: u64, offset: u64, length: u32, payload: &[u8]) {
        self.0.write_all(&request(flags, command, cookie, offset, length, payload)).await.unwrap();
    }

    /// A simple answer: its number of an error, and its cookie.
    pub(crate) async fn answer(&mut self) -> (u32, u64) {
        assert_eq!(self.0.read_u32().await.unwrap(), 0x6744_6698);
        (self.0.read_u32().await.unwrap(), self.0.read_u64().await.unwrap())
    }

    /// What a request that carries nothing fails with; 0: it did not.
    pub(crate) async fn asked(&mut self, flags: u16, command: u16, offset: u64, length: u32) -> u32 {
        self.request(flags, command, 77, offset, length, &[]).await;
        let (error, cookie) = self.answer().await;
        assert_eq!(cookie, 77);
        error
    }

    pub(crate) async fn read(&mut self, offset: u64, length: u32) -> Vec<u8> {
        assert_eq!(self.asked(0, READ, offset, length).await, 0);
        let mut bytes = vec![0; length as usize];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    pub(crate) async fn write(&mut self, flags: u16, offset: u64, bytes: &[u8]) -> u32 {
        self.request(flags, WRITE, 78, offset, u32::try_from(bytes.len()).unwrap(), bytes).await;
        let (error, cookie) = self.answer().await;
        assert_eq!(cookie, 78);
        error
    }

    /// Nothing comes any more.
    pub(crate) async fn ends(mut self) {
        let ended = tokio::time::timeout(crate::world::PATIENCE, self.0.read_u8()).await.expect("the connection stands");
        assert!(ended.is_err());
    }
}

/// The bytes of a request, and of what it carries.
pub(crate) fn request(flags: u16, command: u16, cookie: u64, offset: u64, length: u32, payload: &[u8]) -> Vec<u8> {
    let parts = [
        b"\x25\x60\x95\x13".as_slice(),
        &flags.to_be_bytes(),
        &command.to_be_bytes(),
        &cookie.to_be_bytes(),
        &offset.to_be_bytes(),
        &length.to_be_bytes(),
        payload,
    ];
    parts.concat()
}

/// The name of an export behind its length, and what follows.
pub(crate) fn export(name: &str, rest: &[u8]) -> Vec<u8> {
    [u32::try_from(name.len()).unwrap().to_be_bytes().as_slice(), name.as_bytes(), rest].concat()
}
