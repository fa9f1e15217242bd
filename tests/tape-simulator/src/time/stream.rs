//! The stream between a host and the tape: a buffer, a speed that follows the host, and what it costs when the host does not follow.
//!
//! While it writes, the tape takes from the buffer at one of a few speeds. When the buffer is empty the tape has to stop, go back and start anew
//! (an under-run and a back-hitch). While it reads, the tape fills the buffer, and stops when it is full.

use std::time::Instant;

use super::Totals;

/// Bytes of a drive's buffer.
pub const BUFFER: u64 = 1 << 30;
/// Bytes a second at the speeds of the tape: from 177 to 408 MB/s, not compressed.
pub const SPEEDS: [f64; 12] = [177e6, 198e6, 219e6, 240e6, 261e6, 282e6, 303e6, 324e6, 345e6, 366e6, 387e6, 408e6];
/// Seconds to stop, go back and be up to speed again.
pub const BACK_HITCH: f64 = 3.0;
/// Share of the buffer with which the tape starts to write, and down to which it reads nothing more once it was full.
const START_LEVEL: f64 = 0.25;
/// Seconds over which the speed of the host is taken.
const MEMORY: f64 = 2.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Idle,
    Writing,
    Reading,
}

#[derive(Debug)]
pub(crate) struct Stream {
    way: Way,
    /// Bytes that wait for the tape, or for the host.
    buffered: f64,
    moving: bool,
    /// Seconds until the tape can be up to speed.
    turning: f64,
    speed: f64,
    /// Bytes a second that the host takes or gives.
    host: f64,
    /// When the command before ended.
    last: Instant,
}

const FULL: f64 = BUFFER as f64;
const TOP: f64 = 408e6;

impl Stream {
    pub(crate) fn new() -> Self {
        Self { way: Way::Idle, buffered: 0.0, moving: false, turning: 0.0, speed: TOP, host: TOP, last: Instant::now() }
    }

    pub(crate) fn buffered(&self) -> u64 {
        if self.way == Way::Writing { self.buffered as u64 } else { 0 }
    }

    /// The tape goes elsewhere: what was read ahead is of no use. Nothing is left to be written.
    pub(crate) fn stop(&mut self) {
        *self = Self::new();
    }

    /// The answer to a command went out.
    pub(crate) fn answered(&mut self) {
        self.last = Instant::now();
    }

    /// Seconds since the command before, and what the host's speed is by them.
    fn gone(&mut self, bytes: f64, waited: f64) {
        let seconds = (self.last.elapsed().as_secs_f64() + waited).max(1e-6);
        let share = (seconds / MEMORY).min(1.0);
        self.host += share * (bytes / seconds - self.host);
    }

    fn turn(&mut self, way: Way) {
        if self.way != way {
            self.stop();
            self.way = way;
        }
    }

    /// The speed for the buffer to stay half full.
    fn follow(&mut self, faster: bool) {
        let slower = SPEEDS.iter().rev().find(|speed| **speed <= self.host);
        let quicker = SPEEDS.iter().find(|speed| **speed >= self.host);
        let next = SPEEDS.iter().find(|speed| **speed > self.speed);
        let [least, ..] = SPEEDS;
        self.speed = if faster { *next.unwrap_or(&TOP) } else { *slower.unwrap_or(&least) };
        if !faster && self.way == Way::Writing && self.buffered > FULL / 2.0 {
            self.speed = *quicker.unwrap_or(&TOP);
        }
    }

    /// So many seconds of writing pass.
    fn drain(&mut self, mut seconds: f64, totals: &mut Totals) {
        if !self.moving {
            let turned = seconds.min(self.turning);
            self.turning -= turned;
            seconds -= turned;
            self.moving = self.turning <= 0.0 && self.buffered >= FULL * START_LEVEL;
        }
        if self.moving {
            let taken = (seconds * self.speed).min(self.buffered);
            totals.write_seconds += taken / self.speed;
            self.buffered -= taken;
            if taken < seconds * self.speed {
                self.halt(totals);
                totals.under_runs += 1;
            }
        }
    }

    fn halt(&mut self, totals: &mut Totals) {
        self.moving = false;
        self.turning = BACK_HITCH;
        totals.back_hitches += 1;
    }

    /// A block came: the seconds until the buffer has room for it.
    pub(crate) fn write(&mut self, bytes: u64, totals: &mut Totals) -> f64 {
        self.turn(Way::Writing);
        self.drain(self.last.elapsed().as_secs_f64(), totals);
        self.buffered += bytes as f64;
        let over = self.buffered - FULL;
        let wait = if over > 0.0 { self.turning + over / self.speed } else { 0.0 };
        self.gone(bytes as f64, wait);
        if wait > 0.0 {
            self.turning = 0.0;
            self.moving = true;
            self.buffered = FULL;
            totals.write_seconds += over / self.speed;
        }
        self.follow(wait > 0.0);
        wait
    }

    /// All that waits is to be on the medium: the seconds until it is.
    pub(crate) fn flush(&mut self, totals: &mut Totals) -> f64 {
        if self.way != Way::Writing {
            return 0.0;
        }
        self.drain(self.last.elapsed().as_secs_f64(), totals);
        if self.buffered <= 0.0 {
            return 0.0;
        }
        let wait = self.turning + self.buffered / self.speed;
        totals.write_seconds += self.buffered / self.speed;
        self.buffered = 0.0;
        self.halt(totals);
        wait
    }

    /// A block is asked for: the seconds until it is in the buffer.
    pub(crate) fn read(&mut self, bytes: u64, totals: &mut Totals) -> f64 {
        let bytes = bytes as f64;
        let begins = self.way != Way::Reading;
        self.turn(Way::Reading);
        let gone = self.last.elapsed().as_secs_f64();
        if begins {
            self.moving = true;
        } else if self.moving {
            self.buffered += gone * self.speed;
            if self.buffered > FULL {
                self.buffered = FULL;
                self.halt(totals);
            }
        } else {
            self.turning = (self.turning - gone).max(0.0);
        }
        totals.read_seconds += bytes / self.speed;
        let missing = bytes - self.buffered;
        self.buffered = (self.buffered - bytes).max(0.0);
        let wait = if missing > 0.0 { self.turning + missing / self.speed } else { 0.0 };
        if wait > 0.0 || self.buffered < FULL * START_LEVEL {
            self.turning = 0.0;
            self.moving = true;
        }
        self.gone(bytes, wait);
        self.follow(wait > 0.0);
        wait
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BLOCK: u64 = 1 << 20;

    /// The host works so many seconds before its next command.
    fn pause(stream: &mut Stream, seconds: f64) {
        stream.last = Instant::now().checked_sub(Duration::from_secs_f64(seconds)).unwrap();
    }

    fn host_of(rate: f64, blocks: u32) -> Totals {
        let (mut stream, mut totals) = (Stream::new(), Totals::default());
        for _ in 0..blocks {
            let waited = stream.write(BLOCK, &mut totals);
            pause(&mut stream, (BLOCK as f64 / rate - waited).max(0.0));
        }
        totals
    }

    #[test]
    fn a_host_between_the_speeds_of_the_tape_never_lets_the_buffer_run_empty() {
        for rate in [180e6, 250e6, 400e6, 405e6, 2e9] {
            assert_eq!(host_of(rate, 20_000).under_runs, 0, "{rate}");
        }
    }

    #[test]
    fn a_host_that_is_too_slow_lets_the_tape_stop_and_go_back() {
        let totals = host_of(90e6, 5_000);
        assert!(totals.under_runs > 2, "{totals:?}");
        assert_eq!(totals.under_runs, totals.back_hitches);
    }

    #[test]
    fn a_host_without_limit_gets_the_top_speed() {
        let (mut stream, mut totals) = (Stream::new(), Totals::default());
        let mut seconds = 0.0;
        for _ in 0..20_000 {
            seconds += stream.write(BLOCK, &mut totals);
            pause(&mut stream, 0.0);
        }
        seconds += stream.flush(&mut totals);
        let rate = 20_000.0 * BLOCK as f64 / seconds;
        assert!((380e6..=412e6).contains(&rate), "{rate}");
    }

    #[test]
    fn a_flush_waits_for_what_is_buffered_and_then_for_nothing() {
        let (mut stream, mut totals) = (Stream::new(), Totals::default());
        assert!(stream.write(408_000_000, &mut totals) < 0.001);
        stream.answered();
        let wait = stream.flush(&mut totals);
        assert!((wait - 1.0).abs() < 1.4, "{wait}");
        assert!(stream.flush(&mut totals) < 0.001);
        assert_eq!((totals.under_runs, totals.back_hitches), (0, 1));
    }

    #[test]
    fn what_is_read_in_sequence_comes_at_the_speed_of_the_tape() {
        let (mut stream, mut totals) = (Stream::new(), Totals::default());
        let mut seconds = 0.0;
        for _ in 0..4_000 {
            seconds += stream.read(BLOCK, &mut totals);
            stream.answered();
        }
        let rate = 4_000.0 * BLOCK as f64 / seconds;
        assert!((380e6..=412e6).contains(&rate), "{rate}");
    }
}
