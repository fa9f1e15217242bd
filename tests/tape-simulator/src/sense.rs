//! Why a command was not done, or was done only in part: sense data in the fixed format (SPC-4, section 4.5.3).

pub(crate) mod status {
    pub(crate) const GOOD: u8 = 0x00;
    pub(crate) const CHECK_CONDITION: u8 = 0x02;
    pub(crate) const BUSY: u8 = 0x08;
    pub(crate) const RESERVATION_CONFLICT: u8 = 0x18;
    pub(crate) const TASK_ABORTED: u8 = 0x40;
}

pub(crate) mod key {
    pub(crate) const NO_SENSE: u8 = 0x0;
    pub(crate) const RECOVERED: u8 = 0x1;
    pub(crate) const NOT_READY: u8 = 0x2;
    pub(crate) const MEDIUM_ERROR: u8 = 0x3;
    pub(crate) const HARDWARE_ERROR: u8 = 0x4;
    pub(crate) const ILLEGAL_REQUEST: u8 = 0x5;
    pub(crate) const UNIT_ATTENTION: u8 = 0x6;
    pub(crate) const DATA_PROTECT: u8 = 0x7;
    pub(crate) const BLANK_CHECK: u8 = 0x8;
    pub(crate) const VOLUME_OVERFLOW: u8 = 0xd;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sense {
    key: u8,
    /// ADDITIONAL SENSE CODE and its qualifier.
    code: u16,
    /// FILEMARK, EOM and ILI.
    flags: u8,
    /// What was not done, in what the command counts.
    information: Option<i64>,
}

impl Sense {
    pub(crate) const NONE: Self = Self::new(key::NO_SENSE, 0);
    pub(crate) const UNKNOWN_COMMAND: Self = Self::new(key::ILLEGAL_REQUEST, 0x2000);
    pub(crate) const INVALID_FIELD: Self = Self::new(key::ILLEGAL_REQUEST, 0x2400);
    pub(crate) const NO_UNIT: Self = Self::new(key::ILLEGAL_REQUEST, 0x2500);
    pub(crate) const INVALID_PARAMETER: Self = Self::new(key::ILLEGAL_REQUEST, 0x2600);
    pub(crate) const PARAMETER_LENGTH: Self = Self::new(key::ILLEGAL_REQUEST, 0x1a00);
    pub(crate) const NO_ELEMENT: Self = Self::new(key::ILLEGAL_REQUEST, 0x2101);
    pub(crate) const DESTINATION_FULL: Self = Self::new(key::ILLEGAL_REQUEST, 0x3b0d);
    pub(crate) const SOURCE_EMPTY: Self = Self::new(key::ILLEGAL_REQUEST, 0x3b0e);
    pub(crate) const NOT_AT_BEGINNING: Self = Self::new(key::ILLEGAL_REQUEST, 0x3b0c);
    pub(crate) const REMOVAL_PREVENTED: Self = Self::new(key::ILLEGAL_REQUEST, 0x5302);
    pub(crate) const BECOMING_READY: Self = Self::new(key::NOT_READY, 0x0401);
    pub(crate) const NO_MEDIUM: Self = Self::new(key::NOT_READY, 0x3a00);
    pub(crate) const CLEANING: Self = Self::new(key::NOT_READY, 0x3003);
    pub(crate) const LOAD_FAILED: Self = Self::new(key::HARDWARE_ERROR, 0x5300);
    pub(crate) const JAMMED: Self = Self::new(key::HARDWARE_ERROR, 0x1500);
    pub(crate) const INTERNAL: Self = Self::new(key::HARDWARE_ERROR, 0x4400);
    pub(crate) const PROTECTED: Self = Self::new(key::DATA_PROTECT, 0x2700);
    pub(crate) const WRITTEN_ONCE: Self = Self::new(key::DATA_PROTECT, 0x300c);
    pub(crate) const UNREADABLE: Self = Self::new(key::MEDIUM_ERROR, 0x1100);
    pub(crate) const UNWRITABLE: Self = Self::new(key::MEDIUM_ERROR, 0x0c00);
    pub(crate) const END_OF_DATA: Self = Self::new(key::BLANK_CHECK, 0x0005);
    pub(crate) const FULL: Self = Self::new(key::VOLUME_OVERFLOW, 0x0002).end_of_medium();
    pub(crate) const EARLY_WARNING: Self = Self::new(key::NO_SENSE, 0x0002).end_of_medium();
    pub(crate) const EARLIER_WARNING: Self = Self::new(key::NO_SENSE, 0x0007).end_of_medium();
    pub(crate) const BEGINNING: Self = Self::new(key::NO_SENSE, 0x0004).end_of_medium();
    pub(crate) const FILEMARK: Self = Self::new(key::NO_SENSE, 0x0001).flagged(0x80);
    pub(crate) const LENGTH: Self = Self::new(key::NO_SENSE, 0).flagged(0x20);
    pub(crate) const PROTECTION_ON_WRITE: Self = Self::new(key::HARDWARE_ERROR, 0x1001);
    pub(crate) const CLEAN_REQUESTED: Self = Self::new(key::RECOVERED, 0x0017);
    /// As drives of IBM have it.
    pub(crate) const CLEAN_WANTED: Self = Self::new(key::NO_SENSE, 0x8282);

    pub(crate) const fn new(key: u8, code: u16) -> Self {
        Self { key, code, flags: 0, information: None }
    }

    pub(crate) const fn attention(code: u16) -> Self {
        Self::new(key::UNIT_ATTENTION, code)
    }

    const fn flagged(self, flag: u8) -> Self {
        Self { flags: self.flags | flag, ..self }
    }

    pub(crate) const fn end_of_medium(self) -> Self {
        self.flagged(0x40)
    }

    /// What was not done; below 0 where a block is longer than was asked for.
    pub(crate) const fn left(self, left: i64) -> Self {
        Self { information: Some(left), ..self }
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        // INFORMATION has room for four bytes; VALID is 0 where that is not enough.
        let information = self.information.and_then(|left| i32::try_from(left).ok());
        let valid = if information.is_some() { 0x80 } else { 0 };
        let [a, b, c, d] = information.unwrap_or(0).to_be_bytes();
        let [code, qualifier] = self.code.to_be_bytes();
        vec![0x70 | valid, 0, self.flags | self.key, a, b, c, d, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0]
    }
}

/// Why a command gave no plain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Checked(Sense),
    /// Data came in nevertheless.
    Partly(Vec<u8>, Sense),
    /// As the data of a REQUEST SENSE.
    Told(Sense),
    /// A status that needs no sense.
    Status(u8),
}

impl From<Sense> for Stop {
    fn from(sense: Sense) -> Self {
        Self::Checked(sense)
    }
}

/// The simulator's own disk failed it: to whoever asks, the device is broken.
impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Checked(Sense::INTERNAL)
    }
}

/// What came in, at most as long as the command allows.
pub(crate) type Reply = Result<Vec<u8>, Stop>;
