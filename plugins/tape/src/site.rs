//! Which devices the target has: found once by an instance, by asking each unit who it is.

use std::cell::RefCell;
use std::rc::Rc;

use capstan_iscsi::Data;
use capstan_scsi::primary::{self, DeviceType, Inquiry};
use capstan_sdk::failure::{invalid, malformed, not_found};
use capstan_sdk::turn::Turns;
use capstan_sdk::{Failure, Outcome};

use crate::config::Config;
use crate::held::{Good, Held, Taken};
use crate::outside;
use crate::tape::{Tape, regain};
use crate::transport::Access;
use crate::unit::{Stop, Unit};

/// Devices that an instance works with.
const DEVICES: usize = 64;
/// The page with a unit's serial number (SPC-4, section 7.8.17).
const SERIAL: u8 = 0x80;
/// Of a name.
const NAME_BYTES: usize = 64;

/// The robot of a library.
pub(crate) struct Robot {
    pub(crate) name: String,
    pub(crate) inquiry: Inquiry,
    access: Access,
    held: &'static Held<Unit>,
}

pub(crate) struct Drive {
    pub(crate) name: String,
    pub(crate) inquiry: Inquiry,
    access: Access,
    held: &'static Held<Tape>,
}

#[derive(Default)]
pub(crate) struct Site {
    pub(crate) robots: Vec<Robot>,
    pub(crate) drives: Vec<Drive>,
}

impl Good for Unit {
    fn is_good(&self) -> bool {
        Unit::is_good(self)
    }
}

thread_local! {
    static FOUND: RefCell<Option<Rc<Site>>> = const { RefCell::new(None) };
    static TURNS: &'static Turns = Box::leak(Box::default());
}

/// The devices, as this instance first found them.
pub(crate) async fn site() -> Outcome<Rc<Site>> {
    let turns = TURNS.with(|turns| *turns);
    turns
        .shared(|| FOUND.with_borrow(Clone::clone), async {
            let site = Rc::new(look().await?);
            FOUND.set(Some(Rc::clone(&site)));
            Ok(site)
        })
        .await
}

async fn look() -> Outcome<Site> {
    let mut site = Site::default();
    for access in accesses(&outside::config()?).await?.into_iter().take(DEVICES) {
        let mut unit = Unit::open(&access, format!("device {}", access.name())).await?;
        let told = unit.good(&primary::inquiry(), Data::In(u32::from(primary::INQUIRY_BYTES))).await?;
        let Ok(inquiry) = Inquiry::read(&told) else { continue };
        match inquiry.device {
            DeviceType::Changer if !inquiry.absent => {
                let name = name(&mut unit, &access).await?;
                site.robots.push(Robot { name, inquiry, access, held: Held::leaked() });
            }
            DeviceType::Tape if !inquiry.absent => {
                let name = name(&mut unit, &access).await?;
                site.drives.push(Drive { name, inquiry, access, held: Held::leaked() });
            }
            // A target may have other units. A device was named, and means something to whoever named it.
            _ => {
                if let Access::Path(path) = access {
                    return Err(stranger(&path));
                }
            }
        }
    }
    Ok(site)
}

/// How the devices are reached: those that are configured, or all units of the target.
async fn accesses(config: &Config) -> Outcome<Vec<Access>> {
    if !config.devices.is_empty() {
        return Ok(config.devices.iter().cloned().map(Access::Path).collect());
    }
    let mut control = Unit::open(&Access::Lun(0), "the target".to_owned()).await?;
    let listed = control.good(&primary::report_luns(), Data::In(primary::LUNS_BYTES)).await?;
    let luns = primary::read_luns(&listed).map_err(|wrong| malformed("the target does not tell its devices", wrong.0))?;
    Ok(luns.into_iter().map(Access::Lun).collect())
}

/// Numbers of devices may change when the machine starts.
fn stranger(path: &str) -> Failure {
    invalid(format!("{path} is neither a robot nor a tape drive"))
        .next_step("Correct \"devices\" of the target: `lsscsi -g` lists them.")
}

/// Its serial number, or where it is found.
async fn name(unit: &mut Unit, access: &Access) -> Outcome<String> {
    let page = match unit.ask(&primary::inquiry_page(SERIAL), Data::In(u32::from(primary::PAGE_BYTES))).await {
        Ok(page) => page,
        Err(Stop::Refused(_)) => Vec::new(),
        Err(stop) => return Err(stop.told(&unit.subject)),
    };
    let serial = primary::read_page(&page, SERIAL).unwrap_or_default();
    let serial: String = String::from_utf8_lossy(serial).trim_matches([' ', '\0']).to_owned();
    let plain = (1..=NAME_BYTES).contains(&serial.len()) && serial.bytes().all(|byte| byte.is_ascii_graphic());
    Ok(if plain { serial } else { access.name() })
}

impl Site {
    pub(crate) fn robot(&self, name: &str) -> Outcome<&Robot> {
        self.robots.iter().find(|robot| robot.name == name).ok_or_else(|| not_found(format!("there is no library {name:?}")))
    }

    pub(crate) fn drive(&self, name: &str) -> Outcome<&Drive> {
        self.drives.iter().find(|drive| drive.name == name).ok_or_else(|| not_found(format!("there is no drive {name:?}")))
    }
}

impl Robot {
    pub(crate) fn subject(&self) -> String {
        format!("library {:?}", self.name)
    }

    pub(crate) async fn take(&self) -> Outcome<Taken<Unit>> {
        self.held.take(&self.subject(), async || Unit::open(&self.access, self.subject()).await).await
    }
}

impl Drive {
    pub(crate) fn subject(&self) -> String {
        format!("drive {:?}", self.name)
    }

    pub(crate) async fn take(&self) -> Outcome<Taken<Tape>> {
        let open = async || {
            let mut unit = Unit::open(&self.access, self.subject()).await?;
            regain(&mut unit).await?;
            Ok(Tape::new(unit))
        };
        self.held.take(&self.subject(), open).await
    }
}
