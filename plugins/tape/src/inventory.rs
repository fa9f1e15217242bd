//! What lies where: the elements of a library, and the cartridges in them.

use std::collections::BTreeMap;

use capstan_iscsi::Data;
use capstan_scsi::changer::{self, Addresses, Element, Elements, Kind, Report};
use capstan_scsi::mode;
use capstan_sdk::failure::{malformed, not_found};
use capstan_sdk::types;
use capstan_sdk::{NamedValue, Outcome, named};

use crate::site::{Robot, Site, site};
use crate::unit::{Stop, Unit};

/// Bytes of a cartridge's label.
const LABEL_BYTES: usize = 32;
/// Elements of a page of the list.
const PAGE: usize = 1024;
/// Libraries that a failure names.
const NAMED: usize = 8;

/// A library as it was just seen.
pub(crate) struct Inventory {
    pub(crate) elements: BTreeMap<u16, Element>,
}

/// A label that can be a name.
fn label(element: &Element) -> Option<&str> {
    let label = element.label.as_deref()?;
    (label.len() <= LABEL_BYTES && label.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')).then_some(label)
}

impl Inventory {
    /// Asks the library, which moves nothing for it.
    pub(crate) async fn take(robot: &mut Unit) -> Outcome<Self> {
        let subject = robot.subject.clone();
        let odd = |wrong: capstan_scsi::Malformed| malformed(format!("{subject} tells what cannot be"), wrong.0);
        let told = robot.good(&mode::sense(Addresses::PAGE, 0), Data::In(u32::from(mode::BYTES))).await?;
        let parameters = mode::Parameters::read(&told).map_err(odd)?;
        let page = parameters.page(Addresses::PAGE, 0);
        let addresses = page.map(Addresses::read).transpose().map_err(odd)?;
        let addresses = addresses.ok_or_else(|| malformed(format!("{subject} does not tell its elements"), ""))?;
        let mut all = Elements::default();
        for (kind, range) in [
            (Kind::Arm, addresses.arms),
            (Kind::Slot, addresses.slots),
            (Kind::MailSlot, addresses.mail_slots),
            (Kind::Drive, addresses.drives),
        ] {
            let mut next = (range.count > 0).then_some(range.first);
            while let Some(first) = next {
                let report = Report::read(&asked(robot, kind, first).await?).map_err(odd)?;
                next = all.take(report, kind, first, &addresses).map_err(odd)?;
            }
        }
        Ok(Self { elements: all.0 })
    }

    pub(crate) fn with(&self, cartridge: &str) -> Option<&Element> {
        self.elements.values().find(|element| element.full && label(element) == Some(cartridge))
    }

    pub(crate) fn at(&self, address: u32) -> Option<&Element> {
        self.elements.get(&u16::try_from(address).ok()?)
    }

    /// The first of a kind that nothing lies in and the arm can reach.
    pub(crate) fn free(&self, kind: Kind) -> Option<&Element> {
        self.elements.values().find(|element| element.kind == kind && !element.full && is_reached(element))
    }

    pub(crate) fn cartridges(&self) -> impl Iterator<Item = (&str, &Element)> {
        self.elements.values().filter(|element| element.full).filter_map(|element| Some((label(element)?, element)))
    }

    pub(crate) fn drives(&self) -> impl Iterator<Item = &Element> {
        self.elements.values().filter(|element| element.kind == Kind::Drive)
    }
}

/// Of an arm, ACCESS says nothing.
fn is_reached(element: &Element) -> bool {
    element.access || element.kind == Kind::Drive || element.exception.is_none()
}

/// With the names of drives, where the library knows them.
async fn asked(robot: &mut Unit, kind: Kind, first: u16) -> Outcome<Vec<u8>> {
    let with = kind == Kind::Drive;
    match robot.ask(&changer::read_elements(Some(kind), first, with), Data::In(changer::BYTES)).await {
        Ok(told) => Ok(told),
        Err(stop) if with && stop.is_unknown() => {
            robot.good(&changer::read_elements(Some(kind), first, false), Data::In(changer::BYTES)).await
        }
        Err(stop) => Err(Stop::told(stop, &robot.subject)),
    }
}

/// Which of the target's drives stands in this element.
pub(crate) fn drive_at<'a>(site: &'a Site, element: &Element) -> Option<&'a str> {
    let identity = element.identity.as_ref()?.text()?;
    let names = site.drives.iter().map(|drive| drive.name.as_str());
    names.filter(|name| identity.ends_with(*name)).max_by_key(|name| name.len())
}

pub(crate) fn shown(site: &Site, element: &Element) -> types::Element {
    let kind = match element.kind {
        Kind::Arm => types::ElementKind::Arm,
        Kind::Slot => types::ElementKind::Slot,
        Kind::MailSlot => types::ElementKind::MailSlot,
        Kind::Drive => types::ElementKind::Drive,
    };
    let cartridge = label(element).filter(|_| element.full).map(str::to_owned);
    let mut extras: Vec<NamedValue> = Vec::new();
    match element.medium {
        1 => extras.push(named("medium", "data")),
        2 => extras.push(named("medium", "cleaning")),
        3 => extras.push(named("medium", "diagnostic")),
        4 => extras.push(named("medium", "worm")),
        _ => {}
    }
    if let Some(home) = element.source.filter(|_| element.full) {
        extras.push(named("home", home.to_string()));
    }
    if let Some(problem) = element.exception {
        let [code, qualifier] = problem.to_be_bytes();
        extras.push(named("problem", format!("{code:02x}/{qualifier:02x}")));
    }
    if element.full && cartridge.is_none() {
        extras.push(named("label", "unreadable"));
    }
    let drive = drive_at(site, element).filter(|_| element.kind == Kind::Drive).map(str::to_owned);
    types::Element { address: u32::from(element.address), kind, full: element.full, cartridge, drive, extras }
}

/// What a robot sees just now.
pub(crate) async fn of(robot: &Robot) -> Outcome<Inventory> {
    let mut taken = robot.take().await?;
    let inventory = Inventory::take(&mut taken.it).await?;
    taken.give_back();
    Ok(inventory)
}

pub(crate) async fn locations() -> Outcome<Vec<types::Location>> {
    let site = site().await?;
    let mut names = Vec::new();
    for robot in &site.robots {
        let inventory = of(robot).await?;
        let library = robot.name.as_str();
        names.extend(inventory.cartridges().map(|(label, _)| (label.to_owned(), library)));
    }
    names.sort();
    names.dedup_by(|one, other| one.0 == other.0);
    let location =
        |(name, library): (String, &str)| types::Location { name, created: None, extras: vec![named("library", library)] };
    Ok(names.into_iter().map(location).collect())
}

pub(crate) async fn libraries() -> Outcome<Vec<types::Library>> {
    let site = site().await?;
    let library = |robot: &Robot| types::Library {
        name: robot.name.clone(),
        vendor: robot.inquiry.vendor.clone(),
        product: robot.inquiry.product.clone(),
        extras: vec![named("revision", robot.inquiry.revision.as_str())],
    };
    Ok(site.robots.iter().map(library).collect())
}

pub(crate) async fn elements(library: &str, after: Option<&str>, limit: u32) -> Outcome<types::ElementPage> {
    let site = site().await?;
    let inventory = of(site.robot(library)?).await?;
    let after: Option<u16> =
        after.map(str::parse::<u16>).transpose().map_err(|_| capstan_sdk::failure::invalid("this is no marker"))?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX).min(PAGE);
    let mut rest = inventory.elements.values().filter(|element| after.is_none_or(|after| element.address > after)).peekable();
    let elements: Vec<types::Element> = rest.by_ref().take(most).map(|element| shown(&site, element)).collect();
    let next = rest.peek().and_then(|_| elements.last()).map(|last| last.address.to_string());
    Ok(types::ElementPage { elements, next })
}

/// The robot that holds a cartridge, and what it sees.
pub(crate) async fn holder<'a>(site: &'a Site, cartridge: &str) -> Outcome<&'a Robot> {
    for robot in &site.robots {
        if of(robot).await?.with(cartridge).is_some() {
            return Ok(robot);
        }
    }
    let libraries: Vec<String> = site.robots.iter().take(NAMED).map(Robot::subject).collect();
    let named = if libraries.is_empty() { "no library".to_owned() } else { libraries.join(" or ") };
    Err(not_found(format!("cartridge {cartridge:?} is not in {named}"))
        .next_step("Look at the cartridge's label, or put the cartridge into the library; then take the inventory."))
}

/// The robot in whose element this drive stands, if one serves it.
pub(crate) async fn server<'a>(site: &'a Site, drive: &str) -> Outcome<Option<(&'a Robot, Element)>> {
    for robot in &site.robots {
        let inventory = of(robot).await?;
        if let Some(element) = inventory.drives().find(|element| drive_at(site, element) == Some(drive)) {
            return Ok(Some((robot, element.clone())));
        }
    }
    Ok(None)
}

pub(crate) async fn drives() -> Outcome<Vec<types::TapeDrive>> {
    let site = site().await?;
    let mut drives = Vec::new();
    for drive in &site.drives {
        let served = server(&site, &drive.name).await?;
        drives.push(crate::robot::state(&site, drive, served.as_ref()).await);
    }
    Ok(drives)
}
