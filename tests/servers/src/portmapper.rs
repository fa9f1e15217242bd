//! A port mapper on loopback (RFC 1833), for servers that do not start without one: Debian's rpcbind listens on every interface.
//!
//! It answers at port 111 and at the socket where local programs look first, for as long as this process lives. One that is there
//! already is used.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::spawn;

use anyhow::{Context, ensure};

const ADDRESS: &str = "127.0.0.1:111";
const SOCKET: &str = "/run/rpcbind.sock";
const PROGRAM: u32 = 100_000;
const TCP: u32 = 6;
/// Bytes of a request.
const REQUEST_BYTES: usize = 64 << 10;

/// Ports by program, version and "tcp" or "udp".
type Table = Arc<Mutex<BTreeMap<(u32, u32, String), u16>>>;

/// Makes sure that a port mapper answers.
pub(crate) fn ensure_running() -> anyhow::Result<()> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    STARTED.get_or_init(|| start().map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}

/// Registers a program over TCP, in place of whoever had it.
pub(crate) fn register(program: u32, version: u32, port: u16) -> anyhow::Result<()> {
    for (procedure, port) in [(2, 0), (1, port)] {
        let mut call = Vec::new();
        for word in [1, 0, 2, PROGRAM, 2, procedure, 0, 0, 0, 0, program, version, TCP, u32::from(port)] {
            call.extend_from_slice(&u32::to_be_bytes(word));
        }
        let mut stream = TcpStream::connect(ADDRESS).context("no port mapper")?;
        stream.write_all(&framed(&call))?;
        let answer = record(&mut stream)?.context("the port mapper hung up")?;
        ensure!(answer.ends_with(&[0, 0, 0, 1]) || procedure == 2, "the port mapper registers nothing");
    }
    Ok(())
}

fn start() -> anyhow::Result<()> {
    let tcp = match TcpListener::bind(ADDRESS) {
        Ok(tcp) => tcp,
        Err(error) if error.kind() == ErrorKind::AddrInUse => return Ok(()),
        Err(error) => return Err(error).context("port 111 needs root"),
    };
    let table = Table::default();
    let udp = UdpSocket::bind(ADDRESS)?;
    let of_udp = Arc::clone(&table);
    spawn(move || {
        let mut request = vec![0; REQUEST_BYTES];
        while let Ok((length, peer)) = udp.recv_from(&mut request) {
            if let Some(answer) = request.get(..length).and_then(|call| answer(call, &of_udp)) {
                let _ = udp.send_to(&answer, peer);
            }
        }
    });
    // Left over from a process that was killed.
    let _ = std::fs::remove_file(SOCKET);
    let local = UnixListener::bind(SOCKET).with_context(|| format!("{SOCKET} needs root"))?;
    let of_local = Arc::clone(&table);
    spawn(move || serve(local.incoming().map_while(Result::ok), &of_local));
    spawn(move || serve(tcp.incoming().map_while(Result::ok), &table));
    Ok(())
}

fn serve<S: Read + Write + Send + 'static>(streams: impl Iterator<Item = S>, table: &Table) {
    for mut stream in streams {
        let table = Arc::clone(table);
        spawn(move || {
            while let Ok(Some(call)) = record(&mut stream) {
                let Some(answer) = answer(&call, &table) else { return };
                if stream.write_all(&framed(&answer)).is_err() {
                    return;
                }
            }
        });
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let header = 0x8000_0000 | u32::try_from(message.len()).unwrap_or(0);
    [&header.to_be_bytes(), message].concat()
}

/// One record of one fragment, as all of this size are. None: the peer went.
fn record(stream: &mut impl Read) -> anyhow::Result<Option<Vec<u8>>> {
    let mut header = [0; 4];
    match stream.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let length = (u32::from_be_bytes(header) & 0x7fff_ffff) as usize;
    ensure!(length <= REQUEST_BYTES, "a request of {length} bytes");
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

/// A call being read.
struct Call<'a>(&'a [u8]);

impl Call<'_> {
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.word()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.get(length.wrapping_neg() % 4..)?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// None: what came is no call.
fn answer(call: &[u8], table: &Table) -> Option<Vec<u8>> {
    let mut call = Call(call);
    let xid = call.word()?;
    let [direction, _rpc, program, version, procedure] = [(); 5].map(|()| call.word());
    if direction? != 0 {
        return None;
    }
    // Credentials and verifier say nothing here.
    for _ in 0..2 {
        call.word()?;
        call.text()?;
    }
    let mut out: Vec<u8> = [xid, 1, 0, 0, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    let mut say = |words: &[u32]| out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    let mut ports = table.lock().unwrap_or_else(PoisonError::into_inner);
    match (program?, version?, procedure?) {
        (PROGRAM, 2..=4, 0) => say(&[0]),
        (PROGRAM, 2, procedure @ 1..=3) => {
            let (program, version, transport, port) = (call.word()?, call.word()?, call.word()?, call.word()?);
            let key = (program, version, if transport == TCP { "tcp" } else { "udp" }.to_owned());
            match procedure {
                1 => {
                    ports.insert(key, u16::try_from(port).ok()?);
                    say(&[0, 1]);
                }
                2 => {
                    ports.retain(|(known, known_version, _), _| (*known, *known_version) != (program, version));
                    say(&[0, 1]);
                }
                _ => say(&[0, ports.get(&key).copied().map_or(0, u32::from)]),
            }
        }
        // The later versions name the transport and spell the address: h1.h2.h3.h4.p1.p2.
        (PROGRAM, 3 | 4, procedure @ 1..=3) => {
            let (program, version, transport, address) = (call.word()?, call.word()?, call.text()?, call.text()?);
            let key = (program, version, transport.trim_end_matches('6').to_owned());
            match procedure {
                1 => {
                    let numbers: Vec<u16> = address.rsplit('.').take(2).filter_map(|part| part.parse().ok()).collect();
                    if let [low, high] = numbers[..] {
                        ports.insert(key, high << 8 | low);
                    }
                    say(&[0, 1]);
                }
                2 => {
                    ports.retain(|(known, known_version, _), _| (*known, *known_version) != (program, version));
                    say(&[0, 1]);
                }
                _ => {
                    let port = ports.get(&key).copied().unwrap_or(0);
                    let text = if port == 0 { String::new() } else { format!("127.0.0.1.{}.{}", port >> 8, port & 255) };
                    say(&[0, u32::try_from(text.len()).ok()?]);
                    out.extend_from_slice(text.as_bytes());
                    out.resize(out.len() + text.len().wrapping_neg() % 4, 0);
                }
            }
        }
        (PROGRAM, 2..=4, _) => say(&[3]),
        (PROGRAM, ..) => say(&[2, 2, 4]),
        _ => say(&[1]),
    }
    Some(out)
}
