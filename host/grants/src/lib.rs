//! Powers that a plugin asked for, met with powers that somebody granted, become values.
//!
//! A service of the host is built from such a value and can do nothing without it, so there is no check to forget. A plugin asks in
//! templates over its configuration; an administrator's configuration grants exactly the hosts it names; everything
//! else needs a grant of its own, and every denial prints the command that would make it. All of it is pure: names are resolved
//! elsewhere, and each resolved address comes back here to be judged before it is connected to.

mod address;
mod denial;
mod device;
mod grants;
mod host;
mod policy;
mod template;

pub use address::{AddressClass, classify};
pub use device::{DeviceGrant, device_path};
pub use grants::{ConnectGrant, DirectoryGrant, Granted, Grants};
pub use host::HostName;
pub use policy::Policy;
pub use template::{Requested, requested};
