//! A connection from its first byte to its last.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::Target;
use super::limits::{ANSWERS, LAST_ANSWER, LOGIN_PATIENCE};
use super::login::{LoggedIn, log_in};
use super::outgoing::Answers;
use super::reader::Reader;
use super::session::{Ending, Session};
use super::window::Window;
use super::writer::Writer;
use crate::devices::Nexus;

/// # Errors
/// The connection's own.
pub(super) async fn serve(target: &Target, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let address = stream.local_addr()?;
    let (source, sink) = stream.into_split();
    let (mut reader, mut writer) = (Reader::new(source), Writer::new(sink));
    let logged_in = timeout(LOGIN_PATIENCE, log_in(target, &mut reader, &mut writer)).await??;
    let Some(logged_in) = logged_in else { return Ok(()) };
    let LoggedIn { initiator, isid, discovery, parameters, command_sn, stat_sn } = logged_in;
    (reader.header_digest, reader.data_digest) = (parameters.header_digest, parameters.data_digest);
    (writer.header_digest, writer.data_digest) = (parameters.header_digest, parameters.data_digest);

    let seat = target.sessions.take(&initiator, isid).await;
    let nexus = nexus(&initiator, isid, &target.name);
    let window = Arc::new(Window::new(command_sn));
    let (send, receive) = mpsc::channel(ANSWERS);
    let answers = Answers {
        writer,
        window: Arc::clone(&window),
        stat_sn,
        segment: usize::try_from(parameters.sent_segment).unwrap_or(usize::MAX),
        burst: usize::try_from(parameters.burst).unwrap_or(usize::MAX),
    };
    let mut writing = tokio::spawn(answers.write_all(receive));
    let cut = Arc::new(Notify::new());
    if !discovery {
        target.devices.greet(&nexus);
    }
    let mut session = Session::new(target, &nexus, address, discovery, parameters, window, send, Arc::clone(&cut));
    let ending = tokio::select! {
        ending = session.read_all(&mut reader) => ending,
        () = cut.notified() => Ok(Ending::Now),
        () = seat.is_over() => Ok(Ending::Now),
        _ = &mut writing => Ok(Ending::Now),
    };
    drop(session);
    if let Ok(Ending::AfterLastAnswer) = ending {
        let _ = timeout(LAST_ANSWER, &mut writing).await;
    }
    // With it goes its half of the connection.
    writing.abort();
    if !discovery {
        target.devices.leave(&nexus);
    }
    ending.map(drop)
}

/// Named by both ports, as RFC 7143, section 4.4.1, names them.
fn nexus(initiator: &str, isid: [u8; 6], target: &str) -> Nexus {
    Nexus(format!("{initiator},i,0x{};{target},t,0x0001", hex::encode(isid)))
}
