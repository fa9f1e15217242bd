//! A server that speaks just enough HTTP to stand for an object store: HEAD, GET and PUT of objects whose size is in their name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    pub(crate) received: Arc<AtomicU64>,
}

/// "size-1000" is an object of 1000 bytes 'x'; "stalls-1000000" is one whose bytes stop coming.
pub(crate) async fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: listener.local_addr().unwrap(), requests: Arc::default(), received: Arc::default() };
    let (requests, received) = (Arc::clone(&server.requests), Arc::clone(&server.received));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (requests, received) = (Arc::clone(&requests), Arc::clone(&received));
            tokio::spawn(async move {
                let _ = serve(stream, requests, received).await;
            });
        }
    });
    server
}

async fn serve(stream: TcpStream, requests: Arc<AtomicU64>, received: Arc<AtomicU64>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(256 << 10, stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut length = 0_u64;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut left = length;
        let mut buffer = vec![0; 256 << 10];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = stream.read(&mut buffer[..most]).await?;
            if read == 0 {
                return Ok(());
            }
            left -= read as u64;
            received.fetch_add(read as u64, Ordering::Relaxed);
        }
        let name = path.split('?').next().unwrap_or_default();
        let size: u64 = name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let stamp = "etag: \"abc\"\r\nlast-modified: Sat, 21 Nov 2026 09:00:00 GMT\r\n";
        match method.as_str() {
            "PUT" => stream.write_all(format!("HTTP/1.1 200 OK\r\n{stamp}content-length: 0\r\n\r\n").as_bytes()).await?,
            "HEAD" => stream.write_all(format!("HTTP/1.1 200 OK\r\n{stamp}content-length: {size}\r\n\r\n").as_bytes()).await?,
            _ if name == "/" => {
                let body = "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>";
                let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
            }
            _ => {
                stream.write_all(format!("HTTP/1.1 200 OK\r\n{stamp}content-length: {size}\r\n\r\n").as_bytes()).await?;
                let chunk = vec![b'x'; 256 << 10];
                let mut left = size;
                if name.contains("/stalls-") {
                    stream.write_all(&chunk[..1000]).await?;
                    stream.flush().await?;
                    return std::future::pending().await;
                }
                while left > 0 {
                    let part = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    stream.write_all(&chunk[..part]).await?;
                    left -= part as u64;
                }
            }
        }
        stream.flush().await?;
    }
}
