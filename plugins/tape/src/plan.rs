//! In which order files of a cartridge are read soonest: as the drive recommends that it is in, or as they lie.

use capstan_iscsi::Data;
use capstan_scsi::tape::order::{self, Limits, Segment};
use capstan_sdk::Outcome;
use capstan_sdk::failure::{invalid, not_found};

use crate::device::Device;
use crate::inventory::{drive_at, holder, of};
use crate::outside;
use crate::site::site;
use crate::tape::Tape;
use crate::unit::Stop;

/// Paths of one plan.
pub(crate) const PATHS: usize = 4096;
/// How often a drive is asked that is still computing, and the pause.
const TRIES: u32 = 20;
const PAUSE_MS: u64 = 500;

/// What lies where on a cartridge, by path.
pub(crate) trait Contents {
    fn extent(&self, path: &str) -> Option<Segment>;
}

/// Of a cartridge of which nothing is known but blocks and marks: it has no files.
pub(crate) struct Blocks;

impl Contents for Blocks {
    fn extent(&self, _path: &str) -> Option<Segment> {
        None
    }
}

/// Indexes into `paths`, each once.
pub(crate) async fn reading(cartridge: &str, paths: &[String], contents: &impl Contents) -> Outcome<Vec<u32>> {
    if paths.len() > PATHS {
        return Err(invalid(format!("{} paths are more than the {PATHS} of one plan", paths.len())));
    }
    let site = site().await?;
    let robot = holder(&site, cartridge).await?;
    let extent =
        |path: &String| contents.extent(path).ok_or_else(|| not_found(format!("cartridge {cartridge:?} has no file {path:?}")));
    let extents = paths.iter().map(extent).collect::<Outcome<Vec<Segment>>>()?;
    if extents.is_empty() {
        return Ok(Vec::new());
    }
    let inventory = of(robot).await?;
    let drive = inventory.with(cartridge).and_then(|element| drive_at(&site, element)).and_then(|name| site.drive(name).ok());
    let order = match drive {
        Some(drive) => {
            let mut taken = drive.take().await?;
            let order = order(&mut taken.it, &extents).await?;
            taken.give_back();
            order
        }
        None => as_they_lie(&extents),
    };
    Ok(order.into_iter().filter_map(|index| u32::try_from(index).ok()).collect())
}

/// Which extent comes when, from where the tape is: each once.
pub(crate) async fn order(tape: &mut Tape, extents: &[Segment]) -> Outcome<Vec<usize>> {
    if (2..=most(tape).await?).contains(&extents.len())
        && let Some(order) = recommended(&mut tape.unit, extents).await.map_err(|stop| stop.told(&tape.unit.subject))?
    {
        return Ok(order);
    }
    Ok(as_they_lie(extents))
}

/// How many extents the drive brings into order at once; 0: it does not.
pub(crate) async fn most(tape: &mut Tape) -> Outcome<usize> {
    if let Some(most) = tape.orders {
        return Ok(most);
    }
    let most = match tape.unit.ask(&order::ask_limits(), Data::In(order::LIMITS_BYTES)).await {
        Ok(told) => Limits::read(&told).map_or(0, |limits| limits.most()),
        Err(stop) if stop.is_unknown() => 0,
        // It may be asked when a cartridge is in.
        Err(Stop::Refused(_)) => return Ok(0),
        Err(stop) => return Err(stop.told(&tape.unit.subject)),
    };
    tape.orders = Some(most);
    Ok(most)
}

/// None: the drive does not come to an end, or recommends what cannot be.
async fn recommended(device: &mut impl Device, extents: &[Segment]) -> Result<Option<Vec<usize>>, Stop> {
    let Some((cdb, list)) = order::generate(extents) else { return Ok(None) };
    match device.ask(&cdb, Data::Out(list)).await {
        Ok(_) => {}
        // What an earlier one left is not the order of these.
        Err(Stop::Refused(_)) => return Ok(None),
        Err(stop) => return Err(stop),
    }
    for _ in 0..TRIES {
        match device.ask(&order::ask(extents.len()), Data::In(order::answer_bytes(extents.len()))).await {
            Ok(told) => {
                if let Ok(order) = order::read(&told, extents.len()) {
                    return Ok(Some(order));
                }
            }
            Err(Stop::Refused(_)) => return Ok(None),
            Err(stop) => return Err(stop),
        }
        if outside::cancelled() {
            break;
        }
        outside::wait(PAUSE_MS).await;
    }
    Ok(None)
}

/// By partition and object.
fn as_they_lie(extents: &[Segment]) -> Vec<usize> {
    let mut order: Vec<(usize, &Segment)> = extents.iter().enumerate().collect();
    order.sort_by_key(|(_, extent)| (extent.partition, extent.first));
    order.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drive that hands back what it was given in another order, after it was asked so many times.
    struct Orders {
        list: Vec<u8>,
        order: [usize; 3],
        thinks: u32,
    }

    impl Device for Orders {
        async fn ask(&mut self, cdb: &[u8], data: Data) -> Result<Vec<u8>, Stop> {
            if let Data::Out(list) = data {
                self.list = list;
                return Ok(Vec::new());
            }
            assert_eq!(cdb[0], 0xa3);
            if self.thinks > 0 {
                self.thinks -= 1;
                return Ok(vec![2, 0, 0, 0, 0, 0, 0, 0]);
            }
            let parts: Vec<&[u8]> = self.list[8..].chunks(32).collect();
            let body: Vec<u8> = self.order.iter().flat_map(|index| parts[*index].to_vec()).collect();
            Ok([&[2, 0, 0, 0, 0, 0, 0, 96][..], &body].concat())
        }
    }

    #[test]
    fn what_the_drive_recommends_is_followed_where_it_names_each_file_once() {
        let extents = [5, 1, 3].map(|first| Segment { partition: 1, first, last: first });
        let asked = |order, thinks| {
            let mut drive = Orders { list: Vec::new(), order, thinks };
            futures::executor::block_on(recommended(&mut drive, &extents)).unwrap()
        };
        assert_eq!(asked([2, 0, 1], 0), Some(vec![2, 0, 1]));
        assert_eq!(asked([1, 2, 0], 1), Some(vec![1, 2, 0]));
    }

    #[test]
    fn without_a_recommendation_files_are_read_as_they_lie() {
        let segment = |partition, first| Segment { partition, first, last: first };
        let extents = [segment(1, 5), segment(0, 9), segment(1, 2), segment(1, 5)];
        assert_eq!(as_they_lie(&extents), [1, 2, 0, 3]);
        assert!(as_they_lie(&[]).is_empty());
    }
}
