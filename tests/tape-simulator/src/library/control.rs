//! What tests tell the library.

use serde_json::{Value, json};

use super::unit::Unit;
use super::{Library, lock};
use crate::changer::{Content, Elements, Kind};
use crate::devices::Devices;
use crate::drive::Drive;
use crate::faults::Subject;
use crate::initiator::Initiators;
use crate::medium::Cartridge;
use crate::order::Order;
use crate::plan::{CartridgePlan, check_barcode};
use crate::time::{Spot, Totals};

/// IMPORT OR EXPORT ELEMENT ACCESSED.
const MAIL_SLOT_ACCESSED: u16 = 0x2801;

impl Library {
    /// Executes an order; what it answers is said at [`Order`], and is null where nothing is.
    ///
    /// # Errors
    /// In words, where it cannot be done: nothing is changed then.
    pub fn control(&self, order: Order) -> Result<Value, String> {
        match order {
            Order::Inventory => Ok(self.inventory()),
            Order::Insert(plan) => self.insert(&plan).map(|address| json!({ "address": address })),
            Order::Take { address } => self.take(address).map(|barcode| json!({ "barcode": barcode })),
            Order::Protect { barcode, on } => self.protect(&barcode, on),
            Order::Arm(armed) => self.faults.arm(armed).map(|()| Value::Null),
            Order::Clear { subject } => {
                self.faults.clear(subject.as_ref());
                Ok(Value::Null)
            }
            Order::Faults => serde_json::to_value(self.faults.armed()).map_err(|failed| failed.to_string()),
            Order::PowerCut { device, kept } => self.cut(&device, kept),
            Order::Restore { device } => self.restore(&device),
            Order::Reset { device } => {
                self.reset(device.map(|device| self.number(&device)).transpose()?);
                Ok(Value::Null)
            }
            Order::Attention { device, code } => self.with_initiators(&device, |initiators| initiators.tell(code, None)),
            Order::Know { drive, features } => {
                lock(&self.unit(drive)?.device).know(features);
                Ok(Value::Null)
            }
            Order::Totals => self.all_totals(),
            Order::ResetTotals => {
                self.drives.iter().for_each(|drive| lock(&drive.device).totals = Totals::default());
                lock(&self.changer.device).totals = Totals::default();
                Ok(Value::Null)
            }
            Order::Cartridge { barcode } => self.cartridge(&barcode),
            Order::Spots { barcode, places } => {
                serde_json::to_value(self.spots(&barcode, &places)?).map_err(|failed| failed.to_string())
            }
            Order::Place { drive } => {
                let drive = lock(&self.unit(drive)?.device);
                Ok(json!({ "barcode": drive.seat.barcode(), "partition": drive.place.partition, "record": drive.place.record }))
            }
        }
    }

    /// Where records lie, by partition and number, as far as the medium has them: between these,
    /// [`crate::time::locate_seconds`] tells the way.
    ///
    /// # Errors
    /// There is no such cartridge.
    pub fn spots(&self, barcode: &str, places: &[(u8, u64)]) -> Result<Vec<Spot>, String> {
        let cartridge = self.on_disk(barcode)?;
        Ok(places.iter().map(|(partition, record)| cartridge.spot(*partition, *record)).collect())
    }

    /// What all devices did together.
    pub fn totals(&self) -> Totals {
        let robot = lock(&self.changer.device).totals;
        self.drives.iter().fold(robot, |sum, drive| sum.plus(&lock(&drive.device).totals))
    }

    fn all_totals(&self) -> Result<Value, String> {
        let drives: Vec<Totals> = self.drives.iter().map(|drive| lock(&drive.device).totals).collect();
        Ok(json!({ "robot": lock(&self.changer.device).totals, "drives": drives, "sum": self.totals() }))
    }

    fn unit(&self, drive: usize) -> Result<&Unit<Drive>, String> {
        self.drives.get(drive).ok_or_else(|| format!("there is no drive {drive}"))
    }

    fn number(&self, device: &Subject) -> Result<u64, String> {
        match device {
            Subject::Robot => Ok(self.drives.len() as u64),
            Subject::Drive(number) => self.unit(*number).map(|_| *number as u64),
            Subject::Cartridge(_) => Err("a cartridge is no device".to_owned()),
        }
    }

    fn with_initiators(&self, device: &Subject, change: impl FnOnce(&mut Initiators)) -> Result<Value, String> {
        match device {
            Subject::Drive(number) => change(&mut lock(&self.unit(*number)?.initiators)),
            Subject::Robot => change(&mut lock(&self.changer.initiators)),
            Subject::Cartridge(_) => return Err("a cartridge is no device".to_owned()),
        }
        Ok(Value::Null)
    }

    fn inventory(&self) -> Value {
        let changer = lock(&self.changer.device);
        let elements = changer.elements.all().map(|element| {
            let kind = match element.kind {
                Kind::Arm => "arm",
                Kind::Slot => "slot",
                Kind::MailSlot => "mail-slot",
                Kind::Drive => "drive",
            };
            let barcode = element.content.map(|content| &content.barcode);
            json!({ "address": element.address, "kind": kind, "barcode": barcode, "source": element.content.and_then(|content| content.source) })
        });
        elements.collect()
    }

    fn insert(&self, plan: &CartridgePlan) -> Result<u16, String> {
        check_barcode(&plan.barcode)?;
        if lock(&self.changer.initiators).is_prevented() {
            return Err("the door of the mail slots is locked".to_owned());
        }
        let shelf = Elements::shelf(&self.directory);
        let mut changer = lock(&self.changer.device);
        if changer.elements.find(&plan.barcode).is_some() {
            return Err(format!("{} is in the library", plan.barcode));
        }
        let address = changer.elements.first_free(Kind::MailSlot).ok_or("all mail slots are full")?;
        Cartridge::make(&shelf, plan).map_err(|failed| failed.to_string())?;
        let kind = self.on_disk(&plan.barcode)?.chip.kind;
        let content = Content { barcode: plan.barcode.clone(), kind: Some(kind), source: None, imported: true };
        changer.elements.put(address, content).map_err(|failed| failed.to_string())?;
        drop(changer);
        lock(&self.changer.initiators).tell(MAIL_SLOT_ACCESSED, None);
        Ok(address)
    }

    fn take(&self, address: u16) -> Result<String, String> {
        if lock(&self.changer.initiators).is_prevented() {
            return Err("the door of the mail slots is locked".to_owned());
        }
        let mut changer = lock(&self.changer.device);
        if changer.elements.kind(address) != Some(Kind::MailSlot) {
            return Err(format!("element {address} is no mail slot"));
        }
        let taken = changer.elements.take(address).map_err(|failed| failed.to_string())?;
        let barcode = taken.ok_or_else(|| format!("mail slot {address} is empty"))?.barcode;
        drop(changer);
        lock(&self.changer.initiators).tell(MAIL_SLOT_ACCESSED, None);
        Ok(barcode)
    }

    fn protect(&self, barcode: &str, on: bool) -> Result<Value, String> {
        let held = self.drives.iter().any(|drive| lock(&drive.device).seat.barcode() == Some(barcode));
        if held {
            return Err(format!("{barcode} is in a drive"));
        }
        let mut cartridge = self.on_disk(barcode)?;
        cartridge.chip.protected = on;
        cartridge.save().map_err(|failed| failed.to_string())?;
        Ok(Value::Null)
    }

    fn cut(&self, device: &Subject, kept: u64) -> Result<Value, String> {
        match device {
            Subject::Drive(number) => {
                let unit = self.unit(*number)?;
                lock(&unit.device).lose_power(kept);
                unit.switch(false);
            }
            Subject::Robot => self.changer.switch(false),
            Subject::Cartridge(_) => return Err("a cartridge has no power".to_owned()),
        }
        Ok(Value::Null)
    }

    fn restore(&self, device: &Subject) -> Result<Value, String> {
        match device {
            Subject::Drive(number) => {
                let unit = self.unit(*number)?;
                lock(&unit.device).load_later(0.0, &unit.clock);
                unit.switch(true);
            }
            Subject::Robot => self.changer.switch(true),
            Subject::Cartridge(_) => return Err("a cartridge has no power".to_owned()),
        }
        Ok(Value::Null)
    }

    /// As the medium has it.
    fn on_disk(&self, barcode: &str) -> Result<Cartridge, String> {
        check_barcode(barcode)?;
        let opened = Cartridge::open(&Elements::shelf(&self.directory), barcode);
        opened.map_err(|failed| format!("cartridge {barcode}: {failed}"))
    }

    fn cartridge(&self, barcode: &str) -> Result<Value, String> {
        let cartridge = self.on_disk(barcode)?;
        let chip = &cartridge.chip;
        let partitions = cartridge.partitions().zip(0_u8..).map(|(partition, number)| {
            let filemarks = partition.marks().len();
            json!({
                "records": partition.count(), "filemarks": filemarks, "bytes": partition.end(), "size": chip.layout.size(number),
            })
        });
        let partitions: Vec<Value> = partitions.collect();
        Ok(json!({
            "barcode": chip.barcode, "kind": chip.kind, "capacity": chip.capacity, "protected": chip.protected,
            "loads": chip.loads, "partitions": partitions,
        }))
    }
}
