//! Task management (RFC 7143, sections 11.5 and 11.6).

use super::header::Header;
use super::lun;
use super::session::Session;

const ABORT_TASK: u8 = 1;
const ABORT_TASK_SET: u8 = 2;
const CLEAR_TASK_SET: u8 = 4;
const LOGICAL_UNIT_RESET: u8 = 5;
const TARGET_WARM_RESET: u8 = 6;
const TARGET_COLD_RESET: u8 = 7;
const TASK_REASSIGN: u8 = 8;

const COMPLETE: u8 = 0;
const NO_SUCH_TASK: u8 = 1;
const REASSIGNMENT_NOT_SUPPORTED: u8 = 4;
const NOT_SUPPORTED: u8 = 5;

const REFERENCED_TAG: usize = 20;

impl Session<'_> {
    /// The response, and whether all sessions of the target end with it.
    pub(super) fn manage(&mut self, pdu: &Header) -> (u8, bool) {
        let lun = lun::number(pdu.lun());
        let response = match pdu.flags() & 0x7f {
            ABORT_TASK => {
                let tag = pdu.number(REFERENCED_TAG);
                self.transfers.remove(&tag);
                if self.tasks.abort(tag) { COMPLETE } else { NO_SUCH_TASK }
            }
            // A session's commands are the task set that it sees.
            ABORT_TASK_SET | CLEAR_TASK_SET => self.abort_all(Some(lun)),
            LOGICAL_UNIT_RESET => self.reset(Some(lun)),
            TARGET_WARM_RESET => self.reset(None),
            TARGET_COLD_RESET => return (self.reset(None), true),
            TASK_REASSIGN => REASSIGNMENT_NOT_SUPPORTED,
            _ => NOT_SUPPORTED,
        };
        (response, false)
    }

    fn reset(&mut self, lun: Option<u64>) -> u8 {
        let response = self.abort_all(lun);
        self.target.devices.reset(lun);
        response
    }

    fn abort_all(&mut self, lun: Option<u64>) -> u8 {
        for tag in self.tasks.abort_all(lun) {
            self.transfers.remove(&tag);
        }
        COMPLETE
    }
}
