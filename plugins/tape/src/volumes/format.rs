//! A cartridge is formatted: for files, or with a label and nothing else.

use capstan_initiator::Outside;
use capstan_sdk::failure::{denied, invalid};
use capstan_sdk::types::Medium;
use capstan_sdk::{NamedValue, Outcome, find, log, named};

use super::mounting::Shape;
use super::{BLOCK, archive, close, forget_drive, ltfs};
use crate::entry::enter;
use crate::label;
use crate::medium;
use crate::outside::Host;
use crate::record::{self, Format};
use crate::site::site;
use crate::tape::Tape;

/// What it is formatted for: [`ltfs::FORMAT`], [`archive::FORMAT`], or this.
const FILES: &str = "files";
const NONE: &str = "none";
/// Gigabytes of an index partition that nobody said a size of: a drive makes one as small as it can.
const INDEX: u16 = 1;
/// Blocks are whole records of a tar.
const RECORD: u32 = 512;

pub(crate) async fn format(name: &str, label: &str, attempt: &str, extras: &[NamedValue]) -> Outcome<Medium> {
    let wanted = find(extras, FILES);
    if let Some(other) = wanted.filter(|wanted| ![NONE, ltfs::FORMAT, archive::FORMAT].contains(wanted)) {
        return Err(invalid(format!("{other:?} is no format of files")));
    }
    let index = medium::index_gigabytes(extras)?;
    label::label(label)?;
    if let Err(failure) = close(name).await {
        log!(warn, "a volume could not be synced before it was formatted", "drive" => name, "why" => failure.fault().message);
    }
    forget_drive(name);
    if wanted == Some(NONE) {
        return medium::format(name, label, attempt, extras).await;
    }
    let site = site().await?;
    let drive = site.drive(name)?;
    let cartridge = medium::cartridge(&site, drive).await?;
    let of = medium::kept(drive, cartridge.as_deref());
    let mut taken = enter(&site, drive).await?;
    let tape = &mut taken.it;
    tape.spot().await?;
    let shape = Shape::ask(tape).await?;
    // Between partitions a drive goes by LOCATE alone.
    let makes_two = tape.knows_places() && shape.page.as_ref().is_some_and(|page| page.most_additional > 0);
    let format = wanted.unwrap_or(if makes_two { ltfs::FORMAT } else { archive::FORMAT });
    let before: Option<Format> = record::get(&of).await?;
    if before.is_none_or(|before| before.attempt != attempt) {
        if shape.write_protected {
            return Err(denied(format!("the cartridge in {} is write-protected", tape.unit.subject))
                .next_step("Move the tab of the cartridge."));
        }
        let block = block(tape).await?;
        tape.mount = None;
        match format {
            ltfs::FORMAT => ltfs::lay(tape, label, random(), block, index.unwrap_or(INDEX)).await?,
            _ => archive::lay(tape, label, random(), block).await?,
        }
        record::set(&of, &Format { attempt: attempt.to_owned() }).await.map_err(|failure| failure.maybe_done())?;
    }
    let mut medium = medium::told(tape, cartridge).await?;
    medium.extras.push(named(FILES, format));
    taken.give_back();
    Ok(medium)
}

async fn block(tape: &mut Tape) -> Outcome<u32> {
    let most = tape.limits().await?.maximum.unwrap_or(BLOCK).min(BLOCK);
    Ok(most.saturating_sub(most % RECORD))
}

fn random() -> [u8; 16] {
    let [one, other] = [Host::random(), Host::random()].map(u64::from_be_bytes);
    (u128::from(one) << 64 | u128::from(other)).to_be_bytes()
}
