//! One opened descriptor of a program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::frame::{self, Command, Frame};
use crate::devices::{Devices, Nexus};

/// Commands that wait behind one that was given up and is still being executed.
const QUEUE: usize = 16;

/// Executes commands in their order.
struct Unit {
    devices: Arc<dyn Devices>,
    nexus: Nexus,
    lun: u64,
    /// The largest tag that was given up: the program waits for none up to it.
    abandoned: Arc<AtomicU32>,
    /// Memory that is used again.
    used: mpsc::Sender<Vec<u8>>,
}

pub(super) async fn serve(devices: Arc<dyn Devices>, nexus: Nexus, lun: u64, stream: UnixStream) {
    devices.greet(&nexus);
    let (source, sink) = stream.into_split();
    let (send, queue) = mpsc::channel(QUEUE);
    let (used, free) = mpsc::channel(1);
    let abandoned = Arc::new(AtomicU32::new(0));
    let unit = Unit { devices: Arc::clone(&devices), nexus: nexus.clone(), lun, abandoned: Arc::clone(&abandoned), used };
    // What is being executed when the program leaves ends by itself, as in a drive.
    let mut executing = tokio::spawn(unit.execute_all(queue, sink));
    // However either ended: the program sees a connection that is closed.
    tokio::select! {
        _ = read_all(source, send, free, &abandoned) => {}
        _ = &mut executing => {}
    }
    devices.leave(&nexus);
}

async fn read_all(
    mut source: OwnedReadHalf,
    queue: mpsc::Sender<Command>,
    mut free: mpsc::Receiver<Vec<u8>>,
    abandoned: &AtomicU32,
) -> io::Result<()> {
    while let Some(frame) = frame::read(&mut source, free.try_recv().unwrap_or_default()).await? {
        match frame {
            Frame::Command(command) => {
                if queue.send(command).await.is_err() {
                    break;
                }
            }
            Frame::Abandon(tag) => abandoned.store(tag, Ordering::Release),
        }
    }
    Ok(())
}

impl Unit {
    async fn execute_all(self, mut queue: mpsc::Receiver<Command>, mut sink: OwnedWriteHalf) -> io::Result<()> {
        while let Some(Command { tag, cdb, out, expected }) = queue.recv().await {
            if self.is_abandoned(tag) {
                continue;
            }
            let answer = self.devices.execute(&self.nexus, self.lun, &cdb, &out).await;
            // Dropped where one is kept already.
            let _ = self.used.try_send(out);
            // No answer at all: the connection goes.
            let Some(answer) = answer else { return Ok(()) };
            if !self.is_abandoned(tag) {
                frame::write(&mut sink, tag, expected, &answer).await?;
            }
        }
        Ok(())
    }

    fn is_abandoned(&self, tag: u32) -> bool {
        // Tags go round after 2³² commands.
        self.abandoned.load(Ordering::Acquire).wrapping_sub(tag) < u32::MAX / 2
    }
}
