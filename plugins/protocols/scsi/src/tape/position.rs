//! Where the tape is: READ POSITION in its three forms (SSC-4, clause 7: READ POSITION).

use crate::{Malformed, field, of_three};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Objects up to 2^32, and what the buffer holds.
    Short,
    /// Objects and files, and no word of the buffer.
    Long,
    /// As the short one, up to 2^64.
    Extended,
}

impl Form {
    /// SERVICE ACTION.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Short => 0,
            Self::Long => 6,
            Self::Extended => 8,
        }
    }

    /// Bytes of the answer.
    pub fn bytes(self) -> u16 {
        match self {
            Self::Short => 20,
            Self::Long | Self::Extended => 32,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub partition: u32,
    /// The object that would be read or written next. None: the drive does not know.
    pub object: Option<u64>,
    /// Filemarks before it; only the long form tells.
    pub files: Option<u64>,
    /// Objects and bytes that are in the drive's buffer and not on the medium; the long form does not tell.
    pub buffered_objects: Option<u32>,
    pub buffered_bytes: Option<u64>,
    pub beginning: bool,
    /// Between early warning and the end of the partition.
    pub near_end: bool,
    /// Behind the place from which on early warning was to be early (programmable early warning).
    pub before_early_warning: bool,
}

impl Position {
    pub fn read(bytes: &[u8], form: Form) -> Result<Self, Malformed> {
        const WHAT: &str = "the position of a tape";
        let [flags, partition] = field(bytes, 0, WHAT)?;
        let set = |mask: u8| flags & mask != 0;
        let position = Self {
            partition: u32::from(partition),
            beginning: set(0x80),
            near_end: set(0x40),
            before_early_warning: set(0x01),
            ..Self::default()
        };
        // LOLU or LONU: the number of the object is not known. Nor is it believed to be 0 elsewhere than at the beginning.
        let known = |object: u64| (!set(0x04) && (object > 0 || set(0x80))).then_some(object);
        let number = |at: usize| field(bytes, at, WHAT).map(u64::from_be_bytes);
        match form {
            Form::Short => {
                let [a, b, c] = field(bytes, 13, WHAT)?;
                let first = u32::from_be_bytes(field(bytes, 4, WHAT)?);
                let behind = u32::from_be_bytes(field(bytes, 16, WHAT)?);
                // PERR: the number has no room here.
                let object = known(u64::from(first)).filter(|_| !set(0x02));
                Ok(Self { object, ..position }.buffering(flags, of_three([a, b, c]), u64::from(behind)))
            }
            Form::Long => {
                let partition = u32::from_be_bytes(field(bytes, 4, WHAT)?);
                let (object, files) = (number(8)?, number(16)?);
                // MPU: the number of filemarks is not known.
                let files = (!set(0x08)).then_some(files);
                Ok(Self { partition, object: known(object), files, ..position })
            }
            Form::Extended => {
                let [a, b, c] = field(bytes, 5, WHAT)?;
                let (object, behind) = (number(8)?, number(24)?);
                Ok(Self { object: known(object), ..position }.buffering(flags, of_three([a, b, c]), behind))
            }
        }
    }

    /// LOCU and BYCU: what is in the buffer is not known.
    fn buffering(self, flags: u8, objects: u32, bytes: u64) -> Self {
        let buffered_objects = (flags & 0x20 == 0).then_some(objects);
        Self { buffered_objects, buffered_bytes: (flags & 0x10 == 0).then_some(bytes), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_tells_the_object_and_what_else_it_has() {
        let mut short = [0; 20];
        (short[0], short[1], short[7], short[15], short[19]) = (0x80, 1, 9, 2, 64);
        let position = Position::read(&short, Form::Short).unwrap();
        assert_eq!((position.partition, position.object, position.files), (1, Some(9), None));
        assert_eq!((position.buffered_objects, position.buffered_bytes), (Some(2), Some(64)));
        assert!(position.beginning && !position.near_end);

        let mut long = [0; 32];
        (long[0], long[7], long[15], long[23]) = (0x40, 1, 9, 3);
        let position = Position::read(&long, Form::Long).unwrap();
        assert_eq!((position.partition, position.object, position.files), (1, Some(9), Some(3)));
        assert!(position.near_end && position.buffered_objects.is_none());

        let mut extended = [0; 32];
        (extended[0], extended[1], extended[7], extended[8], extended[31]) = (0x01, 1, 2, 1, 64);
        let position = Position::read(&extended, Form::Extended).unwrap();
        assert_eq!((position.partition, position.object), (1, Some(1 << 56)));
        assert_eq!((position.buffered_objects, position.buffered_bytes), (Some(2), Some(64)));
        assert!(position.before_early_warning);
    }

    #[test]
    fn a_drive_that_does_not_know_is_not_believed_to() {
        // As some answer who write the length where the flags are.
        let lost = Position::read(&[20; 20], Form::Short).unwrap();
        assert_eq!((lost.object, lost.buffered_bytes), (None, None));
        let overflowed = Position::read(&[0x02; 20], Form::Short).unwrap();
        assert_eq!(overflowed.object, None);
        let mut lost = [0; 32];
        lost[0] = 32;
        assert_eq!(Position::read(&lost, Form::Long).unwrap().object, None);
        lost[0] = 0x80;
        assert_eq!(Position::read(&lost, Form::Long).unwrap().object, Some(0));
        let lost = Position::read(&[0x0c; 32], Form::Long).unwrap();
        assert_eq!((lost.object, lost.files), (None, None));
        let unsure = Position::read(&[0x34; 32], Form::Extended).unwrap();
        assert_eq!((unsure.object, unsure.buffered_objects, unsure.buffered_bytes), (None, None, None));
    }

    #[test]
    fn a_position_that_is_cut_is_none() {
        for form in [Form::Short, Form::Long, Form::Extended] {
            let whole = usize::from(form.bytes());
            assert!((0..whole).all(|end| Position::read(&vec![0; end], form).is_err() || (form == Form::Long && end >= 24)));
            assert!(Position::read(&vec![0; whole], form).is_ok());
        }
    }
}
