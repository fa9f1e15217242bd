//! Reservations and checksums, at a drive in memory that several sessions share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use capstan_scsi::{Key, Sense, status};
use futures::executor::block_on;

use super::*;

/// What a drive remembers.
#[derive(Default)]
struct Memory {
    /// Keys by session.
    keys: BTreeMap<u8, u64>,
    holder: Option<u8>,
    /// It knows PERSISTENT RESERVE; RESERVE(6).
    by_key: bool,
    by_session: bool,
    /// The page on protection; none: it has none.
    page: Option<Vec<u8>>,
}

struct Session(u8, Rc<RefCell<Memory>>);

fn unknown() -> Stop {
    let sense = Sense::read(&[0x70, 0, Key::ILLEGAL_REQUEST.0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0]);
    Stop::Refused(Refusal { reason: Reason::Unsupported, status: status::CHECK_CONDITION, sense })
}

fn conflict() -> Stop {
    Stop::Refused(Refusal::new(status::RESERVATION_CONFLICT, &[]))
}

impl Device for Session {
    async fn ask(&mut self, cdb: &[u8], data: Data) -> Result<Vec<u8>, Stop> {
        let mut memory = self.1.borrow_mut();
        let bytes = if let Data::Out(bytes) = data { bytes } else { Vec::new() };
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let (mine, own) = (self.0, memory.keys.get(&self.0).copied());
        match cdb[0] {
            0x5f if memory.by_key => match cdb[1] {
                0 | 6 if cdb[1] == 6 || own == Some(number(0)) => {
                    if number(8) == 0 {
                        memory.keys.remove(&mine);
                        memory.holder = memory.holder.filter(|holder| *holder != mine);
                    } else {
                        memory.keys.insert(mine, number(8));
                    }
                }
                1 if own == Some(number(0)) && memory.holder.is_none_or(|holder| holder == mine) => memory.holder = Some(mine),
                4 if own == Some(number(0)) => {
                    memory.keys.retain(|session, key| *session == mine || *key != number(8));
                    memory.holder = Some(mine);
                }
                _ => return Err(conflict()),
            },
            0x5e if memory.by_key => {
                let Some(holder) = memory.holder else { return Ok(vec![0; 8]) };
                let mut told = vec![0, 0, 0, 1, 0, 0, 0, 16];
                told.extend(memory.keys[&holder].to_be_bytes());
                told.extend([0, 0, 0, 0, 0, 3, 0, 0]);
                return Ok(told);
            }
            0x16 if memory.by_session => match memory.holder {
                Some(holder) if holder != mine => return Err(conflict()),
                _ => memory.holder = Some(mine),
            },
            0x17 if memory.by_session => memory.holder = memory.holder.filter(|holder| *holder != mine),
            0x1a => {
                let Some(page) = &memory.page else { return Err(unknown()) };
                assert_eq!((cdb[2], cdb[3]), (0x0a, 0xf0));
                let mut told = vec![0, 0, 0x10, 0, 0x4a, 0xf0, 0, u8::try_from(page.len()).unwrap()];
                told.extend(page);
                told[0] = u8::try_from(told.len() - 1).unwrap();
                return Ok(told);
            }
            0x15 => memory.page = Some(bytes[8..].to_vec()),
            _ => return Err(unknown()),
        }
        Ok(Vec::new())
    }
}

fn drive(memory: Memory) -> (Session, Session) {
    let memory = Rc::new(RefCell::new(memory));
    (Session(1, Rc::clone(&memory)), Session(2, memory))
}

#[test]
fn a_drive_is_held_by_one_host_until_it_lets_go() {
    let (mut ours, mut theirs) = drive(Memory { by_key: true, ..Memory::default() });
    block_on(async {
        assert!(reserve(&mut ours, 7, Others::Respect).await.unwrap() && reserve(&mut ours, 7, Others::Respect).await.unwrap());
        let refused = reserve(&mut theirs, 9, Others::Respect).await.unwrap_err();
        assert!(matches!(refused, Stop::Refused(Refusal { reason: Reason::Reserved, .. })));
        // Who was refused leaves nothing behind.
        assert_eq!(ours.1.borrow().keys.keys().collect::<Vec<_>>(), [&1]);
        release(&mut ours).await.unwrap();
        assert!(reserve(&mut theirs, 9, Others::Respect).await.unwrap());
        assert_eq!(ours.1.borrow().holder, Some(2));
        // Somebody said that they are gone.
        assert!(reserve(&mut ours, 7, Others::Respect).await.is_err() && reserve(&mut ours, 7, Others::Take).await.unwrap());
        assert_eq!((ours.1.borrow().holder, ours.1.borrow().keys.clone()), (Some(1), BTreeMap::from([(1, 7)])));
    });
}

#[test]
fn a_session_takes_over_what_one_before_it_held_for_the_same_host() {
    let (mut before, mut now) = drive(Memory { by_key: true, ..Memory::default() });
    block_on(async {
        assert!(reserve(&mut before, 7, Others::Respect).await.unwrap() && reserve(&mut now, 7, Others::Respect).await.unwrap());
        let memory = now.1.borrow();
        assert_eq!((memory.holder, memory.keys.clone()), (Some(2), BTreeMap::from([(2, 7)])));
    });
}

#[test]
fn a_drive_without_keys_is_held_by_the_session_and_one_without_either_is_used_as_it_is() {
    let (mut ours, mut theirs) = drive(Memory { by_session: true, ..Memory::default() });
    block_on(async {
        assert!(reserve(&mut ours, 7, Others::Respect).await.unwrap() && reserve(&mut theirs, 9, Others::Respect).await.is_err());
        release(&mut ours).await.unwrap();
        assert!(reserve(&mut theirs, 9, Others::Respect).await.unwrap());
        let (mut plain, _) = drive(Memory::default());
        assert!(!reserve(&mut plain, 7, Others::Respect).await.unwrap() && !protect(&mut plain).await.unwrap());
    });
}

#[test]
fn checksums_are_switched_on_where_the_drive_has_them() {
    let (mut drive, _) = drive(Memory { page: Some(vec![0, 0, 0, 0, 0, 0]), ..Memory::default() });
    block_on(async {
        assert!(protect(&mut drive).await.unwrap() && protect(&mut drive).await.unwrap());
    });
    assert_eq!(drive.1.borrow().page, Some(vec![2, 4, 0xc0, 0, 0, 0]));
}
