//! Pause, resume and stop, asked from outside while a transfer runs.

use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Run,
    Pause,
    Stop,
}

/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Control {
    command: watch::Sender<Command>,
}

impl Default for Control {
    fn default() -> Self {
        Self { command: watch::Sender::new(Command::Run) }
    }
}

impl Control {
    pub fn set(&self, command: Command) {
        // A stop is final: a late "resume" must not bring a stopped transfer back half-way.
        self.command.send_if_modified(|now| {
            let change = *now != Command::Stop && *now != command;
            if change {
                *now = command;
            }
            change
        });
    }

    pub fn command(&self) -> Command {
        *self.command.borrow()
    }

    /// Waits while paused; `Cancelled` once stopped. Called between files and between parts, never inside one.
    pub async fn ready(&self) -> Outcome<()> {
        let mut watch = self.command.subscribe();
        let command = watch.wait_for(|command| *command != Command::Pause).await.map(|command| *command);
        match command {
            Ok(Command::Stop) => Err(stopped()),
            _ => Ok(()),
        }
    }

    /// Waits until stopped.
    pub async fn stopped(&self) {
        let mut watch = self.command.subscribe();
        if watch.wait_for(|command| *command == Command::Stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

pub(crate) fn stopped() -> Failure {
    Failure::new(Kind::Cancelled, "The transfer was stopped")
}
