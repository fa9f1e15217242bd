//! One recall that many wait for: the host's end brings pieces ([`Bringing`]), the view's end waits for bytes ([`Recalling`]).
//!
//! What somebody waits for comes first, then what follows it, then the rest.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capstan_domain::failure::{Blame, Kind};
use capstan_domain::{Failure, Outcome};
use capstan_stub::{Filling, PIECE};
use tokio::sync::watch;

/// Pieces that are remembered as waited for; beyond, they come in their order.
const MOST_WANTED: usize = 1024;

#[derive(Clone, Debug)]
enum Stage {
    /// With how many pieces came.
    Coming(u64),
    Whole,
    Failed(Failure),
}

struct Shared {
    filling: Filling,
    wanted: Mutex<Order>,
    stage: watch::Sender<Stage>,
}

#[derive(Default)]
struct Order {
    wanted: VecDeque<u64>,
    /// The piece behind the last one that was given out.
    next: u64,
}

/// What waits. Clones wait for the same recall.
#[derive(Clone)]
pub struct Recalling(Arc<Shared>);

/// What brings. Dropped before its end, the recall failed for all that wait, and the file is a stub again.
pub struct Bringing {
    shared: Arc<Shared>,
    ended: bool,
}

impl Recalling {
    /// `first`: the bytes that are wanted before others.
    pub fn begin(filling: Filling, first: &Range<u64>) -> (Self, Bringing) {
        let shared = Arc::new(Shared { filling, wanted: Mutex::default(), stage: watch::Sender::new(Stage::Coming(0)) });
        let recalling = Self(Arc::clone(&shared));
        recalling.want(first);
        (recalling, Bringing { shared, ended: false })
    }

    /// Tells that these bytes are wanted before others.
    pub fn want(&self, range: &Range<u64>) {
        let mut order = self.0.order();
        let end = range.end.min(self.0.filling.content().size);
        for piece in range.start / PIECE..end.div_ceil(PIECE) {
            let end = piece.saturating_add(1).saturating_mul(PIECE);
            let is_here = self.0.filling.is_present(piece.saturating_mul(PIECE), end - piece.saturating_mul(PIECE));
            if !is_here && order.wanted.len() < MOST_WANTED && !order.wanted.contains(&piece) {
                order.wanted.push_back(piece);
            }
        }
    }

    /// Waits until the bytes may be read.
    pub async fn bytes(&self, range: Range<u64>) -> Outcome<()> {
        let length = range.end.saturating_sub(range.start);
        self.wait(|shared, stage| matches!(stage, Stage::Whole) || shared.filling.is_present(range.start, length)).await
    }

    /// Waits until the file is data again, durably.
    pub async fn whole(&self) -> Outcome<()> {
        self.wait(|_, stage| matches!(stage, Stage::Whole)).await
    }

    /// Whether the bytes may be read now.
    pub(crate) fn has(&self, range: &Range<u64>) -> bool {
        self.is_whole() || self.0.filling.is_present(range.start, range.end.saturating_sub(range.start))
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(&*self.0.stage.borrow(), Stage::Whole)
    }

    /// Reads exactly the bytes asked for, as far as the file goes. Blocking. Fails with `Unavailable` where not all of them are here.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Outcome<Vec<u8>> {
        let left = usize::try_from(self.0.filling.content().size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        let mut at = 0;
        while let Some(room) = bytes.get_mut(at..).filter(|room| !room.is_empty()) {
            match self.0.filling.read_at(offset + at as u64, room)? {
                Some(read) if read > 0 => at += read,
                _ => return Err(given_up()),
            }
        }
        Ok(bytes)
    }

    /// Nobody wants the content any more: a stub again. Blocking.
    pub(crate) fn give_up(&self) -> Outcome<()> {
        self.0.filling.abandon()?;
        self.0.end(Stage::Failed(given_up()));
        Ok(())
    }

    async fn wait(&self, done: impl Fn(&Shared, &Stage) -> bool) -> Outcome<()> {
        let mut stage = self.0.stage.subscribe();
        loop {
            {
                let now = stage.borrow_and_update();
                if done(&self.0, &now) {
                    return Ok(());
                }
                match &*now {
                    Stage::Failed(failure) => return Err(failure.clone()),
                    Stage::Whole => return Ok(()),
                    Stage::Coming(_) => {}
                }
            }
            stage.changed().await.map_err(|_| given_up())?;
        }
    }
}

impl Bringing {
    pub fn filling(&self) -> &Filling {
        &self.shared.filling
    }

    /// The piece to bring next; none when nothing is missing. With several that bring, `Filling::piece` tells `Busy` of a piece that
    /// another one took meanwhile.
    pub fn next(&self) -> Option<u64> {
        let filling = &self.shared.filling;
        let mut order = self.shared.order();
        while let Some(piece) = order.wanted.pop_front() {
            if filling.missing(piece) == Some(piece) {
                order.next = piece + 1;
                return Some(piece);
            }
        }
        let piece = filling.missing(order.next).or_else(|| filling.missing(0))?;
        order.next = piece + 1;
        Some(piece)
    }

    /// A piece was proved: whoever waits for it reads it.
    pub fn arrived(&self) {
        self.shared.stage.send_modify(|stage| {
            if let Stage::Coming(pieces) = stage {
                *pieces += 1;
            }
        });
    }

    /// All pieces are here: makes the file data again, durably. Blocking.
    pub fn finish(self) -> Outcome<()> {
        let finished = self.shared.filling.finish();
        self.finished(finished)
    }

    /// The same where it was finished together with others (`RawTree::finish_all`).
    pub fn finished(mut self, outcome: Outcome<()>) -> Outcome<()> {
        self.ended = true;
        self.shared.end(match &outcome {
            Ok(()) => Stage::Whole,
            Err(failure) => Stage::Failed(failure.clone()),
        });
        if outcome.is_err() {
            self.shared.filling.abandon()?;
        }
        outcome
    }

    /// It cannot be brought: the file is a stub again, and whoever waits is told. Blocking.
    pub fn fail(mut self, failure: Failure) {
        self.ended = true;
        self.shared.fail(failure);
    }
}

impl Drop for Bringing {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.fail(given_up());
        }
    }
}

impl Shared {
    fn order(&self) -> MutexGuard<'_, Order> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, failure: Failure) {
        if let Err(worse) = self.filling.abandon() {
            tracing::warn!(%worse, "a recall that failed could not be undone; a repair makes the file a stub again");
        }
        self.end(Stage::Failed(failure));
    }

    /// The first end counts.
    fn end(&self, end: Stage) {
        self.stage.send_if_modified(|stage| {
            let is_first = matches!(stage, Stage::Coming(_));
            if is_first {
                *stage = end;
            }
            is_first
        });
    }
}

fn given_up() -> Failure {
    Failure::new(Kind::Unavailable, "The recall was given up")
        .with_blame(Blame::Host)
        .with_code("recall-given-up")
        .with_next_step("Read it again: it is recalled anew.")
}
