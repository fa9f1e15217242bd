//! In which order parts of a cartridge are read soonest, as the drive recommends that it is in.

use capstan_iscsi::Data;
use capstan_scsi::tape::order::{self, Limits, Segment};
use capstan_sdk::Outcome;

use crate::device::Device;
use crate::outside;
use crate::tape::Tape;
use crate::unit::Stop;

/// How often a drive is asked that is still computing, and the pause.
const TRIES: u32 = 20;
const PAUSE_MS: u64 = 500;

/// Which extent comes when, from where the tape is: each once. None: the drive recommends nothing.
pub(crate) async fn order(tape: &mut Tape, extents: &[Segment]) -> Outcome<Option<Vec<usize>>> {
    if !(2..=most(tape).await?).contains(&extents.len()) {
        return Ok(None);
    }
    recommended(&mut tape.unit, extents).await.map_err(|stop| stop.told(&tape.unit.subject))
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
}
