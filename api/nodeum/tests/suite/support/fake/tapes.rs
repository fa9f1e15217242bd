//! Tape libraries, their drives and their tapes.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

use super::{AT, Fake, job, queued};

pub(super) fn tape() -> Tape {
    Tape {
        id: 1,
        tape_library_id: Some(1),
        pool_id: None,
        barcode: "one".into(),
        location: Some("Slot 2".into()),
        kind: TapeKind::DataLto6,
        locked: 0,
        scratch: 1,
        cleaning: 0,
        write_protect: vec![],
        mounted: 0,
        ejected: 0,
        known: 1,
        mount_count: 3,
        date_in: Some(AT),
        date_move: Some(AT),
        free: Some(1),
        max: Some(2),
        last_size_update: Some(AT),
        last_maintenance: None,
        last_repack: None,
        repack_status: 0,
        hash: None,
        force_import_type: 0,
        need_to_check: 0,
    }
}

fn stat() -> TapeStat {
    TapeStat { log_time: AT, barcode: "one".into(), mounts: Some(3), ..TapeStat::default() }
}

fn device() -> TapeLibraryDevice {
    TapeLibraryDevice {
        serial: Some("S1".into()),
        protocol: LibraryProtocol::Scsi,
        vendor: "V".into(),
        product: "P".into(),
        firmware: None,
        device: Some("target:t".into()),
        acs: None,
        storage_slots: Some(10),
        storage_slots_address: Some(256),
        io_slots: Some(2),
        io_slots_address: Some(32),
    }
}

fn library(name: &str) -> TapeLibrary {
    let status = LibraryStatus::Online;
    TapeLibrary { id: 1, name: name.into(), comment: None, libso: None, status, price: None, device: device() }
}

fn drive_device() -> TapeDriveDevice {
    TapeDriveDevice {
        serial: "D1".into(),
        scsi_address: Some(1),
        vendor: "V".into(),
        product: "P".into(),
        firmware: None,
        device: None,
        sgdevice: None,
    }
}

fn drive() -> TapeDrive {
    TapeDrive {
        id: 1,
        tape_library_id: 1,
        name: "one".into(),
        comment: None,
        libso: None,
        acs: None,
        lsm: None,
        panel: None,
        transport: None,
        status: LibraryStatus::Online,
        full: 0,
        mount_count: 0,
        use_to: None,
        use_by: None,
        barcode: None,
        task_id: None,
        use_file_processed_size: None,
        use_file_size_to_process: None,
        use_file_name_processed: None,
        bandwidth: None,
        device: drive_device(),
    }
}

impl Fake {
    pub(super) fn within_tapes(&self, of: &TapesOf) -> Answer<()> {
        match of {
            TapesOf::All => Ok(()),
            TapesOf::Library(at) => self.find("tape_library_id", at),
            TapesOf::Pool(at) => self.find("pool_id", at),
            TapesOf::File { pool, file } => {
                self.find("pool_id", pool)?;
                self.number("file_id", *file)
            }
        }
    }

    fn within_drives(&self, of: &DrivesOf) -> Answer<()> {
        match of {
            DrivesOf::All => Ok(()),
            DrivesOf::Library(at) => self.find("tape_library_id", at),
        }
    }
}

#[async_trait]
impl Tapes for Fake {
    async fn index(&self, _: &Caller, of: TapesOf, listing: Listing) -> Answer<Page<Tape>> {
        self.within_tapes(&of)?;
        self.list(&listing, tape())
    }
    async fn show(&self, _: &Caller, of: TapesOf, at: &Reference) -> Answer<Tape> {
        self.within_tapes(&of)?;
        self.find("tape_id", at).map(|()| tape())
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("tape_id", at)
    }
}

#[async_trait]
impl TapeStats for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<TapeStat>> {
        self.list(&listing, stat())
    }
    async fn show(&self, _: &Caller, of: TapesOf, at: &Reference) -> Answer<TapeStat> {
        self.within_tapes(&of)?;
        self.find("tape_id", at).map(|()| stat())
    }
}

#[async_trait]
impl TapeLibraries for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<TapeLibrary>> {
        self.list(&listing, library("one"))
    }
    async fn create(&self, _: &Caller, input: TapeLibraryInput) -> Answer<TapeLibrary> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(library(input.name.as_deref().unwrap_or("S1")))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<TapeLibrary> {
        self.find("tape_library_id", at).map(|()| library("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: TapeLibraryInput) -> Answer<TapeLibrary> {
        self.find("tape_library_id", at)?;
        self.note(&input);
        Ok(library("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("tape_library_id", at)
    }
    async fn look_for_devices(&self, _: &Caller) -> Answer<ActiveJob> {
        Ok(queued())
    }
    async fn devices(&self, _: &Caller, id: &str) -> Answer<FoundLibraries> {
        let job = job(id)?;
        let done = job.status == ActiveJobState::Completed;
        Ok(if done { FoundLibraries::Devices(vec![device()]) } else { FoundLibraries::NotYet(job) })
    }
}

#[async_trait]
impl TapeDrives for Fake {
    async fn index(&self, _: &Caller, of: DrivesOf, listing: Listing) -> Answer<Page<TapeDrive>> {
        self.within_drives(&of)?;
        self.list(&listing, drive())
    }
    async fn create(&self, _: &Caller, at: &Reference, input: TapeDriveInput) -> Answer<TapeDrive> {
        self.find("tape_library_id", at)?;
        self.note(&input);
        Ok(drive())
    }
    async fn show(&self, _: &Caller, of: DrivesOf, at: &Reference) -> Answer<TapeDrive> {
        self.within_drives(&of)?;
        self.find("tape_drive_id", at).map(|()| drive())
    }
    async fn update(&self, _: &Caller, of: DrivesOf, at: &Reference, input: TapeDriveInput) -> Answer<TapeDrive> {
        self.within_drives(&of)?;
        self.find("tape_drive_id", at)?;
        self.note(&input);
        Ok(drive())
    }
    async fn destroy(&self, _: &Caller, of: DrivesOf, at: &Reference) -> Answer<()> {
        self.within_drives(&of)?;
        self.find("tape_drive_id", at)
    }
    async fn look_for_devices(&self, _: &Caller, at: &Reference) -> Answer<ActiveJob> {
        self.find("tape_library_id", at).map(|()| queued())
    }
    async fn devices(&self, _: &Caller, at: &Reference, id: &str) -> Answer<FoundDrives> {
        self.find("tape_library_id", at)?;
        let job = job(id)?;
        let done = job.status == ActiveJobState::Completed;
        Ok(if done { FoundDrives::Devices(vec![drive_device()]) } else { FoundDrives::NotYet(job) })
    }
}
