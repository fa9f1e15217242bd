//! A unit's queue: commands of one session in the order in which they came.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::command::{Command, Gathered, Out};
use super::outgoing::Outgoing;
use super::session::Buffers;
use super::tasks::Tasks;
use crate::devices::{Devices, Nexus};

pub(super) struct Unit {
    pub(super) devices: Arc<dyn Devices>,
    pub(super) nexus: Nexus,
    pub(super) tasks: Arc<Tasks>,
    pub(super) buffers: Arc<Buffers>,
    pub(super) answers: mpsc::Sender<Outgoing>,
    /// Drops the connection.
    pub(super) cut: Arc<Notify>,
}

impl Unit {
    /// Until the session is over; what is being executed then ends, as in a drive, and what waits does not begin.
    pub(super) async fn execute_all(self, mut queue: mpsc::Receiver<Command>) {
        while let Some(command) = queue.recv().await {
            if self.answers.is_closed() || !self.execute(command).await {
                self.cut.notify_one();
                return;
            }
        }
    }

    /// `false`: the unit does not answer, or nobody listens.
    async fn execute(&self, command: Command) -> bool {
        let Command { tag, lun, cdb, expected, out, mark, slot } = command;
        let gathered = match out {
            Out::None => Gathered { requests: 0, data: Ok(Vec::new()) },
            Out::Coming(gathered) => match gathered.await {
                Ok(gathered) => gathered,
                // It was aborted.
                Err(_) => return true,
            },
        };
        if !self.tasks.has(tag, &mark) {
            return true;
        }
        let answer = match gathered.data {
            Err(refusal) => refusal,
            Ok(out) => {
                let answer = self.devices.execute(&self.nexus, lun, &cdb, &out).await;
                self.buffers.give_back(out);
                match answer {
                    Some(answer) => answer,
                    None => return false,
                }
            }
        };
        if !self.tasks.finish(tag, &mark) {
            return true;
        }
        // Before the answer, which tells of the window.
        drop(slot);
        self.answers.send(Outgoing::Answered { tag, expected, requests: gathered.requests, answer }).await.is_ok()
    }
}
