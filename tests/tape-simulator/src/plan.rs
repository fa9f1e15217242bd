//! What a library consists of, as a test writes it down.

use serde::{Deserialize, Serialize};

/// Bytes of an LTO-9 cartridge, not compressed.
pub const LTO9: u64 = 18_000_000_000_000;
/// Cleanings that a cleaning cartridge is good for.
pub const CLEANINGS: u32 = 50;
pub const MOST_DRIVES: usize = 64;
pub const MOST_SLOTS: u16 = 10_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Plan {
    /// Of the robot; those of drives follow from it.
    pub serial: String,
    pub drives: Vec<DrivePlan>,
    pub slots: u16,
    pub mail_slots: u16,
    /// Those that the directory does not know yet are made, each in the first slot that is free.
    pub cartridges: Vec<CartridgePlan>,
    pub scale: Scale,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            serial: "SIMLIB0001".to_owned(),
            drives: vec![DrivePlan::default(), DrivePlan::default()],
            slots: 20,
            mail_slots: 2,
            cartridges: Vec::new(),
            scale: Scale::None,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DrivePlan {
    pub features: Features,
}

/// What a drive knows beyond moving tape, reading, writing and counting filemarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Features {
    /// LOCATE, and READ POSITION that knows where it is.
    pub locate: bool,
    /// Mode page 0x11 and FORMAT MEDIUM.
    pub partitions: bool,
    /// READ ATTRIBUTE and WRITE ATTRIBUTE: the memory of cartridges.
    pub memory: bool,
    /// LOG SENSE, TapeAlert with it.
    pub logs: bool,
    /// Logical block protection, with CRC32C.
    pub protection: bool,
    /// Recommended access order.
    pub access_order: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { locate: true, partitions: true, memory: true, logs: true, protection: true, access_order: true }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CartridgePlan {
    /// What its label says, and the name of its directory.
    pub barcode: String,
    /// None: a cleaning cartridge if the label begins with CLN, else data.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Bytes; positions on the tape follow from the share of it that is written, so a small one has the locate times of a large one.
    #[serde(default = "capacity")]
    pub capacity: u64,
    /// What is in large blocks is not kept: they read as a pattern.
    #[serde(default)]
    pub sink: bool,
    #[serde(default)]
    pub protected: bool,
}

fn capacity() -> u64 {
    LTO9
}

impl CartridgePlan {
    pub fn new(barcode: &str, capacity: u64) -> Self {
        Self { barcode: barcode.to_owned(), kind: None, capacity, sink: false, protected: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Data,
    /// What is written stays: only the end of data can be written to.
    Worm,
    Cleaning,
}

/// How long the time of the model takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// So many seconds of the model pass in one; 1: as a real library.
    Times(f64),
    /// Nobody waits; seconds are counted all the same.
    None,
}

impl Plan {
    /// What cannot be a library.
    pub fn check(&self) -> Result<(), String> {
        if self.drives.len() > MOST_DRIVES || self.slots > MOST_SLOTS || self.mail_slots > crate::changer::MOST_MAIL_SLOTS {
            return Err("the library is too large".to_owned());
        }
        if let Scale::Times(times) = self.scale
            && !(times.is_finite() && times > 0.0)
        {
            return Err("the scale of time is not a number above 0".to_owned());
        }
        self.cartridges.iter().try_for_each(|cartridge| check_barcode(&cartridge.barcode))
    }
}

/// A label has at most 32 letters and digits; it is also the name of a directory.
pub(crate) fn check_barcode(barcode: &str) -> Result<(), String> {
    let good = (1..=32).contains(&barcode.len()) && barcode.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(()).ok_or_else(|| format!("\"{barcode}\" is not a label: letters and digits, at most 32"))
}
