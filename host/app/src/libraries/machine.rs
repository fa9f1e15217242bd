//! Robots on this machine's own SCSI buses, as the kernel lists them. Nothing is opened for it.
//!
//! A robot is listed with every tape drive of the machine: which of them it serves only it can tell, when it is asked.

use std::path::Path;

use capstan_domain::{Failure, Outcome};

/// One directory for each generic SCSI device (Linux, `sg(4)`).
const LISTED: &str = "/sys/class/scsi_generic";
/// Peripheral device type of a media changer (SPC-4, section 6.6.2), as sysfs has it: decimal.
const CHANGER: &str = "8";
/// Of a tape drive.
const TAPE: &str = "1";
/// Devices that are looked at; a machine has fewer.
const DEVICES_MAX: usize = 4096;
/// Bytes before the serial number in the page that tells it (SPC-4, section 7.8.15).
const PAGE_HEAD: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScsiDevice {
    /// The robot and the drives: `/dev/sg3,/dev/sg1`.
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
    let mut devices: Vec<_> = devices.take(DEVICES_MAX).filter_map(|entry| Some(entry.ok()?.path())).collect();
    devices.sort();
    let of_type = |wanted: &'static str| devices.iter().filter(move |device| text(device, "type").as_deref() == Some(wanted));
    let drives: Vec<String> = of_type(TAPE).filter_map(|drive| file(drive)).collect();
    of_type(CHANGER).filter_map(|robot| told(robot, &drives)).collect()
}

/// None: it went meanwhile.
fn told(robot: &Path, drives: &[String]) -> Option<ScsiDevice> {
    let page = std::fs::read(robot.join("device/vpd_pg80")).unwrap_or_default();
    let serial = String::from_utf8_lossy(page.get(PAGE_HEAD..).unwrap_or_default()).trim_matches(['\0', ' ']).to_owned();
    let devices: Vec<String> = file(robot).into_iter().chain(drives.iter().cloned()).collect();
    Some(ScsiDevice {
        device: devices.join(","),
        serial: (!serial.is_empty()).then_some(serial),
        vendor: text(robot, "vendor")?,
        product: text(robot, "model")?,
        revision: text(robot, "rev").unwrap_or_default(),
    })
}

fn text(device: &Path, name: &str) -> Option<String> {
    Some(std::fs::read_to_string(device.join("device").join(name)).ok()?.trim().to_owned())
}

fn file(device: &Path) -> Option<String> {
    Some(format!("/dev/{}", device.file_name()?.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_are_listed_each_with_the_drives_of_the_machine() {
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
            device: "/dev/sg3,/dev/sg1".to_owned(),
            serial: Some("LIB0001".to_owned()),
            vendor: "STK".to_owned(),
            product: "L700".to_owned(),
            revision: "0010".to_owned(),
        };
        assert_eq!(listed(room.path()), [robot]);
        assert!(listed(&room.path().join("nothing")).is_empty());
    }
}
