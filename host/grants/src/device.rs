//! The power to give commands to one SCSI device of the host.

use capstan_domain::Outcome;
use capstan_domain::failure::Failure;

/// Where devices lie.
const DEVICES: &str = "/dev/";
/// Bytes of a path.
const PATH_BYTES: usize = 255;

/// A path that may be that of a device: `invalid` where it is not below `/dev`, or could be spelled otherwise. What stands there is judged
/// when it is opened.
pub fn device_path(path: &str) -> Outcome<&str> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let below = path.strip_prefix(DEVICES).filter(|_| path.len() <= PATH_BYTES && !path.contains(char::is_control));
    if below.is_some_and(|below| below.split('/').all(plain)) {
        return Ok(path);
    }
    Err(Failure::invalid(format!("\"{}\" is no path of a device, such as /dev/sg3.", path.escape_default()))
        .with_code("path-invalid"))
}

/// Made where a target holds it, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceGrant {
    path: String,
}

impl DeviceGrant {
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.to_owned() }
    }

    pub fn path(&self) -> &str {
        &self.path
    }
}
