//! A thread that takes the kernel's questions runs on the processor of whoever asks.
//!
//! Whoever asks waits for the answer, so nothing is lost by sharing its processor, and nobody has to be woken on another one: that takes
//! longer than the answer, in a virtual machine many times as long. It is done while one alone asks; several at a time are answered
//! wherever there is room.

use std::cell::RefCell;

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// Questions of one in a row, after which it is followed, and looked for again.
const ROW: u32 = 32;

#[derive(Default)]
struct Near {
    /// Thread that asked last.
    asker: u32,
    /// Questions that it asked in a row.
    row: u32,
    /// Where this thread may run by itself, while it follows.
    free: Option<CpuSet>,
    at: Option<usize>,
}

thread_local! {
    static NEAR: RefCell<Near> = RefCell::default();
}

/// To be called for each question that somebody waits for; `thread`: who, 0 where that is not known.
pub(crate) fn asked_by(thread: u32) {
    NEAR.with_borrow_mut(|near| near.asked_by(thread));
}

impl Near {
    fn asked_by(&mut self, thread: u32) {
        if thread == self.asker {
            self.row = self.row.wrapping_add(1);
            if self.row.is_multiple_of(ROW) {
                self.follow();
            }
        } else {
            (self.asker, self.row) = (thread, 0);
            self.stay();
        }
    }

    fn follow(&mut self) {
        let Some(processor) = processor(self.asker) else { return self.stay() };
        if self.at == Some(processor) {
            return;
        }
        if self.free.is_none() {
            self.free = sched_getaffinity(None::<Pid>).ok();
        }
        let mut there = CpuSet::new();
        // Where it may not run anyway it is not sent.
        if self.free.is_some_and(|free| processor < CpuSet::MAX_CPU && free.is_set(processor)) {
            there.set(processor);
            self.at = sched_setaffinity(None, &there).ok().map(|()| processor);
        } else {
            self.stay();
        }
    }

    fn stay(&mut self) {
        if self.at.take().is_some()
            && let Some(free) = self.free.take()
            && let Err(errno) = sched_setaffinity(None, &free)
        {
            tracing::debug!(%errno, "a thread of a view stays on one processor");
        }
    }
}

/// Where a thread ran last: the 39th field of its line, of which the second may hold anything, in parentheses (`proc_pid_stat(5)`).
fn processor(thread: u32) -> Option<usize> {
    let line = std::fs::read(format!("/proc/{thread}/stat")).ok()?;
    let behind = line.get(line.iter().rposition(|byte| *byte == b')')? + 1..)?;
    let field = behind.split(|byte| *byte == b' ').filter(|field| !field.is_empty()).nth(36)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> u32 {
        sched_getaffinity(None).unwrap().count()
    }

    #[test]
    fn one_who_asks_alone_is_followed_and_several_are_not() {
        let (this, all) = (rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned(), allowed());
        let mut near = Near::default();
        (0..=ROW).for_each(|_| near.asked_by(this));
        assert_eq!(allowed(), 1);
        near.asked_by(1);
        assert_eq!(allowed(), all);
        for _ in 0..ROW {
            near.asked_by(this);
            near.asked_by(1);
        }
        assert_eq!(allowed(), all);
    }

    #[test]
    fn one_who_is_gone_is_not_followed() {
        let all = allowed();
        let mut near = Near::default();
        (0..=ROW).for_each(|_| near.asked_by(u32::MAX));
        assert_eq!(allowed(), all);
    }
}
