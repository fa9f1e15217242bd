//! A peer that keeps to the protocol until requests come.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Exports a drive of so many bytes, which may be written. To the first request of a connection it says this, and then nothing
/// more; it closes no connection.
pub(crate) async fn rogue(size: u64, says: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let says = says.clone();
            tokio::spawn(async move {
                // Who only looks is gone then.
                let _ = speak(stream, size, &says).await;
            });
        }
    });
    address
}

async fn speak(mut stream: TcpStream, size: u64, says: &[u8]) -> io::Result<()> {
    stream.write_all(b"NBDMAGICIHAVEOPT\0\x03").await?;
    stream.read_u32().await?;
    loop {
        stream.read_u64().await?;
        let option = stream.read_u32().await?;
        let mut data = vec![0; stream.read_u32().await? as usize];
        stream.read_exact(&mut data).await?;
        let export = [0_u16.to_be_bytes().as_slice(), &size.to_be_bytes(), &5_u16.to_be_bytes()].concat();
        match option {
            6 | 7 => {
                answer(&mut stream, option, 3, &export).await?;
                answer(&mut stream, option, 1, &[]).await?;
            }
            _ => answer(&mut stream, option, (1 << 31) | 1, &[]).await?,
        }
        if option == 7 {
            break;
        }
    }
    stream.read_exact(&mut [0; 28]).await?;
    stream.write_all(says).await?;
    std::future::pending().await
}

async fn answer(stream: &mut TcpStream, option: u32, kind: u32, data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len()).unwrap();
    stream.write_u64(0x0003_e889_0455_65a9).await?;
    stream.write_u32(option).await?;
    stream.write_u32(kind).await?;
    stream.write_u32(length).await?;
    stream.write_all(data).await
}
