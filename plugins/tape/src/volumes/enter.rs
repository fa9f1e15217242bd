//! A volume for one call: its cartridge is in a drive, the drive is the call's, and what it holds is known.

use std::cell::RefCell;
use std::rc::Rc;

use capstan_sdk::failure::{denied, unavailable};
use capstan_sdk::{Failure, Outcome, Retry};

use super::mounting::{Shape, look};
use super::room::Room;
use super::uses::Using;
use super::{INSIDE, Inside, Mount, drive_of, inside_of, lose, ltfs, next_number, place, standing};
use crate::entry;
use crate::held::Taken;
use crate::medium;
use crate::site::{Drive, Site, site};
use crate::tape::Tape;

/// How often a cartridge is looked for that somebody carries elsewhere meanwhile.
const TRIES: u32 = 3;

pub(crate) struct Entered {
    pub(crate) taken: Taken<Tape>,
    pub(crate) mount: Rc<Mount>,
    drive: String,
    using: Using,
}

pub(crate) async fn enter(cartridge: &str) -> Outcome<Entered> {
    let site = site().await?;
    for _ in 0..TRIES {
        let (name, using) = place::drive(cartridge).await?;
        let drive = site.drive(&name)?;
        let mut taken = entry::enter(&site, drive).await?;
        match taken.it.spot().await {
            Ok(_) => {}
            // Somebody took it out.
            Err(Failure::Offline(_)) => {
                lose(&name);
                taken.give_back();
                continue;
            }
            Err(failure) => {
                taken.give_back();
                return Err(failure);
            }
        }
        let inside = match standing(&name, &taken.it) {
            Some(inside) if inside.cartridge() == cartridge => inside,
            _ => {
                lose(&name);
                if !is_in(&site, drive, cartridge).await? {
                    taken.give_back();
                    continue;
                }
                let inside = mounted(&mut taken.it, cartridge).await?;
                taken.it.mount = Some(inside.number());
                INSIDE.with_borrow_mut(|all| all.insert(name.clone(), inside.clone()));
                inside
            }
        };
        return match inside.files() {
            Ok(mount) => Ok(Entered { taken, mount, drive: name, using }),
            Err(failure) => {
                taken.give_back();
                Err(failure)
            }
        };
    }
    Err(unavailable(format!("somebody moves cartridge {cartridge:?}")).retry(Retry::Later))
}

/// What it holds, for who only looks: from memory where it is known, without waiting for the drive.
pub(crate) async fn mount(cartridge: &str) -> Outcome<Rc<Mount>> {
    match drive_of(cartridge) {
        Some((_, inside)) => inside.files(),
        None => {
            let entered = enter(cartridge).await?;
            let mount = Rc::clone(&entered.mount);
            entered.leave();
            Ok(mount)
        }
    }
}

/// The drive's volume, where it has one that stands.
pub(crate) async fn of_drive(site: &Site, drive: &Drive) -> Outcome<Option<Entered>> {
    if inside_of(&drive.name).is_none() {
        return Ok(None);
    }
    let using = Using::of(&drive.name);
    let mut taken = entry::enter(site, drive).await?;
    if let Err(failure) = taken.it.spot().await {
        taken.give_back();
        if !matches!(failure, Failure::Offline(_)) {
            return Err(failure);
        }
        lose(&drive.name);
        return Ok(None);
    }
    match standing(&drive.name, &taken.it) {
        Some(Inside::Files(mount)) => Ok(Some(Entered { taken, mount, drive: drive.name.clone(), using })),
        other => {
            if other.is_none() {
                lose(&drive.name);
            }
            taken.give_back();
            Ok(None)
        }
    }
}

/// As the library reads its label.
async fn is_in(site: &Site, drive: &Drive, cartridge: &str) -> Outcome<bool> {
    Ok(medium::cartridge(site, drive).await?.as_deref() == Some(cartridge))
}

async fn mounted(tape: &mut Tape, cartridge: &str) -> Outcome<Inside> {
    let shape = Shape::ask(tape).await?;
    let number = next_number();
    Ok(match look(tape, &shape).await? {
        Ok(volume) => {
            let room = Room::ask(tape, &shape, volume.files().next().partition).await?;
            let (volume, room) = (RefCell::new(volume), RefCell::new(room));
            let cartridge = cartridge.to_owned();
            Inside::Files(Rc::new(Mount { cartridge, number, volume, room, attempts: RefCell::default(), shape }))
        }
        Err(why) => Inside::Nothing { cartridge: cartridge.to_owned(), number, why },
    })
}

impl Entered {
    pub(crate) fn leave(self) {
        self.taken.give_back();
    }

    /// Nobody knows any more what the tape holds.
    pub(crate) fn lost(mut self, failure: Failure) -> Failure {
        self.taken.it.mount = None;
        lose(&self.drive);
        self.taken.give_back();
        drop(self.using);
        failure
    }

    /// Ready to be changed: not protected, and in order.
    pub(crate) async fn writable(mut self) -> Outcome<Self> {
        if self.mount.shape.write_protected {
            let subject = self.taken.it.unit.subject.clone();
            self.leave();
            return Err(
                denied(format!("the cartridge in {subject} is write-protected")).next_step("Move the tab of the cartridge.")
            );
        }
        match ltfs::repair(&self.mount, &mut self.taken.it).await {
            Ok(()) => Ok(self),
            Err(failure) if matches!(failure, Failure::Denied(_)) => {
                self.leave();
                Err(failure)
            }
            Err(failure) => Err(self.lost(failure)),
        }
    }
}
