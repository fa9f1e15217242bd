//! TapeAlert: what a drive or a library warns of, as flags of log page 0x2e (SSC-4, clause 8.2 and the annex on TapeAlert; SMC-3, clause 7.2).

use crate::log::Page;

/// Numbers of flags; the first is 1.
pub const FLAGS: u16 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Information,
    /// Somebody should do something soon; nothing was lost.
    Warning,
    /// Data, or the device, is in danger.
    Critical,
}
use Severity::{Critical, Information, Warning};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    pub flag: u16,
    pub severity: Severity,
    pub name: &'static str,
}

/// Which flags stand, in the order of their numbers.
pub fn standing(page: &Page<'_>) -> Vec<u16> {
    let set = |parameter: &crate::log::Parameter<'_>| parameter.value.first().is_some_and(|value| value & 1 == 1);
    let known = page.parameters().filter(|parameter| (1..=FLAGS).contains(&parameter.code)).filter(set);
    let mut flags: Vec<u16> = known.map(|parameter| parameter.code).collect();
    flags.sort_unstable();
    flags.dedup();
    flags
}

/// What a flag means in a drive.
pub fn of_drive(flag: u16) -> Alert {
    named(&DRIVE, flag)
}

/// What a flag means in the robot of a library.
pub fn of_library(flag: u16) -> Alert {
    named(&LIBRARY, flag)
}

/// Of a drive: "clean now" and "clean periodic".
pub fn asks_for_cleaning(flag: u32) -> bool {
    matches!(flag, 20 | 21)
}

fn named(table: &[(u16, Severity, &'static str)], flag: u16) -> Alert {
    let found = table.iter().find(|(number, ..)| *number == flag);
    let (severity, name) = found.map_or((Warning, "a flag without a meaning"), |(_, severity, name)| (*severity, *name));
    Alert { flag, severity, name }
}

const DRIVE: [(u16, Severity, &str); 57] = [
    (1, Warning, "read warning"),
    (2, Warning, "write warning"),
    (3, Warning, "hard error"),
    (4, Critical, "media"),
    (5, Critical, "read failure"),
    (6, Critical, "write failure"),
    (7, Warning, "media life"),
    (8, Warning, "not data grade"),
    (9, Critical, "write protect"),
    (10, Information, "no removal"),
    (11, Information, "cleaning media"),
    (12, Information, "unsupported format"),
    (13, Critical, "recoverable mechanical cartridge failure"),
    (14, Critical, "unrecoverable mechanical cartridge failure"),
    (15, Warning, "memory chip in cartridge failure"),
    (16, Critical, "forced eject"),
    (17, Warning, "read only format"),
    (18, Warning, "tape directory corrupted on load"),
    (19, Information, "nearing media life"),
    (20, Critical, "clean now"),
    (21, Warning, "clean periodic"),
    (22, Critical, "expired cleaning media"),
    (23, Critical, "invalid cleaning tape"),
    (24, Warning, "retension requested"),
    (25, Warning, "multi-port interface error on a primary port"),
    (26, Warning, "cooling fan failure"),
    (27, Warning, "power supply failure"),
    (28, Warning, "power consumption"),
    (29, Warning, "drive preventive maintenance required"),
    (30, Critical, "hardware A"),
    (31, Critical, "hardware B"),
    (32, Warning, "primary interface"),
    (33, Critical, "eject media"),
    (34, Warning, "microcode update failure"),
    (35, Warning, "drive humidity"),
    (36, Warning, "drive temperature"),
    (37, Warning, "drive voltage"),
    (38, Critical, "predictive failure"),
    (39, Warning, "diagnostics required"),
    (40, Critical, "loader hardware A"),
    (41, Critical, "loader stray tape"),
    (42, Warning, "loader hardware B"),
    (43, Critical, "loader door"),
    (44, Critical, "loader hardware C"),
    (45, Critical, "loader magazine"),
    (46, Warning, "loader predictive failure"),
    (50, Warning, "lost statistics"),
    (51, Warning, "tape directory invalid at unload"),
    (52, Critical, "tape system area write failure"),
    (53, Critical, "tape system area read failure"),
    (54, Critical, "no start of data"),
    (55, Critical, "loading failure"),
    (56, Critical, "unrecoverable unload failure"),
    (57, Critical, "automation interface failure"),
    (58, Warning, "microcode failure"),
    (59, Warning, "WORM medium integrity check failed"),
    (60, Warning, "WORM medium overwrite attempted"),
];

const LIBRARY: [(u16, Severity, &str); 32] = [
    (1, Critical, "library hardware A"),
    (2, Warning, "library hardware B"),
    (3, Critical, "library hardware C"),
    (4, Critical, "library hardware D"),
    (5, Warning, "library diagnostics required"),
    (6, Critical, "library interface"),
    (7, Warning, "failure prediction"),
    (8, Warning, "library maintenance"),
    (9, Critical, "library humidity limits"),
    (10, Critical, "library temperature limits"),
    (11, Critical, "library voltage limits"),
    (12, Critical, "library stray tape"),
    (13, Warning, "library pick retry"),
    (14, Warning, "library place retry"),
    (15, Warning, "library load retry"),
    (16, Critical, "library door"),
    (17, Critical, "library mail slot"),
    (18, Critical, "library magazine"),
    (19, Warning, "library security"),
    (20, Information, "library security mode"),
    (21, Information, "library offline"),
    (22, Information, "library drive offline"),
    (23, Warning, "library scan retry"),
    (24, Critical, "library inventory"),
    (25, Warning, "library illegal operation"),
    (26, Warning, "dual-port interface error"),
    (27, Warning, "cooling fan failure"),
    (28, Warning, "power supply"),
    (29, Warning, "power consumption"),
    (30, Critical, "pass-through mechanism failure"),
    (31, Critical, "cartridge in pass-through mechanism"),
    (32, Information, "unreadable bar code labels"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_stand_are_told_with_their_meaning() {
        let parameter = |code: u8, value: u8| [0, code, 3, 1, value];
        let body = [parameter(20, 1), parameter(3, 1), parameter(4, 0), parameter(65, 1), parameter(3, 1)].concat();
        let bytes = [&[0x2e, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let flags = standing(&Page::read(&bytes).unwrap());
        assert_eq!(flags, [3, 20]);
        assert_eq!(of_drive(20), Alert { flag: 20, severity: Critical, name: "clean now" });
        assert_eq!((of_drive(3).severity, of_library(32).severity), (Warning, Information));
        assert!(asks_for_cleaning(20) && !asks_for_cleaning(3));
        assert_eq!(of_drive(48).name, "a flag without a meaning");
    }

    #[test]
    fn every_flag_stands_once_in_its_table() {
        for table in [&DRIVE[..], &LIBRARY] {
            assert!(table.is_sorted_by(|one, two| one.0 < two.0) && table.iter().all(|(flag, ..)| (1..=FLAGS).contains(flag)));
        }
    }
}
