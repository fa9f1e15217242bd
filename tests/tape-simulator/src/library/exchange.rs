//! Commands and their answers.

use async_trait::async_trait;

use super::unit::{Unit, answer};
use super::{Library, lock};
use crate::changer::{self, Moves};
use crate::devices::{Answer, Devices, Nexus};
use crate::drive::Drive;
use crate::fields::Fields;
use crate::primary::{self, Operation, absent};
use crate::sense::{Reply, status};

#[async_trait]
impl Devices for Library {
    fn greet(&self, nexus: &Nexus) {
        self.each(|initiators| initiators.greet(nexus));
    }

    fn leave(&self, nexus: &Nexus) {
        self.each(|initiators| initiators.leave(nexus));
    }

    fn reset(&self, lun: Option<u64>) {
        for (number, drive) in self.drives.iter().enumerate() {
            if lun.is_none_or(|lun| lun == number as u64) {
                lock(&drive.device).reset();
                drive.abort();
            }
        }
        if lun.is_none_or(|lun| lun == self.drives.len() as u64) {
            self.changer.abort();
        }
    }

    async fn execute(&self, nexus: &Nexus, lun: u64, cdb: &[u8], out: &[u8]) -> Option<Answer> {
        let command = Fields(cdb);
        let number = usize::try_from(lun).unwrap_or(usize::MAX);
        match self.drives.get(number) {
            Some(unit) => self.drive(unit, nexus, command, out).await,
            None if number == self.drives.len() => self.robot(nexus, command, out).await,
            // Somebody is there, if only to say that nobody is.
            None if command.byte(0) == 0xa0 => self.robot(nexus, command, out).await,
            None => Some(answer(absent(command), 0)),
        }
    }
}

/// What is done at once, and the seconds that it takes.
type Done = (Reply, f64);

impl Library {
    fn each(&self, tell: impl Fn(&mut crate::initiator::Initiators)) {
        self.drives.iter().for_each(|drive| tell(&mut lock(&drive.initiators)));
        tell(&mut lock(&self.changer.initiators));
    }

    async fn drive(&self, unit: &Unit<Drive>, nexus: &Nexus, command: Fields<'_>, out: &[u8]) -> Option<Answer> {
        let _turn = unit.turn().await;
        unit.wait(command).await;
        let (reply, seconds) = self.drive_does(unit, nexus, command, out)?;
        let whole = unit.pass(command, seconds).await;
        lock(&unit.device).answered();
        finish(unit, whole, reply, command)
    }

    /// None: there is no power, or it went.
    fn drive_does(&self, unit: &Unit<Drive>, nexus: &Nexus, command: Fields<'_>, out: &[u8]) -> Option<Done> {
        if unit.is_off() {
            return None;
        }
        let mut drive = lock(&unit.device);
        drive.settle();
        drive.count();
        let cut = unit.cut(&self.faults);
        let done = match cut {
            Some(cut) if !cut.performed => Ok(Vec::new()),
            _ => self.drive_answers(unit, &mut drive, nexus, command, out),
        };
        if let Some(cut) = cut {
            drive.lose_power(cut.kept);
            drop(drive);
            unit.switch(false);
            return None;
        }
        Some((done, std::mem::take(&mut drive.spent)))
    }

    fn drive_answers(&self, unit: &Unit<Drive>, drive: &mut Drive, nexus: &Nexus, command: Fields<'_>, out: &[u8]) -> Reply {
        let mut initiators = lock(&unit.initiators);
        for code in drive.raised.drain(..) {
            initiators.tell(code, None);
        }
        unit.admit(&mut initiators, &self.faults, nexus, command)?;
        let operations = drive.operations();
        if let Some(reply) = primary::execute(&unit.identity, self.units(), &mut initiators, nexus, command, out, operations) {
            return reply;
        }
        let reply = drive.execute(command, out, initiators.is_prevented());
        // Whoever did it knows.
        for code in drive.raised.drain(..) {
            initiators.tell(code, Some(nexus));
        }
        reply
    }

    async fn robot(&self, nexus: &Nexus, command: Fields<'_>, out: &[u8]) -> Option<Answer> {
        let unit = &self.changer;
        let _turn = unit.turn().await;
        let cut = {
            if unit.is_off() {
                return None;
            }
            let mut changer = lock(&unit.device);
            changer.totals.commands += 1;
            self.faults.count(&unit.subject);
            unit.cut(&self.faults)
        };
        let (reply, seconds) = match cut {
            Some(cut) if !cut.performed => (Ok(Vec::new()), 0.0),
            _ => self.robot_answers(nexus, command, out).await,
        };
        if cut.is_some() {
            unit.switch(false);
            return None;
        }
        let whole = unit.pass(command, seconds).await;
        finish(unit, whole, reply, command)
    }

    async fn robot_answers(&self, nexus: &Nexus, command: Fields<'_>, out: &[u8]) -> Done {
        let unit = &self.changer;
        let common = {
            let mut initiators = lock(&unit.initiators);
            let operations: Vec<Operation> = [&primary::OPERATIONS[..], &changer::OPERATIONS[..]].concat();
            let admitted = unit.admit(&mut initiators, &self.faults, nexus, command);
            match admitted {
                Err(stop) => Some(Err(stop)),
                Ok(()) => primary::execute(&unit.identity, self.units(), &mut initiators, nexus, command, out, &operations),
            }
        };
        if let Some(reply) = common {
            return (reply, 0.0);
        }
        match Moves::read(command) {
            Some(plan) => {
                self.shift(command, &plan).await.map_or_else(|stop| (Err(stop), 0.0), |seconds| (Ok(Vec::new()), seconds))
            }
            None => {
                let mut changer = lock(&unit.device);
                let reply = changer.execute(command, out);
                (reply, std::mem::take(&mut changer.spent))
            }
        }
    }
}

fn finish<D>(unit: &Unit<D>, whole: bool, reply: Reply, command: Fields<'_>) -> Option<Answer> {
    match (unit.is_off(), whole) {
        (true, _) => None,
        (false, false) => Some(Answer { status: status::TASK_ABORTED, ..Answer::default() }),
        (false, true) => Some(answer(reply, usize::from(command.byte(4)))),
    }
}
