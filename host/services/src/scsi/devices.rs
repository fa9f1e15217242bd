//! The SCSI devices of one target: opened where a grant covers them, counted, cut when it is gone.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use capstan_domain::failure::Blame;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::{DeviceGrant, Grants};
use tokio::sync::Semaphore;

use super::device::Device;
use super::generic::Generic;
use crate::limits::Limits;

/// Usable without any plugin; its only power is the grants it holds.
pub struct Devices {
    grants: RwLock<Arc<Grants>>,
    places: Arc<Semaphore>,
    /// Holds nothing alive: who drops a device need not tell.
    open: Mutex<Vec<(DeviceGrant, Weak<Device>)>>,
    limits: Limits,
}

impl Devices {
    pub fn new(grants: Arc<Grants>, limits: Limits) -> Self {
        let places = Arc::new(Semaphore::new(limits.scsi_devices));
        Self { grants: RwLock::new(grants), places, open: Mutex::default(), limits }
    }

    /// Replaces the grants. Devices they no longer cover are cut, whatever they are doing.
    pub fn set_grants(&self, grants: Arc<Grants>) {
        *self.grants.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&grants);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (grant, device) in open.iter() {
            if let Some(device) = device.upgrade()
                && grants.device(grant.path()).is_err()
            {
                device.cut();
            }
        }
    }

    /// The device granted under this path. A device may be open several times.
    pub async fn open(&self, path: &str) -> Outcome<Arc<Device>> {
        let grant = self.grants().device(path)?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let most = self.limits.scsi_devices;
            Failure::new(Kind::Busy, format!("all {most} devices that the target may use at once are open"))
                .with_blame(Blame::Host)
        })?;
        let opened = {
            let grant = grant.clone();
            tokio::task::spawn_blocking(move || Generic::open(&grant)).await
        };
        let opened = opened.map_err(|cause| Failure::host("a device was not opened", cause))??;
        let device = Arc::new(Device::new(grant.path(), opened, place, &self.limits)?);
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|(_, device)| device.strong_count() > 0);
            open.push((grant, Arc::downgrade(&device)));
        }
        // The grants may have changed while it was opened, before anybody knew of it.
        self.grants().device(path)?;
        Ok(device)
    }

    fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.grants.read().unwrap_or_else(PoisonError::into_inner))
    }
}
