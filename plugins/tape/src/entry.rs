//! A drive for one call, which knows what is in it: what goes wrong is told with the names of library, drive and cartridge.

use capstan_sdk::Outcome;

use crate::held::Taken;
use crate::inventory::{server, shown};
use crate::site::{Drive, Site};
use crate::tape::Tape;

pub(crate) async fn enter(site: &Site, drive: &Drive) -> Outcome<Taken<Tape>> {
    let mut taken = drive.take().await?;
    if !taken.it.named {
        let served = server(site, &drive.name).await?;
        let (library, element) = served.map(|(robot, element)| (robot.name.as_str(), element)).unzip();
        let cartridge = element.and_then(|element| shown(site, &element).cartridge);
        name(&mut taken.it, drive, library, cartridge.as_deref());
    }
    Ok(taken)
}

/// None: no robot serves the drive; nothing is in that has a label.
pub(crate) fn name(tape: &mut Tape, drive: &Drive, library: Option<&str>, cartridge: Option<&str>) {
    let mut subject = drive.subject();
    if let Some(library) = library {
        subject.push_str(&format!(" of library {library:?}"));
    }
    if let Some(cartridge) = cartridge {
        subject.push_str(&format!(" with cartridge {cartridge:?}"));
    }
    (tape.unit.subject, tape.named) = (subject, true);
}
