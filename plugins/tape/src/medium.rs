//! What is in a drive: told, written, formatted.

use capstan_iscsi::Data;
use capstan_scsi::attribute::{self, Attribute, id};
use capstan_scsi::log;
use capstan_scsi::mode::{self, Parameters};
use capstan_scsi::tape::condition::{self, Room};
use capstan_scsi::tape::{self, Ended, Format as How, Partitions};
use capstan_sdk::failure::{denied, invalid, malformed, unsupported};
use capstan_sdk::types;
use capstan_sdk::{NamedValue, Outcome, find, named};

use crate::counters;
use crate::entry::enter;
use crate::health;
use crate::inventory::{server, shown};
use crate::label;
use crate::lane::longest;
use crate::plan;
use crate::record::{self, Format, Write};
use crate::site::{Drive, Site, site};
use crate::stream::{self, Laid, Laying, Source};
use crate::tape::{Spot, Tape};
use crate::unit::Stop;

/// Bytes of a mebibyte, in which cartridges tell their capacities.
pub(crate) const MEBIBYTE: u64 = 1 << 20;
const INDEX: &str = "index-gigabytes";

/// The label of what is in, as the library reads it.
pub(crate) async fn cartridge(site: &Site, drive: &Drive) -> Outcome<Option<String>> {
    Ok(server(site, &drive.name).await?.and_then(|(_, element)| shown(site, &element).cartridge))
}

/// Under what an attempt is kept.
pub(crate) fn kept(drive: &Drive, cartridge: Option<&str>) -> String {
    cartridge.map_or_else(|| format!("in {}", drive.name), str::to_owned)
}

/// A page of settings; none: the drive has no such page.
pub(crate) async fn mode_page(tape: &mut Tape, page: u8) -> Outcome<(Vec<u8>, Option<Vec<u8>>)> {
    for asked in [page, 0x3f] {
        let told = match tape.unit.ask(&mode::sense(asked, 0), Data::In(u32::from(mode::BYTES))).await {
            Ok(told) => told,
            Err(stop) if stop.is_unknown() => continue,
            Err(stop) => return Err(stop.told(&tape.unit.subject)),
        };
        let body = parameters(tape, &told)?.page(page, 0).map(<[u8]>::to_vec);
        return Ok((told, body));
    }
    Err(unsupported(format!("{} tells no settings", tape.unit.subject)))
}

pub(crate) fn parameters<'a>(tape: &Tape, told: &'a [u8]) -> Outcome<Parameters<'a>> {
    Parameters::read(told).map_err(|wrong| malformed(format!("{} tells settings that cannot be", tape.unit.subject), wrong.0))
}

/// What the cartridge's memory says; nothing where there is none.
pub(crate) async fn memory(tape: &mut Tape, partition: u8) -> Outcome<Vec<Attribute>> {
    let told = match tape.unit.ask(&attribute::read(partition, 0), Data::In(attribute::BYTES)).await {
        Ok(told) => told,
        Err(Stop::Refused(_)) => return Ok(Vec::new()),
        Err(stop) => return Err(stop.told(&tape.unit.subject)),
    };
    Ok(attribute::read_values(&told).unwrap_or_default())
}

pub(crate) fn number(memory: &[Attribute], id: u16) -> Option<u64> {
    memory.iter().find(|attribute| attribute.id == id)?.number()
}

/// A page of the drive's log; nothing where it has no such page.
pub(crate) async fn log_page(tape: &mut Tape, page: u8) -> Outcome<Vec<u8>> {
    Ok(health::page(&mut tape.unit, page).await?.unwrap_or_default())
}

/// Bytes of a partition: as the cartridge's memory has them, else as the drive counts them, else as its settings say.
pub(crate) async fn room(
    tape: &mut Tape,
    partition: u8,
    memory: &[Attribute],
    page: Option<&Partitions>,
) -> Outcome<types::Partition> {
    let told = |id| number(memory, id);
    let mut room = Room { remaining: told(id::REMAINING_CAPACITY), maximum: told(id::MAXIMUM_CAPACITY) };
    if room.maximum.is_none() {
        let log = log_page(tape, condition::CAPACITY).await?;
        room = log::Page::read(&log).map_or(room, |log| Room::read(&log, partition));
    }
    let bytes = |mebibytes: Option<u64>| mebibytes.and_then(|size| size.checked_mul(MEBIBYTE));
    let capacity = bytes(room.maximum).or_else(|| page.and_then(|page| page.size(usize::from(partition))));
    let remaining = bytes(room.remaining).filter(|left| capacity.is_none_or(|most| *left <= most));
    Ok(types::Partition { capacity, remaining })
}

pub(crate) async fn told(tape: &mut Tape, cartridge: Option<String>) -> Outcome<types::Medium> {
    tape.spot().await?;
    let limits = tape.limits().await?;
    let (settings, page) = mode_page(tape, Partitions::PAGE).await?;
    let settings = parameters(tape, &settings)?;
    let (write_protected, density) = (settings.is_write_protected(), settings.blocks.map(|blocks| blocks.density));
    let page = page.and_then(|page| Partitions::read(&page).ok());
    let mut partitions = Vec::new();
    let mut counters: Vec<NamedValue> = Vec::new();
    let mut remembers = false;
    for partition in 0..=page.as_ref().map_or(0, |page| page.additional) {
        let memory = memory(tape, partition).await?;
        partitions.push(room(tape, partition, &memory, page.as_ref()).await?);
        if partition == 0 {
            (counters, remembers) = (counters::of(tape, &memory).await?, !memory.is_empty());
        }
    }
    let held = tape.held();
    let abilities = [
        (tape.knows_places(), "locate"),
        (page.as_ref().is_some_and(|page| page.most_additional > 0), "partitions"),
        (remembers, "medium-memory"),
        (plan::most(tape).await? > 0, "access-order"),
        (held.protected, "block-checksums"),
        (held.reserved, "reservations"),
    ];
    let abilities: Vec<&str> = abilities.into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
    let mut extras: Vec<NamedValue> = Vec::new();
    if !abilities.is_empty() {
        extras.push(named("abilities", abilities.join(" ")));
    }
    extras.extend(density.map(|density| named("density", format!("{density:02x}"))));
    Ok(types::Medium {
        cartridge,
        write_protected,
        block_minimum: limits.minimum.max(1),
        block_maximum: limits.maximum.unwrap_or(tape::LENGTH).min(longest(held.protected)),
        partitions,
        counters,
        extras,
    })
}

pub(crate) async fn inspect(name: &str) -> Outcome<types::Medium> {
    let site = site().await?;
    let drive = site.drive(name)?;
    let cartridge = cartridge(&site, drive).await?;
    let mut taken = enter(&site, drive).await?;
    let medium = told(&mut taken.it, cartridge).await?;
    taken.give_back();
    Ok(medium)
}

pub(crate) async fn write(name: &str, mut laying: Laying, content: &impl Source, attempt: &str) -> Outcome<types::Written> {
    let site = site().await?;
    let drive = site.drive(name)?;
    let of = kept(drive, cartridge(&site, drive).await?.as_deref());
    let mut taken = enter(&site, drive).await?;
    let Spot { partition, object } = laying.at;
    let before: Option<Write> = record::get(&of).await?;
    let before = before.filter(|write| write.attempt == attempt && (write.partition, write.object) == (partition, object));
    if let Some(done) = before.as_ref().and_then(|write| write.done) {
        taken.give_back();
        return Ok(written(partition, done));
    }
    stream::check(&mut taken.it, &laying, content.size()).await?;
    // What this attempt began and did not end is its own.
    laying.truncate |= before.is_some();
    stream::approach(&mut taken.it, &laying).await?;
    let mut write = Write { attempt: attempt.to_owned(), partition, object, done: None };
    record::set(&of, &write).await?;
    let laid = stream::write(&mut taken.it, &laying, content).await?;
    write.done = Some(laid);
    record::set(&of, &write).await.map_err(|failure| failure.maybe_done())?;
    taken.give_back();
    Ok(written(partition, laid))
}

fn written(partition: u8, laid: Laid) -> types::Written {
    let place = types::Place { partition: u32::from(partition), object: laid.object, met: None };
    types::Written { bytes: laid.bytes, place, near_end: laid.near_end, extras: Vec::new() }
}

/// How large the first of two partitions is to be, if that is said.
pub(crate) fn index_gigabytes(extras: &[NamedValue]) -> Outcome<Option<u16>> {
    let index = find(extras, INDEX).map(str::parse::<u16>).transpose();
    index.map_err(|_| invalid(format!("\"{INDEX}\" is a number of gigabytes")))
}

pub(crate) async fn format(name: &str, label: &str, attempt: &str, extras: &[NamedValue]) -> Outcome<types::Medium> {
    let bytes = label::label(label)?;
    let index = index_gigabytes(extras)?;
    let site = site().await?;
    let drive = site.drive(name)?;
    let cartridge = cartridge(&site, drive).await?;
    let of = kept(drive, cartridge.as_deref());
    let mut taken = enter(&site, drive).await?;
    let tape = &mut taken.it;
    let before: Option<Format> = record::get(&of).await?;
    if before.is_none_or(|format| format.attempt != attempt) {
        let begin = Spot { partition: 0, object: 0 };
        let medium = told(tape, cartridge.clone()).await?;
        if medium.write_protected {
            return Err(denied(format!("the cartridge in {} is write-protected", tape.unit.subject))
                .next_step("Move the tab of the cartridge."));
        }
        partition(tape, index).await?;
        tape.go(begin).await?;
        let laying = Laying { at: begin, truncate: true, block: u32::try_from(label::BYTES).unwrap_or(u32::MAX), filemarks: 1 };
        stream::write(tape, &laying, &Bytes(bytes)).await?;
        record::set(&of, &Format { attempt: attempt.to_owned() }).await.map_err(|failure| failure.maybe_done())?;
    }
    let medium = told(tape, cartridge).await?;
    taken.give_back();
    Ok(medium)
}

/// One partition, or two of which the first has so many gigabytes.
pub(crate) async fn partition(tape: &mut Tape, index: Option<u16>) -> Outcome<()> {
    let (_, page) = mode_page(tape, Partitions::PAGE).await?;
    let page = page.and_then(|page| Partitions::read(&page).ok());
    let how = match (index, page) {
        // One there is already.
        (None, page) if page.as_ref().is_none_or(|page| page.additional == 0) => return Ok(()),
        (None, _) => How::Default,
        (Some(gigabytes), page) => {
            let wanted = page.and_then(|page| page.ask(&[Some(gigabytes), None]));
            let sent = wanted.and_then(|wanted| mode::select(true, None, Some((Partitions::PAGE, &wanted))));
            let (cdb, list) =
                sent.ok_or_else(|| unsupported(format!("{} makes no two partitions on this cartridge", tape.unit.subject)))?;
            tape.unit.good(&cdb, Data::Out(list)).await?;
            How::Partitions
        }
    };
    tape.go(Spot { partition: 0, object: 0 }).await?;
    let ended = tape.unit.tell(&tape::format_medium(how), Data::None, 0).await;
    tape.forget();
    match ended {
        Ok((Ended::Whole, _)) => Ok(()),
        Ok((ended, _)) => Err(tape.odd(ended)),
        Err(stop) => Err(tape.astray(stop).maybe_done()),
    }
}

/// What is written from memory.
struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = self.0.get(from..).unwrap_or_default();
        Ok(rest.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(rest).to_vec())
    }
}
