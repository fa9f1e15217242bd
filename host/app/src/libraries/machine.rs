//! Robots on this machine's own SCSI buses, as the kernel lists them. Nothing is opened for it.

use std::path::Path;

use capstan_domain::{Failure, Outcome};

/// One directory for each generic SCSI device (Linux, `sg(4)`).
const LISTED: &str = "/sys/class/scsi_generic";
/// Peripheral device type of a media changer (SPC-4, section 6.6.2), as sysfs has it: decimal.
const CHANGER: &str = "8";
/// Devices that are looked at; a machine has fewer.
const DEVICES_MAX: usize = 4096;
/// Bytes before the serial number in the page that tells it (SPC-4, section 7.8.15).
const PAGE_HEAD: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScsiDevice {
    /// `/dev/sg3`.
    pub device: String,
    pub serial: Option<String>,
    pub vendor: String,
    pub product: String,
    pub revision: String,
}

/// By their device's name; none where the kernel lists none.
pub(super) async fn robots() -> Outcome<Vec<ScsiDevice>> {
    tokio::task::spawn_blocking(|| listed(Path::new(LISTED)))
        .await
        .map_err(|cause| Failure::host("the SCSI devices of this machine cannot be listed", cause))
}

fn listed(directory: &Path) -> Vec<ScsiDevice> {
    let Ok(devices) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut robots: Vec<ScsiDevice> = devices.take(DEVICES_MAX).filter_map(|entry| robot(&entry.ok()?.path())).collect();
    robots.sort_by(|one, other| one.device.cmp(&other.device));
    robots
}

/// None: it is of another type, or went meanwhile.
fn robot(directory: &Path) -> Option<ScsiDevice> {
    let text = |name: &str| Some(std::fs::read_to_string(directory.join("device").join(name)).ok()?.trim().to_owned());
    if text("type")? != CHANGER {
        return None;
    }
    let page = std::fs::read(directory.join("device/vpd_pg80")).unwrap_or_default();
    let serial = String::from_utf8_lossy(page.get(PAGE_HEAD..).unwrap_or_default()).trim_matches(['\0', ' ']).to_owned();
    Some(ScsiDevice {
        device: format!("/dev/{}", directory.file_name()?.to_str()?),
        serial: (!serial.is_empty()).then_some(serial),
        vendor: text("vendor")?,
        product: text("model")?,
        revision: text("rev").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_are_listed_and_drives_are_not() {
        let room = tempfile::tempdir().unwrap();
        for (name, kind) in [("sg1", "1\n"), ("sg3", "8\n")] {
            let device = room.path().join(name).join("device");
            std::fs::create_dir_all(&device).unwrap();
            for (file, content) in [("type", kind), ("vendor", "STK     \n"), ("model", "L700            \n"), ("rev", "0010\n")]
            {
                std::fs::write(device.join(file), content).unwrap();
            }
            std::fs::write(device.join("vpd_pg80"), b"\x08\x80\x00\x0aLIB0001   ").unwrap();
        }
        let robot = ScsiDevice {
            device: "/dev/sg3".to_owned(),
            serial: Some("LIB0001".to_owned()),
            vendor: "STK".to_owned(),
            product: "L700".to_owned(),
            revision: "0010".to_owned(),
        };
        assert_eq!(listed(room.path()), [robot]);
        assert!(listed(&room.path().join("nothing")).is_empty());
    }
}
