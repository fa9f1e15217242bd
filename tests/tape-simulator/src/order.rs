//! What a test tells the library from outside of SCSI: as an operator at its door, as the power supply, or as fate.

use serde::{Deserialize, Serialize};

use crate::faults::{Armed, Subject};
use crate::plan::{CartridgePlan, Features};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// Which cartridge lies where: `[{"address", "kind", "barcode", "source"}]`.
    Inventory,
    /// An operator puts a cartridge into a mail slot: a new one, or one that was taken out before. `{"address"}`.
    Insert(CartridgePlan),
    /// An operator takes what is in a mail slot. `{"barcode"}`.
    Take {
        address: u16,
    },
    /// The tab of a cartridge that is in no drive.
    Protect {
        barcode: String,
        on: bool,
    },
    Arm(Armed),
    /// None: all faults.
    Clear {
        #[serde(default)]
        subject: Option<Subject>,
    },
    /// Those that are armed.
    Faults,
    /// A device does not answer any more, and a drive loses what it has in its buffer, but for so many records.
    PowerCut {
        device: Subject,
        #[serde(default)]
        kept: u64,
    },
    /// Power is back: settings are gone, and what is in a drive is loaded anew.
    Restore {
        device: Subject,
    },
    /// LOGICAL UNIT RESET; none: of all.
    Reset {
        #[serde(default)]
        device: Option<Subject>,
    },
    /// ADDITIONAL SENSE CODE and qualifier, told to each nexus.
    Attention {
        device: Subject,
        code: u16,
    },
    /// What a drive knows from now on.
    Know {
        drive: usize,
        features: Features,
    },
    /// `{"robot": …, "drives": […], "sum": …}`, each as [`crate::time::Totals`].
    Totals,
    ResetTotals,
    /// What is on the medium, and in its memory: `{"barcode", "kind", "capacity", "protected", "loads", "partitions": [{"records", "filemarks",
    /// "bytes", "size"}]}`. What a drive has only in its buffer is not there.
    Cartridge {
        barcode: String,
    },
    /// Where records lie on the tape, by partition and number: a list of [`crate::time::Spot`].
    Spots {
        barcode: String,
        places: Vec<(u8, u64)>,
    },
    /// Where a drive is: `{"barcode", "partition", "record"}`.
    Place {
        drive: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Fault;

    #[test]
    fn orders_are_told_in_json() {
        let told = r#"{"order": "arm", "subject": {"drive": 1}, "fault": {"kind": "power-cut", "performed": true}, "after": 41, "times": 1}"#;
        let fault = Fault::PowerCut { performed: true, kept: 0 };
        let armed = Armed { subject: Subject::Drive(1), fault, after: 41, times: Some(1) };
        assert_eq!(serde_json::from_str::<Order>(told).unwrap(), Order::Arm(armed));
        let told = r#"{"order": "insert", "barcode": "NEW001L9", "capacity": 1000000000}"#;
        let plan = CartridgePlan::new("NEW001L9", 1_000_000_000);
        assert_eq!(serde_json::from_str::<Order>(told).unwrap(), Order::Insert(plan));
        assert_eq!(serde_json::from_str::<Order>(r#"{"order": "reset"}"#).unwrap(), Order::Reset { device: None });
    }

    #[test]
    fn a_plan_is_told_in_json() {
        let told = r#"{"drives": [{}, {"features": {"locate": false}}], "slots": 4, "mail-slots": 1, "scale": {"times": 1000.0},
            "cartridges": [{"barcode": "CAP001L9"}]}"#;
        let plan: crate::Plan = serde_json::from_str(told).unwrap();
        let locates: Vec<bool> = plan.drives.iter().map(|drive| drive.features.locate).collect();
        assert_eq!((locates, plan.cartridges.len()), (vec![true, false], 1));
        assert_eq!(serde_json::from_str::<crate::Plan>(r#"{"scale": "none"}"#).unwrap().scale, crate::plan::Scale::None);
    }
}
