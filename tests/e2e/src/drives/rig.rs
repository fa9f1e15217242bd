//! A host, an engine, and what goes wrong with either.
//!
//! Each round begins and ends with two drives at most, which have bytes: one in the engine, one on the host's own disks.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_test_servers::HoldFront;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::catalogue::{Catalogue, text, under_way};
use super::content::{CONTENT, GIB, put};
use super::engine::{Change, Engine, Moment};
use super::nvme::Nvme;
use super::operation::{API, Operation, Prepared, Sent, new_drive, new_snapshot};
use super::rule;
use crate::client::Client;
use crate::host::{Host, HostOptions};

/// The drive in the engine, and the one on the host's own disks: name, and the seed of its noise.
pub(super) const SUBJECT: (&str, u64) = ("subject", 1);
pub(super) const LOCAL: (&str, u64) = ("local", 2);
/// Of the noise that is written over what a snapshot has.
pub(super) const SINCE: u64 = 3;
/// How long all work may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(150);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(50);
/// Requests that find the engine away, before it is back.
const MISSED: u64 = 2;
/// How long a moment is waited for before it is looked whether it can still come.
const SLICE: Duration = Duration::from_millis(400);

pub struct Rig {
    pub host: Host,
    pub engine: Box<dyn Engine>,
    /// The host's own disks, whatever the engine is.
    own: Nvme,
    rounds: u64,
    // Last: the host ends before its directory goes.
    _room: TempDir,
}

impl Rig {
    /// A fresh host with this engine; none: with its own disks alone.
    pub fn start(engine: Option<Box<dyn Engine>>) -> anyhow::Result<Self> {
        Self::with(engine, None)
    }

    /// `configuration`: text of the host's configuration file.
    pub fn with(engine: Option<Box<dyn Engine>>, configuration: Option<&str>) -> anyhow::Result<Self> {
        let room = tempfile::Builder::new().prefix("capstan-drives-").tempdir()?;
        let data = room.path().join("data");
        let configuration = configuration.map(str::to_owned);
        let host = Host::start(HostOptions { data: data.clone(), configuration, ..HostOptions::default() })?;
        let own = Nvme::of(&data);
        let engine = engine.unwrap_or_else(|| Box::new(Nvme::of(&data)));
        let rig = Self { host, engine, own, rounds: 0, _room: room };
        let client = rig.host.client();
        rig.engine.connect(&client)?;
        rig.fill(&client, SUBJECT, rig.engine.storage_type())?;
        if rig.engine.front().is_some() {
            rig.fill(&client, LOCAL, "nvme")?;
        }
        rig.in_step()?;
        Ok(rig)
    }

    fn fill(&self, client: &Client, (name, seed): (&str, u64), storage_type: &str) -> anyhow::Result<()> {
        let id = self.make(client, &format!("{API}/drives/"), &new_drive(name, GIB, storage_type))?;
        put(client, &id, seed, CONTENT)
    }

    /// Makes a drive or a snapshot, and waits until it is there.
    fn make(&self, client: &Client, path: &str, body: &Value) -> anyhow::Result<String> {
        let id = text(&client.post(path, body)?, "/objects/0/uuid")?;
        self.settle()?;
        let (told, states) = (Catalogue::read(client)?, ["ready", "available"]);
        let state = told.drives.get(&id).map(|drive| &drive.state).or(told.snapshots.get(&id).map(|snapshot| &snapshot.state));
        ensure!(state.is_some_and(|state| states.contains(&state.as_str())), "{id} could not be made: {told:?}");
        Ok(id)
    }

    /// Waits until nothing is under way any more.
    pub fn settle(&self) -> anyhow::Result<()> {
        let (client, until) = (self.host.client(), Instant::now() + PATIENCE);
        while let Some(what) = under_way(&client)? {
            ensure!(Instant::now() < until, "it never came to rest: {what}; the end of the log:\n{}", self.host.log_tail());
            sleep(LOOK);
        }
        Ok(())
    }

    /// Each engine has what the host tells of it, and nothing else.
    pub fn in_step(&self) -> anyhow::Result<()> {
        rule::in_step(&self.host.client(), &[self.engine.as_ref(), &self.own])
    }

    /// The operation with the host killed at each of these moments, the first one counted from when it is asked for, the others from
    /// when the host was started again; then the rule. Whether all of them came.
    pub fn kill(&mut self, operation: Operation, moments: &[Moment]) -> anyhow::Result<bool> {
        let what = format!("{}: {operation:?}, the host killed at {moments:?}", self.engine.storage_type());
        self.killed(operation, moments).with_context(|| format!("{what}; the end of its log:\n{}", self.host.log_tail()))
    }

    fn killed(&mut self, operation: Operation, moments: &[Moment]) -> anyhow::Result<bool> {
        let prepared = self.prepare(operation)?;
        let (mut sent, mut came) = (None, true);
        for moment in moments {
            if let Moment::At(change) = moment {
                self.engine.arm(*change)?;
            }
            if sent.is_none() {
                sent = Some(self.send(operation, &prepared));
            } else {
                self.host.start_again()?;
            }
            match moment {
                Moment::After(time) => sleep(*time),
                Moment::At(_) => came &= self.comes(sent.as_ref())?,
            }
            self.host.kill()?;
            self.engine.let_go();
        }
        self.host.start_again()?;
        self.conclude(operation, &prepared, sent.context("a moment to kill the host at")?)?;
        Ok(came)
    }

    /// The operation with the engine away from this change on, and back again; then the rule.
    pub fn cut_off(&mut self, operation: Operation, change: Change) -> anyhow::Result<()> {
        let what = format!("{}: {operation:?}, the engine away at {change:?}", self.engine.storage_type());
        self.was_cut_off(operation, change).with_context(|| format!("{what}; the end of the log:\n{}", self.host.log_tail()))
    }

    fn was_cut_off(&mut self, operation: Operation, change: Change) -> anyhow::Result<()> {
        let prepared = self.prepare(operation)?;
        self.engine.arm(change)?;
        let sent = self.send(operation, &prepared);
        ensure!(self.comes(Some(&sent))?, "the engine was never asked for that");
        self.front()?.set_away(true);
        self.engine.let_go();
        let missed = self.front()?.is_missed_within(MISSED, PATIENCE);
        ensure!(missed, "nobody asked again for what was not answered");
        // It is seen that something is under way, while nobody can say how it stands.
        ensure!(under_way(&self.host.client())?.is_some(), "it ended while nobody could do it");
        self.front()?.set_away(false);
        self.conclude(operation, &prepared, sent)
    }

    /// The operation with each request to the engine so late; then the rule.
    pub fn slow_down(&mut self, operation: Operation, delay: Duration) -> anyhow::Result<()> {
        let what = format!("{}: {operation:?}, the engine slower by {delay:?}", self.engine.storage_type());
        self.was_slow(operation, delay).with_context(|| format!("{what}; the end of the log:\n{}", self.host.log_tail()))
    }

    fn was_slow(&mut self, operation: Operation, delay: Duration) -> anyhow::Result<()> {
        let prepared = self.prepare(operation)?;
        self.front()?.delay(delay);
        let sent = self.send(operation, &prepared);
        self.conclude(operation, &prepared, sent)?;
        self.front()?.delay(Duration::ZERO);
        Ok(())
    }

    /// What stands before the engine.
    pub fn front(&self) -> anyhow::Result<&HoldFront> {
        self.engine.front().context("nothing stands before this engine")
    }

    fn send(&self, operation: Operation, prepared: &Prepared) -> Sent {
        Sent::begin(self.host.client(), operation, prepared, self.engine.storage_type())
    }

    /// Waits for the change that the engine is armed for. False: all came to rest without it.
    fn comes(&mut self, sent: Option<&Sent>) -> anyhow::Result<bool> {
        let (client, until) = (self.host.client(), Instant::now() + PATIENCE);
        loop {
            if self.engine.is_reached_within(SLICE)? {
                return Ok(true);
            }
            // Once it was asked for, it is under way until it is done. What came meanwhile has come.
            if sent.is_none_or(Sent::is_over) && under_way(&client)?.is_none() {
                return self.engine.is_reached_within(Duration::ZERO);
            }
            ensure!(Instant::now() < until, "neither did the moment come nor an end: {:?}", under_way(&client)?);
        }
    }

    /// What the operation needs, and what is there before.
    fn prepare(&mut self, operation: Operation) -> anyhow::Result<Prepared> {
        self.rounds += 1;
        let client = self.host.client();
        let told = Catalogue::read(&client)?;
        let source = if operation == Operation::CloneIn { LOCAL.0 } else { SUBJECT.0 };
        let source = told.drive_called(source).context("the drive that is read")?.to_owned();
        let size = told.drive(&source)?.size;
        let name = format!("{operation:?}-{}", self.rounds);
        let (id, size) = match operation {
            Operation::Create => (source, GIB),
            Operation::Clone | Operation::Resize => (source, size + GIB),
            Operation::CloneIn | Operation::CloneOut | Operation::Snapshot => (source, size),
            Operation::Delete => {
                let path = format!("{API}/drives/{source}/action/?do=clone");
                (self.make(&client, &path, &json!({ "name": "to be deleted" }))?, size)
            }
            Operation::DeleteSnapshot => {
                let path = format!("{API}/snapshots/");
                (self.make(&client, &path, &new_snapshot("to be deleted", &source))?, size)
            }
            Operation::Restore => {
                let path = format!("{API}/snapshots/");
                let snapshot = self.make(&client, &path, &new_snapshot("to be restored", &source))?;
                put(&client, &source, SINCE, CONTENT)?;
                (snapshot, size)
            }
        };
        let name = if operation == Operation::Resize { SUBJECT.0.to_owned() } else { name };
        Ok(Prepared { name, id, size, before: Catalogue::read(&client)? })
    }

    /// Waits for the end, looks at the rule, and takes away what is not needed any more.
    fn conclude(&self, operation: Operation, prepared: &Prepared, sent: Sent) -> anyhow::Result<()> {
        let promised = sent.was_promised()?;
        self.settle()?;
        rule::hold(self, operation, prepared, promised)?;
        let client = self.host.client();
        let told = Catalogue::read(&client)?;
        for id in told.snapshots.keys() {
            client.delete(&format!("{API}/snapshots/{id}/"))?;
        }
        for (id, _) in told.drives.iter().filter(|(_, drive)| ![SUBJECT.0, LOCAL.0].contains(&drive.name.as_str())) {
            client.delete(&format!("{API}/drives/{id}/"))?;
        }
        self.settle()?;
        if operation == Operation::Restore {
            put(&client, SUBJECT.0, SUBJECT.1, CONTENT)?;
        }
        self.in_step()
    }
}
