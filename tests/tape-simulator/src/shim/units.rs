//! Which units a library has, by its own word: REPORT LUNS (SPC-5, section 6.33).

use std::io;

use crate::devices::{Devices, Nexus};
use crate::iscsi::lun;

const REPORT_LUNS: u8 = 0xa0;
/// Bytes of the answer: a header of eight, and eight a unit.
const ALLOCATION: u16 = 8 + 8 * MOST_UNITS;
const MOST_UNITS: u16 = 256;

pub(super) async fn of(devices: &dyn Devices) -> io::Result<Vec<u64>> {
    let [high, low] = ALLOCATION.to_be_bytes();
    let cdb = [REPORT_LUNS, 0, 0, 0, 0, 0, 0, 0, high, low, 0, 0];
    let nexus = Nexus("units".to_owned());
    devices.greet(&nexus);
    let answer = devices.execute(&nexus, 0, &cdb, &[]).await;
    devices.leave(&nexus);
    let answer = answer.filter(|answer| answer.status == 0);
    let listed = answer.as_ref().and_then(|answer| answer.data.get(8..));
    let listed = listed.ok_or_else(|| io::Error::other("the library does not report its units"))?;
    let mut units: Vec<u64> = listed.as_chunks().0.iter().map(|written| lun::number(*written)).collect();
    units.sort_unstable();
    Ok(units)
}
