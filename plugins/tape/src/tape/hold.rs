//! What is done to a drive while a cartridge is in it: other hosts are kept away, nobody takes the cartridge out, and blocks carry checksums on
//! their way. A drive that does not know one of these is used without it.
//!
//! A reservation goes by a key that is the target's own and kept in its state: a session that takes the place of one that died finds its own key
//! in the drive, and takes over what it holds. What another host holds is left to it, unless the configuration says that this host is gone: one
//! that died with its state leaves reservations that only power ends.

use capstan_initiator::Outside;
use capstan_iscsi::Data;
use capstan_scsi::reservation::{self, Action, Kind};
use capstan_scsi::tape::protection::Protection;
use capstan_scsi::{Reason, Refusal, mode, primary};
use capstan_sdk::{Failure, Outcome};

use super::Tape;
use crate::config::Others;
use crate::device::Device;
use crate::outside::{self, Host};
use crate::record::{self, Reservation};
use crate::unit::{Stop, Unit};

/// Of whom the key is, in the target's state.
const OWNER: &str = "target";

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Others cannot use the drive.
    pub(crate) reserved: bool,
    /// Blocks carry checksums both ways.
    pub(crate) protected: bool,
}

impl Tape {
    /// What is done for the cartridge that is in, as far as it was not done yet.
    pub(crate) async fn hold(&mut self) -> Outcome<Hold> {
        if let Some(hold) = self.hold {
            return Ok(hold);
        }
        let told = |stop: Stop, unit: &Unit| stop.told(&unit.subject);
        let key = key().await?;
        let reserved = reserve(&mut self.unit, key, others()?).await.map_err(|stop| told(stop, &self.unit))?;
        known(self.unit.ask(&primary::prevent_removal(true), Data::None).await).map_err(|stop| told(stop, &self.unit))?;
        let protected = protect(&mut self.unit).await.map_err(|stop| told(stop, &self.unit))?;
        let hold = Hold { reserved, protected };
        self.hold = Some(hold);
        Ok(hold)
    }

    /// The cartridge may be taken out.
    pub(crate) async fn allow_removal(&mut self) -> Outcome<()> {
        self.hold = None;
        match self.unit.ask(&primary::prevent_removal(false), Data::None).await {
            Err(Stop::Failed(failure)) => Err(failure),
            // Whether it is allowed is seen when it is taken out.
            _ => Ok(()),
        }
    }

    /// Other hosts may have the drive.
    pub(crate) async fn release(&mut self) -> Outcome<()> {
        self.hold = None;
        match release(&mut self.unit).await {
            Err(Stop::Failed(failure)) => Err(failure),
            // It had none.
            _ => Ok(()),
        }
    }
}

/// A new session takes over what one before it held for this host; of what another host holds it is told when it uses the drive.
pub(crate) async fn regain(unit: &mut Unit) -> Outcome<()> {
    match unit.ask(&primary::test_unit_ready(), Data::None).await {
        Err(Stop::Refused(Refusal { reason: Reason::Reserved, .. })) => {}
        Err(Stop::Failed(failure)) => return Err(failure),
        _ => return Ok(()),
    }
    match reserve(unit, key().await?, others()?).await {
        Err(Stop::Failed(failure)) => Err(failure),
        _ => Ok(()),
    }
}

/// False: the drive knows no such command.
fn known(answer: Result<Vec<u8>, Stop>) -> Result<bool, Stop> {
    match answer {
        Ok(_) => Ok(true),
        Err(stop) if stop.is_unknown() => Ok(false),
        Err(stop) => Err(stop),
    }
}

/// By key, else for as long as the session lives; false: the drive cannot be reserved.
async fn reserve(device: &mut impl Device, key: u64, others: Others) -> Result<bool, Stop> {
    let give = |action, own, other| reservation::change(action, Kind::ExclusiveAccess, own, other);
    let (cdb, list) = give(Action::RegisterAnyway, 0, key);
    if !known(device.ask(&cdb, Data::Out(list)).await)? {
        return known(device.ask(&reservation::reserve_unit(), Data::None).await);
    }
    let (cdb, list) = give(Action::Reserve, key, 0);
    let refused = match device.ask(&cdb, Data::Out(list)).await {
        Err(stop @ Stop::Refused(Refusal { reason: Reason::Reserved, .. })) => stop,
        other => return other.map(|_| true),
    };
    let holder = device.ask(&reservation::ask_holder(), Data::In(u32::from(reservation::BYTES))).await?;
    let holder = reservation::read_holder(&holder).ok().flatten();
    let taken = holder.map(|holder| holder.key).filter(|other| *other == key || others == Others::Take);
    let (cdb, list) = match taken {
        Some(other) => give(Action::Preempt, key, other),
        None => give(Action::Register, key, 0),
    };
    device.ask(&cdb, Data::Out(list)).await?;
    if taken.is_some() { Ok(true) } else { Err(refused) }
}

fn others() -> Outcome<Others> {
    Ok(outside::config()?.reservations)
}

/// Without a key there is no registration, and no reservation either.
async fn release(device: &mut impl Device) -> Result<(), Stop> {
    let (cdb, list) = reservation::change(Action::RegisterAnyway, Kind::ExclusiveAccess, 0, 0);
    if !known(device.ask(&cdb, Data::Out(list)).await)? {
        device.ask(&reservation::release_unit(), Data::None).await?;
    }
    Ok(())
}

/// The target's own, made once.
async fn key() -> Result<u64, Failure> {
    if let Some(kept) = record::get::<Reservation>(OWNER).await? {
        return Ok(kept.key);
    }
    // 0 is no key.
    let key = u64::from_be_bytes(Host::random()).max(1);
    record::set(OWNER, &Reservation { key }).await?;
    Ok(key)
}

/// Checksums on; false: the drive does not know them.
async fn protect(device: &mut impl Device) -> Result<bool, Stop> {
    let Some(page) = protection(device).await? else { return Ok(false) };
    if page.is_on() {
        return Ok(true);
    }
    let sent = mode::select_subpage(true, Protection::PAGE, Protection::SUBPAGE, page.with(true).bytes());
    let Some((cdb, list)) = sent else { return Ok(false) };
    if !known(device.ask(&cdb, Data::Out(list)).await)? {
        return Ok(false);
    }
    Ok(protection(device).await?.is_some_and(|page| page.is_on()))
}

async fn protection(device: &mut impl Device) -> Result<Option<Protection>, Stop> {
    let asked = mode::sense(Protection::PAGE, Protection::SUBPAGE);
    let told = match device.ask(&asked, Data::In(u32::from(mode::BYTES))).await {
        Err(stop) if stop.is_unknown() => return Ok(None),
        other => other?,
    };
    let page = mode::Parameters::read(&told).ok().and_then(|told| told.page(Protection::PAGE, Protection::SUBPAGE));
    Ok(page.and_then(|page| Protection::read(page).ok()))
}

#[cfg(test)]
#[path = "../tests/hold.rs"]
mod tests;
