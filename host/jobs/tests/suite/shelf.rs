//! A tape library in memory: a robot, two drives, four slots, one mail slot. What it does is remembered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::Retry;
use capstan_domain::ports::{
    Connection, Consumption, Drives, ElementInfo, ElementKind, ElementPage, Files, Laying, LibraryInfo, LocationInfo, Media,
    MediaHealth, MediumInfo, NamedValues, Objects, PartitionInfo, ProbeReport, Spacing, TapeDriveInfo, TapePlace, Uploads,
    Written,
};
use capstan_domain::{Failure, Kind, Outcome};

pub(crate) const LIBRARY: &str = "LIB0001";
pub(crate) const DRIVES: [(&str, u32); 2] = [("D1", 1), ("D2", 2)];
pub(crate) const MAIL_SLOT: u32 = 32;
pub(crate) const SLOTS: [u32; 4] = [256, 257, 258, 259];

#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// By address.
    pub(crate) full: BTreeMap<u32, String>,
    /// Each change, in order: "load CAP001L6 D1".
    pub(crate) did: Vec<String>,
    pub(crate) away: bool,
    /// Barcodes whose formats fail.
    pub(crate) broken: Vec<String>,
    /// Drives that ask to be cleaned.
    pub(crate) dirty: Vec<String>,
    /// Cleaning cartridges that clean no more.
    pub(crate) used_up: Vec<String>,
    /// Reading errors that drives tell of what is in them.
    pub(crate) read_errors: u64,
}

impl Shelf {
    /// With these in its first slots.
    pub(crate) fn with(barcodes: &[&str]) -> Self {
        let shelf = Self::default();
        shelf.state().full = SLOTS.into_iter().zip(barcodes.iter().map(|barcode| (*barcode).to_owned())).collect();
        shelf
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn reached(&self) -> Outcome<MutexGuard<'_, State>> {
        let state = self.state();
        if state.away { Err(Failure::new(Kind::Unavailable, "the library is away")) } else { Ok(state) }
    }
}

impl State {
    fn where_is(&self, cartridge: &str) -> Outcome<u32> {
        let found = self.full.iter().find(|(_, barcode)| *barcode == cartridge);
        found.map(|(address, _)| *address).ok_or_else(|| Failure::not_found(format!("no cartridge {cartridge}")))
    }

    fn carry(&mut self, cartridge: &str, to: u32) -> Outcome<()> {
        let from = self.where_is(cartridge)?;
        self.full.remove(&from);
        self.full.insert(to, cartridge.to_owned());
        Ok(())
    }
}

fn address_of(drive: &str) -> u32 {
    DRIVES.into_iter().find(|(name, _)| *name == drive).unwrap().1
}

fn element(state: &State, address: u32, kind: ElementKind) -> ElementInfo {
    let cartridge = state.full.get(&address).cloned();
    let drive = DRIVES.into_iter().find(|(_, at)| *at == address).map(|(name, _)| name.to_owned());
    ElementInfo { address, kind, full: cartridge.is_some(), cartridge, drive, extras: Vec::new() }
}

fn drive(state: &State, name: &str) -> TapeDriveInfo {
    let cartridge = state.full.get(&address_of(name)).cloned();
    TapeDriveInfo {
        name: name.to_owned(),
        vendor: "IBM".to_owned(),
        product: "ULT3580".to_owned(),
        library: Some(LIBRARY.to_owned()),
        element: Some(address_of(name)),
        ready: cartridge.is_some(),
        cartridge,
        extras: if state.dirty.iter().any(|dirty| dirty == name) {
            vec![("state".to_owned(), "cleaning-needed".to_owned())]
        } else {
            Vec::new()
        },
    }
}

fn medium(state: &State, drive: &str) -> MediumInfo {
    MediumInfo {
        cartridge: state.full.get(&address_of(drive)).cloned(),
        write_protected: false,
        block_minimum: 1,
        block_maximum: 1 << 20,
        partitions: vec![PartitionInfo { capacity: Some(1000), remaining: Some(900) }],
        counters: vec![("loads".to_owned(), "5".to_owned()), ("read-errors".to_owned(), state.read_errors.to_string())],
        extras: Vec::new(),
    }
}

fn not_here<T>() -> Outcome<T> {
    Err(Failure::unsupported("this library only carries and formats"))
}

#[async_trait]
impl Media for Shelf {
    async fn plan_reading(&self, _: &str, _: &[String]) -> Outcome<Vec<u32>> {
        not_here()
    }

    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        not_here()
    }

    async fn list_libraries(&self) -> Outcome<Vec<LibraryInfo>> {
        drop(self.reached()?);
        let (vendor, product) = ("STK".to_owned(), "L700".to_owned());
        Ok(vec![LibraryInfo { name: LIBRARY.to_owned(), vendor, product, extras: Vec::new() }])
    }

    /// Two elements a page, so that there are pages.
    async fn list_elements(&self, _: &str, after: Option<&str>, _: u32) -> Outcome<ElementPage> {
        let state = self.reached()?;
        let kinds = DRIVES.into_iter().map(|(_, address)| (address, ElementKind::Drive));
        let kinds = kinds.chain([(MAIL_SLOT, ElementKind::MailSlot)]);
        let kinds = kinds.chain(SLOTS.into_iter().map(|address| (address, ElementKind::Slot)));
        let after: u32 = after.map_or(0, |after| after.parse().unwrap());
        let rest: Vec<ElementInfo> =
            kinds.filter(|(address, _)| *address > after).map(|(address, kind)| element(&state, address, kind)).collect();
        let next = (rest.len() > 2).then(|| rest[1].address.to_string());
        Ok(ElementPage { elements: rest.into_iter().take(2).collect(), next })
    }

    async fn list_drives(&self) -> Outcome<Vec<TapeDriveInfo>> {
        let state = self.reached()?;
        Ok(DRIVES.into_iter().map(|(name, _)| drive(&state, name)).collect())
    }

    async fn take_inventory(&self, _: &str, _: &str) -> Outcome<()> {
        not_here()
    }

    async fn move_cartridge(&self, _: &str, _: &str, _: u32, _: &str) -> Outcome<ElementInfo> {
        not_here()
    }

    async fn eject_cartridge(&self, _: &str, cartridge: &str, _: &str) -> Outcome<ElementInfo> {
        let mut state = self.reached()?;
        if state.full.contains_key(&MAIL_SLOT) && state.where_is(cartridge)? != MAIL_SLOT {
            return Err(Failure::new(Kind::Busy, "no mail slot is free").with_code("mail-slots-full").with_retry(Retry::Later));
        }
        state.carry(cartridge, MAIL_SLOT)?;
        state.did.push(format!("eject {cartridge}"));
        Ok(element(&state, MAIL_SLOT, ElementKind::MailSlot))
    }

    async fn admit_cartridge(&self, _: &str, _: u32, _: &str) -> Outcome<ElementInfo> {
        not_here()
    }

    async fn load(&self, cartridge: &str, named: Option<&str>, _: &str) -> Outcome<TapeDriveInfo> {
        let mut state = self.reached()?;
        let name = named.unwrap_or(DRIVES[0].0).to_owned();
        if cartridge.starts_with("CLN") {
            // It goes home by itself.
            state.did.push(format!("clean {name} {cartridge}"));
            if state.used_up.iter().any(|used_up| used_up == cartridge) {
                return Err(Failure::new(Kind::Other, "it does not clean").with_code("cleaning-failed").with_retry(Retry::Never));
            }
            state.dirty.retain(|dirty| *dirty != name);
            return Ok(drive(&state, &name));
        }
        state.carry(cartridge, address_of(&name))?;
        state.did.push(format!("load {cartridge} {name}"));
        Ok(drive(&state, &name))
    }

    async fn unload(&self, name: &str, _: &str) -> Outcome<()> {
        let mut state = self.reached()?;
        let Some(cartridge) = state.full.get(&address_of(name)).cloned() else { return Ok(()) };
        let free = SLOTS.into_iter().find(|slot| !state.full.contains_key(slot)).unwrap();
        state.carry(&cartridge, free)?;
        state.did.push(format!("unload {cartridge}"));
        Ok(())
    }

    async fn inspect(&self, name: &str) -> Outcome<MediumInfo> {
        let state = self.reached()?;
        Ok(medium(&state, name))
    }

    async fn examine(&self, _: &str) -> Outcome<MediaHealth> {
        not_here()
    }

    async fn position(&self, _: &str) -> Outcome<TapePlace> {
        not_here()
    }

    async fn locate(&self, _: &str, _: u32, _: u64) -> Outcome<TapePlace> {
        not_here()
    }

    async fn space(&self, _: &str, _: Spacing, _: i64) -> Outcome<TapePlace> {
        not_here()
    }

    async fn read(&self, _: &str, _: u32, _: u64, _: u64) -> Outcome<(TapePlace, Body)> {
        not_here()
    }

    async fn write(&self, _: &str, _: Laying, _: Content, _: &str) -> Outcome<Written> {
        not_here()
    }

    async fn synchronize(&self, _: &str) -> Outcome<TapePlace> {
        not_here()
    }

    async fn format(&self, name: &str, label: &str, _: &str, _: NamedValues) -> Outcome<MediumInfo> {
        let mut state = self.reached()?;
        let inside = state.full.get(&address_of(name)).cloned();
        assert_eq!(inside.as_deref(), Some(label), "a tape is labelled with its own barcode");
        if state.broken.iter().any(|broken| broken == label) {
            return Err(Failure::new(Kind::Corrupt, "the medium is damaged"));
        }
        state.did.push(format!("format {label}"));
        Ok(medium(&state, name))
    }
}

#[async_trait]
impl Connection for Shelf {
    async fn probe(&self) -> Outcome<ProbeReport> {
        not_here()
    }

    async fn usage(&self, _: Option<&str>) -> Outcome<Consumption> {
        not_here()
    }

    fn capabilities(&self) -> NamedValues {
        Vec::new()
    }

    fn objects(&self) -> Option<Arc<dyn Objects>> {
        None
    }

    fn uploads(&self) -> Option<Arc<dyn Uploads>> {
        None
    }

    fn files(&self) -> Option<Arc<dyn Files>> {
        None
    }

    fn drives(&self) -> Option<Arc<dyn Drives>> {
        None
    }

    fn media(&self) -> Option<Arc<dyn Media>> {
        Some(Arc::new(self.clone()))
    }
}
