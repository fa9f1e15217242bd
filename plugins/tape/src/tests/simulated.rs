//! A library of the simulator, in this process.

use std::sync::Arc;

use capstan_tape_simulator::faults::{Armed, Fault, Subject};
use capstan_tape_simulator::iscsi;
use capstan_tape_simulator::plan::{CartridgePlan, DrivePlan, Features};
use capstan_tape_simulator::{Library, Order, Plan};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) struct Simulated {
    library: Arc<Library>,
    _runtime: Runtime,
    _directory: TempDir,
    pub(crate) port: u16,
}

impl Simulated {
    pub(crate) const TARGET: &str = "iqn.2026-11.test.capstan:simulated";

    /// Cartridges `SIM001L9` and on, each of so many bytes.
    pub(crate) fn start(drives: usize, partitions: bool, cartridges: u16, capacity: u64) -> Self {
        Self::with(drives, Features { partitions, ..Features::default() }, cartridges, capacity)
    }

    pub(crate) fn with(drives: usize, features: Features, cartridges: u16, capacity: u64) -> Self {
        let plan = Plan {
            drives: vec![DrivePlan { features }; drives],
            cartridges: (1..=cartridges).map(|number| CartridgePlan::new(&Self::label(number), capacity)).collect(),
            ..Plan::default()
        };
        let directory = tempfile::tempdir().unwrap();
        let library = Arc::new(Library::open(&plan, directory.path()).unwrap());
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(iscsi::Target::new(Self::TARGET, None, Arc::clone(&library) as _));
        runtime.spawn(target.serve(listener));
        Self { library, _runtime: runtime, _directory: directory, port }
    }

    pub(crate) fn label(number: u16) -> String {
        format!("SIM{number:03}L9")
    }

    /// Of a drive, from 0.
    pub(crate) fn drive(number: usize) -> String {
        format!("SIMLIB0001D{number:02}")
    }

    pub(crate) fn arm(&self, subject: Subject, fault: Fault, after: u64) {
        self.library.control(Order::Arm(Armed { subject, fault, after, times: Some(1) })).unwrap();
    }

    /// Power goes, with so many records of its buffer saved, and comes back.
    pub(crate) fn power(&self, drive: usize, kept: u64) {
        let device = Subject::Drive(drive);
        self.library.control(Order::PowerCut { device: device.clone(), kept }).unwrap();
        self.restore(drive);
    }

    pub(crate) fn restore(&self, drive: usize) {
        self.library.control(Order::Clear { subject: None }).unwrap();
        self.library.control(Order::Restore { device: Subject::Drive(drive) }).unwrap();
    }
}
