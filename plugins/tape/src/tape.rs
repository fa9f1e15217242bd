//! A drive with a cartridge in: where the tape is, and how it gets elsewhere.
//!
//! A drive that knows the numbers of objects is asked for them and sent to them. One that does not is served by counting: from the beginning,
//! which REWIND finds, over blocks and marks by SPACE, and object by object where it has to be known what each is.

mod hold;
mod spacing;

pub(crate) use hold::{Hold, regain};

use capstan_iscsi::Data;
use capstan_scsi::tape::{self, BlockLimits, Ended, Form, Place, Position, Space};
use capstan_sdk::failure::{cancelled, invalid, malformed, unavailable, unsupported};
use capstan_sdk::types;
use capstan_sdk::{Failure, Outcome, Retry};

use crate::held::Good;
use crate::outside;
use crate::refused::ATTENTION;
use crate::unit::{Stop, Unit};

/// Objects that one SPACE goes over.
const STRIDE: u64 = 1 << 22;
/// Bytes of a block that are read to see whether there is one.
const PEEK: u32 = 512;
/// How long the next block is taken to be at first.
const GUESS: u32 = 256 << 10;

pub(crate) const END_OF_DATA: &str = "end-of-data";

/// What the last way ended at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    Filemark,
    EndOfData,
    Beginning,
}

/// Which object is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) partition: u8,
    pub(crate) object: u64,
}

impl Spot {
    pub(crate) fn new(partition: u32, object: u64) -> Outcome<Self> {
        let partition = u8::try_from(partition).map_err(|_| unsupported(format!("there is no partition {partition}")))?;
        Ok(Self { partition, object })
    }
}

/// What lies at a place; the tape is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Block,
    Filemark,
    End,
}

pub(crate) struct Tape {
    pub(crate) unit: Unit,
    spot: Option<Spot>,
    pub(crate) met: Option<Met>,
    /// Where the data ends, as far as this call or one before it knows.
    end: Option<Spot>,
    /// The drive tells the numbers of objects; none: it was not asked yet.
    knows: Option<bool>,
    limits: Option<BlockLimits>,
    /// How long the last block was.
    pub(crate) guess: u32,
    /// The blocks before had one length, and so will the next have.
    pub(crate) steady: bool,
    /// None: nothing was done yet, or it may be undone by now.
    hold: Option<Hold>,
    /// `unit.subject` says what is in.
    pub(crate) named: bool,
    /// The drive does not tell whether it wants to be cleaned.
    pub(crate) silent: bool,
    /// How many parts it brings into order at once; none: it was not asked yet.
    pub(crate) orders: Option<usize>,
    /// The number of the mount of what is in; none: it was not mounted, or something happened since.
    pub(crate) mount: Option<u64>,
}

impl Good for Tape {
    fn is_good(&self) -> bool {
        self.unit.is_good()
    }
}

impl Tape {
    pub(crate) fn new(unit: Unit) -> Self {
        Self {
            unit,
            spot: None,
            met: None,
            end: None,
            knows: None,
            limits: None,
            guess: GUESS,
            steady: false,
            hold: None,
            named: false,
            silent: false,
            orders: None,
            mount: None,
        }
    }

    /// Forgets what may be otherwise by now.
    pub(crate) fn forget(&mut self) {
        (self.spot, self.end, self.met, self.limits, self.hold) = (None, None, None, None, None);
        (self.unit.upset, self.named, self.steady) = (false, false, false);
        self.mount = None;
    }

    fn settle(&mut self) {
        if self.unit.upset {
            self.forget();
        }
    }

    /// A failure after which nobody knows where the tape is.
    pub(crate) fn astray(&mut self, stop: Stop) -> Failure {
        self.spot = None;
        self.end = None;
        stop.told(&self.unit.subject)
    }

    pub(crate) fn odd(&mut self, ended: Ended) -> Failure {
        (self.spot, self.end) = (None, None);
        malformed(format!("{} ended a command as it cannot end", self.unit.subject), format!("{ended:?}"))
    }

    /// Where the tape is, as far as that is known.
    pub(crate) fn here(&self) -> Option<Spot> {
        self.spot
    }

    /// Nobody knows where the tape is; the drive may.
    pub(crate) fn lose(&mut self) {
        (self.spot, self.end, self.met) = (None, None, None);
    }

    /// The drive is sent to places by their numbers, and says where it is.
    pub(crate) fn knows_places(&self) -> bool {
        self.knows == Some(true)
    }

    pub(crate) fn held(&self) -> Hold {
        self.hold.unwrap_or_default()
    }

    /// Fails where something happened to the drive since it was last looked at: what is sent now may be taken for something else.
    pub(crate) fn as_seen(&self) -> Outcome<()> {
        if !self.unit.upset {
            return Ok(());
        }
        let message = format!("something happened to {} meanwhile", self.unit.subject);
        Err(unavailable(message).code(ATTENTION).retry(Retry::AtOnce))
    }

    pub(crate) async fn limits(&mut self) -> Outcome<BlockLimits> {
        self.settle();
        if let Some(limits) = self.limits {
            return Ok(limits);
        }
        let told = self.unit.good(&tape::read_block_limits(), Data::In(tape::LIMITS_BYTES)).await?;
        let limits = BlockLimits::read(&told)
            .map_err(|wrong| malformed(format!("{} tells limits that cannot be", self.unit.subject), wrong.0))?;
        self.limits = Some(limits);
        Ok(limits)
    }

    /// Where the tape is.
    pub(crate) async fn spot(&mut self) -> Outcome<Spot> {
        // Whether something is in at all, and whether something happened to it.
        self.unit.ready().await.map_err(|stop| stop.told(&self.unit.subject))?;
        self.settle();
        self.hold().await?;
        if let Some(spot) = self.spot {
            return Ok(spot);
        }
        let spot = match self.asked().await? {
            Some(spot) => spot,
            None => self.rewind().await?,
        };
        self.spot = Some(spot);
        Ok(spot)
    }

    /// Where the drive says that it is; none: it does not know.
    async fn asked(&mut self) -> Outcome<Option<Spot>> {
        if self.knows == Some(false) {
            return Ok(None);
        }
        for form in [Form::Long, Form::Short] {
            let told = match self.unit.ask(&tape::read_position(form), Data::In(u32::from(form.bytes()))).await {
                Ok(told) => told,
                Err(stop) if stop.is_unknown() => continue,
                Err(stop) => return Err(stop.told(&self.unit.subject)),
            };
            let Ok(position) = Position::read(&told, form) else { continue };
            if let (Some(object), Ok(partition)) = (position.object, u8::try_from(position.partition)) {
                self.knows = Some(true);
                return Ok(Some(Spot { partition, object }));
            }
        }
        // At its beginning a drive knows where it is, if it ever does.
        Ok(None)
    }

    async fn rewind(&mut self) -> Outcome<Spot> {
        self.unit.good(&tape::rewind(), Data::None).await?;
        self.spot = None;
        if self.knows.is_none() && self.asked().await?.is_none() {
            self.knows = Some(false);
        }
        let spot = Spot { partition: 0, object: 0 };
        (self.spot, self.met) = (Some(spot), None);
        Ok(spot)
    }

    /// The tape went so many objects on, or back.
    pub(crate) fn pass(&mut self, objects: i64) {
        self.spot = self.spot.and_then(|spot| Some(Spot { object: spot.object.checked_add_signed(objects)?, ..spot }));
        self.met = None;
    }

    /// The data ends here.
    pub(crate) fn ends_here(&mut self) {
        self.end = self.spot;
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.end.is_some() && self.end == self.spot
    }

    pub(crate) async fn go(&mut self, to: Spot) -> Outcome<()> {
        let from = self.spot().await?;
        if from == to {
            self.met = None;
            return Ok(());
        }
        if self.knows == Some(true) && self.located(to).await? {
            (self.spot, self.met) = (Some(to), None);
            return Ok(());
        }
        self.counted(to).await
    }

    /// Sends the drive there by number; false: it does not do that.
    async fn located(&mut self, to: Spot) -> Outcome<bool> {
        let far = tape::locate_far(Place::Object(to.object), Some(to.partition)).to_vec();
        let near = u32::try_from(to.object).ok().map(|object| tape::locate(object, Some(to.partition)).to_vec());
        for cdb in [Some(far), near].into_iter().flatten() {
            match self.unit.tell(&cdb, Data::None, 0).await {
                Ok((Ended::Whole | Ended::NearEnd { .. }, _)) => return Ok(true),
                Ok((Ended::EndOfData { .. } | Ended::EndOfMedium { .. }, _)) => return Err(self.beyond(to)),
                Ok((ended, _)) => return Err(self.odd(ended)),
                Err(stop) if stop.is_unknown() => {}
                Err(stop) => return Err(self.astray(stop)),
            }
        }
        Ok(false)
    }

    fn beyond(&mut self, to: Spot) -> Failure {
        self.spot = None;
        invalid(format!("the data in {} ends before object {}", self.unit.subject, to.object)).code(END_OF_DATA)
    }

    async fn counted(&mut self, to: Spot) -> Outcome<()> {
        if to.partition != 0 {
            return Err(unsupported(format!("{} has one partition", self.unit.subject)));
        }
        if self.spot().await?.object > to.object {
            self.rewind().await?;
        }
        loop {
            self.go_on()?;
            let left = to.object.saturating_sub(self.spot().await?.object);
            match left {
                0 => return Ok(()),
                // The last one is looked at: not every drive says whether there was one to go over.
                1 => match self.peek().await? {
                    Found::End => return Err(self.beyond(to)),
                    Found::Block | Found::Filemark => self.met = None,
                },
                _ => self.stride(to, (left - 1).min(STRIDE)).await?,
            }
        }
    }

    async fn stride(&mut self, to: Spot, objects: u64) -> Outcome<()> {
        let count = i32::try_from(objects).unwrap_or(i32::MAX);
        let cdb = tape::space(Space::Blocks(count)).ok_or_else(|| invalid("a stride that is too long"))?;
        match self.unit.tell(&cdb, Data::None, count.unsigned_abs()).await {
            Ok((Ended::Whole | Ended::NearEnd { .. }, _)) => self.pass(i64::from(count)),
            // The mark was gone over as well.
            Ok((Ended::Filemark { left: Some(left @ 1..) }, _)) => self.pass(i64::from(count) - i64::from(left) + 1),
            Ok((Ended::EndOfData { .. } | Ended::EndOfMedium { .. }, _)) => return Err(self.beyond(to)),
            Ok((ended, _)) => return Err(self.odd(ended)),
            Err(stop) => return Err(self.astray(stop)),
        }
        Ok(())
    }

    /// Goes over the next object and says what it is.
    pub(crate) async fn peek(&mut self) -> Outcome<Found> {
        let cdb = tape::read(PEEK, false).ok_or_else(|| invalid("a block that is too long"))?;
        match self.unit.tell(&cdb, Data::In(PEEK), PEEK).await {
            Ok((Ended::Whole | Ended::Length { .. } | Ended::NearEnd { .. }, _)) => {
                self.pass(1);
                Ok(Found::Block)
            }
            Ok((Ended::Filemark { .. }, _)) => {
                self.pass(1);
                self.met = Some(Met::Filemark);
                Ok(Found::Filemark)
            }
            Ok((Ended::EndOfData { .. } | Ended::EndOfMedium { .. }, _)) => {
                self.met = Some(Met::EndOfData);
                self.ends_here();
                Ok(Found::End)
            }
            Ok((ended, _)) => Err(self.odd(ended)),
            Err(stop) => Err(self.astray(stop)),
        }
    }

    /// Before the object that was just gone over.
    pub(crate) async fn back(&mut self) -> Outcome<()> {
        let cdb = tape::space(Space::Blocks(-1)).ok_or_else(|| invalid("a stride that is too long"))?;
        match self.unit.tell(&cdb, Data::None, 1).await {
            Ok((Ended::Whole | Ended::Filemark { .. }, _)) => {
                self.pass(-1);
                Ok(())
            }
            Ok((ended, _)) => Err(self.odd(ended)),
            Err(stop) => Err(self.astray(stop)),
        }
    }

    fn go_on(&self) -> Outcome<()> {
        if outside::cancelled() { Err(cancelled("the job was cancelled")) } else { Ok(()) }
    }

    /// The place, as the contract has it.
    pub(crate) async fn place(&mut self) -> Outcome<types::Place> {
        let spot = self.spot().await?;
        let met = self.met.map(|met| match met {
            Met::Filemark => "filemark",
            Met::EndOfData => END_OF_DATA,
            Met::Beginning => "beginning",
        });
        Ok(types::Place { partition: u32::from(spot.partition), object: spot.object, met: met.map(str::to_owned) })
    }

    /// Where the drive itself says that it is, after something went wrong; none: nobody but us knows.
    pub(crate) async fn confirmed(&mut self) -> Outcome<Option<Spot>> {
        if self.knows != Some(true) {
            return Ok(None);
        }
        self.asked().await
    }

    /// What was written before is on the medium.
    pub(crate) async fn marks(&mut self, count: u32) -> Outcome<bool> {
        let cdb = tape::write_filemarks(count, false).ok_or_else(|| invalid(format!("{count} filemarks are too many")))?;
        match self.unit.tell(&cdb, Data::None, count).await {
            Ok((ended, _)) if ended.is_written() => {
                self.pass(i64::from(count));
                if count > 0 {
                    self.ends_here();
                }
                Ok(ended != Ended::Whole)
            }
            Ok((ended @ (Ended::EndOfMedium { .. } | Ended::NearEnd { .. }), _)) => {
                let full = Stop::Refused(capstan_scsi::Refusal {
                    reason: capstan_scsi::Reason::Full,
                    status: capstan_scsi::status::CHECK_CONDITION,
                    sense: None,
                });
                let failure = self.astray(full);
                Err(failure.detail(format!("{ended:?}")).maybe_done())
            }
            Ok((ended, _)) => Err(self.odd(ended).maybe_done()),
            Err(stop) => Err(self.astray(stop).maybe_done()),
        }
    }
}
