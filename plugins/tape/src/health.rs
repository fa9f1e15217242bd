//! Alerts and counters of a drive or a library.

use capstan_iscsi::Data;
use capstan_scsi::alert::{self, Alert};
use capstan_scsi::log::{self, Page};
use capstan_sdk::failure::not_found;
use capstan_sdk::types;
use capstan_sdk::{NamedValue, Outcome, named};

use crate::cleaning::{self, CLEANING_NEEDED};
use crate::site::site;
use crate::unit::{Stop, Unit};

/// Parameters of the page of device statistics (SSC-4, clause 8.2) that have a registered name.
const COUNTERS: [(u16, &str); 7] = [
    (0x0000, "loads"),
    (0x0001, "cleanings"),
    (0x0002, "power-on-hours"),
    (0x0003, "motion-hours"),
    (0x0004, "metres"),
    (0x000e, "write-errors"),
    (0x000f, "read-errors"),
];

/// A page of the device's log; none: it has no such page.
pub(crate) async fn page(unit: &mut Unit, page: u8) -> Outcome<Option<Vec<u8>>> {
    match unit.ask(&log::sense(page, 0), Data::In(u32::from(log::BYTES))).await {
        Ok(told) => Ok(Page::read(&told).is_ok_and(|of| of.page == page).then_some(told)),
        Err(Stop::Refused(_)) => Ok(None),
        Err(stop) => Err(stop.told(&unit.subject)),
    }
}

async fn alerts(unit: &mut Unit, meaning: fn(u16) -> Alert) -> Outcome<Vec<types::Alert>> {
    let told = page(unit, log::TAPE_ALERT).await?.unwrap_or_default();
    let flags = Page::read(&told).map(|page| alert::standing(&page)).unwrap_or_default();
    let shown = |flag| {
        let Alert { flag, severity, name } = meaning(flag);
        let severity = match severity {
            alert::Severity::Information => types::Severity::Information,
            alert::Severity::Warning => types::Severity::Warning,
            alert::Severity::Critical => types::Severity::Critical,
        };
        types::Alert { flag: u32::from(flag), severity, name: name.to_owned() }
    };
    Ok(flags.into_iter().map(shown).collect())
}

async fn counters(unit: &mut Unit) -> Outcome<Vec<NamedValue>> {
    let told = page(unit, log::DEVICE_STATISTICS).await?.unwrap_or_default();
    let Ok(page) = Page::read(&told) else { return Ok(Vec::new()) };
    Ok(COUNTERS.iter().filter_map(|(code, name)| Some(named(name, page.number(*code)?.to_string()))).collect())
}

pub(crate) async fn examine(name: &str) -> Outcome<types::Health> {
    let site = site().await?;
    if let Ok(robot) = site.robot(name) {
        let mut taken = robot.take().await?;
        let alerts = alerts(&mut taken.it, alert::of_library).await?;
        taken.give_back();
        return Ok(types::Health { alerts, counters: Vec::new(), extras: Vec::new() });
    }
    let drive = site.drive(name).map_err(|_| not_found(format!("there is no drive or library {name:?}")))?;
    let mut taken = drive.take().await?;
    // Before the alerts: to be asked for them may clear what the drive asks for.
    let wanted = cleaning::is_wanted(&mut taken.it).await?;
    let unit = &mut taken.it.unit;
    let alerts = alerts(unit, alert::of_drive).await?;
    let counters = counters(unit).await?;
    taken.give_back();
    let wanted = wanted || alerts.iter().any(|alert| alert::asks_for_cleaning(alert.flag));
    let extras = wanted.then(|| named("state", CLEANING_NEEDED)).into_iter().collect();
    Ok(types::Health { alerts, counters, extras })
}
