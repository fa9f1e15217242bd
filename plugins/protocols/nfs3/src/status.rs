//! `nfsstat3` (RFC 1813, section 2.6).

/// Why a procedure failed. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

macro_rules! statuses {
    ($($name:ident = $number:literal;)*) => {
        impl Status {
            $(pub const $name: Self = Self($number);)*

            /// As the RFC spells it; a number it does not have, in words.
            pub fn name(self) -> String {
                match self.0 {
                    $($number => concat!("NFS3ERR_", stringify!($name)).to_owned(),)*
                    other => format!("nfsstat3 {other}"),
                }
            }

            /// All that the RFC knows.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

statuses! {
    PERM = 1;
    NOENT = 2;
    IO = 5;
    NXIO = 6;
    ACCES = 13;
    EXIST = 17;
    XDEV = 18;
    NODEV = 19;
    NOTDIR = 20;
    ISDIR = 21;
    INVAL = 22;
    FBIG = 27;
    NOSPC = 28;
    ROFS = 30;
    MLINK = 31;
    NAMETOOLONG = 63;
    NOTEMPTY = 66;
    DQUOT = 69;
    STALE = 70;
    REMOTE = 71;
    BADHANDLE = 10_001;
    NOT_SYNC = 10_002;
    BAD_COOKIE = 10_003;
    NOTSUPP = 10_004;
    TOOSMALL = 10_005;
    SERVERFAULT = 10_006;
    BADTYPE = 10_007;
    JUKEBOX = 10_008;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_spelled_as_in_the_rfc() {
        assert_eq!(Status::STALE.name(), "NFS3ERR_STALE");
        assert_eq!(Status(10_008).name(), "NFS3ERR_JUKEBOX");
        assert_eq!(Status(9).name(), "nfsstat3 9");
        assert_eq!(Status::ALL.len(), 28);
    }
}
