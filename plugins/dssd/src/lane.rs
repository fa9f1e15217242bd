//! What a call moves bytes with: a connection of its own to one drive. Between calls, connections wait here.

use std::cell::RefCell;
use std::time::Duration;

use capstan_sdk::drive::{OUT_OF_RANGE, check_name};
use capstan_sdk::failure::not_found;
use capstan_sdk::{Failure, Outcome, clock, job};

use crate::client::Client;
use crate::exports::Exports;
use crate::ledger;
use crate::link::{LOST, Link, NotOpen};
use crate::names;

/// Connections kept for the next calls, of all drives. More are closed: the host counts those of all instances together.
const KEPT: usize = 16;
/// A connection that was not used for so long makes room for others.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// How often a call is made in all when its connection breaks, and the waits between: a server that restarts takes a moment, and so
/// does an export that is made anew.
const PAUSES_MS: [u64; 4] = [0, 500, 1_500, 3_000];
/// How often an export is opened that is gone again when it is connected to.
const OPENINGS: usize = 3;

/// Codes of the host: nothing more can be written to a connection; nobody takes a new one.
const ENDED: &str = "connection-ended";
const UNREACHABLE: &str = "unreachable";

thread_local! {
    static IDLE: RefCell<Vec<Link>> = const { RefCell::new(Vec::new()) };
}

/// A drive as calls name it.
pub(crate) struct Subject<'a> {
    pub(crate) client: &'a Client,
    pub(crate) name: &'a str,
    pub(crate) image: String,
    /// As failures call it.
    pub(crate) text: String,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(client: &'a Client, location: &str, name: &'a str) -> Outcome<Self> {
        if location != client.config.pool {
            return Err(not_found(format!("there is no pool {location:?} in this target")));
        }
        check_name(name, "drive")?;
        Ok(Self { client, name, image: names::image(name), text: format!("drive {name:?}") })
    }

    pub(crate) fn absent(&self) -> Failure {
        not_found(format!("there is no {}", self.text))
    }

    /// Whether a call made it. What the cluster has beside that is none of ours.
    pub(crate) async fn record(&self) -> Outcome<ledger::Record> {
        ledger::get(self.name).await?.filter(|record| record.made).ok_or_else(|| self.absent())
    }
}

fn kept(image: &str) -> Option<Link> {
    IDLE.with_borrow_mut(|idle| {
        idle.retain(|link| link.unused_for() < KEPT_FOR);
        let at = idle.iter().rposition(|link| link.image == image)?;
        Some(idle.remove(at))
    })
}

fn give_back(mut link: Link) {
    if link.is_clean() {
        link.touch();
        IDLE.with_borrow_mut(|idle| {
            if idle.len() >= KEPT {
                // The one that waited longest.
                idle.remove(0);
            }
            idle.push(link);
        });
    }
}

/// The drive is gone, has another size, or its connections are cut: none that is kept leads anywhere.
pub(crate) fn forget(image: &str) {
    IDLE.with_borrow_mut(|idle| idle.retain(|link| link.image != image));
}

async fn take(subject: &Subject<'_>, anew: bool) -> Outcome<Link> {
    if !anew && let Some(link) = kept(&subject.image) {
        return Ok(link);
    }
    subject.record().await?;
    for _ in 0..OPENINGS {
        match Link::open(&subject.client.config, &subject.image).await {
            Ok(link) => return Ok(link),
            Err(NotOpen::Failed(failure)) => return Err(failure),
            Err(NotOpen::Unknown) => Exports::of(subject.client, &subject.image).await?.open(&subject.text).await?,
        }
    }
    Err(crate::images::meanwhile(&subject.text))
}

fn is(failure: &Failure, code: &str) -> bool {
    failure.fault().code.as_deref() == Some(code)
}

/// Runs the work on a connection to the drive, and again when that breaks: the same bytes may go twice, and be read twice.
pub(crate) async fn run<T>(subject: &Subject<'_>, work: impl AsyncFnMut(&mut Link) -> Outcome<T>) -> Outcome<T> {
    again(subject, work).await.map_err(|(failure, _)| failure)
}

/// The same for work that changes something: what was asked and not answered in the end may have been done.
pub(crate) async fn change<T>(subject: &Subject<'_>, work: impl AsyncFnMut(&mut Link) -> Outcome<T>) -> Outcome<T> {
    again(subject, work).await.map_err(|(failure, asked)| {
        let lost = is(&failure, LOST) || is(&failure, ENDED) || is(&failure, UNREACHABLE);
        let unanswered = lost || matches!(failure, Failure::TimedOut(_));
        if asked && unanswered { failure.maybe_done() } else { failure }
    })
}

/// A failure comes with whether the server was asked for anything.
async fn again<T>(subject: &Subject<'_>, mut work: impl AsyncFnMut(&mut Link) -> Outcome<T>) -> Result<T, (Failure, bool)> {
    let (mut tries, mut asked, mut anew) = (0, false, false);
    loop {
        let outcome = match take(subject, anew).await {
            Ok(mut link) => {
                asked = true;
                let outcome = work(&mut link).await;
                give_back(link);
                outcome
            }
            Err(failure) => Err(failure),
        };
        let failure = match outcome {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        // Another instance made the drive grow: a connection from before knows the old end.
        if is(&failure, OUT_OF_RANGE) && !anew {
            forget(&subject.image);
            anew = true;
            continue;
        }
        let broke = is(&failure, LOST) || is(&failure, ENDED) || (tries > 0 && is(&failure, UNREACHABLE));
        let pause = PAUSES_MS.get(tries).filter(|_| broke && !job::cancelled());
        let Some(pause) = pause else { return Err((failure, asked)) };
        // Those that are kept are of the same age and likely broken too.
        forget(&subject.image);
        tries += 1;
        if *pause > 0 {
            clock::wait(*pause).await;
        }
    }
}
