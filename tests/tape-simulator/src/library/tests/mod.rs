//! Rules, told through commands as a host sends them.

mod changing;
mod failing;
mod reading;
mod settings;
mod volumes;

use tempfile::TempDir;

use crate::devices::{Answer, Devices, Nexus};
use crate::order::Order;
use crate::plan::{CartridgePlan, Features, Plan};
use crate::{Library, faults};

/// A library of two drives (units 0 and 1), a robot (unit 2), and a host that was greeted already.
struct Host {
    library: Library,
    nexus: Nexus,
    plan: Plan,
    directory: TempDir,
}

const ROBOT: u64 = 2;
const DRIVE: u16 = 256;
const SLOT: u16 = 1024;
const MAIL: u16 = 16;
const GB: u64 = 1_000_000_000;

fn cdb6(opcode: u8, flags: u8, length: u32, last: u8) -> [u8; 6] {
    let [_, a, b, c] = length.to_be_bytes();
    [opcode, flags, a, b, c, last]
}

impl Host {
    fn of(plan: Plan) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let library = Library::open(&plan, directory.path()).unwrap();
        let host = Self { library, nexus: Nexus("host".to_owned()), plan, directory };
        host.greet();
        host
    }

    fn new() -> Self {
        Self::with(Features::default())
    }

    fn with(features: Features) -> Self {
        let mut plan = Plan::default();
        plan.drives.iter_mut().for_each(|drive| drive.features = features);
        let mut worm = CartridgePlan::new("WRM001LZ", GB);
        worm.kind = Some(crate::plan::Kind::Worm);
        plan.cartridges = vec![
            CartridgePlan::new("CAP001L9", 20 * GB),
            CartridgePlan::new("CAP002L9", GB),
            CartridgePlan::new("CLN001L9", GB),
            worm,
        ];
        Self::of(plan)
    }

    /// With the first cartridge in the first drive.
    async fn loaded() -> Self {
        let host = Self::new();
        host.mount(0).await;
        host
    }

    /// The cartridge of that slot, in the first drive.
    async fn mount(&self, slot: u16) {
        self.good(ROBOT, &moved(SLOT + slot, DRIVE), &[]).await;
        // It is told that a medium is in.
        self.ask(0, &[0; 6]).await;
        self.good(0, &[0; 6], &[]).await;
    }

    fn greet(&self) {
        for unit in 0..3 {
            self.library.with_attentions_taken(unit, &self.nexus);
        }
    }

    /// Ends the simulator and starts it again.
    fn restart(self) -> Self {
        let Self { library, nexus, plan, directory } = self;
        drop(library);
        let library = Library::open(&plan, directory.path()).unwrap();
        let host = Self { library, nexus, plan, directory };
        host.greet();
        host
    }

    async fn ask(&self, unit: u64, cdb: &[u8]) -> Answer {
        self.give(unit, cdb, &[]).await
    }

    async fn give(&self, unit: u64, cdb: &[u8], out: &[u8]) -> Answer {
        self.library.execute(&self.nexus, unit, cdb, out).await.unwrap()
    }

    async fn good(&self, unit: u64, cdb: &[u8], out: &[u8]) -> Vec<u8> {
        let answer = self.give(unit, cdb, out).await;
        assert_eq!((answer.status, seen(&answer)), (0, None), "{cdb:02x?}");
        answer.data
    }

    /// Sense key, code and qualifier, and INFORMATION.
    async fn sense(&self, unit: u64, cdb: &[u8], out: &[u8]) -> (u8, u16, i32) {
        let answer = self.give(unit, cdb, out).await;
        seen(&answer).unwrap_or_else(|| panic!("{cdb:02x?}: {answer:?}"))
    }

    async fn write(&self, block: &[u8]) {
        self.good(0, &cdb6(0x0a, 0, block.len() as u32, 0), block).await;
    }

    async fn marks(&self, count: u32) {
        self.good(0, &cdb6(0x10, 0, count, 0), &[]).await;
    }

    async fn rewind(&self) {
        self.good(0, &[0x01, 0, 0, 0, 0, 0], &[]).await;
    }

    /// A block as long as it is.
    async fn read(&self) -> Vec<u8> {
        self.good(0, &cdb6(0x08, 0x02, 1 << 20, 0), &[]).await
    }

    fn tell(&self, order: Order) -> serde_json::Value {
        self.library.control(order).unwrap()
    }

    fn arm(&self, subject: faults::Subject, fault: faults::Fault, times: Option<u32>) {
        self.tell(Order::Arm(faults::Armed { subject, fault, after: 0, times }));
    }

    /// Partition and number of the record that comes next, by the long form.
    async fn place(&self) -> (u32, u64) {
        let data = self.good(0, &[0x34, 6, 0, 0, 0, 0, 0, 0, 0, 0], &[]).await;
        (u32::from_be_bytes(data[4..8].try_into().unwrap()), u64::from_be_bytes(data[8..16].try_into().unwrap()))
    }
}

fn seen(answer: &Answer) -> Option<(u8, u16, i32)> {
    let sense = answer.sense.first_chunk::<18>()?;
    let left = i32::from_be_bytes([sense[3], sense[4], sense[5], sense[6]]);
    Some((sense[2] & 0x0f, u16::from_be_bytes([sense[12], sense[13]]), left))
}

fn moved(from: u16, to: u16) -> [u8; 12] {
    let ([a, b], [c, d]) = (from.to_be_bytes(), to.to_be_bytes());
    [0xa5, 0, 0, 0, a, b, c, d, 0, 0, 0, 0]
}
