//! The tape plugin on the libraries of the tests: tgt's, which knows little, and the project's own, which knows what it is told to know.

use capstan_test_servers::{TapeSimulator, Vtl};
use serde_json::{Value, json};

use crate::host::{Host, built};
use crate::laid_over::laid_over;
use crate::target_file::TargetFile;

/// What the plugin needs to reach the library, and `more`.
pub fn configuration(library: &Vtl, more: Value) -> Value {
    let all = json!({ "host": "127.0.0.1", "port": library.port, "target": Vtl::TARGET, "chap-user": Vtl::USER });
    laid_over(all, more)
}

pub async fn host(library: &Vtl, more: Value) -> anyhow::Result<Host> {
    Host::start(&built("tape"), configuration(library, more), &[("chap-secret", Vtl::SECRET)]).await
}

/// The target file of the kit. Faults stand before the whole target.
pub fn target(library: &Vtl, more: Value) -> TargetFile {
    TargetFile::plain(configuration(library, more), &Vtl::label(1)).with_secret("chap-secret", Vtl::SECRET)
}

/// Bytes of a cartridge of the project's own library.
const CAPACITY: u64 = 4 << 30;
/// In the project's own library: the first is the kit's, the last is write-protected.
pub const CARTRIDGES: [&str; 3] = ["SIM001L9", "SIM002L9", "SIM003L9"];

/// A library of two drives that know `features`, beside what every drive knows; left out, they know all.
pub fn plan(features: Value) -> Value {
    let [kit, other, protected] = CARTRIDGES;
    json!({
        "slots": 8,
        "drives": [{ "features": features }, { "features": features }],
        "cartridges": [
            { "barcode": kit, "capacity": CAPACITY },
            { "barcode": other, "capacity": CAPACITY },
            { "barcode": protected, "capacity": CAPACITY, "protected": true },
        ],
    })
}

/// The target file of the kit for the project's own library over iSCSI, with one of its cartridges.
pub fn simulated(library: &TapeSimulator, cartridge: &str) -> TargetFile {
    let configuration = json!({
        "host": "127.0.0.1", "port": library.port, "target": TapeSimulator::TARGET, "chap-user": TapeSimulator::USER,
    });
    TargetFile::plain(configuration, cartridge).with_secret("chap-secret", TapeSimulator::SECRET)
}
