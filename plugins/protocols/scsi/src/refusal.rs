//! Why a device did not do what it was told: as many reasons as there are things to do about it.

use crate::{Key, Sense, status};

/// By status, sense key and additional sense code (SPC-4, tables of sense keys and of additional sense codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Unit attention: the unit was reset, or somebody changed its settings. Not done; what was set has to be set again.
    Reset,
    /// Unit attention: the medium may be another one. Not done.
    MediumChanged,
    /// Unit attention: somebody opened the library, or its mail slots. Not done; the inventory may be another one.
    LibraryChanged,
    /// Unit attention of another kind. Not done.
    Attention,
    /// It will be ready by itself.
    BecomingReady,
    /// Somebody has to do something at the device first.
    NotReady,
    NoMedium,
    /// It has too much to do.
    Busy,
    /// Somebody else has reserved it.
    Reserved,
    WriteProtected,
    RemovalPrevented,
    /// A robot's: nothing lies where something was to be taken from.
    SourceEmpty,
    /// A robot's: something lies where something was to be put.
    DestinationFull,
    /// A robot's: there is no such place.
    NoElement,
    /// The library cannot reach a part of itself: a magazine or a drive is out, a mail slot is open or locked, an element is switched off.
    OutOfReach,
    /// The label is missing, is there twice, or is another than the library took it for.
    Label,
    /// The medium is of a kind or format that the drive cannot use.
    Incompatible,
    /// What is on the medium is encrypted, and the drive has no key, or another.
    Encrypted,
    /// A cleaning cartridge is in the drive.
    Cleaning,
    /// The drive works again when it was cleaned.
    CleaningNeeded,
    /// The cleaning cartridge did not clean: it is used up.
    CleaningFailed,
    /// The medium has no room left; nothing of the rest was written.
    Full,
    /// Nothing was written where something was to be read.
    Blank,
    /// A part of the medium cannot be read.
    Unreadable,
    /// A part of the medium cannot be written.
    Unwritable,
    /// The medium is damaged.
    Medium,
    /// A block arrived with another checksum than it left with; it was not taken.
    Garbled,
    /// A drive did not take the cartridge in: it did not load or thread it.
    NotLoaded,
    /// A cartridge was not given out, or got stuck.
    Mechanical,
    Hardware,
    /// Ended by the device, for nothing that the caller did; it may have been done in part.
    Aborted,
    /// The device does not know the command.
    Unsupported,
    /// It knows the command, and not what is asked of it.
    Invalid,
    /// There is no such unit.
    NoUnit,
    Unclear,
}

impl Reason {
    /// Whether the command was not begun, and may be given again at once.
    pub fn is_attention(self) -> bool {
        matches!(self, Self::Reset | Self::MediumChanged | Self::LibraryChanged | Self::Attention)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub status: u8,
    pub sense: Option<Sense>,
}

impl Refusal {
    /// `status` is not GOOD.
    pub fn new(status: u8, sense: &[u8]) -> Self {
        let sense = Sense::read(sense).filter(|_| status == status::CHECK_CONDITION);
        let reason = match (status, &sense) {
            (status::BUSY | status::TASK_SET_FULL, _) => Reason::Busy,
            (status::RESERVATION_CONFLICT, _) => Reason::Reserved,
            (status::TASK_ABORTED, _) => Reason::Aborted,
            (_, Some(sense)) => sensed(sense),
            (_, None) => Reason::Unclear,
        };
        Self { reason, status, sense }
    }
}

fn sensed(sense: &Sense) -> Reason {
    if sense.key == Key::UNIT_ATTENTION {
        return match (sense.code, sense.qualifier) {
            (0x28, 0) => Reason::MediumChanged,
            (0x28, _) | (0x3b, 0x12 | 0x13 | 0x1a | 0x1b) => Reason::LibraryChanged,
            (0x29 | 0x2a, _) => Reason::Reset,
            _ => Reason::Attention,
        };
    }
    // An earlier command succeeded after all; this one was not begun (SPC-4, clause 4.5: deferred errors).
    if sense.deferred && matches!(sense.key, Key::NO_SENSE | Key::RECOVERED_ERROR) {
        return Reason::Attention;
    }
    match (sense.code, sense.qualifier) {
        (0x00, 0x17) | (0x82, 0x82) => return Reason::CleaningNeeded,
        // LOGICAL UNIT IS IN PROCESS OF BECOMING READY, FORMAT and other OPERATION IN PROGRESS, and several of the kind.
        (0x04, 0x01 | 0x04..=0x0a | 0x1b | 0x1d) => return Reason::BecomingReady,
        // LOGICAL BLOCK GUARD CHECK FAILED and its like.
        (0x10, _) => return Reason::Garbled,
        (0x15, _) | (0x3b, 0x00 | 0x16) | (0x53, 0x01 | 0x0a..=0x0c) => return Reason::Mechanical,
        // INVALID ELEMENT ADDRESS; INVALID ADDRESS FOR WRITE and what follows it belong to disks.
        (0x21, 0x01) => return Reason::NoElement,
        (0x27, _) | (0x5a, 0x02) => return Reason::WriteProtected,
        // WORM MEDIUM - OVERWRITE ATTEMPTED.
        (0x30, 0x0c) => return Reason::WriteProtected,
        (0x30, 0x03) => return Reason::Cleaning,
        (0x30, 0x07 | 0x0a) => return Reason::CleaningFailed,
        (0x30, _) => return Reason::Incompatible,
        (0x3a, _) => return Reason::NoMedium,
        (0x3b, 0x0d) => return Reason::DestinationFull,
        (0x3b, 0x0e) => return Reason::SourceEmpty,
        (0x3b, 0x11 | 0x12 | 0x14 | 0x18 | 0x1a) => return Reason::OutOfReach,
        // MEDIA LOAD OR EJECT FAILED, MEDIUM THREAD OR UNTHREAD FAILURE, and a drive's own word to its library.
        (0x53, 0x00 | 0x04 | 0x09) => return Reason::NotLoaded,
        (0x53, 0x02 | 0x03) => return Reason::RemovalPrevented,
        (0x53, 0x05..=0x07) => return Reason::Label,
        (0x74, _) => return Reason::Encrypted,
        _ => {}
    }
    match sense.key {
        Key::NOT_READY => Reason::NotReady,
        Key::MEDIUM_ERROR => match sense.code {
            0x11..=0x14 => Reason::Unreadable,
            // WRITE ERROR, APPEND ERROR, ERASE FAILURE.
            0x0c | 0x50 | 0x51 => Reason::Unwritable,
            _ => Reason::Medium,
        },
        Key::HARDWARE_ERROR => Reason::Hardware,
        Key::ILLEGAL_REQUEST if sense.code == 0x20 => Reason::Unsupported,
        Key::ILLEGAL_REQUEST if sense.code == 0x25 => Reason::NoUnit,
        Key::ILLEGAL_REQUEST => Reason::Invalid,
        Key::DATA_PROTECT => Reason::WriteProtected,
        Key::BLANK_CHECK => Reason::Blank,
        Key::ABORTED_COMMAND => Reason::Aborted,
        Key::VOLUME_OVERFLOW => Reason::Full,
        _ => Reason::Unclear,
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.sense {
            Some(sense) => write!(f, "{sense}"),
            None => write!(f, "status {:02x}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u8, key: u8, additional: u16) -> Reason {
        let mut sense = [0; 18];
        let [code, qualifier] = additional.to_be_bytes();
        (sense[0], sense[2], sense[12], sense[13]) = (0x70, key, code, qualifier);
        Refusal::new(status, &sense).reason
    }

    #[test]
    fn what_is_to_be_done_is_in_the_reason() {
        let told = [
            (6, 0x2900, Reason::Reset),
            (6, 0x2800, Reason::MediumChanged),
            (6, 0x2801, Reason::LibraryChanged),
            (6, 0x3f01, Reason::Attention),
            (2, 0x0401, Reason::BecomingReady),
            (2, 0x0403, Reason::NotReady),
            (2, 0x3a00, Reason::NoMedium),
            (2, 0x3003, Reason::Cleaning),
            (7, 0x2700, Reason::WriteProtected),
            (5, 0x5302, Reason::RemovalPrevented),
            (5, 0x3b0e, Reason::SourceEmpty),
            (5, 0x3b0d, Reason::DestinationFull),
            (5, 0x2101, Reason::NoElement),
            (3, 0x3000, Reason::Incompatible),
            (3, 0x1100, Reason::Unreadable),
            (3, 0x0c00, Reason::Unwritable),
            (3, 0x3100, Reason::Medium),
            (4, 0x5300, Reason::NotLoaded),
            (3, 0x5304, Reason::NotLoaded),
            (4, 0x530a, Reason::Mechanical),
            (5, 0x5303, Reason::RemovalPrevented),
            (5, 0x5306, Reason::Label),
            (5, 0x3b11, Reason::OutOfReach),
            (5, 0x3b18, Reason::OutOfReach),
            (2, 0x0017, Reason::CleaningNeeded),
            (2, 0x8282, Reason::CleaningNeeded),
            (2, 0x3007, Reason::CleaningFailed),
            (0xb, 0x1001, Reason::Garbled),
            (7, 0x300c, Reason::WriteProtected),
            (5, 0x7401, Reason::Encrypted),
            (4, 0x1501, Reason::Mechanical),
            (4, 0x4400, Reason::Hardware),
            (8, 0x1403, Reason::Blank),
            (0xb, 0x4b00, Reason::Aborted),
            (0xd, 0x0002, Reason::Full),
            (5, 0x2000, Reason::Unsupported),
            (5, 0x2400, Reason::Invalid),
            (5, 0x2500, Reason::NoUnit),
            (0xe, 0x1d00, Reason::Unclear),
        ];
        for (key, additional, reason) in told {
            assert_eq!(of(status::CHECK_CONDITION, key, additional), reason, "{key:x}/{additional:04x}");
        }
    }

    #[test]
    fn what_an_earlier_command_recovered_from_stops_this_one_once() {
        let mut sense = [0; 18];
        (sense[0], sense[2], sense[12]) = (0x71, 1, 0x17);
        assert_eq!(Refusal::new(status::CHECK_CONDITION, &sense).reason, Reason::Attention);
        (sense[2], sense[12]) = (3, 0x0c);
        assert_eq!(Refusal::new(status::CHECK_CONDITION, &sense).reason, Reason::Unwritable);
    }

    #[test]
    fn a_status_tells_without_sense() {
        assert_eq!(of(status::BUSY, 3, 0x1100), Reason::Busy);
        assert_eq!(of(status::TASK_SET_FULL, 0, 0), Reason::Busy);
        assert_eq!(of(status::RESERVATION_CONFLICT, 0, 0), Reason::Reserved);
        assert_eq!(of(status::TASK_ABORTED, 0, 0), Reason::Aborted);
        let bare = Refusal::new(status::CHECK_CONDITION, &[]);
        assert_eq!((bare.reason, bare.to_string()), (Reason::Unclear, "status 02".to_owned()));
        assert!(Reason::Reset.is_attention() && !Reason::BecomingReady.is_attention());
    }
}
